//! Fields that are locked.

use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::pades::{FieldChoice, PadesError, PadesRequest, prepare};
use trien_signatures::pdf::PdfError;
use trien_signatures::signing::Prepared;

use crate::drafts::{object_with, update};
use crate::objects::replace;
use crate::{OFFICE, check, try_to_sign, with_form};

/// Signs and puts a lock into the field (`/Lock`) or the signature (FieldMDP), as other software does.
pub(crate) fn locked(document: &[u8], lock: &str, in_field: bool) -> Vec<u8> {
    let (pki, signer) = &*OFFICE;
    let room = "x".repeat(300);
    let algorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);
    let request = PadesRequest {
        chain: std::slice::from_ref(&pki.ca.certificate),
        reason: Some(&room),
        field: FieldChoice::New(Some(&room)),
        ..PadesRequest::new(&signer.certificate, algorithm, OffsetDateTime::now_utc())
    };
    let prepared = prepare(document.to_vec(), &request).unwrap();
    let value = pki
        .workshop
        .sign(signer, prepared.algorithm(), prepared.to_be_signed());
    let signed = prepared.finish(value).unwrap();
    let (field, reason) = if in_field {
        (format!("/T (Signature1) /Lock << {lock} >>"), String::new())
    } else {
        let rule = format!("/TransformMethod /FieldMDP /Data 1 0 R /TransformParams << {lock} >>");
        ("/T (Signature1)".to_owned(), format!("/Reference [<< {rule} >>]"))
    };
    let mut signed = signed;
    for (from, to) in [
        (format!("/T ({room})"), field),
        (format!("/Reason ({room})"), reason),
    ] {
        signed = replace(&signed, &from, &format!("{to:<width$}", width = from.len()));
    }

    let start = 11
        + signed
            .windows(11)
            .rposition(|window| window == b"/Contents <")
            .unwrap();
    let end = start + signed[start..].iter().position(|byte| *byte == b'>').unwrap();
    let content = [&signed[..start - 1], &signed[end + 1..]].concat();
    let cms = trien_signatures::cms::prepare(&trien_signatures::cms::Request {
        content: trien_signatures::cms::Content::Detached {
            digest: Hash::Sha256.digest(&content),
        },
        signer: &signer.certificate,
        chain: std::slice::from_ref(&pki.ca.certificate),
        algorithm: SignatureAlgorithm::Ecdsa(Hash::Sha256),
        signing_time: None,
    })
    .unwrap();
    let value = pki.workshop.sign(signer, cms.algorithm(), cms.to_be_signed());
    let digits = hex::encode(cms.finish(value).unwrap());
    signed[start..end].fill(b'0');
    signed[start..start + digits.len()].copy_from_slice(digits.as_bytes());
    signed
}

#[test]
fn a_locked_field_is_not_signed_later() {
    for (lock, waiting, other) in [
        ("/Action /All", false, false),
        ("/Action /Include /Fields [(cho)]", false, true),
        ("/Action /Exclude /Fields [(cho)]", true, false),
        ("/Action /Include /Fields [(khac)]", true, true),
        ("/Action /Exclude /Fields [(cho) (x)]", true, true),
        ("/Action /All /P 1", false, false),
        ("/Action /Include /Fields [(khac)] /P 1", false, false),
        ("/Action /Unknown", false, false),
        ("/Action /Include /Fields (cho)", false, false),
    ] {
        for in_field in [true, false] {
            assert_lock(lock, in_field, waiting, other);
        }
    }
}

/// Whether after a signature with this lock a field that was there, `cho`, and a new one, `x`, may be signed.
fn assert_lock(lock: &str, in_field: bool, waiting: bool, other: bool) {
    let field = "<< /Type /Annot /Subtype /Widget /FT /Sig /T (cho) /Rect [0 0 0 0] /P 3 0 R >>";
    let stamp = "<< /Type /DocTimeStamp /SubFilter /ETSI.RFC3161 /Contents <00> >>";
    let mut draft = with_form();
    draft.set(6, "[9 0 R]").set(8, "[9 0 R]").set(9, field);
    let signed = locked(&draft.classic(), lock, in_field);
    let place = format!("{lock}, in the field: {in_field}");
    assert!(check(&signed).valid(), "{place}");

    let valued = field.replace("/P 3", "/V 162 0 R /P 3");
    let later = update(&signed, &[(9, &valued), (162, stamp)]);
    assert_eq!(check(&later).valid(), waiting, "{place}: the field that waited");

    let (widget, _) = object_with(
        &signed,
        "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Signature1)",
    );
    let both = format!("[9 0 R {widget} 0 R 160 0 R]");
    let new = valued.replace("(cho)", "(x)");
    let later = update(&signed, &[(6, &both), (8, &both), (160, &new), (162, stamp)]);
    assert_eq!(check(&later).valid(), other, "{place}: another field");

    if lock.contains("/All") {
        assert_eq!(
            try_to_sign(&signed).unwrap_err(),
            PadesError::Pdf(PdfError::FieldLocked)
        );
    }
}
