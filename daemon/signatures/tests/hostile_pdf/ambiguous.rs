//! Two answers to one question, and encryption.

use crate::drafts::{self, Draft, deflate};
use crate::{OFFICE, check, refusal, replace, signed, try_to_sign, with_xref_stream};
use trien_signatures::pdf::PdfError;
use trien_signatures::report::FindingKind;

#[test]
fn n126_ambiguous_number_in_one_section() {
    let document = Draft::new().classic();
    let twice = replace(&document, "trailer", "4 1\n0000000009 00000 n \ntrailer");
    assert_eq!(refusal(&twice), PdfError::DuplicateObject(4));
    let twice = with_xref_stream("/Size 2 /W [1 1 1] /Index [0 1 0 1]", &deflate(&[0; 6]));
    assert_eq!(refusal(&twice), PdfError::DuplicateObject(0));
}

/// The cross-references lead to one of two bodies. Readers that keep to them show that one; one that repairs may not.
#[test]
fn n126_a_second_body_of_an_object_is_listed() {
    let other = "4 0 obj\n<< /Length 9 >>\nstream\nBT ET q Q\nendstream\nendobj\n";
    let document = Draft::new().classic();
    assert_eq!(second_bodies(&document), None);
    // Behind the objects, and before them.
    let behind = replace(&document, "xref\n", &format!("{other}xref\n"));
    let start = document
        .windows(6)
        .rposition(|window| window == b"xref\n0")
        .unwrap();
    let behind = replace(
        &behind,
        &format!("startxref\n{start}"),
        &format!("startxref\n{}", start + other.len()),
    );
    assert_eq!(second_bodies(&behind), Some(4));
    let signed = try_to_sign(&behind).unwrap();
    assert_eq!(second_bodies(&signed), Some(4));
    // What an earlier revision had, is in its cross-references; a number that nothing has is nobody's.
    let updated = drafts::update(&document, &[(4, "<< /Length 0 >>\nstream\n\nendstream")]);
    assert_eq!(second_bodies(&updated), None);
    let nobody = replace(&behind, other, &other.replacen("4 0 obj", "7 0 obj", 1));
    assert_eq!(second_bodies(&nobody), None);
    // The text of a stream is no object.
    let mut quoting = Draft::new();
    quoting.set(
        6,
        &format!("<< /Length {} >>\nstream\n{other}\nendstream", other.len()),
    );
    for document in [quoting.classic(), quoting.streams(), quoting.hybrid()] {
        assert_eq!(second_bodies(&document), None);
    }
}

/// The first number that stands twice.
fn second_bodies(document: &[u8]) -> Option<u32> {
    let findings = check(document).findings;
    let mut found = findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::SecondBody);
    let first = found.next()?.object;
    assert!(found.next().is_none(), "{findings:?}");
    first
}

#[test]
fn n126_ambiguous_offset_inside_another_object() {
    let document = Draft::new().classic();
    let text = String::from_utf8_lossy(&document).into_owned();
    let line = text
        .lines()
        .filter(|line| line.ends_with(" 00000 n "))
        .nth(3)
        .unwrap()
        .to_owned();
    let inside = replace(&document, &line, "0000000020 00000 n ");
    assert!(matches!(refusal(&inside), PdfError::XrefDamaged(_)));
}

#[test]
fn n126_ambiguous_hybrid() {
    // The table says where an object is that the stream has in an object stream.
    let mut document = Draft::new().hybrid();
    let free = b"0000000000 00000 f";
    let at = document
        .windows(free.len())
        .position(|window| window == free)
        .unwrap();
    document[at..at + free.len()].copy_from_slice(b"0000000015 00000 n");
    assert_eq!(refusal(&document), PdfError::AmbiguousHybrid(3));
}

#[test]
fn ambiguous_keys_in_a_dictionary_that_has_to_change() {
    let mut draft = Draft::new();
    draft.set(
        3,
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Annots [] /X 1 /X 2 >>",
    );
    assert!(
        try_to_sign(&draft.classic()).is_ok(),
        "only an array in it changes"
    );
    draft.set(3, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /X 1 /X 2 >>");
    assert!(matches!(refusal(&draft.classic()), PdfError::Malformed(_)));
}

// Encryption

#[test]
fn n129_encrypted_with_or_without_a_password() {
    let workshop = &OFFICE.0.workshop;
    // One that is signed has its signature inside of what is encrypted.
    let plain = [("open", Draft::new().classic()), ("signed", signed())];
    for (what, document) in plain {
        let from = workshop.write(&format!("{what}.pdf"), &document);
        for (name, user, options) in [
            ("empty", "", &["256", "--"][..]),
            ("secret", "user", &["256", "--"]),
            ("aes128", "", &["128", "--use-aes=y", "--"]),
            ("rc4", "", &["128", "--use-aes=n", "--"]),
            ("rc4-40", "", &["40", "--"]),
            (
                "clear-metadata",
                "",
                &["128", "--use-aes=y", "--cleartext-metadata", "--"],
            ),
        ] {
            let to = workshop.path(&format!("{what}-{name}.pdf"));
            let mut arguments = vec!["--allow-weak-crypto", "--encrypt", user, "owner"];
            arguments.extend(options);
            arguments.extend([from.to_str().unwrap(), to.to_str().unwrap()]);
            let (code, text) = drafts::run("qpdf", &arguments);
            assert!(matches!(code, Some(0 | 3)), "{text}");
            let encrypted = std::fs::read(to).unwrap();
            assert_eq!(refusal(&encrypted), PdfError::Encrypted, "{what} {name}");
        }
    }
    let trailer = replace(
        &Draft::new().classic(),
        "/Root 1 0 R",
        "/Root 1 0 R /Encrypt << >>",
    );
    assert_eq!(refusal(&trailer), PdfError::Encrypted);
}
