//! Visible signatures by presets' means: pictures, seals over signatures, QR codes, places found by text, fields that
//! wait; certification and locks. Judged by poppler and qpdf; pictures of the pages lie in the workshop's folder.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod drafts;
mod judge;
mod openssl;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use drafts::{Draft, assert_qpdf_clean, pdfsig, run};
use openssl::{Identity, Pki};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::pades::{
    Align, Allowed, Appearance, AppearanceError, Corner, FieldChoice, FieldLock, Mark, PadesError,
    PadesRequest, PageChoice, Picture, Place, Side, TextStyle, prepare, verify,
};
use trien_signatures::pdf::{Document, Limits, PageText, PdfError};
use trien_signatures::signing::Prepared;

static OFFICE: LazyLock<(Pki, Identity)> = LazyLock::new(|| {
    let pki = Pki::new();
    let signer = pki.leaf("looks-signer", "ec:P-256");
    (pki, signer)
});

/// Points of a millimetre.
const MM: f64 = 72.0 / 25.4;

fn try_to_sign(document: &[u8], change: impl FnOnce(&mut PadesRequest<'_>)) -> Result<Vec<u8>, PadesError> {
    let (pki, signer) = &*OFFICE;
    let algorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);
    let mut request = PadesRequest {
        chain: std::slice::from_ref(&pki.ca.certificate),
        ..PadesRequest::new(&signer.certificate, algorithm, OffsetDateTime::now_utc())
    };
    change(&mut request);
    let prepared = prepare(document.to_vec(), &request)?;
    let value = pki
        .workshop
        .sign(signer, prepared.algorithm(), prepared.to_be_signed());
    let signed = prepared.finish(value).unwrap();
    assert!(signed.starts_with(document));
    Ok(signed)
}

fn sign(document: &[u8], change: impl FnOnce(&mut PadesRequest<'_>)) -> Vec<u8> {
    try_to_sign(document, change).unwrap()
}

fn show(document: &[u8], appearance: &Appearance) -> Result<Vec<u8>, PadesError> {
    let appearance = appearance.clone();
    try_to_sign(document, |request| {
        // The request outlives this closure, not this function.
        request.appearance = Some(Box::leak(Box::new(appearance)));
    })
}

fn file(name: &str, document: &[u8]) -> PathBuf {
    OFFICE.0.workshop.write(&format!("{name}.pdf"), document)
}

fn assert_good(name: &str, document: &[u8], signatures: usize) {
    let path = file(name, document);
    assert_qpdf_clean(&path);
    let poppler = pdfsig(&path);
    // Fields that wait are listed too.
    let valid = poppler.iter().filter(|(valid, _)| *valid).count();
    assert_eq!(valid, signatures, "{name}: {poppler:?}");
    let report = verify(document, &OFFICE.0.reliance()).unwrap();
    assert!(report.valid(), "{name}: {report:#?}");
}

/// What ZXing reads in the QR codes of a page, as poppler draws it at 150 dpi.
fn codes(name: &str, path: &Path, page: u32) -> Vec<String> {
    let page = page.to_string();
    let out = OFFICE.0.workshop.path(&format!("{name}-codes"));
    let (path, drawn) = (path.to_str().unwrap(), out.to_str().unwrap());
    let (code, text) = run(
        "pdftoppm",
        &[
            "-png",
            "-r",
            "150",
            "-f",
            &page,
            "-l",
            &page,
            "-singlefile",
            path,
            drawn,
        ],
    );
    assert_eq!(code, Some(0), "{text}");
    let said = judge::python(&[&judge::script("codes.py"), &format!("{drawn}.png")]).unwrap();
    said.lines().map(str::to_owned).collect()
}

/// The first page in colour at 72 dpi: width, height, RGB.
fn render(name: &str, document: &[u8], page: u32) -> (usize, usize, Vec<u8>) {
    let out = OFFICE.0.workshop.path(name);
    let page = page.to_string();
    let path = file(name, document);
    let (code, text) = run(
        "pdftoppm",
        &[
            "-r",
            "72",
            "-f",
            &page,
            "-l",
            &page,
            "-singlefile",
            path.to_str().unwrap(),
            out.to_str().unwrap(),
        ],
    );
    assert_eq!(code, Some(0), "{text}");
    if let Ok(folder) = std::env::var("TRIEN_SCREENSHOT_DIR") {
        let target = format!("{folder}/looks-{name}");
        run(
            "pdftoppm",
            &[
                "-png",
                "-r",
                "96",
                "-f",
                &page,
                "-l",
                &page,
                "-singlefile",
                path.to_str().unwrap(),
                &target,
            ],
        );
        std::fs::copy(&path, format!("{target}.pdf")).unwrap();
    }
    let picture = std::fs::read(format!("{}.ppm", out.display())).unwrap();
    let mut parts = picture.splitn(4, |byte| *byte == b'\n');
    assert_eq!(parts.next(), Some(&b"P6"[..]));
    let size = String::from_utf8(parts.next().unwrap().to_vec()).unwrap();
    let (width, height) = size.split_once(' ').unwrap();
    parts.next();
    (
        width.parse().unwrap(),
        height.parse().unwrap(),
        parts.next().unwrap().to_vec(),
    )
}

/// `[left, top, right, bottom]` around the points of a colour, in pixels.
fn extent((width, _, points): &(usize, usize, Vec<u8>), is: impl Fn([u8; 3]) -> bool) -> Option<[usize; 4]> {
    let found = points
        .chunks_exact(3)
        .enumerate()
        .filter(|(_, point)| is([point[0], point[1], point[2]]))
        .map(|(at, _)| (at % width, at / width));
    found.fold(None, |extent: Option<[usize; 4]>, (x, y)| {
        let [a, b, c, d] = extent.unwrap_or([x, y, x, y]);
        Some([a.min(x), b.min(y), c.max(x), d.max(y)])
    })
}

fn is_red([red, green, blue]: [u8; 3]) -> bool {
    red > 160 && green < 110 && blue < 110
}

fn is_blue([red, green, blue]: [u8; 3]) -> bool {
    blue > 140 && red < 110 && green < 120
}

/// A picture with transparency where `paint` gives nothing.
fn png(width: u32, height: u32, paint: impl Fn(f64, f64) -> Option<[u8; 3]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut points = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let point = paint(
                (f64::from(x) + 0.5) / f64::from(width),
                (f64::from(y) + 0.5) / f64::from(height),
            );
            points.extend(point.map_or([0; 4], |[red, green, blue]| [red, green, blue, 255]));
        }
    }
    encoder.write_header().unwrap().write_image_data(&points).unwrap();
    bytes
}

