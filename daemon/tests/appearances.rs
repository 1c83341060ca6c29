//! The looks that come with the program and stand in a corner of the first page, at the command line: poppler draws the
//! signed page, and what it drew is where the rules want it, and as large.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Desk, PIN, fail, repository, specified, succeed};

const AGENCY: &str = "Ủy ban nhân dân phường Cầu Giấy";

/// Pixels of a millimetre, at 254 dpi.
const MM: usize = 10;

/// The width of A4.
const PAGE: usize = 210 * MM;

/// An agency and a person who sign, and the agency's seal: a red ring.
fn office() -> (Desk, PathBuf) {
    let desk = Desk::bare();
    std::fs::write(desk.pin_file(), format!("{PIN}\n")).unwrap();
    let spec = format!(
        "[[token]]\nlabel = \"agency\"\npin = \"{PIN}\"\n[[token.key]]\nlabel = \"agency\"\n\
         algorithm = \"ec:p256\"\ncertificate = {{ subject = \"C=VN,O={AGENCY},CN={AGENCY}\" }}\n\
         [[token.key]]\nlabel = \"person\"\nalgorithm = \"ec:p256\"\n\
         certificate = {{ subject = \"C=VN,CN=Nguyễn Văn An\" }}\n"
    );
    succeed(&mut specified(&desk, &spec));
    let seal = desk.path("seal.png");
    let ring = "import sys\nfrom PIL import Image, ImageDraw\n\
                picture = Image.new('RGBA', (600, 600), (0, 0, 0, 0))\n\
                ImageDraw.Draw(picture).ellipse((0, 0, 599, 599), outline=(214, 20, 30, 255), width=40)\n\
                picture.save(sys.argv[1])";
    let python = repository().join("target/judges/bin/python");
    succeed(Command::new(python).args(["-c", ring]).arg(&seal));
    (desk, seal)
}

/// The first page as poppler draws it.
struct Drawn {
    width: usize,
    /// RGB
    points: Vec<u8>,
}

impl Drawn {
    fn of(document: &Path) -> Self {
        Self::of_page(document, "1")
    }

    fn of_page(document: &Path, page: &str) -> Self {
        let out = document.with_extension("drawn");
        let words = ["-r", "254", "-f", page, "-l", page, "-singlefile"];
        succeed(Command::new("pdftoppm").args(words).args([document, &out]));
        if let Ok(folder) = std::env::var("TRIEN_SCREENSHOT_DIR") {
            let name = format!("preset-{}", document.file_stem().unwrap().to_string_lossy());
            let picture = Path::new(&folder).join(name);
            let words = ["-png", "-r", "96", "-f", "1", "-l", "1", "-singlefile"];
            succeed(Command::new("pdftoppm").args(words).args([document, &picture]));
        }
        let picture = std::fs::read(out.with_extension("drawn.ppm")).unwrap();
        let mut parts = picture.splitn(4, |byte| *byte == b'\n');
        assert_eq!(parts.next(), Some(&b"P6"[..]));
        let size = std::str::from_utf8(parts.next().unwrap()).unwrap();
        let width = size.split(' ').next().unwrap().parse().unwrap();
        parts.next();
        let points = parts.next().unwrap().to_vec();
        Self { width, points }
    }

    /// `[left, top, right, bottom]` around the pixels that are not as `before`, and as `is` wants them.
    fn change(&self, before: &Self, is: impl Fn(&[u8]) -> bool) -> Option<[usize; 4]> {
        let pairs = self.points.chunks_exact(3).zip(before.points.chunks_exact(3));
        let changed = pairs
            .enumerate()
            .filter(|(_, (now, then))| now != then && is(now));
        changed.map(|(at, _)| (at % self.width, at / self.width)).fold(
            None,
            |extent: Option<[usize; 4]>, (x, y)| {
                let [left, top, right, bottom] = extent.unwrap_or([x, y, x, y]);
                Some([left.min(x), top.min(y), right.max(x), bottom.max(y)])
            },
        )
    }
}

/// The millimetres of a number of pixels.
fn mm(pixels: usize) -> f64 {
    pixels as f64 / MM as f64
}

fn is_blue(point: &[u8]) -> bool {
    point[2] > 150 && point[0] < 120 && point[1] < 150
}

fn is_coloured(point: &[u8]) -> bool {
    point.iter().max().unwrap() - point.iter().min().unwrap() > 8
}

fn is_red(point: &[u8]) -> bool {
    point[0] > 160 && point[1] < 110 && point[2] < 110
}

fn sign(desk: &Desk, key: &str, preset: &str, words: &[&str]) -> PathBuf {
    let dossier = repository().join("testdata/documents/dossier.pdf");
    sign_file(desk, &dossier, key, preset, words)
}

