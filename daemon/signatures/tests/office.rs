//! Signatures of Office documents: LibreOffice makes documents, judges our signatures and signs what we judge; and
//! packages that were changed after they were signed, in every way we know of.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

mod archive;
mod libreoffice;
mod openssl;

use std::path::Path;

use archive::{entries, packed};
use libreoffice::LibreOffice;
use openssl::{Identity, Pki};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::ooxml::{self, OoxmlError, OoxmlRequest, PackageError};
use trien_signatures::report::{
    Format, Indication, Integrity, Level, Reason, Report, SignatureReport, Warning,
};
use trien_signatures::signing::Prepared;
use trien_signatures::trust::Reliance;
use trien_signatures::zip::{self, ZipError};

fn signed(pki: &Pki, who: &Identity, bytes: &[u8]) -> Vec<u8> {
    signed_with(pki, who, bytes, Hash::Sha256)
}

fn signed_with(pki: &Pki, who: &Identity, bytes: &[u8], hash: Hash) -> Vec<u8> {
    let chain = [pki.ca.certificate.clone()];
    let key = who.certificate.public_key();
    let prepared = ooxml::prepare(
        bytes,
        &OoxmlRequest {
            signer: &who.certificate,
            chain: &chain,
            algorithm: SignatureAlgorithm::for_key(key, RsaPadding::Pkcs1, hash).unwrap(),
            signing_time: OffsetDateTime::now_utc(),
            reason: Some("Duyệt & ban hành"),
        },
    )
    .unwrap();
    let value = pki
        .workshop
        .sign(who, prepared.algorithm(), prepared.to_be_signed());
    prepared.finish(value).unwrap()
}

/// With the intermediate at hand: LibreOffice puts in only the signer's certificate.
fn verified(pki: &Pki, bytes: &[u8]) -> Report {
    let known = [pki.ca.certificate.clone()];
    let reliance = Reliance::new(&pki.anchors, &known, OffsetDateTime::now_utc());
    ooxml::verify(bytes, &reliance).unwrap()
}

fn only(pki: &Pki, bytes: &[u8]) -> SignatureReport {
    let mut report = verified(pki, bytes);
    assert_eq!(report.signatures.len(), 1, "{report:#?}");
    report.signatures.remove(0)
}

/// With the text of one file changed; what is to be changed has to be there.
fn changed(bytes: &[u8], name: &str, from: &str, to: &str) -> Vec<u8> {
    let mut all = entries(bytes);
    let (_, file) = all.iter_mut().find(|(known, _)| known == name).unwrap();
    let text = std::str::from_utf8(file).unwrap();
    assert!(text.contains(from), "{name} has no {from}: {text}");
    *file = text.replacen(from, to, 1).into_bytes();
    packed(&all)
}

fn with(bytes: &[u8], name: &str, contents: &str) -> Vec<u8> {
    let mut all = entries(bytes);
    all.push((name.to_owned(), contents.as_bytes().to_vec()));
    packed(&all)
}

const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";