/// A red ring with a star-like middle, square.
fn seal() -> Picture {
    let bytes = png(300, 300, |x, y| {
        let from_middle = (x - 0.5).hypot(y - 0.5);
        let ring =
            (0.42..0.5).contains(&from_middle) || (0.30..0.32).contains(&from_middle) || from_middle < 0.1;
        ring.then_some([214, 20, 30])
    });
    Picture::from_png(&bytes).unwrap()
}

/// A blue wave, twice as wide as high.
fn handwriting() -> Picture {
    let bytes = png(400, 200, |x, y| {
        let wave = 0.5 + 0.42 * (x * 14.0).sin() * (1.0 - x * 0.4);
        ((wave - y).abs() < 0.09).then_some([20, 40, 190])
    });
    Picture::from_png(&bytes).unwrap()
}

fn dossier() -> Vec<u8> {
    std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/documents/dossier.pdf"
    ))
    .unwrap()
}

fn bare(place: Place) -> Appearance {
    Appearance {
        frame: false,
        mark: Mark::None,
        ..Appearance::plain(place, Vec::new())
    }
}

#[test]
fn a_person_signs_above_the_name_and_the_agency_seals_a_third_of_it() {
    let person = Appearance {
        mark: Mark::Picture(handwriting()),
        ..bare(Place::Rectangle {
            page: PageChoice::Last,
            rectangle: [360.0, 200.0, 360.0 + 50.0 * MM, 200.0 + 25.0 * MM],
        })
    };
    let signed = show(&dossier(), &person).unwrap();
    let agency = Appearance {
        mark: Mark::Picture(seal()),
        ..bare(Place::OverSignature {
            field: None,
            share: 1.0 / 3.0,
            size: [36.0 * MM, 36.0 * MM],
        })
    };
    let sealed = show(&signed, &agency).unwrap();
    assert_good("sealed", &sealed, 2);
    let pages = Document::open(&sealed, Limits::default())
        .unwrap()
        .pages()
        .unwrap()
        .count();
    let picture = render("sealed", &sealed, u32::try_from(pages).unwrap());
    let [left, top, right, bottom] = extent(&picture, is_red).expect("the seal is seen");
    // 36 mm are 102 points.
    assert!(
        (100..=104).contains(&(right - left)) && (100..=104).contains(&(bottom - top)),
        "{left} {right}"
    );
    let covered = right.abs_diff(360 + 47);
    assert!(covered <= 2, "the seal ends at {right}");
    let [_, blue_top, _, blue_bottom] = extent(&picture, is_blue).expect("the signature is seen");
    assert!(
        (top + bottom).abs_diff(blue_top + blue_bottom) < 30,
        "the seal is as high as the signature"
    );
    // The signature shines through where the seal is transparent.
    let behind = extent(&picture, is_blue).unwrap();
    assert!(behind[0] < right, "{behind:?}");
}