fn sign_file(desk: &Desk, file: &Path, key: &str, preset: &str, words: &[&str]) -> PathBuf {
    let signed = desk.path(&format!("{preset}.pdf"));
    let mut sign = desk.trien([
        "sign",
        "--lang",
        "vi",
        "--cert",
        key,
        "--appearance",
        preset,
        "--out",
    ]);
    sign.arg(&signed).arg(file).args(desk.pin()).args(words);
    succeed(&mut sign);
    signed
}

fn text(document: &Path) -> String {
    succeed(Command::new("pdftotext").arg("-layout").arg(document).arg("-"))
}

/// `[left, top, right, bottom]` lies within a box of this size (mm) that ends 10 mm from the right edge of the page and
/// begins 5 mm from its top. What is drawn up to an edge may touch the pixel beyond it.
#[track_caller]
fn assert_at_the_upper_right([left, top, right, bottom]: [usize; 4], [width, height]: [usize; 2]) {
    let (across, down) = (
        PAGE - (10 + width) * MM - 1..=PAGE - 10 * MM,
        5 * MM - 1..=(5 + height) * MM,
    );
    assert!(
        across.contains(&left) && across.contains(&right),
        "{left} to {right}"
    );
    assert!(down.contains(&top) && down.contains(&bottom), "{top} to {bottom}");
}

#[test]
fn an_attachment_names_its_document_at_the_upper_right() {
    let (desk, _) = office();
    let original = Drawn::of(&copy_of_the_dossier(&desk));
    let signed = sign(&desk, "agency", "attachment", &["--value", "number=15/QĐ-UBND"]);
    let drawn = Drawn::of(&signed);
    assert_at_the_upper_right(drawn.change(&original, |_| true).unwrap(), [80, 12]);
    assert_eq!(drawn.change(&original, is_red), None, "no picture");
    let text = text(&signed);
    assert!(text.contains("Kèm theo văn bản số 15/QĐ-UBND"), "{text}");
    assert!(text.contains("+07:00"), "{text}");
}

#[test]
fn an_incoming_paper_bears_the_seal_of_whoever_scanned_it_at_its_real_size() {
    let (desk, seal) = office();
    let original = Drawn::of(&copy_of_the_dossier(&desk));
    let signed = sign(&desk, "agency", "incoming", &["--image", seal.to_str().unwrap()]);
    let drawn = Drawn::of(&signed);
    let whole = drawn.change(&original, |_| true).unwrap();
    assert_at_the_upper_right(whole, [90, 36]);
    let [left, top, right, bottom] = drawn.change(&original, is_red).unwrap();
    // The seals of most organisations are round, and 36 mm wide.
    for side in [right - left, bottom - top] {
        assert!(side.abs_diff(36 * MM) <= MM, "{side} tenths of a millimetre");
    }
    assert!(
        whole[2] > right + 30 * MM,
        "the words are beside the seal: {whole:?}"
    );
    let text = text(&signed);
    assert!(text.contains(AGENCY) && text.contains("+07:00"), "{text}");
}

/// The picture of a handwriting: blue, twice as wide as high, with nothing behind it.
fn handwriting(desk: &Desk) -> PathBuf {
    let picture = desk.path("handwriting.png");
    let drawn = "import sys\nfrom PIL import Image, ImageDraw\n\
                 picture = Image.new('RGBA', (1000, 500), (0, 0, 0, 0))\n\
                 ImageDraw.Draw(picture).ellipse((0, 0, 999, 499), outline=(20, 50, 220, 255), width=30)\n\
                 picture.save(sys.argv[1])";
    let python = repository().join("target/judges/bin/python");
    succeed(Command::new(python).args(["-c", drawn]).arg(&picture));
    picture
}

/// Where poppler finds a word on the first page, in whichever case: `[left, top, right, bottom]` of each place, in
/// millimetres.
fn places(document: &Path, word: &str) -> Vec<[f64; 4]> {
    let boxes = succeed(
        Command::new("pdftotext")
            .args(["-bbox", "-l", "1"])
            .arg(document)
            .arg("-"),
    );
    let word = format!(">{}<", word.to_lowercase());
    let lines = boxes.lines().filter(|line| line.to_lowercase().contains(&word));
    let place = |line: &str| {
        let number = |name: &str| {
            let text = line
                .split(&format!("{name}=\""))
                .nth(1)
                .unwrap()
                .split('"')
                .next();
            text.unwrap().parse::<f64>().unwrap() * 25.4 / 72.0
        };
        ["xMin", "yMin", "xMax", "yMax"].map(number)
    };
    lines.map(place).collect()
}

