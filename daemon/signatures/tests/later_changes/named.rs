//! What is said about the changes.

use trien_signatures::pades::Allowed;
use trien_signatures::report::ChangeKind;

use crate::drafts::{object_with, update};
use crate::fields::COVER;
use crate::forms::{FILLED, NAME, with_open_fields};
use crate::{check, told, try_to_sign, try_to_sign_with, with_form};

#[test]
fn n125_what_changed_is_named_with_its_revision() {
    let name = |name: &str| Some(name.to_owned());
    let mut draft = with_open_fields();
    draft.extend(1, "/Metadata 20 0 R");
    draft.set(20, "<< /Type /Metadata /Length 4 >>\nstream\n<x/>\nendstream");
    let signed = try_to_sign_with(&draft.classic(), |request| {
        request.certify = Some(Allowed::Signing)
    })
    .unwrap();

    // What is permitted is listed, as permitted.
    assert!(check(&signed).signatures[0].changes.is_empty());
    let metadata = "<< /Type /Metadata /Length 4 >>\nstream\n<y/>\nendstream";
    let filled = update(&signed, &[(9, FILLED), (160, NAME), (20, metadata)]);
    assert_eq!(
        told(&filled),
        [
            (ChangeKind::FormField, None, name("ten"), true),
            (ChangeKind::Metadata, None, None, true)
        ]
    );
    let again = check(&try_to_sign(&filled).unwrap());
    let first = &again.signatures[0];
    let revisions: Vec<_> = first
        .changes
        .iter()
        .filter_map(|change| change.revision)
        .collect();
    assert!(
        revisions.is_sorted() && revisions[0] + 1 == *revisions.last().unwrap(),
        "{first:#?}"
    );
    let signature = first
        .changes
        .iter()
        .find(|change| change.kind == ChangeKind::SignatureAdded)
        .unwrap();
    assert_eq!(
        (signature.name.as_deref(), signature.permitted),
        (Some("Signature2"), true)
    );

    // What is not is named beside it.
    let forbidden = |changes: &[(u32, &str)], expected: &[(ChangeKind, Option<u32>, Option<String>)]| {
        let told = told(&update(&signed, changes));
        let found: Vec<_> = told
            .into_iter()
            .filter(|(.., permitted)| !permitted)
            .map(|(kind, page, name, _)| (kind, page, name))
            .collect();
        assert_eq!(found, expected, "{changes:?}");
    };
    let text = "<< /Length 1 >>\nstream\nq\nendstream";
    forbidden(
        &[(4, text), (9, FILLED), (160, NAME)],
        &[(ChangeKind::PageContent, Some(1), None)],
    );
    let font = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >> >> >>";
    forbidden(&[(5, font)], &[(ChangeKind::PageContent, Some(1), None)]);
    let page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 30] /Contents 161 0 R /Resources 5 0 R /Annots 6 0 R >>";
    let keys = name("/Contents /MediaBox");
    forbidden(
        &[(3, page), (161, COVER)],
        &[(ChangeKind::PageContent, Some(1), keys)],
    );
    let (widget, _) = object_with(
        &signed,
        "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Signature1)",
    );
    let notes = format!("[9 0 R 11 0 R {widget} 0 R 160 0 R]");
    let note = "<< /Type /Annot /Subtype /Stamp /Rect [0 0 400 300] /AP << /N 161 0 R >> >>";
    forbidden(
        &[(6, &notes), (160, note), (161, COVER)],
        &[(ChangeKind::Annotation, Some(1), None)],
    );
    let moved = FILLED.replace("[9 9 99 29]", "[0 0 400 300]");
    forbidden(
        &[(9, &moved), (160, NAME)],
        &[(ChangeKind::FormField, None, name("ten"))],
    );
    let catalog = "<< /Type /Catalog /Pages 2 0 R /AcroForm 7 0 R /Metadata 20 0 R /OpenAction 161 0 R >>";
    let found = told(&update(
        &signed,
        &[(1, catalog), (161, "<< /S /JavaScript /JS (x) >>")],
    ));
    assert!(
        found.contains(&(ChangeKind::Catalog, None, name("/OpenAction"), false)),
        "{found:?}"
    );
    let field = "<< /Type /Annot /Subtype /Widget /FT /Tx /T (moi) /Rect [0 0 0 0] >>";
    let found = told(&update(&signed, &[(6, &notes), (8, &notes), (160, field)]));
    assert!(
        found.contains(&(ChangeKind::FieldAdded, None, name("moi"), false)),
        "{found:?}"
    );
    let form = "<< /Fields 8 0 R /SigFlags 3 /XFA (x) >>";
    forbidden(&[(7, form)], &[(ChangeKind::Form, None, None)]);
}

#[test]
fn of_many_changes_the_forbidden_ones_are_listed_and_the_others_counted() {
    let mut draft = with_form();
    let numbers = 20..220_u32;
    for number in numbers.clone() {
        draft.set(number, "<< /A 1 >>");
    }
    let signed = try_to_sign(&draft.classic()).unwrap();
    let changes: Vec<_> = numbers.map(|number| (number, "<< /A 2 >>")).collect();
    let report = check(&update(&signed, &changes));
    let first = &report.signatures[0];
    assert_eq!((first.changes.len(), first.changes_unlisted), (100, 100));
    assert!(
        first
            .changes
            .iter()
            .all(|change| change.name.as_deref() == Some("/A"))
    );
}