#[test]
fn a_copy_is_marked_at_the_upper_right_with_a_code_to_look_it_up() {
    let lines = [
        "SAO Y",
        "Ủy ban nhân dân phường Cầu Giấy",
        "2026-11-28T14:03:05+07:00",
    ];
    let copy = Appearance {
        lines: lines.map(String::from).to_vec(),
        style: TextStyle {
            align: Align::Centre,
            ..TextStyle::default()
        },
        code: Some("https://tracuu.example.vn/van-ban/15-QD-UBND?ma=9f31c2".to_owned()),
        ..bare(Place::Corner {
            page: PageChoice::Number(1),
            corner: Corner::TopRight,
            size: [100.0 * MM, 25.0 * MM],
            margin: [10.0 * MM, 5.0 * MM],
        })
    };
    let signed = show(&dossier(), &copy).unwrap();
    assert_good("copy", &signed, 1);
    let path = file("copy", &signed);
    let (_, text) = run("pdftotext", &["-layout", path.to_str().unwrap(), "-"]);
    assert!(lines.iter().all(|line| text.contains(line)), "{text}");
    render("copy", &signed, 1);
    assert_eq!(codes("copy", &path, 1), [copy.code.unwrap()]);
}

#[test]
fn a_place_is_found_by_the_text_of_the_page() {
    let document = dossier();
    let read = Document::open(&document, Limits::default()).unwrap();
    let page = read.page(1).unwrap();
    let text = PageText::of(&read, &page).unwrap();
    let (_, poppler) = run(
        "pdftotext",
        &["-l", "1", file("dossier", &document).to_str().unwrap(), "-"],
    );
    let words = |text: &str| {
        text.split_whitespace()
            .collect::<Vec<_>>()
            .join("")
            .to_lowercase()
    };
    assert_eq!(words(&text.text()), words(&poppler));

    let word = poppler
        .lines()
        .rfind(|line| line.chars().count() > 8)
        .unwrap()
        .trim()
        .to_owned();
    let found = text.find(&word.to_uppercase());
    assert!(!found.is_empty(), "{word:?}");
    let keyword = |text: &str, side| {
        let size = [50.0 * MM, 20.0 * MM];
        Appearance::plain(
            Place::Keyword {
                text: text.to_owned(),
                page: None,
                backwards: false,
                side,
                size,
            },
            vec!["Ký bởi: Nguyễn Văn An".to_owned()],
        )
    };
    let signed = show(&document, &keyword(&word, Side::Below)).unwrap();
    assert_good("keyword", &signed, 1);
    render("keyword", &signed, 1);
    let refused = show(&document, &keyword("không có chữ này", Side::Below)).unwrap_err();
    assert_eq!(refused, AppearanceError::NoKeyword.into());
}

#[test]
fn other_writers_text_is_found_too() {
    let (pki, _) = &*OFFICE;
    let text = "/F1 12 Tf 1 0 0 1 100 200 Tm [(Ng) -20 (\\361i n\\375p)] TJ";
    let mut draft = Draft::with_text(text);
    let font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding << /Type /Encoding /BaseEncoding \
                /WinAnsiEncoding /Differences [241 /uni01B0 /ohorngrave] >> >>";
    draft.set(5, &format!("<< /Font << /F1 {font} >> >>"));
    let bytes = draft.classic();
    let read = Document::open(&bytes, Limits::default()).unwrap();
    let text = PageText::of(&read, &read.page(1).unwrap()).unwrap();
    assert!(
        text.text().contains("Ngưi ný"),
        "{:?} {}",
        text.text(),
        pki.ca.certificate.subject().rfc4514
    );
}