/// A package as small as they come: a document, a picture, a link, and properties.
fn package(kind: &str) -> Vec<u8> {
    let (folder, main, content_type) = match kind {
        "docx" => ("word", "document", "wordprocessingml.document"),
        "xlsx" => ("xl", "workbook", "spreadsheetml.sheet"),
        _ => ("ppt", "presentation", "presentationml.presentation"),
    };
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n";
    let list = |entries: &str| {
        format!("{declaration}<Relationships xmlns=\"{PACKAGE}/relationships\">{entries}</Relationships>")
    };
    let files = [
        (
            "[Content_Types].xml".to_owned(),
            format!(
                "{declaration}<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
                 <Default Extension=\"XML\" ContentType=\"application/xml\"/><Default Extension=\"png\" ContentType=\"image/png\"/>\
                 <Override PartName=\"/{folder}/{main}.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.{content_type}.main+xml\"/>\
                 <Override PartName=\"/docProps/core.xml\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/>\
                 <Override PartName=\"/docProps/custom.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.custom-properties+xml\"/></Types>"
            ),
        ),
        (
            "_rels/.rels".to_owned(),
            list(&format!(
                "\n <Relationship Target=\"{folder}/{main}.xml\" Id=\"rId1\" Type=\"{OFFICE}/officeDocument\"/><!-- between -->\
                 <Relationship Id=\"rId2\" Type=\"{PACKAGE}/relationships/metadata/core-properties\" Target=\"docProps/core.xml\"></Relationship>\
                 <Relationship Id=\"rId3\" Type=\"{OFFICE}/custom-properties\" Target=\"/docProps/custom.xml\"/>"
            )),
        ),
        (
            format!("{folder}/_rels/{main}.xml.rels"),
            list(&format!(
                "<Relationship Id=\"rId10\" Type=\"{OFFICE}/image\" Target=\"media/con%20d%E1%BA%A5u.png\"/>\
                 <Relationship Id=\"rId2\" Type=\"{OFFICE}/hyperlink\" Target=\"https://portal.example/?a=1&amp;b=2\" TargetMode=\"External\"/>"
            )),
        ),
        (
            format!("{folder}/{main}.xml"),
            format!("{declaration}<doc>Đơn đề nghị</doc>"),
        ),
        (
            format!("{folder}/media/con%20d%E1%BA%A5u.png"),
            "not really a picture".to_owned(),
        ),
        ("docProps/core.xml".to_owned(), "<core/>".to_owned()),
        ("docProps/custom.xml".to_owned(), "<custom/>".to_owned()),
    ];
    let files: Vec<(String, Vec<u8>)> = files
        .into_iter()
        .map(|(name, text)| (name, text.into_bytes()))
        .collect();
    packed(&files)
}

