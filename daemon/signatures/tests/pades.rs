//! PAdES B-B: what we sign is judged by qpdf, poppler, mutool and OpenSSL; what was changed is judged by us.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod drafts;
mod openssl;

use std::path::PathBuf;
use std::sync::LazyLock;

use drafts::{Draft, assert_qpdf_clean, pdfsig, run, update};
use openssl::{Identity, Pki};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::pades::{
    Allowed, Appearance, AppearanceError, FieldChoice, Mark, PadesError, PadesRequest, Place, prepare, verify,
};
use trien_signatures::pdf::PdfError;
use trien_signatures::report::{
    FindingKind, Indication, Integrity, Level, Reason, Report, SubIndication, TimeSource, Warning,
};
use trien_signatures::signing::{FinishError, Prepared};

struct Office {
    pki: Pki,
    signer: Identity,
}

static OFFICE: LazyLock<Office> = LazyLock::new(|| {
    let pki = Pki::new();
    let signer = pki.leaf("pdf-signer", "ec:P-256");
    Office { pki, signer }
});

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc().replace_nanosecond(0).unwrap()
}

fn request(signer: &Identity) -> PadesRequest<'_> {
    let key = signer.certificate.public_key();
    let algorithm = SignatureAlgorithm::for_key(key, RsaPadding::Pkcs1, Hash::Sha256).unwrap();
    PadesRequest {
        chain: std::slice::from_ref(&OFFICE.pki.ca.certificate),
        reason: Some("Phê duyệt hồ sơ"),
        location: Some("Hà Nội"),
        ..PadesRequest::new(&signer.certificate, algorithm, now())
    }
}

fn sign_as(document: &[u8], signer: &Identity, request: &PadesRequest<'_>) -> Vec<u8> {
    let prepared = prepare(document.to_vec(), request).unwrap();
    let value = OFFICE
        .pki
        .workshop
        .sign(signer, prepared.algorithm(), prepared.to_be_signed());
    let signed = prepared.finish(value).unwrap();
    assert!(signed.starts_with(document), "the original is not a prefix");
    signed
}

fn sign(document: &[u8]) -> Vec<u8> {
    sign_as(document, &OFFICE.signer, &request(&OFFICE.signer))
}

fn refusal(document: &[u8]) -> PadesError {
    prepare(document.to_vec(), &request(&OFFICE.signer)).unwrap_err()
}

fn check(document: &[u8]) -> Report {
    verify(document, &OFFICE.pki.reliance()).unwrap()
}

fn file(name: &str, document: &[u8]) -> PathBuf {
    OFFICE.pki.workshop.write(&format!("{name}.pdf"), document)
}

/// All judges agree: as many signatures, all valid, the last one over the whole file.
fn assert_good(name: &str, document: &[u8], signatures: usize) {
    let path = file(name, document);
    assert_qpdf_clean(&path);
    let poppler = pdfsig(&path);
    assert_eq!(poppler.len(), signatures, "{name}");
    assert!(poppler.iter().all(|(valid, _)| *valid), "{name}: {poppler:?}");
    assert_eq!(
        poppler.iter().filter(|(_, whole)| *whole).count(),
        1,
        "{name}: {poppler:?}"
    );
    let report = check(document);
    assert!(report.valid(), "{name}: {report:#?}");
    assert_eq!(report.signatures.len(), signatures, "{name}");
    assert!(
        report.signatures.last().unwrap().coverage.unwrap().whole,
        "{name}"
    );
}