/// 7.4.4: codes of nine bits, with a clear code before the table could grow beyond them.
fn lzw(text: &[u8]) -> Vec<u8> {
    let codes = text
        .chunks(200)
        .flat_map(|chunk| std::iter::once(256).chain(chunk.iter().map(|byte| u16::from(*byte))))
        .chain([257]);
    let bits: Vec<bool> = codes
        .flat_map(|code| (0..9).rev().map(move |bit| code >> bit & 1 == 1))
        .collect();
    let byte = |bits: &[bool]| (0..8).fold(0, |byte, at| byte << 1 | u8::from(bits.get(at) == Some(&true)));
    bits.chunks(8).map(byte).collect()
}

#[test]
fn a_keyword_is_found_in_a_page_that_is_compressed_by_lzw() {
    let filler = "% nothing to see here\n".repeat(30);
    let text = format!("{filler}BT /F1 12 Tf 1 0 0 1 100 200 Tm (Ky ten, dong dau) Tj ET");
    let mut draft = Draft::with_text("");
    let packed = hex::encode(lzw(text.as_bytes()));
    draft.set(
        4,
        &format!(
            "<< /Length {} /Filter [/ASCIIHexDecode /LZWDecode] >>\nstream\n{packed}\nendstream",
            packed.len()
        ),
    );
    let font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>";
    draft.set(5, &format!("<< /Font << /F1 {font} >> >>"));
    let bytes = draft.classic();
    let (_, poppler) = run("pdftotext", &[file("lzw", &bytes).to_str().unwrap(), "-"]);
    assert!(poppler.contains("Ky ten, dong dau"), "{poppler}");
    let place = Place::Keyword {
        text: "dong dau".to_owned(),
        page: None,
        backwards: false,
        side: Side::Below,
        size: [50.0 * MM, 20.0 * MM],
    };
    let signed = show(&bytes, &Appearance::plain(place, vec!["Đã ký".to_owned()])).unwrap();
    assert_good("lzw-signed", &signed, 1);
    let read = Document::open(&bytes, Limits::default()).unwrap();
    let found = PageText::of(&read, &read.page(1).unwrap())
        .unwrap()
        .find("dong dau");
    let [[left, bottom, ..]] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert!(
        (130.0..160.0).contains(left) && (190.0..205.0).contains(bottom),
        "{found:?}"
    );
}

#[test]
fn an_archive_file_stays_one() {
    let intent = "<< /Type /OutputIntent /S /GTS_PDFA1 /OutputConditionIdentifier (sRGB) >>";
    let archive = |part: u8, has_intent: bool| {
        let mut draft = Draft::with_text("");
        let metadata = format!("<x pdfaid:part=\"{part}\" pdfaid:conformance=\"B\"/>");
        let intents = if has_intent {
            format!("/OutputIntents [{intent}]")
        } else {
            String::new()
        };
        draft.extend(1, &format!("/Metadata 7 0 R {intents}"));
        let stream = format!(
            "<< /Type /Metadata /Subtype /XML /Length {} >>\nstream\n{metadata}\nendstream",
            metadata.len()
        );
        draft.set(7, &stream);
        draft.classic()
    };
    let look = Appearance {
        mark: Mark::Picture(seal()),
        ..Appearance::plain(Place::on(1, [20.0, 20.0, 220.0, 100.0]), vec!["Đã ký".to_owned()])
    };
    for (part, has_intent, transparent) in [(1, true, false), (2, true, true), (3, false, false)] {
        let document = archive(part, has_intent);
        let signed = show(&document, &look).unwrap();
        assert_good(&format!("archive-{part}"), &signed, 1);
        let added = String::from_utf8_lossy(&signed[document.len()..]).into_owned();
        assert_eq!(added.contains("/SMask"), transparent, "PDF/A-{part}");
        assert!(added.contains("/DefaultRGB [/CalRGB") && added.contains("/DefaultGray [/CalGray"));
        assert!(!added.contains("\n7 0 obj"), "the metadata is left alone");
    }
    let plain = show(&Draft::with_text("").classic(), &look).unwrap();
    assert!(!String::from_utf8_lossy(&plain).contains("/DefaultRGB"));
}

// Fields, certification, locks

/// A document with a waiting field of its author's.
fn waiting(more: &str) -> Vec<u8> {
    waiting_with("", more)
}