#[test]
fn libreoffice_accepts_ours_we_accept_its_own_and_both_see_changes() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:2048");
    let other = pki.leaf("other", "ec:P-256");
    let office = LibreOffice::new(&pki, &who);
    let (docx, xlsx) = (office.path("made.docx"), office.path("made.xlsx"));
    let made = office.run(&[("docx", &docx), ("xlsx", &xlsx)]);
    assert_eq!(made, ["made", "made"]);
    let (docx, xlsx) = (std::fs::read(docx).unwrap(), std::fs::read(xlsx).unwrap());
    let pptx = without(&package("pptx"), &[QUERY, PERCENT]);

    let ours = signed(&pki, &who, &docx);
    let twice = signed_with(&pki, &other, &ours, Hash::Sha256);
    let sheet = signed_with(&pki, &who, &xlsx, Hash::Sha512);
    let third = signed_with(&pki, &who, &docx, Hash::Sha384);
    let long = pki.leaf("long", "ec:P-521");
    let longest = signed_with(&pki, &long, &docx, Hash::Sha512);
    let key = long.certificate.public_key();
    assert!(SignatureAlgorithm::for_key(key, RsaPadding::Pkcs1, Hash::Sha256).is_err());
    let slides = signed(&pki, &who, &pptx);
    let [with_query, with_percent] =
        [PERCENT, QUERY].map(|not| signed(&pki, &who, &without(&package("pptx"), &[not])));
    for (name, bytes, signatures) in [
        ("docx", &ours, 1),
        ("docx twice", &twice, 2),
        ("xlsx", &sheet, 1),
        ("SHA-384", &third, 1),
        ("P-521", &longest, 1),
        ("pptx", &slides, 1),
    ] {
        assert!(ooxml::looks_like(bytes));
        let report = verified(&pki, bytes);
        assert!(report.valid(), "{name}: {report:#?}");
        assert_eq!(report.signatures.len(), signatures);
        for signature in &report.signatures {
            assert_eq!(
                (signature.format, signature.level),
                (Format::Ooxml, Some(Level::BB))
            );
            // What is about the document is not signed, and that is said.
            assert!(
                signature
                    .not_covered
                    .iter()
                    .all(|name| name.starts_with("/docProps/") || name.starts_with("/_rels/.rels#")),
                "{signature:#?}"
            );
            assert!(signature.warnings.contains(&Warning::NotAllCovered));
        }
    }
    let later = office.path("later.docx");
    let own = office.path("own.xlsx");
    std::fs::write(&later, &ours).unwrap();
    std::fs::write(&own, &xlsx).unwrap();
    let answers = office.run(&[("sign", Path::new(&later)), ("sign", Path::new(&own))]);
    assert_eq!(answers, ["signed True", "signed True"]);
    let (later, own) = (std::fs::read(later).unwrap(), std::fs::read(own).unwrap());
    for (bytes, signatures) in [(&own, 1), (&later, 1)] {
        let report = verified(&pki, bytes);
        assert!(report.valid(), "{report:#?}");
        assert_eq!(report.signatures.len(), signatures);
    }
    let ours_after_its_own = signed(&pki, &other, &own);
    assert!(verified(&pki, &ours_after_its_own).valid());

    let broken = changed(&ours, "word/document.xml", "Đơn", "Dơn");
    let broken_sheet = changed(&own, "xl/workbook.xml", "Sheet1", "Sheet2");
    for bytes in [&broken, &broken_sheet] {
        let signature = only(&pki, bytes);
        assert_eq!(signature.reason, Some(Reason::ReferenceDigestMismatch));
        assert_eq!(signature.integrity, Integrity::Broken);
    }
    let verdicts = office.judge(&[
        ("ours.docx", &ours),
        ("twice.docx", &twice),
        ("ours.xlsx", &sheet),
        ("third.docx", &third),
        ("longest.docx", &longest),
        ("ours.pptx", &slides),
        ("query.pptx", &with_query),
        ("percent.pptx", &with_percent),
        ("later.docx", &later),
        ("after.xlsx", &ours_after_its_own),
        ("broken.docx", &broken),
        ("broken.xlsx", &broken_sheet),
    ]);
    assert_eq!(
        verdicts,
        [
            vec![true],
            vec![true, true],
            vec![true],
            vec![true],
            vec![true],
            vec![true],
            // Expected failures: xmlsec 1.2 writes the characters of a target into its list of relationships as they are,
            // where canonical XML has `&amp;` (1.3 does so too); and LibreOffice does not find its way to a part whose name is
            // percent-encoded.
            vec![false],
            vec![false],
            // By its API it replaces what is there.
            vec![true],
            // xmlsec 1.2 makes elements of the white space in its own lists of relationships, against the standard, and so
            // finds another digest than ours; without breaking its signature the space cannot go.
            vec![true, false],
            vec![false],
            vec![false]
        ]
    );
}

/// What stands in the packages' lists of relationships, and what is as good: an escaped character in a target, and a
/// percent-encoded name.
const QUERY: (&str, &str) = ("&amp;b=2", "");
const PERCENT: (&str, &str) = ("con%20d%E1%BA%A5u", "dau");

/// The package with some of these replaced.
fn without(bytes: &[u8], replaced: &[(&str, &str)]) -> Vec<u8> {
    let plain = |text: &str| {
        let replace = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
        replaced.iter().fold(text.to_owned(), replace)
    };
    let all: Vec<_> = entries(bytes)
        .into_iter()
        .map(|(name, bytes)| {
            (
                plain(&name),
                plain(std::str::from_utf8(&bytes).unwrap()).into_bytes(),
            )
        })
        .collect();
    packed(&all)
}

