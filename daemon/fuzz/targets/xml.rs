//! XML signatures, and whatever claims to be XML, from strangers. What is read has a canonical form that is its own canonical
//! form, and what can be signed is signed; what was written is read.
#![no_main]

mod signer;

use libfuzzer_sys::fuzz_target;
use trien_signatures::report::Report;
use trien_signatures::trust::{Anchors, Reliance};
use trien_signatures::xades::{self, Packaging, XadesRequest};
use trien_signatures::xml::{Canonicalization, Document, Outer};
use trien_signatures::xmldsig::{self, Options, Template, XmlDsigRequest};

fuzz_target!(|bytes: &[u8]| {
    let anchors = Anchors::default();
    let reliance = Reliance::new(&anchors, &[], signer::now());
    let before = xmldsig::verify(bytes, &Options::default(), &reliance);
    if let Ok(report) = &before {
        assert!(!report.valid(), "nothing is valid without an anchor");
    }
    if let Ok(document) = Document::parse(bytes) {
        let canonical =
            |document: &Document<'_>| Canonicalization::INCLUSIVE.to_vec(document, None, None, &Outer::default());
        let once = canonical(&document).expect("the whole document inherits nothing");
        let again = Document::parse(&once).expect("a canonical form is a document");
        assert_eq!(canonical(&again).expect("as above"), once);
        sign(bytes, &before.expect("what is read is judged"));
    }
});

/// By a template, or as XAdES, as the length has it.
fn sign(bytes: &[u8], before: &Report) {
    let names: Vec<_> = Template::names().collect();
    let prepared = match names.get(bytes.len() % (names.len() + 1)) {
        Some(name) => {
            let template = Template::named(name).expect("it is named");
            let request = XmlDsigRequest {
                template: &template,
                signer: &signer::CERTIFICATE,
                chain: &[],
                algorithm: signer::ALGORITHM,
                signing_time: signer::now(),
            };
            xmldsig::prepare(bytes.to_vec(), &request)
        }
        None => {
            let request = XadesRequest {
                signer: &signer::CERTIFICATE,
                chain: &[],
                algorithm: signer::ALGORITHM,
                signing_time: signer::now(),
            };
            xades::prepare(Packaging::Enveloped(bytes.to_vec()), &request)
        }
    };
    let Ok(prepared) = prepared else { return };
    let signed = signer::finish(prepared);
    let report = signer::judge(|reliance| xmldsig::verify(&signed, &Options::default(), reliance));
    assert_eq!(signer::intact(&report), signer::intact(before) + 1, "{report:?}");
}