/// The same with another field in the form, which is to be filled in.
fn waiting_with(other: &str, more: &str) -> Vec<u8> {
    let mut draft = Draft::with_text("");
    draft.extend(1, &format!("/AcroForm << /Fields [7 0 R {other}] >>"));
    draft.set(8, "<< /FT /Tx /T (Khac) /Kids [9 0 R] >>");
    draft.set(9, "<< /Parent 8 0 R /FT /Tx /T (Ten) >>");
    draft.extend(3, "/Annots [7 0 R]");
    draft.set(
        7,
        &format!("<< /Type /Annot /Subtype /Widget /FT /Sig /T (ChoKy) /F 4 /Rect [50 50 250 110] /P 3 0 R {more} >>"),
    );
    draft.classic()
}

fn in_field<'a>(name: &'a str, look: &'a Appearance) -> impl FnOnce(&mut PadesRequest<'_>) {
    let (name, look): (&'static str, &'static Appearance) = (
        Box::leak(name.to_owned().into_boxed_str()),
        Box::leak(Box::new(look.clone())),
    );
    move |request| {
        request.field = FieldChoice::Existing(name);
        request.appearance = Some(look);
    }
}

#[test]
fn a_waiting_field_is_signed_in_its_place() {
    let look = Appearance::plain(Place::Field, vec!["Ký bởi: Nguyễn Văn An".to_owned()]);
    let signed = sign(&waiting(""), in_field("ChoKy", &look));
    assert_good("waiting", &signed, 1);
    let picture = render("waiting", &signed, 1);
    let [left, _, right, _] = extent(&picture, is_red).expect("the frame is seen");
    assert!(
        (49..=52).contains(&left) && (247..=251).contains(&right),
        "{left} {right}"
    );

    let again = try_to_sign(&signed, in_field("ChoKy", &look)).unwrap_err();
    assert_eq!(again, PadesError::FieldSigned);
    let none = try_to_sign(&waiting(""), in_field("Khac", &look)).unwrap_err();
    assert_eq!(none, PadesError::NoSuchField);
    let elsewhere = Appearance::plain(Place::on(1, [0.0, 0.0, 99.0, 50.0]), Vec::new());
    let elsewhere = try_to_sign(&waiting(""), in_field("ChoKy", &elsewhere)).unwrap_err();
    assert_eq!(elsewhere, PadesError::FieldPlace);
}

/// Fields that the author of a form laid out, the later signer's first.
#[test]
fn a_seal_covers_who_signed_last_wherever_his_field_stands_in_the_form() {
    let mut draft = Draft::with_text("");
    draft.extend(1, "/AcroForm << /Fields [7 0 R 8 0 R] >>");
    draft.extend(3, "/Annots [7 0 R 8 0 R]");
    for (number, name, rectangle) in [
        (7, "LanhDao", "[250 50 390 120]"),
        (8, "NguoiKy", "[50 180 190 250]"),
    ] {
        let field = format!(
            "<< /Type /Annot /Subtype /Widget /FT /Sig /T ({name}) /F 4 /Rect {rectangle} /P 3 0 R >>"
        );
        draft.set(number, &field);
    }
    let look = Appearance {
        mark: Mark::Picture(handwriting()),
        ..bare(Place::Field)
    };
    let drafter = sign(&draft.classic(), in_field("NguoiKy", &look));
    let leader = sign(&drafter, in_field("LanhDao", &look));
    let over = |field: Option<&str>| Appearance {
        mark: Mark::Picture(seal()),
        ..bare(Place::OverSignature {
            field: field.map(str::to_owned),
            share: 1.0 / 3.0,
            size: [60.0, 60.0],
        })
    };
    for (name, document, signatures, over, ends) in [
        ("one", &drafter, 2, over(None), 50 + 47),
        ("both", &leader, 3, over(None), 250 + 47),
        ("named", &leader, 3, over(Some("NguoiKy")), 50 + 47),
    ] {
        let sealed = show(document, &over).unwrap();
        assert_good(&format!("form-{name}"), &sealed, signatures);
        let picture = render(&format!("form-{name}"), &sealed, 1);
        let [_, _, right, _] = extent(&picture, is_red).expect("the seal is seen");
        assert!(right.abs_diff(ends) <= 2, "{name}: the seal ends at {right}");
    }
}