#[test]
fn a_person_signs_above_the_name_and_the_agencys_seal_covers_a_third_of_it_at_its_left() {
    signed_and_sealed(&repository().join("testdata/documents/dossier.pdf"));
}

/// The same letter, in which nothing may be transparent.
#[test]
fn what_the_agencys_seal_stands_on_is_seen_in_a_pdf_a_1_too() {
    signed_and_sealed(&repository().join("target/documents/writer_pdfa1.pdf"));
}

fn signed_and_sealed(document: &Path) {
    let (desk, seal) = office();
    let copy = desk.path("original.pdf");
    std::fs::copy(document, &copy).unwrap();
    let original = Drawn::of(&copy);
    let picture = handwriting(&desk);
    let words = [
        "--at-keyword",
        "NGUYỄN VĂN AN",
        "--image",
        picture.to_str().unwrap(),
    ];
    let signed = sign_file(&desk, document, "person", "person", &words);
    let person = Drawn::of(&signed);
    let written = person.change(&original, is_blue).unwrap();
    let whole = person.change(&original, |_| true).unwrap();
    assert!(
        whole
            .iter()
            .zip(written)
            .all(|(one, other)| one.abs_diff(other) <= 2),
        "the handwriting and nothing else: {whole:?} {written:?}"
    );
    let [left, top, right, bottom] = written.map(mm);
    assert!(
        (right - left - 50.0).abs() < 0.5 && (bottom - top - 25.0).abs() < 0.5,
        "{written:?}"
    );
    // The name stands last where it is signed.
    let [name_left, name_top, ..] = *places(&signed, "Nguyễn").last().unwrap();
    let [.., name_right, _] = *places(&signed, "An").last().unwrap();
    let middle = f64::midpoint(name_left, name_right);
    assert!(
        (f64::midpoint(left, right) - middle).abs() < 2.0,
        "{written:?} {name_left} {name_right}"
    );
    assert!((-1.0..4.0).contains(&(name_top - bottom)), "{bottom} {name_top}");

    let sealed = sign_file(
        &desk,
        &signed,
        "agency",
        "agency",
        &["--image", seal.to_str().unwrap()],
    );
    let agency = Drawn::of(&sealed);
    let stamped = agency.change(&person, is_red).unwrap().map(mm);
    let [seal_left, seal_top, seal_right, seal_bottom] = stamped;
    for side in [seal_right - seal_left, seal_bottom - seal_top] {
        assert!((side - 36.0).abs() < 0.5, "its real size: {stamped:?}");
    }
    // Its right edge stands at a third of the handwriting's width, and its middle at the same height.
    let covered = (seal_right - left) / (right - left);
    assert!((covered - 1.0 / 3.0).abs() < 0.02, "{covered}: {stamped:?}");
    assert!(seal_left < left);
    let height = f64::midpoint(seal_top, seal_bottom) - f64::midpoint(top, bottom);
    assert!(height.abs() < 0.5, "{height}: {stamped:?}");
    // What is under the seal is still there: its middle is clear.
    let now = agency.change(&original, is_blue).unwrap();
    assert!(
        now.iter()
            .zip(written)
            .all(|(one, other)| one.abs_diff(other) <= 5 * MM),
        "{now:?}"
    );
}

