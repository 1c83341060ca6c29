//! Updates and wrapping after the signature, changed bytes, and what acts when it is opened.

use crate::drafts::{Draft, finish, object_with, update};
use crate::{
    FORM, OFFICE, SIGNATURE, byte_range, check, only_reason, replace, signed, try_to_sign, with_fields,
};
use trien_signatures::pades::verify;
use trien_signatures::report::{FindingKind, Reason};

#[test]
fn n133_appended_copy_of_the_signature() {
    // The dictionary once more in a later revision: the byte range of the first ends before it.
    let document = signed();
    let (number, dictionary) = object_with(&document, SIGNATURE);
    assert_eq!(
        only_reason(&update(&document, &[(number, &dictionary)])),
        Reason::MalformedByteRange
    );
}

#[test]
fn n133_appended_update_that_takes_the_form_away() {
    let report = check(&update(&signed(), &[(1, "<< /Type /Catalog /Pages 2 0 R >>")]));
    assert!(
        report.signatures.is_empty() && !report.valid(),
        "nothing checked is never valid"
    );
}

#[test]
fn n133_appended_revision_that_does_not_go_on_from_the_signed_one() {
    // A whole other document behind the signed one, which it uses for nothing but the signature.
    let document = signed();
    let text: String = document.iter().map(|byte| char::from(*byte)).collect();
    let mut file = document.clone();
    let offset = file.len();
    file.extend(b"2 0 obj\n<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 2 >>\nendobj\n");
    let start = file.len();
    let table = text[text.find("xref\n0 ").unwrap()..]
        .split("trailer")
        .next()
        .unwrap();
    let mut lines: Vec<_> = table.lines().map(str::to_owned).collect();
    lines[4] = format!("{offset:010} 00000 n ");
    file.extend(lines.join("\n").as_bytes());
    // The objects of the signature, from its own section.
    let second = &text[text.rfind("\nxref\n").unwrap() + 6..];
    for line in second.split("trailer").next().unwrap().lines() {
        if !line.starts_with("1 ") && !line.starts_with("3 ") {
            file.extend(format!("\n{line}").as_bytes());
        }
    }
    file.extend(b"\ntrailer\n<< /Size 50 /Root 1 0 R >>\n");
    let report = verify(&finish(file, start), &OFFICE.0.reliance());
    assert!(report.is_err() || report.is_ok_and(|report| !report.valid()));
}

#[test]
fn n133_wrapped_signature_behind_another_field() {
    // A second field names the signature of the first: it was not in the signed revision.
    let document = signed();
    let (value, _) = object_with(&document, SIGNATURE);
    let (_, form) = object_with(&document, FORM);
    let old = form[FORM.len()..].split(']').next().unwrap();
    let changed = with_fields(
        &document,
        &format!("{old} 160 0 R"),
        &[(160, &format!("<< /FT /Sig /T (Giám đốc) /V {value} 0 R >>"))],
    );
    let report = check(&changed);
    assert_eq!(report.signatures.len(), 2);
    assert!(!report.valid(), "{report:#?}");
}

#[test]
fn changed_bytes_never_panic_and_never_pass() {
    let document = signed();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap()
    };
    let (_, numbers) = byte_range(&document);
    for _ in 0..1_500 {
        let mut changed = document.clone();
        for _ in 0..1 + random() % 4 {
            let at = random() % changed.len();
            changed[at] = b"0123456789<>[]/() \nRabcobjendstreamxref%"[random() % 40];
        }
        let same = changed[..numbers[1]] == document[..numbers[1]]
            && changed[numbers[2]..] == document[numbers[2]..];
        let valid = verify(&changed, &OFFICE.0.reliance()).is_ok_and(|report| report.valid());
        assert!(!valid || same, "passes though changed");
    }
}

// What acts