fn shapes() -> Vec<(&'static str, Draft)> {
    let draft = |change: &dyn Fn(&mut Draft)| {
        let mut draft = Draft::new();
        change(&mut draft);
        draft
    };
    const NOTE: &str = "<< /Type /Annot /Subtype /Text /Rect [9 9 20 20] /Contents (a note) >>";
    const FIELD: &str =
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (so) /V (12/2026) /Rect [300 9 350 20] /P 3 0 R >>";
    vec![
        ("plain", draft(&|_| {})),
        (
            "annots-direct",
            draft(&|draft| {
                draft.set(6, NOTE).extend(3, "/Annots [6 0 R]");
            }),
        ),
        (
            "annots-indirect",
            draft(&|draft| {
                draft.set(6, NOTE).set(7, "[6 0 R]").extend(3, "/Annots 7 0 R");
            }),
        ),
        (
            "annots-dangling",
            draft(&|draft| {
                draft.extend(3, "/Annots 77 0 R");
            }),
        ),
        (
            "form-in-catalog",
            draft(&|draft| {
                draft.set(6, FIELD).extend(3, "/Annots [6 0 R]");
                draft.extend(1, "/AcroForm << /Fields [6 0 R] /DA (/Helv 0 Tf 0 g) >>");
            }),
        ),
        (
            "form-indirect",
            draft(&|draft| {
                draft.set(6, FIELD).extend(3, "/Annots [6 0 R]");
                draft
                    .set(7, "<< /Fields [6 0 R] /SigFlags 0 >>")
                    .extend(1, "/AcroForm 7 0 R");
            }),
        ),
        (
            "fields-indirect",
            draft(&|draft| {
                draft.set(6, FIELD).extend(3, "/Annots [6 0 R]").set(8, "[6 0 R]");
                draft.set(7, "<< /Fields 8 0 R >>").extend(1, "/AcroForm 7 0 R");
            }),
        ),
        (
            "fields-are-annots",
            draft(&|draft| {
                draft.set(6, FIELD).extend(3, "/Annots 8 0 R").set(8, "[6 0 R]");
                draft.set(7, "<< /Fields 8 0 R >>").extend(1, "/AcroForm 7 0 R");
            }),
        ),
        (
            "nested-pages",
            draft(&|draft| {
                draft.set(
                    2,
                    "<< /Type /Pages /Kids [6 0 R] /Count 1 /MediaBox [0 0 612.00001 792.12345678] >>",
                );
                draft.set(
                    6,
                    "<< /Type /Pages /Parent 2 0 R /Kids [3 0 R] /Count 1 /Rotate 90 >>",
                );
                draft.set(
                    3,
                    "<< /Type /Page /Parent 6 0 R /Contents 4 0 R /Resources 5 0 R >>",
                );
            }),
        ),
    ]
}

#[test]
fn documents_of_every_shape_are_signed() {
    for (name, draft) in shapes() {
        assert_good(&format!("{name}-classic"), &sign(&draft.classic()), 1);
        assert_good(&format!("{name}-streams"), &sign(&draft.streams()), 1);
        assert_good(&format!("{name}-hybrid"), &sign(&draft.hybrid()), 1);
    }
}

#[test]
fn linearised_documents_are_signed() {
    let workshop = &OFFICE.pki.workshop;
    for (name, option) in [
        ("linear-table", "--object-streams=disable"),
        ("linear-streams", "--object-streams=generate"),
    ] {
        let (from, to) = (
            file(name, &Draft::new().classic()),
            workshop.path(&format!("{name}-out.pdf")),
        );
        let (code, text) = run(
            "qpdf",
            &[
                "--linearize",
                option,
                from.to_str().unwrap(),
                to.to_str().unwrap(),
            ],
        );
        assert_eq!(code, Some(0), "{text}");
        let signed = sign(&std::fs::read(to).unwrap());
        assert_good(name, &signed, 1);
        let coverage = check(&signed).signatures[0].coverage.unwrap();
        assert_eq!(
            (coverage.revision, coverage.revisions),
            (Some(2), Some(2)),
            "a linearised file is one revision"
        );
    }
}

#[test]
fn further_signatures_leave_the_earlier_ones_valid() {
    for (name, first) in [
        ("table", Draft::new().classic()),
        ("stream", Draft::new().streams()),
        ("hybrid", Draft::new().hybrid()),
    ] {
        let mut document = first;
        for count in 1..=3 {
            document = sign(&document);
            assert_good(&format!("{name}-{count}"), &document, count);
        }
        let report = check(&document);
        let revisions: Vec<_> = report
            .signatures
            .iter()
            .map(|one| one.coverage.unwrap().revision)
            .collect();
        assert_eq!(revisions, [Some(2), Some(3), Some(4)]);
        assert!(
            report
                .signatures
                .iter()
                .all(|one| one.coverage.unwrap().revisions == Some(4))
        );
    }
}

