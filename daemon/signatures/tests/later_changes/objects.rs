//! Objects that are two things at once.

use crate::drafts::{self, Draft, object_with, update};
use crate::fields::COVER;
use crate::{assert_forbidden, check, sign, try_to_sign, with_form};

pub(crate) fn replace(document: &[u8], from: &str, to: &str) -> Vec<u8> {
    let at = document
        .windows(from.len())
        .rposition(|window| window == from.as_bytes())
        .unwrap();
    [&document[..at], to.as_bytes(), &document[at + from.len()..]].concat()
}

#[test]
fn n125_content_that_is_metadata_too_is_found() {
    let content = |text: &str| {
        format!(
            "<< /Type /Metadata /Length {} >>\nstream\n{text}\nendstream",
            text.len()
        )
    };
    let mut draft = with_form();
    draft.set(4, &content(drafts::TEXT)).extend(1, "/Metadata 4 0 R");
    let (signed, _) = sign(&draft);
    assert_forbidden("metadata", &update(&signed, &[(4, &content("q Q"))]));

    // Metadata that is nothing else may change.
    let mut draft = with_form();
    draft.set(9, &content("<x/>")).extend(1, "/Metadata 9 0 R");
    let (signed, _) = sign(&draft);
    assert!(check(&update(&signed, &[(9, &content("<y/>"))])).valid());
}

#[test]
fn n125_a_catalog_that_is_a_resource_too_is_found() {
    let mut draft = with_form();
    draft.set(5, "<< /XObject 1 0 R >>");
    let (signed, _) = sign(&draft);
    let catalog = "<< /Type /Catalog /Pages 2 0 R /AcroForm 7 0 R /Metadata 160 0 R >>";
    assert_forbidden("catalog", &update(&signed, &[(1, catalog), (160, COVER)]));
}

#[test]
fn n125_resources_that_are_information_too_are_found() {
    let information = |number: u32, draft: &Draft| {
        let more = format!("/Root 1 0 R /Info {number} 0 R >>");
        let document = replace(&draft.classic(), "/Root 1 0 R >>", &more);
        try_to_sign(&document).unwrap()
    };
    let resources = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >> >> >>";
    let signed = information(5, &with_form());
    assert_forbidden("resources", &update(&signed, &[(5, resources)]));

    let mut draft = with_form();
    draft.set(9, "<< /Title (a) /Other /b >>");
    let signed = information(9, &draft);
    let title = "<< /Title (c) /ModDate (D:20261121140305Z) /Other /b >>";
    assert!(check(&update(&signed, &[(9, title)])).valid());
    let other = "<< /Title (a) /Other /c >>";
    assert_forbidden("no string", &update(&signed, &[(9, other)]));
}

#[test]
fn validation_data_that_is_shown_is_found() {
    let mut draft = with_form();
    draft.set(
        3,
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 9 0 R /Resources 5 0 R /Annots 6 0 R >>",
    );
    draft
        .set(9, "[4 0 R]")
        .extend(1, "/DSS << /Certs 9 0 R /VRI 10 0 R >>");
    draft.set(10, "<< >>").set(5, "<< /Font << >> /XObject 10 0 R >>");
    let (signed, _) = sign(&draft);
    let certificates = update(&signed, &[(9, "[4 0 R 161 0 R]"), (161, COVER)]);
    assert_forbidden("certificates", &certificates);
    let by_digest = format!("<< /{} 161 0 R >>", "A".repeat(40));
    assert_forbidden("by digest", &update(&signed, &[(10, &by_digest), (161, COVER)]));

    // What is nothing else may grow.
    let mut draft = with_form();
    draft
        .set(9, "[]")
        .set(10, "<< >>")
        .extend(1, "/DSS << /Certs 9 0 R /VRI 10 0 R >>");
    let (signed, _) = sign(&draft);
    let grown = update(&signed, &[(9, "[161 0 R]"), (10, &by_digest), (161, COVER)]);
    assert!(check(&grown).valid());
}

#[test]
fn fields_that_are_shown_are_found() {
    let mut draft = with_form();
    draft.set(
        3,
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 8 0 R /Resources 5 0 R >>",
    );
    draft.set(8, "[4 0 R]");
    let signed = try_to_sign(&draft.classic()).unwrap();
    let (widget, _) = object_with(&signed, "<< /Type /Annot /Subtype /Widget /FT /Sig");
    let field = "<< /FT /Sig /T (x) >>";
    let fields = format!("[4 0 R {widget} 0 R 160 0 R]");
    assert_forbidden("contents", &update(&signed, &[(8, &fields), (160, field)]));

    // One array for both: what is no new widget stays out of it.
    let mut draft = with_form();
    draft.set(7, "<< /Fields 6 0 R /SigFlags 3 >>");
    let (signed, widget) = sign(&draft);
    let stamp = "<< /Type /Annot /Subtype /Stamp /Rect [0 0 400 300] /AP << /N 161 0 R >> >>";
    let direct = format!("[{widget} 0 R {stamp}]");
    assert_forbidden("direct", &update(&signed, &[(6, &direct), (161, COVER)]));
    let both = format!("[{widget} 0 R 160 0 R]");
    let shown = update(&signed, &[(6, &both), (160, "<< /FT /Sig /T (x) >>")]);
    assert_forbidden("a field that is no widget", &shown);
    let field = "<< /Subtype /Widget /FT /Sig /T (x) /Rect [0 0 0 0] >>";
    assert!(check(&update(&signed, &[(6, &both), (160, field)])).valid());
}

#[test]
fn annotations_that_are_no_array_are_found() {
    let (signed, _) = sign(
        &Draft::new()
            .extend(2, "/Count 2")
            .set(2, "<< /Type /Pages /Kids [3 0 R 9 0 R] /Count 2 >>")
            .set(9, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] >>")
            .clone(),
    );
    for annotations in ["<< /0 161 0 R >>", "161 0 R", "(x)"] {
        let page = format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Annots {annotations} >>");
        assert_forbidden(annotations, &update(&signed, &[(9, &page), (161, COVER)]));
    }
}
