//! XML signatures, and whatever claims to be XML, from strangers. What is read has a canonical form that is its own canonical form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trien_signatures::trust::{Anchors, Reliance};
use trien_signatures::xml::{Canonicalization, Document, Outer};

fuzz_target!(|bytes: &[u8]| {
    let anchors = Anchors::default();
    let reliance = Reliance::new(&anchors, &[], time::OffsetDateTime::UNIX_EPOCH);
    if let Ok(report) = trien_signatures::xmldsig::verify(bytes, &trien_signatures::xmldsig::Options::default(), &reliance) {
        assert!(!report.valid(), "nothing is valid without an anchor");
    }
    if let Ok(document) = Document::parse(bytes) {
        let canonical = |document: &Document<'_>| Canonicalization::INCLUSIVE.to_vec(document, None, None, &Outer::default());
        let once = canonical(&document).expect("the whole document inherits nothing");
        let again = Document::parse(&once).expect("a canonical form is a document");
        assert_eq!(canonical(&again).expect("as above"), once);
    }
});