#[test]
fn n128_active_content_is_listed_and_none_of_it_run() {
    let script = "<< /S /JavaScript /JS (app.alert\\(1\\)) >>";
    let widget =
        |more: &str| format!("<< /Type /Annot /Subtype /Widget /FT /Tx /T (x) /Rect [0 0 9 9] {more} >>");
    let link = |action: &str| format!("<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A {action} >>");
    let cases: [(&str, &str, String, &[FindingKind]); 18] = [
        (
            "on opening",
            "/OpenAction 20 0 R",
            script.to_owned(),
            &[FindingKind::JavaScript, FindingKind::OpenAction],
        ),
        (
            "by name",
            "/Names << /JavaScript << /Names [(x) 20 0 R] >> >>",
            script.to_owned(),
            &[FindingKind::JavaScript],
        ),
        (
            "on other occasions",
            "/AA << /WC 20 0 R >>",
            script.to_owned(),
            &[FindingKind::JavaScript, FindingKind::AdditionalActions],
        ),
        (
            "a program",
            "/AcroForm << /Fields [20 0 R] >>",
            widget("/A << /S /Launch /F (x) /Next << /S /ImportData /F (y) >> >>"),
            &[FindingKind::Launch, FindingKind::ImportData],
        ),
        (
            "sends",
            "/AcroForm << /Fields [20 0 R] >>",
            widget("/A << /S /SubmitForm /F (https://example.net) >>"),
            &[FindingKind::SubmitForm],
        ),
        (
            "an address",
            "",
            link("<< /S /URI /URI (https://example.net) >>"),
            &[FindingKind::Uri],
        ),
        (
            "an address on opening",
            "/OpenAction << /S /URI /URI (https://example.net) >>",
            "null".to_owned(),
            &[FindingKind::OpenAction, FindingKind::Uri],
        ),
        (
            "another document",
            "",
            link("<< /S /GoToR /F (x.pdf) /D [0 /Fit] >>"),
            &[FindingKind::GoToRemote],
        ),
        (
            "a thread of another document",
            "",
            link("<< /S /Thread /F (x.pdf) /D 0 >>"),
            &[FindingKind::GoToRemote],
        ),
        (
            "a document within",
            "",
            link("<< /S /GoToE /D [0 /Fit] /T << /R /C /N (x) >> >>"),
            &[FindingKind::GoToEmbedded],
        ),
        (
            "fields that go",
            "",
            link("<< /S /Hide /T (x) >>"),
            &[FindingKind::ChangesShown],
        ),
        (
            "layers that come",
            "",
            link("<< /S /SetOCGState /State [/ON 9 0 R] >>"),
            &[FindingKind::ChangesShown],
        ),
        (
            "a film of an action",
            "",
            link("<< /S /Rendition /OP 0 >>"),
            &[FindingKind::RichMedia],
        ),
        (
            "one of two",
            "",
            link("<< /S /Launch /F (x) /S /GoTo /D [3 0 R /Fit] >>"),
            &[FindingKind::Launch],
        ),
        (
            "rules of its own",
            "/AcroForm << /Fields [] /XFA 20 0 R >>",
            "(<xdp/>)".to_owned(),
            &[FindingKind::Xfa],
        ),
        (
            "film",
            "",
            "<< /Type /Annot /Subtype /RichMedia /Rect [0 0 9 9] >>".to_owned(),
            &[FindingKind::RichMedia],
        ),
        (
            "files",
            "/Names << /EmbeddedFiles << /Names [(x) 20 0 R] >> >>",
            "<< /Type /Filespec /F (x) /EF << /F 21 0 R >> >>".to_owned(),
            &[FindingKind::EmbeddedFile],
        ),
        // Where to begin reading is nothing that acts.
        (
            "a place",
            "/OpenAction [3 0 R /Fit]",
            "<< /S /GoTo /D [3 0 R /Fit] >>".to_owned(),
            &[],
        ),
    ];
    for (name, catalog, object, expected) in cases {
        let mut draft = Draft::new();
        draft.extend(1, catalog).set(20, &object);
        // In the open, and packed away.
        for document in [draft.classic(), draft.streams()] {
            let report = check(&document);
            let found: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
            assert_eq!(found, expected, "{name}");
            assert!(report.findings.iter().all(|finding| finding.count == 1), "{name}");
            // It has no say in the verdict.
            let signed = check(&try_to_sign(&document).unwrap());
            assert!(
                signed.valid() && signed.findings.len() == expected.len(),
                "{name}"
            );
        }
    }
    // Names that are objects of their own.
    let mut draft = Draft::new();
    draft
        .extend(3, "/Annots [20 0 R 21 0 R]")
        .set(20, &link("<< /S 31 0 R /F (x) >>"))
        .set(21, "<< /Type /Annot /Subtype 32 0 R /Rect [0 0 9 9] >>")
        .set(22, "<< /Type 34 0 R /OCGs 23 0 R /P 33 0 R >>")
        .set(23, "<< /Type /OCG /Name (x) >>")
        .set(31, "/Launch")
        .set(32, "/Screen")
        .set(33, "/AllOff")
        .set(34, "/OCMD");
    for document in [draft.classic(), draft.streams()] {
        let found: Vec<_> = check(&document).findings.iter().map(|one| one.kind).collect();
        let expected = [
            FindingKind::Launch,
            FindingKind::RichMedia,
            FindingKind::HiddenLayer,
        ];
        assert_eq!(found, expected);
    }
    // What cannot be read may be anything.
    let broken = replace(
        &Draft::new().set(20, "<< /S /JavaScript >>").classic(),
        "/JavaScript >>",
        "/JavaScript <<",
    );
    let found = check(&broken).findings;
    assert_eq!(
        found.iter().map(|finding| finding.kind).collect::<Vec<_>>(),
        [FindingKind::Unsearched]
    );
}