#[test]
fn the_report_says_who_and_when() {
    let time = datetime!(2026-11-21 14:03:05 +07:00);
    let mut request = request(&OFFICE.signer);
    request.signing_time = time.to_offset(time::UtcOffset::UTC);
    let signed = sign_as(&Draft::new().classic(), &OFFICE.signer, &request);
    assert!(String::from_utf8_lossy(&signed).contains("/M (D:20261121140305+07'00')"));

    let report = check(&signed);
    let [one] = report.signatures.as_slice() else {
        panic!("{report:?}")
    };
    assert_eq!(one.integrity, Integrity::Intact);
    let claimed = one.signing_time.unwrap();
    assert_eq!(
        (claimed.time, claimed.source),
        (time, TimeSource::SignerDictionary)
    );
    assert_eq!(
        one.signer.as_ref().unwrap().subject.common_name.as_deref(),
        Some("Nguyễn Thị Ánh")
    );

    let report = check(&sign(&Draft::new().classic()));
    assert_eq!(report.signatures[0].level, Some(Level::BB));
}

/// The CMS and the bytes it covers.
fn take_apart(document: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let text: String = document.iter().map(|byte| char::from(*byte)).collect();
    let start = text.rfind("/ByteRange [").unwrap() + "/ByteRange [".len();
    let numbers: Vec<usize> = text[start..start + 60]
        .split(']')
        .next()
        .unwrap()
        .split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect();
    let [0, before, after, rest] = numbers[..] else {
        panic!("{numbers:?}")
    };
    assert_eq!(after + rest, document.len());
    assert_eq!((document[before], document[after - 1]), (b'<', b'>'));
    let contents = hex::decode(&document[before + 1..after - 1]).unwrap();
    let length = trien_signatures::cms::element_len(&contents).unwrap();
    (
        contents[..length].to_vec(),
        [&document[..before], &document[after..]].concat(),
    )
}

#[test]
fn openssl_accepts_every_algorithm() {
    let leaves = [("rsa", "rsa:2048"), ("p256", "ec:P-256"), ("p384", "ec:P-384")];
    for (name, kind) in leaves {
        let signer = OFFICE.pki.leaf(&format!("all-{name}"), kind);
        for padding in [RsaPadding::Pkcs1, RsaPadding::Pss] {
            for hash in Hash::ALL {
                let mut request = request(&signer);
                request.algorithm =
                    SignatureAlgorithm::for_key(signer.certificate.public_key(), padding, hash).unwrap();
                let signed = sign_as(&Draft::new().streams(), &signer, &request);
                assert!(check(&signed).valid(), "{:?}", request.algorithm);
                let (cms, content) = take_apart(&signed);
                let judged = OFFICE
                    .pki
                    .workshop
                    .accepts(&cms, Some(&content), &OFFICE.pki.root);
                assert!(judged.is_ok(), "{:?}: {judged:?}", request.algorithm);
            }
        }
    }
}

#[test]
fn the_cms_has_the_attributes_of_the_baseline_and_no_signing_time() {
    let (cms, _) = take_apart(&sign(&Draft::new().classic()));
    let path = OFFICE.pki.workshop.write("attributes.der", &cms);
    let (code, text) = run(
        "openssl",
        &[
            "cms",
            "-cmsout",
            "-print",
            "-inform",
            "DER",
            "-in",
            path.to_str().unwrap(),
        ],
    );
    assert_eq!(code, Some(0));
    for attribute in ["contentType", "messageDigest", "id-smime-aa-signingCertificateV2"] {
        assert!(text.contains(attribute), "{attribute} in {text}");
    }
    assert!(!text.contains("signingTime"));
}

#[test]
fn a_signing_time_in_the_cms_is_told() {
    // The same document with a CMS that says a time of its own, as a signer who knows CMS but not PAdES makes it.
    let signed = sign(&Draft::new().classic());
    let (_, content) = take_apart(&signed);
    let signer = &OFFICE.signer;
    let cms = trien_signatures::cms::prepare(&trien_signatures::cms::Request {
        content: trien_signatures::cms::Content::Detached {
            digest: Hash::Sha256.digest(&content),
        },
        signer: &signer.certificate,
        chain: std::slice::from_ref(&OFFICE.pki.ca.certificate),
        algorithm: SignatureAlgorithm::Ecdsa(Hash::Sha256),
        signing_time: Some(now()),
    })
    .unwrap();
    let value = OFFICE
        .pki
        .workshop
        .sign(signer, cms.algorithm(), cms.to_be_signed());
    let digits = hex::encode(cms.finish(value).unwrap());
    let start = signed
        .windows(11)
        .rposition(|window| window == b"/Contents <")
        .unwrap()
        + 11;
    let mut changed = signed;
    let end = start + changed[start..].iter().position(|byte| *byte == b'>').unwrap();
    changed[start..end].fill(b'0');
    changed[start..start + digits.len()].copy_from_slice(digits.as_bytes());

    let report = check(&changed);
    assert!(report.valid());
    let [one] = report.signatures.as_slice() else {
        panic!("{report:?}")
    };
    assert!(one.warnings.contains(&Warning::SigningTimeAttributeInPades));
    assert_eq!(one.level, None, "that is no baseline signature");
}