#[test]
fn what_a_signature_covers_is_said_and_the_package_stays_what_it_was() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-384");
    for (kind, folder, main) in [
        ("docx", "word", "document"),
        ("xlsx", "xl", "workbook"),
        ("pptx", "ppt", "presentation"),
    ] {
        let plain = package(kind);
        assert!(ooxml::looks_like(&plain));
        let made = signed_with(&pki, &who, &plain, Hash::Sha384);
        let signature = only(&pki, &made);
        assert_eq!(signature.indication, Indication::TotalPassed, "{signature:#?}");
        assert_eq!(signature.integrity, Integrity::Intact);
        assert_eq!(
            signature.covered,
            [
                "/_rels/.rels".to_owned(),
                format!("/{folder}/_rels/{main}.xml.rels"),
                format!("/{folder}/{main}.xml"),
                format!("/{folder}/media/con dấu.png"),
                "/docProps/custom.xml".to_owned()
            ]
        );
        assert_eq!(signature.not_covered, ["/_rels/.rels#rId2", "/docProps/core.xml"]);
        assert_eq!(signature.coverage.map(|coverage| coverage.whole), Some(false));
        assert_eq!(
            signature.signer.unwrap().subject.common_name.as_deref(),
            Some("Nguyễn Thị Ánh")
        );
        assert!(signature.signing_time.is_some());
        let (before, after) = (entries(&plain), entries(&made));
        for (name, bytes) in &before {
            let own = ["[Content_Types].xml", "_rels/.rels"].contains(&name.as_str());
            let same = after.iter().any(|(known, now)| known == name && now == bytes);
            assert!(own || same, "{name}");
        }
        assert_eq!(after.len(), before.len() + 3);
        // Again, by another one: both stay.
        let other = pki.leaf("other", "rsa:2048");
        let report = verified(&pki, &signed(&pki, &other, &made));
        assert!(report.valid() && report.signatures.len() == 2, "{report:#?}");
    }
    let report = ooxml::verify(&package("docx"), &pki.reliance()).unwrap();
    assert_eq!(report.signatures[0].reason, Some(Reason::NoSigners));
    assert!(!report.valid());
}

/// As many entries as a presentation of hundreds of slides has.
#[test]
fn a_package_of_thousands_of_parts_is_signed_and_checked() {
    let pki = Pki::new();
    let who = pki.leaf("slides", "ec:P-256");
    let mut all = entries(&package("pptx"));
    all.extend((0..2_000).map(|number| {
        let slide = format!("<slide>{number}</slide>");
        (format!("ppt/slides/slide{number}.xml"), slide.into_bytes())
    }));
    let made = signed(&pki, &who, &packed(&all));
    let signature = only(&pki, &made);
    assert_eq!(signature.indication, Indication::TotalPassed, "{signature:#?}");
    let changed = changed(&made, "ppt/slides/slide1999.xml", "1999", "2000");
    assert_eq!(only(&pki, &changed).indication, Indication::TotalFailed);
}

#[test]
fn white_space_between_relationships_goes_before_the_first_signature_only() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let list = "word/_rels/document.xml.rels";
    let spaced = changed(&package("docx"), list, "<Relationship ", "\n  <Relationship ");
    let made = signed(&pki, &who, &spaced);
    let text = |bytes: &[u8]| {
        let all = entries(bytes);
        let (_, found) = all.iter().find(|(name, _)| name == list).unwrap();
        String::from_utf8(found.clone()).unwrap()
    };
    assert!(!text(&made).contains("\n  <Relationship "), "{}", text(&made));
    let spaced_later = changed(&made, list, "<Relationship ", "\n  <Relationship ");
    assert!(verified(&pki, &spaced_later).valid());
    let again = signed(&pki, &who, &spaced_later);
    assert!(text(&again).contains("\n  <Relationship "));
    assert!(verified(&pki, &again).valid());
}

