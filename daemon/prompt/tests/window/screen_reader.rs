//! What a person hears who cannot see the window, and what a program that listens in beside him does not.

use trien_protocol::call::Language;
use trien_protocol::prompt::{DocumentWarning, Outcome, PinEntry, Question, ToPrompt, TriesLeft, Warning};

use super::desk::{self, Asked, Desk};
use super::pictures::digests;
use super::{PIN, by_a_program, certificate, document, question, window_pin};

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
        let mut at_the_reader = question(PinEntry::Reader {
            tries: TriesLeft::Unknown,
        });
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

/// What would be read in another order, on another line, or not at all: controls (Unicode, `Cc`), and those of direction
/// and without a width.
fn acts(character: char) -> bool {
    character.is_control() && character != '\n'
        || matches!(character, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

#[test]
fn n092_what_a_certificate_says_of_itself_is_shown_as_its_word_and_acts_on_nothing() {
    let desk = Desk::with_assistive_technology();
    let mut hostile = question(window_pin(TriesLeft::Unknown));
    let mut second = certificate(window_pin(TriesLeft::Unknown));
    second.name = "Vietnam Government\u{200B}\0".into();
    hostile.certificates.push(second);
    let named = &mut hostile.certificates[0];
    named.name = format!(
        "\u{202E}NA NĂV\0\u{7} <b>&amp;</b>\nKý với: {}",
        "A".repeat(10_240)
    );
    named.organization = Some("Vietnam Government".into());
    named.identity = vec!["\u{2066}CCCD\u{2069} 1\r\nMST: 2".into(); 9];
    named.issuer = format!(
        "Cục Chứng thực\u{2028}<span size=\"99\">{}</span>",
        "B ".repeat(5_120)
    );
    named.token = "\u{61C}thẻ\u{1B}[31m\t\u{FEFF}".into();
    named.serial = "54\u{202E}01".into();
    let mut asked = desk.ask(hostile);
    assert!(asked.height() <= desk::SCREEN_HEIGHT);
    let tree = asked.accessible();
    let told = |node: &desk::Accessible| {
        [&node.name, &node.description]
            .into_iter()
            .chain(&node.text)
            .cloned()
            .collect::<Vec<_>>()
    };
    let texts: Vec<String> = tree.all().into_iter().flat_map(told).collect();
    for text in &texts {
        assert!(!text.contains(acts), "{text:?}");
        // Nor does one of them push another out of sight, or begin a line that looks like one of the window's.
        assert!(text.chars().count() < 300, "{} characters", text.chars().count());
        assert!(
            !text
                .lines()
                .skip(1)
                .any(|line| line.starts_with("Ký với") || line.starts_with("MST")),
            "{text:?}"
        );
    }
    let labels = tree.all().into_iter().filter(|node| node.role == "label");
    let labels: Vec<&str> = labels.map(|node| node.name.as_str()).collect();
    let beside = |what: &str| {
        let place = labels.iter().position(|label| *label == what);
        labels[place.unwrap_or_else(|| panic!("no {what:?} in {labels:#?}")) + 1]
    };
    // Each stands beside what it is, as letters.
    assert!(
        beside("Tên").starts_with("\u{FFFD}NA NĂV\u{FFFD}\u{FFFD} <b>&amp;</b> Ký với: AAAA"),
        "{labels:#?}"
    );
    assert!(beside("Tên").ends_with("…AAAAAAAAAAAAAAAAAAAA"), "{labels:#?}");
    assert_eq!(beside("Tổ chức"), "Vietnam Government");
    assert!(
        beside("Nơi cấp").starts_with("Cục Chứng thực <span size=\"99\">B B"),
        "{labels:#?}"
    );
    assert_eq!(beside("Số sê-ri"), "54\u{FFFD}01");
    assert_eq!(beside("Thiết bị"), "\u{FFFD}thẻ\u{FFFD}[31m \u{FFFD}");
    assert!(
        labels
            .iter()
            .any(|label| label.starts_with("Ký với: \u{FFFD}NA NĂV")),
        "{labels:#?}"
    );
    asked.wait_until_armed();
    asked.type_text(PIN);
    asked.key_until_heard("Return");
    asked.assert_approved(0);
    assert_eq!(asked.typed(), format!("{PIN}\n"));
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

#[test]
fn several_digests_are_counted_and_the_names_are_the_pages_own() {
    let desk = Desk::with_assistive_technology();
    for (language, approve, told) in [
        (
            Language::Vi,
            "alt+k",
            [
                "Trang web này xin bạn ký 3 giá trị băm",
                "Giá trị băm sẽ được ký (3)",
                "Tên do trang web đặt. Nhấn vào một dòng để xem trọn giá trị băm.",
                "Đã ký 1 trên 3 giá trị băm…",
                "Dừng lại, giữ 1 giá trị băm đã ký",
                "Đã ký 2 giá trị băm; 1 giá trị băm không ký được. Trang web đã được báo lý do.",
            ],
        ),
        (
            Language::En,
            "alt+s",
            [
                "This site asks you to sign 3 digests",
                "Digests to be signed (3)",
                "Names are the site’s own. Click a line to see its whole digest.",
                "1 of 3 digests signed…",
                "Stop, keep the 1 signed",
                "2 signed, 1 not. The site has been told why.",
            ],
        ),
    ] {
        let [asks, heading, hint, working, kept, partly] = told;
        let mut three = digests();
        three.language = language;
        let mut asked = desk.ask(three);
        let tree = asked.accessible();
        let window = tree.all().into_iter().find(|node| node.role == "dialog");
        let title = &window.expect("a dialog").name;
        assert!(title.starts_with(&format!("{asks} – ")), "{title}");
        for words in [asks, heading, hint] {
            let is_told = tree
                .all()
                .iter()
                .any(|node| node.role == "label" && node.name == words);
            assert!(is_told, "{words:?} in {tree:#?}");
        }
        asked.type_text(PIN);
        asked.wait_until_armed();
        asked.key_until_heard(approve);
        asked.assert_approved(0);
        asked.say(&ToPrompt::Progress { done: 1, total: 3 });
        asked.wait_until_told(working);
        asked.say(&ToPrompt::Paused { done: 1, total: 3 });
        asked.wait_until_told(kept);
        asked.say(&ToPrompt::Finish(Outcome::Partly { signed: 2, failed: 1 }));
        asked.wait_until_told(partly);
    }
}

/// Twelve documents, of which two far down have a warning, and a certificate with one.
pub(crate) fn with_warnings_far_down() -> Question {
    let mut many = question(window_pin(TriesLeft::Unknown));
    many.documents = (1..=12)
        .map(|n| document(&format!("zq{n:02}.pdf"), 90_000 + n))
        .collect();
    many.documents[9].warnings = vec![DocumentWarning::ActiveContent];
    many.documents[11].warnings = vec![DocumentWarning::ShownOtherwise];
    many
}

#[test]
fn n127_n128_warnings_that_are_scrolled_away_are_counted_beside_the_buttons() {
    let desk = Desk::with_assistive_technology();
    let told = |asked: &Asked<'_>, words: &str| -> Vec<String> {
        // The line follows what is in sight after a moment.
        asked.wait_until_armed();
        let tree = asked.accessible();
        let told = tree.all().into_iter();
        let told = told.filter(|node| node.name.starts_with(words));
        told.map(|node| node.name.clone()).collect()
    };
    for (language, words) in [
        (Language::Vi, "Cảnh báo phải cuộn mới thấy: "),
        (Language::En, "Warnings to scroll to: "),
    ] {
        let mut many = with_warnings_far_down();
        many.language = language;
        // That of the certificate may be below the edge as well.
        many.certificates[0].warnings.clear();
        let asked = desk.ask(many.clone());
        assert_eq!(told(&asked, words), [format!("{words}2")]);
        // What a search leaves out is out of sight, too; what it brings there is counted no more.
        let mut steps = 0;
        while !["text", "entry"].map(Some).contains(&asked.focused().as_deref()) {
            asked.key("shift+Tab");
            steps += 1;
            assert!(steps < 40, "{:#?}", asked.accessible());
        }
        asked.type_text("zq10");
        assert_eq!(told(&asked, words), [format!("{words}1")]);
        drop(asked);
        // All is in sight where there is little.
        many.documents = vec![many.documents.swap_remove(9)];
        let mut asked = desk.ask(many);
        assert_eq!(told(&asked, words), [""; 0]);
        asked.key("Escape");
        asked.assert_refused();
    }
}

/// On a screen that is too small for all of it, the warnings at the certificate are below the edge.
#[test]
fn warnings_of_the_certificate_that_are_below_the_edge_are_counted_beside_the_buttons() {
    let desk = Desk::with_assistive_technology();
    desk.set_resolution(192);
    let mut large = question(window_pin(TriesLeft::Unknown));
    large.certificates[0].warnings = vec![Warning::StatusUnknown, Warning::PathUnknown];
    let asked = desk.ask(large);
    asked.wait_until_armed();
    let tree = asked.accessible();
    let told = tree
        .all()
        .into_iter()
        .find(|node| node.name.starts_with("Cảnh báo phải cuộn mới thấy: "));
    let told = told.unwrap_or_else(|| panic!("{tree:#?}"));
    assert_eq!(told.name, "Cảnh báo phải cuộn mới thấy: 2");
}