#[test]
fn a_wrong_signature_is_not_put_in() {
    let prepared = prepare(Draft::new().classic(), &request(&OFFICE.signer)).unwrap();
    let value = OFFICE
        .pki
        .workshop
        .sign(&OFFICE.signer, prepared.algorithm(), b"something else");
    assert_eq!(prepared.finish(value), Err(FinishError::BadSignature));
}

#[test]
fn fields_get_names_that_are_free() {
    let mut request = request(&OFFICE.signer);
    let twice = sign(&sign(&Draft::new().classic()));
    let text = String::from_utf8_lossy(&twice);
    assert!(text.contains("/T (Signature1)") && text.contains("/T (Signature2)"));
    let long = "x".repeat(2000);
    for name in ["Signature1", "", "a.b", &long] {
        request.field = FieldChoice::New(Some(name));
        assert_eq!(
            prepare(twice.clone(), &request).unwrap_err(),
            PadesError::FieldName,
            "{name}"
        );
    }
    request.field = FieldChoice::New(Some("Người duyệt"));
    assert_good("named", &sign_as(&twice, &OFFICE.signer, &request), 3);
}

#[test]
fn texts_have_a_limit() {
    let long = "dài ".repeat(300);
    let mut request = request(&OFFICE.signer);
    request.reason = Some(&long);
    assert_eq!(
        prepare(Draft::new().classic(), &request).unwrap_err(),
        PadesError::TextTooLong
    );
}

// Appearance

fn appearance() -> Appearance {
    let lines = [
        "Ký bởi: NGUYỄN THỊ ÁNH",
        "Đơn vị: Ủy ban nhân dân phường Cầu Giấy",
        "Mã số thuế: 0100686209-199",
        "Ngày ký: 2026-11-21T14:03:05+07:00",
    ];
    let place = Place::on(1, [20.0, 20.0, 220.0, 80.0]);
    Appearance::plain(place, lines.map(String::from).to_vec())
}

fn sign_visibly(document: &[u8], appearance: &Appearance) -> Vec<u8> {
    let mut request = request(&OFFICE.signer);
    request.appearance = Some(appearance);
    sign_as(document, &OFFICE.signer, &request)
}

#[test]
fn a_visible_signature_gives_its_text_back() {
    let signed = sign_visibly(&Draft::with_text("").streams(), &appearance());
    assert_good("visible", &signed, 1);
    let path = file("visible", &signed);
    let (_, text) = run("pdftotext", &["-layout", path.to_str().unwrap(), "-"]);
    for line in &appearance().lines {
        assert!(text.contains(line), "{line:?} in {text:?}");
    }
    let (_, fonts) = run("pdffonts", &[path.to_str().unwrap()]);
    let font = fonts
        .lines()
        .find(|line| line.contains("+LiberationSerif"))
        .unwrap();
    assert!(
        font.contains("CID TrueType") && font.contains("Identity-H"),
        "{font}"
    );
    // Embedded, a subset, with a map to Unicode.
    assert_eq!(font.matches("yes").count(), 3, "{font}");
}

#[test]
fn all_of_vietnamese_can_be_shown() {
    let letters: Vec<char> = ('\u{1ea0}'..='\u{1ef9}')
        .chain("ăâđêôơưĂÂĐÊÔƠƯàáảãạÀÁẢÃẠ".chars())
        .collect();
    let lines: Vec<String> = letters.chunks(24).map(|line| line.iter().collect()).collect();
    let wide = Appearance {
        place: Place::on(1, [5.0, 100.0, 395.0, 290.0]),
        lines: lines.clone(),
        mark: Mark::None,
        ..appearance()
    };
    let signed = sign_visibly(&Draft::with_text("").classic(), &wide);
    let (_, text) = run(
        "pdftotext",
        &["-layout", file("letters", &signed).to_str().unwrap(), "-"],
    );
    for line in lines {
        assert!(text.contains(&line), "{line:?} in {text:?}");
    }
}