#[test]
fn whatever_is_changed_added_or_taken_away_is_found() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let made = signed(&pki, &who, &package("docx"));
    assert!(verified(&pki, &made).valid());
    let (list, types, main) = (
        "word/_rels/document.xml.rels",
        "[Content_Types].xml",
        "word/document.xml",
    );
    let digest = Some(Reason::ReferenceDigestMismatch);
    let added = Some(Reason::ContainerFileNotCovered);
    let relationship = format!(
        "<Relationship Id=\"rId77\" Type=\"{OFFICE}/attachedTemplate\" Target=\"https://evil.example/t.dotm\" TargetMode=\"External\"/></Relationships>"
    );
    let without = |name: &str| {
        let mut all = entries(&made);
        all.retain(|(known, _)| known != name);
        packed(&all)
    };
    let cases = [
        (changed(&made, main, "Đơn", "Dơn"), digest),
        (
            changed(&made, list, "https://portal.example/", "https://p0rtal.example/"),
            digest,
        ),
        (changed(&made, list, " TargetMode=\"External\"", ""), digest),
        (changed(&made, list, "rId10", "rId11"), digest),
        (changed(&made, list, "</Relationships>", &relationship), added),
        (
            changed(&made, "_rels/.rels", "</Relationships>", &relationship),
            added,
        ),
        (
            changed(
                &made,
                "_rels/.rels",
                "word/document.xml",
                "word/media/con%20d%E1%BA%A5u.png",
            ),
            digest,
        ),
        (
            changed(&made, types, "image/png", "image/bmp"),
            Some(Reason::ContentTypeMismatch),
        ),
        (
            changed(
                &made,
                types,
                "wordprocessingml.document.main",
                "wordprocessingml.template.main",
            ),
            Some(Reason::ContentTypeMismatch),
        ),
        (with(&made, "word/extra.xml", "<extra/>"), added),
        (with(&made, "word/_rels/extra.png", "x"), added),
        (
            without("word/media/con%20d%E1%BA%A5u.png"),
            Some(Reason::ReferenceNotFound),
        ),
        (without("docProps/custom.xml"), Some(Reason::ReferenceNotFound)),
        (without("_xmlsignatures/sig1.xml"), Some(Reason::NoSigners)),
    ];
    for (number, (bytes, reason)) in cases.iter().enumerate() {
        let report = verified(&pki, bytes);
        assert!(!report.valid(), "case {number}");
        assert_eq!(report.signatures[0].reason, *reason, "case {number}: {report:#?}");
    }
    // What is about the document may change, and that it may is said.
    let about = changed(&made, "docProps/core.xml", "<core/>", "<core>other</core>");
    let signature = only(&pki, &about);
    assert_eq!(signature.indication, Indication::TotalPassed);
    assert!(signature.not_covered.contains(&"/docProps/core.xml".to_owned()));
    // But nothing that is shown may pass for it.
    let core = format!("{PACKAGE}/relationships/metadata/core-properties");
    let passed_off = changed(
        &with(&made, "word/other.xml", "<other/>"),
        "_rels/.rels",
        "</Relationships>",
        &format!("<Relationship Id=\"rId9\" Type=\"{core}\" Target=\"word/other.xml\"/></Relationships>"),
    );
    assert_eq!(only(&pki, &passed_off).reason, added);
}

#[test]
fn what_office_saved_over_is_no_part() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let document = with(&package("xlsx"), "[trash]/0000.dat", "what was there");
    let made = signed(&pki, &who, &document);
    let signature = only(&pki, &made);
    assert_eq!(signature.indication, Indication::TotalPassed, "{signature:#?}");
    assert!(signature.not_covered.contains(&"/[trash]/0000.dat".to_owned()));
    assert!(signature.warnings.contains(&Warning::NotAllCovered));
    assert!(entries(&made).iter().any(|(name, _)| name == "[trash]/0000.dat"));
    // Nothing leads there.
    let list = "xl/_rels/workbook.xml.rels";
    let led = format!(
        "<Relationship Id=\"rId9\" Type=\"{OFFICE}/image\" Target=\"../[trash]/0000.dat\"/></Relationships>"
    );
    let led = changed(&made, list, "</Relationships>", &led);
    assert_eq!(only(&pki, &led).reason, Some(Reason::ContainerFileNotCovered));
}

