//! Forms that are filled in.

use trien_signatures::pades::{Allowed, FieldLock};

use crate::drafts::{Draft, update};
use crate::{assert_forbidden, check, try_to_sign, try_to_sign_with, with_form};

/// A form with a line of text (9, shown by 10) and a mark (11, with the states 12 and 13).
pub(crate) fn with_open_fields() -> Draft {
    let mut draft = with_form();
    let shown = "<< /Type /XObject /Subtype /Form /BBox [0 0 90 20] /Length 1 >>\nstream\nq\nendstream";
    draft
        .set(6, "[9 0 R 11 0 R]")
        .set(8, "[9 0 R 11 0 R]")
        .set(9, TEXT)
        .set(10, shown)
        .set(11, MARK)
        .set(12, shown)
        .set(13, shown);
    draft
}

pub(crate) const TEXT: &str =
    "<< /Type /Annot /Subtype /Widget /FT /Tx /T (ten) /Rect [9 9 99 29] /AP << /N 10 0 R >> >>";

pub(crate) const FILLED: &str =
    "<< /Type /Annot /Subtype /Widget /FT /Tx /T (ten) /Rect [9 9 99 29] /AP << /N 160 0 R >> /V (An) >>";

const MARK: &str = "<< /Type /Annot /Subtype /Widget /FT /Btn /T (dong y) /Rect [9 39 29 59] /AS /Off /V /Off /AP << /N \
                    << /Yes 12 0 R /Off 13 0 R >> >> >>";

pub(crate) const NAME: &str =
    "<< /Type /XObject /Subtype /Form /BBox [0 0 90 20] /Length 3 >>\nstream\nq Q\nendstream";

fn certified(allowed: Allowed, lock: Option<&FieldLock>) -> Vec<u8> {
    let signed = try_to_sign_with(&with_open_fields().classic(), |request| {
        request.certify = Some(allowed);
        request.lock = lock;
    });
    signed.unwrap()
}

#[test]
fn a_form_is_filled_in_where_the_certification_lets_it_be() {
    let marked = MARK.replace("/AS /Off /V /Off", "/AS /Yes /V /Yes");
    let form = "<< /Fields 8 0 R /SigFlags 3 /NeedAppearances true >>";
    for allowed in [Allowed::Signing, Allowed::Comments] {
        let signed = certified(allowed, None);
        let kept: &[(u32, &str)] = &[(9, FILLED), (160, NAME)];
        let more: &[(u32, &str)] = &[(11, &marked)];
        let filled = update(&signed, kept);
        let report = check(&filled);
        assert!(report.valid(), "{report:#?}");
        assert!(!report.signatures[0].coverage.as_ref().unwrap().whole);
        assert!(check(&update(&filled, more)).valid());
        // Drawn anew in the old place, and signed by the one who filled it in.
        let drawn = update(&filled, &[(10, NAME), (7, form)]);
        assert!(check(&drawn).valid());
        let agreed = try_to_sign(&filled).unwrap();
        let report = check(&agreed);
        assert!(report.valid() && report.signatures.len() == 2, "{report:#?}");
    }
}

#[test]
fn a_form_is_not_filled_in_where_nobody_said_that_it_may_be() {
    let filling: &[(u32, &str)] = &[(9, FILLED), (160, NAME)];
    assert_forbidden("P = 1", &update(&certified(Allowed::Nothing, None), filling));
    let approved = try_to_sign(&with_open_fields().classic()).unwrap();
    assert_forbidden("no certification", &update(&approved, filling));
    let lock = FieldLock::Include(vec!["ten".into()]);
    let signed = certified(Allowed::Signing, Some(&lock));
    assert_forbidden("locked", &update(&signed, filling));
    let marked = MARK.replace("/AS /Off /V /Off", "/AS /Yes /V /Yes");
    assert!(
        check(&update(&signed, &[(11, &marked)])).valid(),
        "another is not locked"
    );
}

#[test]
fn filling_in_a_form_is_no_cover_for_anything_else() {
    let signed = certified(Allowed::Signing, None);
    for (name, field) in [
        ("moved", FILLED.replace("[9 9 99 29]", "[0 0 400 300]")),
        (
            "acts",
            FILLED.replace("/V (An)", "/V (An) /AA << /K << /S /JavaScript /JS (x) >> >>"),
        ),
        ("another kind", FILLED.replace("/FT /Tx", "/FT /Btn")),
        ("twice", FILLED.replace("/V (An)", "/V (An) /V (Ba)")),
    ] {
        assert_forbidden(name, &update(&signed, &[(9, &field), (160, NAME)]));
    }
    assert_forbidden("a page", &update(&signed, &[(9, FILLED), (160, NAME), (4, NAME)]));
    let elsewhere = NAME.replace("/Subtype /Form", "/Subtype /Form /Ref << /F (x) /Page 0 >>");
    assert_forbidden(
        "an appearance of another file",
        &update(&signed, &[(10, &elsewhere)]),
    );
    // What shows the field shows the page, too.
    let mut draft = with_open_fields();
    draft.extend(3, "/Thumb 10 0 R");
    let shared = try_to_sign_with(&draft.classic(), |request| {
        request.certify = Some(Allowed::Signing)
    })
    .unwrap();
    assert_forbidden("shared", &update(&shared, &[(10, NAME)]));
}