/// What is seen at the lower left corner of the page as it is shown, in grey.
fn picture(name: &str, document: &[u8], page_height: u32) -> Vec<u8> {
    let path = file(name, document);
    let out = OFFICE.pki.workshop.path(name);
    let top = (page_height - 90) * 2;
    let (code, text) = run(
        "pdftoppm",
        &[
            "-gray",
            "-r",
            "144",
            "-cropbox",
            "-x",
            "0",
            "-y",
            &top.to_string(),
            "-W",
            "480",
            "-H",
            "180",
            path.to_str().unwrap(),
            out.to_str().unwrap(),
        ],
    );
    assert_eq!(code, Some(0), "{text}");
    let picture = std::fs::read(format!("{}-1.pgm", out.display())).unwrap();
    assert!(picture.starts_with(b"P5\n480 180\n255\n"));
    picture[15..].to_vec()
}

#[test]
fn a_visible_signature_stands_upright_on_turned_and_cropped_pages() {
    let page = |rotation: u32| {
        let mut draft = Draft::with_text("");
        draft.extend(2, &format!("/Rotate {rotation} /CropBox [20 30 380 290]"));
        draft.classic()
    };
    let upright = picture("turned-0", &sign_visibly(&page(0), &appearance()), 260);
    let ink = upright.iter().filter(|grey| **grey < 128).count();
    assert!((1000..20_000).contains(&ink), "{ink} dark points");
    for (rotation, height) in [(90, 360), (180, 260), (270, 360)] {
        let signed = sign_visibly(&page(rotation), &appearance());
        assert_good(&format!("turned-{rotation}"), &signed, 1);
        let turned = picture(&format!("turned-{rotation}"), &signed, height);
        let different = upright
            .iter()
            .zip(&turned)
            .filter(|(a, b)| a.abs_diff(**b) > 96)
            .count();
        // Edges are smoothed differently; a wrong turn leaves several thousand.
        assert!(
            different < ink / 10,
            "{different} of {ink} points differ at {rotation}°"
        );
    }
}

#[test]
fn what_cannot_be_shown_is_refused() {
    let refuse = |appearance: &Appearance| {
        let mut request = request(&OFFICE.signer);
        request.appearance = Some(appearance);
        prepare(Draft::new().classic(), &request).unwrap_err()
    };
    let lines = vec!["漢字".to_owned()];
    assert_eq!(
        refuse(&Appearance {
            lines,
            ..appearance()
        }),
        AppearanceError::MissingGlyph('漢').into()
    );
    let place = Place::on(1, [300.0, 20.0, 420.0, 80.0]);
    assert_eq!(
        refuse(&Appearance {
            place,
            ..appearance()
        }),
        AppearanceError::OutsidePage.into()
    );
    let lines = vec!["Nguyễn ".repeat(200)];
    assert_eq!(
        refuse(&Appearance {
            lines,
            ..appearance()
        }),
        AppearanceError::TextTooLong.into()
    );
    let missing = PdfError::PageOutOfRange { page: 2, pages: 1 };
    assert_eq!(
        refuse(&Appearance {
            place: Place::on(2, [20.0, 20.0, 220.0, 80.0]),
            ..appearance()
        }),
        missing.into()
    );
}

// What came later

fn failure(document: &[u8]) -> (Indication, SubIndication, Reason, bool) {
    let report = check(document);
    assert!(!report.valid());
    let first = &report.signatures[0];
    let warned = first.warnings.contains(&Warning::ChangedAfterSigning);
    (
        first.indication,
        first.sub_indication.unwrap(),
        first.reason.unwrap(),
        warned,
    )
}

const CHANGED: (Indication, SubIndication, Reason, bool) = (
    Indication::Indeterminate,
    SubIndication::SigConstraintsFailure,
    Reason::ForbiddenChange,
    true,
);

