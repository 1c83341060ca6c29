//! Office documents up to B-LT.

use crate::libreoffice::LibreOffice;
use time::OffsetDateTime;
use trien_signatures::algorithm::Hash;
use trien_signatures::augment::AugmentError;
use trien_signatures::ooxml::{self, OoxmlRequest, OoxmlSignature};
use trien_signatures::report::TimestampKind;

use crate::xades_forms::judged_by_openssl;
use crate::{Form, PKI, algorithm, finish};

const OOXML: Form<'_> = Form {
    open: &|bytes| Ok(Box::new(OoxmlSignature::open(bytes)?)),
    verify: &|bytes, reliance| ooxml::verify(bytes, reliance).unwrap(),
};

#[test]
fn office_documents_reach_b_lt_and_libreoffice_still_accepts_them() {
    let (pki, who) = &*PKI;
    let office = LibreOffice::new(pki, who);
    let made = office.path("made.docx");
    assert_eq!(office.run(&[("docx", &made)]), ["made"]);
    let chain = [pki.ca.certificate.clone()];
    let request = OoxmlRequest {
        signer: &who.certificate,
        chain: &chain,
        algorithm: algorithm(),
        signing_time: OffsetDateTime::now_utc(),
        reason: None,
    };
    let made = std::fs::read(made).unwrap();
    let b = finish(ooxml::prepare(&made, &request).unwrap());
    let [t, lt] = OOXML.to_lt(&b);
    let archive = OOXML
        .opened(&lt)
        .prepare_timestamp(TimestampKind::Archive, Hash::Sha256);
    assert_eq!(archive.err(), Some(AugmentError::Unsupported));
    assert_eq!(judged_by_openssl("lt.docx", &lt), ["signature"]);
    let verdicts = office.judge(&[("t.docx", &t), ("lt.docx", &lt)]);
    assert_eq!(verdicts, [[true], [true]]);
    assert!(matches!(
        OoxmlSignature::open(made).err(),
        Some(AugmentError::NotSigned(_))
    ));
}
