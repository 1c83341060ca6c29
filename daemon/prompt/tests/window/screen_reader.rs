//! What a person hears who cannot see the window, and what a program that listens in beside him does not.

use trien_protocol::call::Language;
use trien_protocol::prompt::{DocumentWarning, Outcome, PinEntry, ToPrompt, TriesLeft, Warning};

use super::desk::{Asked, Desk};
use super::{PIN, by_a_program, question, window_pin};

#[test]
fn n094_nobody_on_the_accessibility_bus_hears_the_pin() {
    let desk = Desk::with_assistive_technology();
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    let heard = asked.changes_heard(|| asked.type_text(PIN));
    assert!(
        heard.len() >= PIN.len(),
        "a listener hears that something is typed: {heard:?}"
    );
    for change in &heard {
        assert!(!change.contains(|letter| PIN.contains(letter)), "{heard:?}");
    }
    let tree = asked.accessible();
    let field = tree.all().into_iter().find(|node| node.role == "password text");
    let field = field.expect("a field that is known to hold a secret");
    assert_eq!(field.text.as_deref(), Some("•".repeat(PIN.len()).as_str()));
    for node in tree.all() {
        for told in [&node.name, &node.description].into_iter().chain(&node.text) {
            assert!(!told.contains(PIN), "{node:?}");
        }
    }
    asked.wait_until_armed();
    asked.key_until_heard("Return");
    asked.assert_approved(0);
    assert_eq!(asked.typed(), format!("{PIN}\n"));
    asked.say(&ToPrompt::Finish(Outcome::Done));
    assert!(asked.end().success());
}

#[test]
fn a_screen_reader_says_who_asks_and_names_whatever_takes_the_keyboard() {
    let desk = Desk::with_assistive_technology();
    let question = question(window_pin(TriesLeft::Last));
    let asked = desk.ask(question.clone());
    let tree = asked.accessible();
    let window = tree.all().into_iter().find(|node| node.role == "dialog");
    assert_eq!(
        window.expect("a window that is read out when it comes").name,
        "Trang web này xin chữ ký của bạn trên 3 tài liệu – https://dichvucong.hochiminhcity.gov.vn – Triện"
    );
    let reached = tree.all().into_iter().filter(|node| node.is("FOCUSABLE"));
    // Only the keys for scrolling go to an area that scrolls.
    let reached: Vec<_> = reached.filter(|node| node.role != "scroll pane").collect();
    for node in &reached {
        assert!(!node.name.is_empty(), "{node:?}");
    }
    let has = |role: &str, name: &str| {
        let found = reached.iter().any(|node| node.role == role && node.name == name);
        assert!(found, "no {role} {name:?} among {reached:#?}");
    };
    has("list item", "Đơn đề nghị cấp đổi giấy chứng nhận.pdf");
    has("password text", "Mã PIN của thiết bị Chữ ký số của An");
    has("check box", "Tôi biết đây là lần thử cuối cùng");
    has("push button", "Từ chối");
    has("push button", "Ký");
    // What each document is, how large, and the two first and the last group of its digest.
    let labels = tree.all().into_iter().filter(|node| node.role == "label");
    let labels: Vec<_> = labels.map(|node| node.name.as_str()).collect();
    for (document, size) in question.documents.iter().zip(["482,1 KB", "1,9 MB", "96,5 KB"]) {
        let digest = &document.digest;
        let short = format!("SHA-256  {} {} … {}", &digest[..8], &digest[8..16], &digest[56..]);
        for told in [format!("PDF · {size}"), short] {
            assert!(labels.contains(&told.as_str()), "{told:?} among {labels:#?}");
        }
    }
}

/// Where the PIN is typed on the reader, the person hears so before and after he agrees, and nothing here takes a PIN.
#[test]
fn n088_a_person_is_told_to_type_on_the_reader_and_finds_no_field_for_it() {
    let desk = Desk::with_assistive_technology();
    for (language, approve, told) in [
        (
            Language::Vi,
            "alt+k",
            [
                "Nhập mã PIN trên bàn phím của đầu đọc thẻ sau khi bạn đồng ý.",
                "Hãy nhập mã PIN trên đầu đọc thẻ…",
            ],
        ),
        (
            Language::En,
            "alt+s",
            [
                "Type the PIN on the keypad of the card reader after you have agreed.",
                "Type the PIN on the card reader…",
            ],
        ),
    ] {
        let mut at_the_reader = question(PinEntry::Reader);
        at_the_reader.language = language;
        let mut asked = desk.ask(at_the_reader);
        let [before, after] = told;
        hears_and_finds_no_field(&asked, before);
        asked.wait_until_armed();
        asked.key_until_heard(approve);
        asked.assert_approved(0);
        hears_and_finds_no_field(&asked, after);
        asked.say(&ToPrompt::Finish(Outcome::Done));
        assert!(asked.end().success());
        assert_eq!(asked.typed(), "");
    }
}