/// What Word puts into documents unasked, and leaves out when it signs.
#[test]
fn what_word_keeps_in_a_document_for_itself_need_not_be_covered() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let list = "word/_rels/document.xml.rels";
    let properties = "application/vnd.openxmlformats-officedocument.customXmlProperties+xml";
    let sources = "<b:Sources xmlns:b=\"http://schemas.openxmlformats.org/officeDocument/2006/bibliography\" StyleName=\"APA\"/>";
    let relationship = |kind: &str| {
        format!(
            "<Relationship Id=\"rId9\" Type=\"{OFFICE}/{kind}\" Target=\"../customXml/item1.xml\"/></Relationships>"
        )
    };
    let kept = |document: &[u8], item: &str| {
        let stored = with(document, "customXml/item1.xml", item);
        let stored = with(
            &stored,
            "customXml/itemProps1.xml",
            "<ds:datastoreItem xmlns:ds=\"urn:x\"/>",
        );
        let own = format!(
            "<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"rId1\" Type=\"{OFFICE}/customXmlProps\" Target=\"itemProps1.xml\"/></Relationships>"
        );
        let stored = with(&stored, "customXml/_rels/item1.xml.rels", &own);
        let stated = format!(
            "<Override PartName=\"/customXml/itemProps1.xml\" ContentType=\"{properties}\"/></Types>"
        );
        let stored = changed(&stored, "[Content_Types].xml", "</Types>", &stated);
        changed(&stored, list, "</Relationships>", &relationship("customXml"))
    };
    let made = signed(&pki, &who, &package("docx"));
    let signature = only(&pki, &kept(&made, sources));
    assert_eq!(signature.indication, Indication::TotalPassed, "{signature:#?}");
    assert_eq!(
        signature.not_covered[3..],
        [
            "/customXml/item1.xml",
            "/customXml/itemProps1.xml",
            "/customXml/_rels/item1.xml.rels#rId1"
        ],
        "{signature:#?}"
    );
    assert!(signature.warnings.contains(&Warning::NotAllCovered));

    // What an application keeps there is content, and so is whatever a control of the document may show.
    let bound = package("docx");
    let bound = changed(
        &bound,
        "word/document.xml",
        "<doc>",
        "<doc><w:dataBinding xmlns:w=\"urn:w\"/>",
    );
    let bound = signed(&pki, &who, &bound);
    let wide = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><doc><dataBinding/></doc>".encode_utf16();
    let wide: Vec<u8> = wide.flat_map(u16::to_be_bytes).collect();
    let mut in_utf16 = entries(&package("docx"));
    in_utf16.push(("word/glossary.xml".to_owned(), wide));
    let in_utf16 = signed(&pki, &who, &packed(&in_utf16));
    let elsewhere = changed(
        &kept(&made, sources),
        list,
        "</Relationships>",
        &relationship("aFChunk").replace("rId9", "rId8"),
    );
    for (what, bytes) in [
        (
            "another namespace",
            kept(&made, &sources.replace("bibliography", "other")),
        ),
        (
            "another element",
            kept(&made, &sources.replace("b:Sources", "b:Source")),
        ),
        ("no XML", kept(&made, "sources")),
        ("a control that shows it", kept(&bound, sources)),
        ("a control in UTF-16", kept(&in_utf16, sources)),
        ("a part of the document as well", elsewhere),
        ("another kind", {
            let kept = kept(&made, sources);
            changed(&kept, list, "customXml\" Target", "subDocument\" Target")
        }),
    ] {
        let report = verified(&pki, &bytes);
        let reason = report.signatures[0].reason;
        assert_eq!(
            reason,
            Some(Reason::ContainerFileNotCovered),
            "{what}: {report:#?}"
        );
    }
}