#[test]
fn a_copy_is_marked_in_black_at_the_upper_right() {
    let (desk, _) = office();
    let original = Drawn::of(&copy_of_the_dossier(&desk));
    let signed = sign(&desk, "agency", "copy", &["--value", "form=TRÍCH SAO"]);
    let drawn = Drawn::of(&signed);
    let extent = drawn.change(&original, |_| true).unwrap();
    assert_at_the_upper_right(extent, [80, 16]);
    assert_eq!(
        drawn.change(&original, is_coloured),
        None,
        "black, and no picture"
    );
    let text = text(&signed);
    for said in ["TRÍCH SAO", AGENCY, "+07:00"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    // Size 10: from the top of one line to the top of the next are 3 to 5 mm.
    let [_, first, ..] = places(&signed, "TRÍCH")[0];
    let [_, second, ..] = places(&signed, "Ủy")[0];
    assert!((3.0..5.0).contains(&(second - first)), "{first} {second}");
}

#[test]
fn the_registry_puts_number_and_date_at_the_upper_left() {
    let (desk, _) = office();
    let original = Drawn::of(&copy_of_the_dossier(&desk));
    let today = || {
        let today = Command::new("date")
            .arg("+Ngày %d tháng %m năm %Y")
            .env("TZ", "UTC-7")
            .output();
        String::from_utf8(today.unwrap().stdout).unwrap()
    };
    let before = today();
    let signed = sign(
        &desk,
        "agency",
        "number-and-date",
        &["--value", "number=15/QĐ-UBND"],
    );
    let days = [before, today()];
    let drawn = Drawn::of(&signed);
    let [left, top, right, bottom] = drawn.change(&original, |_| true).unwrap().map(mm);
    assert!(
        (24.9..=100.0).contains(&left) && right <= 100.0 && (31.9..=46.0).contains(&top) && bottom <= 46.0,
        "75 by 14 mm, 25 from the left and 32 from the top: {left} {top} {right} {bottom}"
    );
    assert_eq!(
        drawn.change(&original, is_coloured),
        None,
        "black, and no picture"
    );
    let text = text(&signed);
    assert!(text.contains("Số: 15/QĐ-UBND"), "{text}");
    assert!(
        days.iter().any(|today| text.contains(today.trim())),
        "{days:?}: {text}"
    );
}

#[test]
fn nobody_signs_in_the_name_of_an_agency_that_the_certificate_does_not_name() {
    let (desk, _) = office();
    let words = ["--value", "form=SAO LỤC", "--value", "organization=Bộ Công an"];
    let signed = text(&sign(&desk, "person", "copy", &words));
    assert!(
        signed.contains("SAO LỤC") && !signed.contains("Bộ Công an"),
        "{signed}"
    );
}

fn copy_of_the_dossier(desk: &Desk) -> PathBuf {
    let copy = desk.path("unsigned.pdf");
    std::fs::copy(repository().join("testdata/documents/dossier.pdf"), &copy).unwrap();
    copy
}

#[test]
fn a_preset_of_ones_own_signs_with_the_picture_beside_it() {
    let (desk, _) = office();
    let original = Drawn::of(&copy_of_the_dossier(&desk));
    let folder = desk.home().join("config/appearances");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(handwriting(&desk), folder.join("chu-ky.png")).unwrap();
    let preset = r#"
[place]
corner = "top-left"
size-mm = [60, 20]
margin-mm = [30, 10]

[look]
mark = "picture"
picture = "chu-ky.png"

[text]
vi = ["{office}", "{signer}"]
required = ["office"]
"#;
    std::fs::write(folder.join("mot-cua.toml"), preset).unwrap();
    let signed = sign(&desk, "person", "mot-cua", &["--value", "office=Bộ phận Một cửa"]);
    let drawn = Drawn::of(&signed);
    let [left, top, right, bottom] = drawn.change(&original, is_blue).unwrap().map(mm);
    assert!(
        left >= 29.9 && right <= 90.1 && top >= 9.9 && bottom <= 30.1,
        "60 by 20 mm, 30 from the left and 10 from the top: {left} {top} {right} {bottom}"
    );
    assert!(
        right - left > 15.0 && bottom - top > 8.0,
        "{left} {top} {right} {bottom}"
    );
    let text = text(&signed);
    assert!(
        text.contains("Bộ phận Một cửa") && text.contains("Nguyễn Văn An"),
        "{text}"
    );

    // A preset that wants a picture which is not there says which.
    std::fs::remove_file(folder.join("chu-ky.png")).unwrap();
    let mut sign = desk.trien(["sign", "--cert", "person", "--appearance", "mot-cua", "--out"]);
    sign.arg(desk.path("x.pdf")).arg(copy_of_the_dossier(&desk));
    let told = fail(sign.args(["--value", "office=x"]).args(desk.pin()), 2);
    assert!(told.contains("chu-ky.png"), "{told}");
}

#[test]
fn a_keyword_is_looked_for_from_the_end_on_where_the_preset_stands_on_the_last_page() {
    let (desk, _) = office();
    let dossier = repository().join("testdata/documents/dossier.pdf");
    let two = desk.path("two.pdf");
    succeed(Command::new("pdfunite").args([&dossier, &dossier, &two]));
    let pages = |document: &Path| ["1", "2"].map(|page| Drawn::of_page(document, page));
    let before = pages(&two);
    let picture = handwriting(&desk);
    let person = [
        "--at-keyword",
        "NGUYỄN VĂN AN",
        "--image",
        picture.to_str().unwrap(),
    ];
    let first = [&person[..], &["--page", "1"]].concat();
    for (preset, words, expected) in [
        ("person", &person[..], [false, true]),
        ("person", &first, [true, false]),
        ("plain", &["--at-keyword", "NGUYỄN VĂN AN"], [true, false]),
    ] {
        let after = pages(&sign_file(&desk, &two, "person", preset, words));
        let marked = |page: usize| after[page].change(&before[page], |_| true).is_some();
        assert_eq!([0, 1].map(marked), expected, "{preset} {words:?}");
    }
}
