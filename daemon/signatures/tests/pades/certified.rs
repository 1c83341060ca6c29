//! Certified documents (DocMDP).

use crate::drafts::{Draft, update};
use trien_signatures::pades::{Allowed, AppearanceError, prepare};
use trien_signatures::pdf::PdfError;
use trien_signatures::report::Reason;

use crate::visible::appearance;
use crate::{OFFICE, assert_good, check, refusal, request, sign, sign_as};

fn certified(level: u8) -> Vec<u8> {
    let mut draft = Draft::new();
    draft.extend(1, "/Perms << /DocMDP 6 0 R >>");
    draft.set(6, &format!(
        "<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached /Reference [<< /Type /SigRef \
         /TransformMethod /DocMDP /TransformParams << /Type /TransformParams /P {level} /V /1.2 >> >>] >>"
    ));
    draft.classic()
}

/// A dictionary that says so is enough to be refused; and a certification that holds would be broken by one more
/// signature, or leaves room for it.
#[test]
fn n131_a_document_certified_against_changes_is_not_signed() {
    assert_eq!(refusal(&certified(1)), PdfError::Locked.into());
    assert_good("certified-2", &sign(&certified(2)), 1);
    assert_good("certified-3", &sign(&certified(3)), 1);
    for (allowed, name) in [
        (Allowed::Nothing, None),
        (Allowed::Signing, Some("signed-after-2")),
        (Allowed::Comments, Some("signed-after-3")),
    ] {
        let mut request = request(&OFFICE.signer);
        request.certify = Some(allowed);
        let certified = sign_as(&Draft::new().classic(), &OFFICE.signer, &request);
        assert_good("certified", &certified, 1);
        match name {
            Some(name) => assert_good(name, &sign(&certified), 2),
            None => assert_eq!(refusal(&certified), PdfError::Locked.into()),
        }
        // A page that is drawn otherwise breaks every one of them.
        let changed = update(&certified, &[(4, "<< /Length 1 >>\nstream\nq\nendstream")]);
        let report = check(&changed);
        assert!(!report.valid(), "{allowed:?}");
        assert_eq!(
            report.signatures[0].reason,
            Some(Reason::ForbiddenChange),
            "{allowed:?}"
        );
        // What an archive's program may add to a signed document is a change where the author forbids them all.
        let ours: String = certified.iter().map(|byte| char::from(*byte)).collect();
        let begin = ours.rfind("/Type /Catalog").unwrap();
        let begin = ours[..begin].rfind(" obj\n").unwrap() + " obj\n".len();
        let catalog = ours[begin..].split("\nendobj").next().unwrap();
        let catalog = catalog.trim_end().strip_suffix(">>").unwrap();
        let metadata = (
            90,
            "<< /Type /Metadata /Subtype /XML /Length 1 >>\nstream\nx\nendstream",
        );
        for (entry, always) in [
            ("/Metadata 90 0 R", false),
            ("/Version /2.0", false),
            (
                "/Extensions << /ADBE << /BaseVersion /1.7 /ExtensionLevel 3 >> >>",
                false,
            ),
            (
                "/Extensions << /ESIC << /BaseVersion /1.7 /ExtensionLevel 2 >> >>",
                true,
            ),
        ] {
            let other = update(&certified, &[(1, &format!("{catalog} {entry} >>")), metadata]);
            let expected = always || allowed != Allowed::Nothing;
            assert_eq!(check(&other).valid(), expected, "{allowed:?}: {entry}");
        }
    }
}

#[test]
fn a_certified_document_takes_no_visible_signature() {
    let mut visible = request(&OFFICE.signer);
    let appearance = appearance();
    visible.appearance = Some(&appearance);
    let refused = prepare(certified(2), &visible).unwrap_err();
    assert_eq!(refused, AppearanceError::Certified.into());

    // Others may have done so: a signature that was there then says that something may have been covered.
    let signed = sign(&certified(2));
    assert!(check(&sign(&signed)).valid());
    let text: String = signed.iter().map(|byte| char::from(*byte)).collect();
    let number = |at: &str| -> u32 {
        let before = text[..text.find(at).unwrap()].trim_end_matches(" 0 obj\n");
        before.rsplit('\n').next().unwrap().parse().unwrap()
    };
    let (form, widget) = (number("<< /Fields ["), number("<< /Type /Annot"));
    for (rectangle, permitted) in [("[0 0 0 0]", true), ("[0 0 400 300]", false)] {
        let field =
            format!("<< /Type /Annot /Subtype /Widget /FT /Sig /T (new) /Rect {rectangle} /P 3 0 R >>");
        let covered = update(
            &signed,
            &[
                (form, &format!("<< /Fields [{widget} 0 R 160 0 R] /SigFlags 3 >>")),
                (160, &field),
            ],
        );
        assert_eq!(check(&covered).valid(), permitted, "{rectangle}");
    }
}