#[test]
fn manifests_are_not_moved_doubled_or_exchanged() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let made = signed(&pki, &who, &package("docx"));
    let part = "_xmlsignatures/sig1.xml";
    let all = entries(&made);
    let text = String::from_utf8(all.iter().find(|(name, _)| name == part).unwrap().1.clone()).unwrap();
    let (start, end) = (
        text.find("<Manifest>").unwrap(),
        text.find("</Manifest>").unwrap() + "</Manifest>".len(),
    );
    let manifest = &text[start..end];
    let object_start = text.find("<Object Id=\"idPackageObject\">").unwrap();
    let object_end = object_start + text[object_start..].find("</Object>").unwrap() + "</Object>".len();
    let object = &text[object_start..object_end];
    let with_text = |text: String| {
        let mut all = entries(&made);
        all.iter_mut().find(|(name, _)| name == part).unwrap().1 = text.into_bytes();
        packed(&all)
    };
    let reason = |text: String| {
        let signature = only(&pki, &with_text(text));
        assert_ne!(signature.indication, Indication::TotalPassed);
        signature.reason.unwrap()
    };
    let doubled = text.replace(
        "</Signature>",
        &format!("<Object>{manifest}</Object></Signature>"),
    );
    assert_eq!(reason(doubled), Reason::SignatureWrapping);
    let beside = text.replace("</Signature>", "<Object><other/></Object></Signature>");
    assert_eq!(reason(beside), Reason::SignatureWrapping);
    let same_id = text.replace("</Signature>", &format!("{object}</Signature>"));
    assert_eq!(reason(same_id), Reason::IdAmbiguous);
    let emptied = text.replace(manifest, "<Manifest></Manifest>");
    assert_eq!(reason(emptied), Reason::ReferenceDigestMismatch);
    let other_time = text.replacen("<mdssi:Value>20", "<mdssi:Value>21", 1);
    assert_eq!(reason(other_time), Reason::ReferenceDigestMismatch);
    let no_signature = text
        .replace("<Signature ", "<Other ")
        .replace("</Signature>", "</Other>");
    assert_eq!(reason(no_signature), Reason::MalformedSignature);
    let two = format!(
        "<both>{}{}</both>",
        &text[text.find("<Signature").unwrap()..],
        &text[text.find("<Signature").unwrap()..]
    );
    assert_eq!(reason(two), Reason::MalformedSignature);
    // The signed Object hidden where a program that looks for the first manifest does not look.
    let moved = text.replace(object, "").replace(
        "</Signature>",
        &format!("<Object><hidden>{object}</hidden></Object></Signature>"),
    );
    assert_ne!(only(&pki, &with_text(moved)).indication, Indication::TotalPassed);
    // A second origin, and a signature that is none.
    let origin = format!("{PACKAGE}/relationships/digital-signature/origin");
    let second = changed(
        &made,
        "_rels/.rels",
        "</Relationships>",
        &format!(
            "<Relationship Id=\"rId9\" Type=\"{origin}\" Target=\"word/document.xml\"/></Relationships>"
        ),
    );
    assert!(!verified(&pki, &second).valid());
}

#[test]
fn packages_with_two_readings_are_refused() {
    let plain = package("docx");
    let types = "[Content_Types].xml";
    let malformed = |bytes: &[u8], what: &str| match ooxml::verify(bytes, &Pki::new().reliance()) {
        Err(PackageError::Malformed { what: found, .. }) => assert_eq!(found, what),
        other => panic!("{what}: {other:?}"),
    };
    let without_types: Vec<_> = entries(&plain)
        .into_iter()
        .filter(|(name, _)| name != types)
        .collect();
    malformed(&packed(&without_types), "no list of content types");
    malformed(
        &changed(
            &plain,
            types,
            "</Types>",
            "<Default Extension=\"PNG\" ContentType=\"text/html\"/></Types>",
        ),
        "two content types for the same",
    );
    malformed(
        &changed(
            &plain,
            types,
            "</Types>",
            "<Override PartName=\"/WORD/document.xml\" ContentType=\"text/html\"/></Types>",
        ),
        "two content types for the same",
    );
    malformed(&with(&plain, "word/thing", "x"), "a part without a content type");
    malformed(
        &with(
            &plain,
            "word/_rels/none.xml.rels",
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"/>",
        ),
        "relationships of no part",
    );
    malformed(
        &with(&plain, "word/media/con d%E1%BA%A5u.png", "other"),
        "two parts with one name",
    );
    malformed(
        &changed(&plain, "_rels/.rels", "rId3", "rId1"),
        "two relationships with one Id",
    );
    malformed(
        &changed(&plain, "_rels/.rels", "officeDocument\"", "nothing\""),
        "not one document in the package",
    );
    malformed(
        &changed(
            &plain,
            "_rels/.rels",
            "Target=\"word",
            "TargetMode=\"Elsewhere\" Target=\"word",
        ),
        "a relationship whose target is nowhere",
    );
    let twice: Vec<(&str, &[u8])> = vec![("a.xml", b"1"), ("A.XML", b"2")];
    let error = ooxml::verify(&zip::write(&twice).unwrap(), &Pki::new().reliance()).unwrap_err();
    assert_eq!(error, PackageError::Zip(ZipError::Name("A.XML".into())));
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let refused = ooxml::prepare(
        &packed(&without_types),
        &OoxmlRequest {
            signer: &who.certificate,
            chain: &[],
            algorithm: SignatureAlgorithm::for_key(
                who.certificate.public_key(),
                RsaPadding::Pkcs1,
                Hash::Sha256,
            )
            .unwrap(),
            signing_time: OffsetDateTime::now_utc(),
            reason: None,
        },
    );
    assert!(matches!(
        refused,
        Err(OoxmlError::Package(PackageError::Malformed { .. }))
    ));
}