#[test]
fn what_the_author_of_a_field_asks_for_is_respected() {
    let look = Appearance::plain(Place::Field, Vec::new());
    for (seed, refused) in [
        ("/Ff 2 /SubFilter [/adbe.pkcs7.detached]", Some("SubFilter")),
        (
            "/Ff 2 /SubFilter [/adbe.pkcs7.detached /ETSI.CAdES.detached]",
            None,
        ),
        ("/SubFilter [/adbe.pkcs7.detached]", None),
        ("/Ff 64 /DigestMethod [(SHA512)]", Some("DigestMethod")),
        ("/Ff 64 /DigestMethod [(SHA256) (SHA512)]", None),
        ("/Ff 8 /Reasons [(Duyet)]", Some("Reasons")),
        ("/Ff 32 /AddRevInfo true", Some("AddRevInfo")),
        ("/Cert << /Ff 1 /Subject [(x)] >>", Some("Cert")),
        ("/MDP << /P 2 >>", Some("MDP")),
        ("/MDP << /P 0 >>", None),
    ] {
        let document = waiting(&format!("/SV << /Type /SV {seed} >>"));
        let result = try_to_sign(&document, in_field("ChoKy", &look)).map(drop);
        assert_eq!(
            result,
            refused.map_or(Ok(()), |what| Err(PadesError::SeedValue(what))),
            "{seed}"
        );
    }
}

#[test]
fn a_certified_document_takes_what_its_author_allows() {
    let certify = |allowed| move |request: &mut PadesRequest<'_>| request.certify = Some(allowed);
    for (allowed, more) in [
        (Allowed::Nothing, false),
        (Allowed::Signing, true),
        (Allowed::Comments, true),
    ] {
        let certified = sign(&waiting(""), certify(allowed));
        assert_good("certified", &certified, 1);
        let look = Appearance::plain(Place::Field, vec!["Đồng ý".to_owned()]);
        let second = try_to_sign(&certified, in_field("ChoKy", &look));
        match second {
            // Filling in a field that was there is permitted, also where it is seen.
            Ok(second) if more => assert_good("certified-and-signed", &second, 2),
            Err(error) if !more => assert_eq!(error, PdfError::Locked.into()),
            other => panic!("{allowed:?}: {:?}", other.map(drop)),
        }
        let again = try_to_sign(&certified, certify(Allowed::Signing)).unwrap_err();
        assert!(
            matches!(again, PadesError::NotFirst | PadesError::Pdf(PdfError::Locked)),
            "{again}"
        );
    }
    let signed = sign(&waiting(""), |_| ());
    assert_eq!(
        try_to_sign(&signed, certify(Allowed::Signing)).unwrap_err(),
        PadesError::NotFirst
    );
}

#[test]
fn locked_fields_are_not_signed() {
    let look = Appearance::plain(Place::Field, Vec::new());
    for (lock, refused) in [
        (FieldLock::All, true),
        (FieldLock::Include(vec!["ChoKy".to_owned()]), true),
        (FieldLock::Include(vec!["Khac".to_owned()]), false),
        (FieldLock::Exclude(vec!["ChoKy".to_owned()]), false),
    ] {
        let locked: &'static FieldLock = Box::leak(Box::new(lock.clone()));
        let signed = sign(&waiting_with("8 0 R", ""), |request| request.lock = Some(locked));
        assert_good("locking", &signed, 1);
        let second = try_to_sign(&signed, in_field("ChoKy", &look)).map(drop);
        assert_eq!(
            second,
            if refused {
                Err(PdfError::FieldLocked.into())
            } else {
                Ok(())
            },
            "{lock:?}"
        );
    }
    // One below another is named with it; one that is not there was meant to be another.
    for (name, is_there) in [("Khac.Ten", true), ("Ten", false), ("Choky", false)] {
        let lock: &'static FieldLock = Box::leak(Box::new(FieldLock::Include(vec![name.to_owned()])));
        let signed = try_to_sign(&waiting_with("8 0 R", ""), |request| request.lock = Some(lock));
        let refused = PadesError::NoFieldToLock(name.to_owned());
        assert_eq!(signed.err(), (!is_there).then_some(refused), "{name}");
    }
    // A field's own lock becomes the signature's.
    let own = sign(
        &waiting("/Lock << /Type /SigFieldLock /Action /All >>"),
        in_field("ChoKy", &look),
    );
    assert_good("own-lock", &own, 1);
    assert!(String::from_utf8_lossy(&own).contains("/TransformMethod /FieldMDP"));
    assert_eq!(
        try_to_sign(&own, |_| ()).map(drop),
        Err(PdfError::FieldLocked.into())
    );
}
