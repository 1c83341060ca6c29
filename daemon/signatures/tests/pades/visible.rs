//! Signatures that show on a page.

use crate::drafts::{Draft, run};
use trien_signatures::pades::{Appearance, AppearanceError, Mark, Place, prepare};
use trien_signatures::pdf::PdfError;

use crate::{OFFICE, assert_good, file, request, sign_as};

pub(crate) fn appearance() -> Appearance {
    let lines = [
        "Ký bởi: NGUYỄN THỊ ÁNH",
        "Đơn vị: Ủy ban nhân dân phường Cầu Giấy",
        "Mã số thuế: 0100686209-199",
        "Ngày ký: 2026-11-21T14:03:05+07:00",
    ];
    let place = Place::on(1, [20.0, 20.0, 220.0, 80.0]);
    Appearance::plain(place, lines.map(String::from).to_vec())
}

pub(crate) fn sign_visibly(document: &[u8], appearance: &Appearance) -> Vec<u8> {
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