/// In each file every thirteenth byte with one bit turned: nothing of what is signed, and of the signature, may be another
/// without the verdict being one.
#[test]
fn no_changed_byte_of_a_part_passes() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let made = signed(&pki, &who, &package("xlsx"));
    let all = entries(&made);
    let trusted = pki.reliance();
    for (place, (name, bytes)) in all.iter().enumerate() {
        if name == "docProps/core.xml" {
            continue;
        }
        for at in (place % 13..bytes.len()).step_by(13) {
            let mut changed = all.clone();
            changed[place].1[at] ^= 1 << (at % 7);
            let Ok(report) = ooxml::verify(&packed(&changed), &trusted) else {
                continue;
            };
            if report.valid() {
                // What passes has to say the same: white space between tags, the name of an Id that nothing signs.
                let same = report.signatures[0].covered == only(&pki, &made).covered;
                let unsigned = name.starts_with("_xmlsignatures/")
                    || name == "[Content_Types].xml"
                    || name.ends_with(".rels");
                assert!(same && unsigned, "{name} byte {at}");
            }
        }
    }
}

/// What Office and LibreOffice write for a document with a password; an old Word file begins in the same way.
#[test]
fn a_document_with_a_password_is_told_from_a_broken_one() {
    let pki = Pki::new();
    let who = pki.leaf("clerk", "ec:P-256");
    let old = [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice(), &[0; 1016]].concat();
    let name: Vec<u8> = b"EncryptedPackage"
        .iter()
        .flat_map(|letter| [*letter, 0])
        .collect();
    let encrypted = [&old[..], &name, &[0; 480]].concat();
    let chain = [pki.ca.certificate.clone()];
    let key = who.certificate.public_key();
    let request = OoxmlRequest {
        signer: &who.certificate,
        chain: &chain,
        algorithm: SignatureAlgorithm::for_key(key, RsaPadding::Pkcs1, Hash::Sha256).unwrap(),
        signing_time: OffsetDateTime::now_utc(),
        reason: None,
    };
    let prepared = |bytes: &[u8]| ooxml::prepare(bytes, &request).map(drop).unwrap_err();
    assert_eq!(prepared(&encrypted), OoxmlError::Package(PackageError::Encrypted));
    assert!(matches!(
        prepared(&old),
        OoxmlError::Package(PackageError::Zip(_))
    ));
    let verified = |bytes: &[u8]| ooxml::verify(bytes, &pki.reliance()).unwrap_err();
    assert_eq!(verified(&encrypted), PackageError::Encrypted);
    assert!(ooxml::is_encrypted(&encrypted) && !ooxml::is_encrypted(&old));
}