/// What is out of sight is not in the tree.
#[track_caller]
fn hears_and_finds_no_field(asked: &Asked<'_>, words: &str) {
    let tree = asked.accessible();
    assert!(
        tree.all().iter().any(|node| node.name == words),
        "{words:?} in {tree:#?}"
    );
    let takes_text = |role: &str| ["password text", "text", "entry"].contains(&role);
    assert!(!tree.all().iter().any(|node| takes_text(&node.role)), "{tree:#?}");
}

#[test]
fn a_request_that_no_browser_sent_is_told_with_the_programs_name() {
    let desk = Desk::with_assistive_technology();
    let asked = desk.ask(by_a_program());
    let tree = asked.accessible();
    let labels = tree.all().into_iter().filter(|node| node.role == "label");
    let told: Vec<_> = labels.map(|node| node.name.as_str()).collect();
    assert!(
        told.contains(
            &"Yêu cầu đến từ một chương trình trên máy này, không phải từ một trình duyệt mà Triện biết: \
              /home/an/.cache/\u{FFFD}emorhc <b>Yêu cầu</b>. Chỉ tiếp tục nếu chính bạn đã chạy chương trình đó."
        ),
        "{told:#?}"
    );
    assert!(
        told.contains(&"https://dichvucong.hochiminhcity.gov.vn"),
        "{told:#?}"
    );
}

#[test]
fn how_soon_a_certificate_ends_and_how_old_its_status_is_are_told_in_days() {
    let desk = Desk::with_assistive_technology();
    for (language, days, told) in [
        (
            Language::Vi,
            12,
            ["Chứng thư còn 12 ngày là hết hạn.", "(12 ngày trước)"],
        ),
        (
            Language::En,
            12,
            ["The certificate expires in 12 days.", "(12 days ago)"],
        ),
        (
            Language::En,
            1,
            ["The certificate expires tomorrow.", "(yesterday)"],
        ),
        (Language::Vi, 0, ["Chứng thư hết hạn trong hôm nay.", "(hôm nay)"]),
    ] {
        let mut soon = question(window_pin(TriesLeft::Unknown));
        soon.language = language;
        let certificate = &mut soon.certificates[0];
        certificate.warnings = vec![Warning::ExpiresSoon];
        certificate.days_left = Some(days);
        certificate.status_as_of = Some("2026-11-25".into());
        certificate.status_days = Some(days);
        let asked = desk.ask(soon);
        let tree = asked.accessible();
        let [warning, status] = told.map(|words| {
            let mut nodes = tree.all().into_iter();
            nodes.find(|node| node.role == "label" && node.name.ends_with(words))
        });
        assert!(warning.is_some() && status.is_some(), "{told:?} in {tree:#?}");
        assert!(status.unwrap().name.contains("25"), "{status:?}");
    }
}

#[test]
fn n125_a_document_whose_earlier_signatures_do_not_hold_is_warned_of_at_its_line() {
    let desk = Desk::with_assistive_technology();
    for (language, told) in [
        (
            Language::Vi,
            [
                "Một chữ ký có trước trong tài liệu này đã hỏng.",
                "Hãy xem các tài liệu có cảnh báo: 1 trên 3.",
            ],
        ),
        (
            Language::En,
            [
                "An earlier signature in this document is broken.",
                "Look at the documents with a warning: 1 of 3.",
            ],
        ),
    ] {
        let mut altered = question(window_pin(TriesLeft::Unknown));
        altered.language = language;
        altered.documents[1].warnings = vec![
            DocumentWarning::SignatureBroken,
            DocumentWarning::ChangedAfterSigning,
        ];
        let asked = desk.ask(altered);
        let tree = asked.accessible();
        let labels: Vec<_> = tree
            .all()
            .into_iter()
            .filter(|node| node.role == "label")
            .collect();
        let [at_it, in_all] = told;
        // Two lines at the one document.
        let warned = labels.iter().filter(|node| node.name.starts_with(at_it));
        let lines: Vec<_> = warned.map(|node| node.name.lines().count()).collect();
        assert_eq!(lines, [2], "{tree:#?}");
        assert!(labels.iter().any(|node| node.name == in_all), "{tree:#?}");
    }
}