#[test]
fn n130_a_later_unsigned_change_is_found() {
    let signed = sign(&Draft::new().classic());
    let content = "<< /Length 44 >>\nstream\nBT /F1 18 Tf 40 200 Td (Khac han) Tj ET      \nendstream";
    for (name, objects) in [
        ("content", vec![(4, content)]),
        (
            "catalog",
            vec![(
                1,
                "<< /Type /Catalog /Pages 2 0 R /AcroForm 9 0 R /OpenAction [3 0 R /Fit] >>",
            )],
        ),
        (
            "page",
            vec![(
                3,
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 40 30] /Contents 4 0 R >>",
            )],
        ),
        (
            "tree",
            vec![(2, "<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 2 >>")],
        ),
        (
            "font",
            vec![(
                5,
                "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >> >> >>",
            )],
        ),
    ] {
        let changed = update(&signed, &objects);
        assert_eq!(failure(&changed), CHANGED, "{name}");
        assert!(!check(&changed).signatures[0].coverage.unwrap().whole);
    }
}

#[test]
fn n130_a_change_between_two_signatures_is_found() {
    let signed = sign(&Draft::new().classic());
    let font = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >> >> >>";
    let twice = sign(&update(&signed, &[(5, font)]));
    assert_eq!(failure(&twice), CHANGED);
    let report = check(&twice);
    assert_eq!(
        report.signatures[1].indication,
        Indication::TotalPassed,
        "it signs what it was shown"
    );
}

#[test]
fn n125_content_prepared_before_signing_is_found() {
    // The page refers to an object that comes only after the signature.
    let mut draft = Draft::new();
    draft.set(
        3,
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents [4 0 R 150 0 R] /Resources 5 0 R >>",
    );
    // It is told before it is signed.
    let told = |document: &[u8]| -> Vec<_> {
        let findings = check(document).findings.into_iter();
        findings
            .map(|finding| (finding.kind, finding.count, finding.object))
            .collect()
    };
    assert_eq!(told(&draft.classic()), [(FindingKind::MissingObject, 1, Some(3))]);
    let signed = sign(&draft.classic());
    assert_eq!(told(&signed), told(&draft.classic()));
    assert!(check(&signed).valid());
    let more = "<< /Length 37 >>\nstream\nBT /F1 18 Tf 40 100 Td (them) Tj ET   \nendstream";
    assert_eq!(failure(&update(&signed, &[(150, more)])), CHANGED);
    // An object nobody refers to changes nothing that is seen.
    assert!(check(&update(&signed, &[(151, more)])).valid());
}

#[test]
fn bytes_behind_the_end_are_found() {
    let mut signed = sign(&Draft::new().classic());
    signed.extend(b"<script>more</script>");
    assert_eq!(failure(&signed), CHANGED);
    assert_eq!(refusal(&signed), PdfError::TrailingBytes(21).into());
    let twice = [sign(&Draft::new().classic()), sign(&Draft::new().classic())].concat();
    assert!(!check(&twice).valid());
}

#[test]
fn one_changed_byte_breaks_the_signature() {
    let signed = sign(&Draft::new().classic());
    let at = signed.windows(3).position(|window| window == b"Don").unwrap();
    let mut changed = signed;
    changed[at] = b'B';
    let report = check(&changed);
    assert_eq!(report.signatures[0].integrity, Integrity::Broken);
    assert_eq!(
        report.signatures[0].sub_indication,
        Some(SubIndication::HashFailure)
    );
}

#[test]
fn another_root_is_not_trusted_and_a_later_time_is_expired() {
    let signed = sign(&Draft::new().classic());
    let other = Pki::new();
    let judge = |reliance: &trien_signatures::trust::Reliance<'_>| {
        verify(&signed, reliance).unwrap().signatures[0].clone()
    };
    let untrusted = judge(&other.reliance());
    assert_eq!(untrusted.indication, Indication::Indeterminate);
    assert_eq!(untrusted.integrity, Integrity::Intact);
    let mut later = OFFICE.pki.reliance();
    later.at += Duration::days(365 * 30);
    assert_ne!(judge(&later).indication, Indication::TotalPassed);
}

#[test]
fn a_document_without_signatures_is_not_valid() {
    let report = check(&Draft::new().classic());
    assert!(report.signatures.is_empty() && !report.valid());
}

// Certified documents (DocMDP)

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

// A document that other software made

#[test]
fn a_dossier_of_an_office_suite_is_signed() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/documents/dossier.pdf"
    );
    let signed = sign_visibly(&std::fs::read(path).unwrap(), &appearance());
    assert_good("dossier", &signed, 1);
    let (_, text) = run(
        "mutool",
        &["sign", "-v", file("dossier", &signed).to_str().unwrap()],
    );
    assert!(
        text.contains("has not been modified since signing") || text.contains("unchanged since signing"),
        "{text}"
    );
}
