//! The real window on a screen of its own: what a person does, and what the daemon and the worker get.
//!
//! | module | what |
//! |---|---|
//! | `desk` | the screen, and the window on it |
//! | `arming` | when *approve* is dead |
//! | `pins` | what is typed, where it goes, and what cannot be approved |
//! | `first_use` | a page that nobody has decided about |
//! | `away` | a screen that is locked, and a computer that sleeps |
//! | `other_programs` | windows above, and what other programs send |
//! | `screen_reader` | what assistive technology is told |
//! | `search` | what is found in the list |
//! | `scaled` | twice as large |
//! | `dark` | the desktop's colours, and whether texts can be read in them |
//! | `pictures` | the states, to be looked at |

#![allow(clippy::unwrap_used, missing_docs)]

mod arming;
mod askers;
mod away;
mod dark;
mod desk;
mod first_use;
mod opening;
mod other_programs;
mod pictures;
mod pins;
mod scaled;
mod screen_reader;
mod search;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use desk::Desk;
use trien_protocol::call::{Language, SignatureFormat};
use trien_protocol::error::ErrorCode;
use trien_protocol::prompt::{
    Answer, Asker, DocumentKind, FromPrompt, LeftOut, NotValidNow, Outcome, PinEntry, Question, QuestionKind,
    ShownCertificate, ShownDocument, ShownSignature, ToPrompt, TriesLeft, Warning,
};

const PIN: &str = "402817";

fn window_pin(tries: TriesLeft) -> PinEntry {
    PinEntry::Window {
        min: 4,
        max: 16,
        tries,
    }
}

fn certificate(pin: PinEntry) -> ShownCertificate {
    ShownCertificate {
        name: "NGUYỄN VĂN AN".into(),
        organization: None,
        identity: vec!["CCCD 079085001234".into()],
        issuer: "Demo CA".into(),
        serial: "5401a1b2c3d4e5f60718293a4b5c6d7e".into(),
        not_before: "2026-01-05".into(),
        not_after: "2028-01-05".into(),
        status_as_of: None,
        status_days: None,
        days_left: None,
        warnings: vec![Warning::StatusUnknown],
        token: "Chữ ký số của An".into(),
        pin,
    }
}

fn document(name: &str, size: u64) -> ShownDocument {
    // Any 64 digits do: nobody computes here.
    let digest: String = (0..8_u64)
        .map(|part| format!("{:08x}", size.wrapping_mul(2_654_435_761 + part) as u32))
        .collect();
    ShownDocument {
        name: name.into(),
        size: Some(size),
        kind: Some(DocumentKind::Pdf),
        hash: "SHA-256".into(),
        digest,
        warnings: Vec::new(),
    }
}

fn question(pin: PinEntry) -> Question {
    Question {
        language: Language::Vi,
        kind: QuestionKind::SignDocuments,
        asker: Asker::Extension {
            origin: "https://dichvucong.hochiminhcity.gov.vn".into(),
            top_origin: None,
        },
        documents: vec![
            document("Đơn đề nghị cấp đổi giấy chứng nhận.pdf", 482_133),
            document("Bản vẽ sơ đồ thửa đất số 27.pdf", 1_904_772),
            document("Tờ khai lệ phí trước bạ nhà, đất.pdf", 96_540),
        ],
        left_out: None,
        signature: Some(ShownSignature {
            format: SignatureFormat::Pades,
            reason: Some("Nộp hồ sơ cấp đổi giấy chứng nhận".into()),
            location: Some("Thành phố Thủ Đức".into()),
            visible: true,
            certify: None,
            locks: false,
        }),
        permissions: Vec::new(),
        known_before: false,
        certificates: vec![certificate(pin)],
        not_valid_now: Vec::new(),
        seconds: 120,
    }
}

#[test]
fn escape_refuses() {
    let desk = Desk::start();
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    asked.type_text(PIN);
    asked.key("Escape");
    asked.assert_refused();
    assert!(asked.end().success());
    assert_eq!(asked.typed(), "");
}

#[test]
fn closing_the_window_refuses() {
    let desk = Desk::start();
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    asked.close();
    asked.assert_refused();
    assert!(asked.end().success());
}

#[test]
fn enter_on_the_default_refuses_where_no_pin_is_asked() {
    let desk = Desk::start();
    let mut asked = desk.ask(question(PinEntry::NotNeeded));
    asked.wait_until_armed();
    asked.key("Return");
    asked.assert_refused();
}

#[test]
fn another_certificate_is_picked_by_keyboard() {
    let desk = Desk::start();
    let mut both = question(PinEntry::Locked);
    both.certificates.push(certificate(PinEntry::NotNeeded));
    let mut asked = desk.ask(both);
    asked.wait_until_armed();
    asked.key("alt+c");
    std::thread::sleep(Duration::from_millis(400));
    asked.key("Down");
    asked.key("Return");
    asked.wait_until_armed();
    asked.key_until_heard("alt+k");
    asked.assert_approved(1);
}

#[test]
fn withdrawn_and_a_lost_daemon_leave_at_once() {
    let desk = Desk::start();
    for lost in [false, true] {
        let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
        asked.type_text("12");
        let start = Instant::now();
        if lost {
            asked.hang_up();
        } else {
            asked.say(&ToPrompt::Finish(Outcome::Withdrawn));
        }
        assert!(asked.end().success());
        assert!(start.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn n093_the_screen_goes_and_nothing_is_approved() {
    for approved in [false, true] {
        let desk = Desk::start();
        let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
        asked.type_text(PIN);
        if approved {
            // The token is at work: the end of the window is the person's no, as ever.
            asked.wait_until_armed();
            asked.key_until_heard("Return");
            asked.assert_approved(0);
            assert_eq!(asked.typed(), format!("{PIN}\n"));
        }
        desk.lose_the_screen();
        assert!(matches!(
            asked.hear(),
            None | Some(FromPrompt::Answer(Answer::Refused))
        ));
        asked.end();
        assert_eq!(asked.typed(), "", "no PIN goes on its way");
    }
}

#[test]
fn a_person_who_does_not_answer_has_refused() {
    let desk = Desk::start();
    let mut short = question(window_pin(TriesLeft::Unknown));
    short.seconds = 2;
    let mut asked = desk.ask(short);
    asked.assert_refused();
    assert!(asked.end().success());
}

#[test]
fn a_message_out_of_turn_ends_it_without_an_approval() {
    let desk = Desk::start();
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    asked.say(&ToPrompt::PinIncorrect {
        tries: TriesLeft::Unknown,
    });
    asked.assert_refused();
    assert_eq!(asked.end().code(), Some(3));
}

#[test]
fn n054_a_hostile_reason_leaves_the_decision_in_sight() {
    let desk = Desk::start();
    let mut hostile = hostile();
    for size in [1, 10_240] {
        let reason = format!("\u{202E}gnaht<b>&amp;</b>\n{}", "W ".repeat(size / 2));
        hostile.signature.as_mut().unwrap().reason = Some(reason);
        if size > 1 {
            // Nor does a program whose path is as long as paths may be.
            hostile.asker = Asker::Program {
                origin: hostile.asker.origin().to_owned(),
                top_origin: hostile.asker.top_origin().map(str::to_owned),
                executable: Some(format!("/tmp/{}", "W ".repeat(2000))),
            };
        }
        let mut asked = desk.ask(hostile.clone());
        assert!(asked.height() <= desk::SCREEN_HEIGHT, "{size}");
        asked.wait_until_armed();
        asked.type_text(PIN);
        asked.key_until_heard("Return");
        asked.assert_approved(0);
        assert_eq!(asked.typed(), format!("{PIN}\n"));
    }
}

/// A frame in a page of another site, whose signature says what nobody should read at a glance.
fn hostile() -> Question {
    let mut question = question(window_pin(TriesLeft::Unknown));
    question.asker = Asker::Extension {
        origin: "https://dichvucong.hochiminhcity.gov.vn".into(),
        top_origin: Some("https://xn--dch-3tz.example:8443".into()),
    };
    question.signature.as_mut().unwrap().reason = Some(format!(
        "\u{202E}gnaht<b>&amp;</b>\nNơi ký: {}",
        "vay nợ ".repeat(1_500)
    ));
    question
}

/// What a program asks that is no browser, and whose name would like to be read otherwise.
fn by_a_program() -> Question {
    let mut question = question(window_pin(TriesLeft::Unknown));
    question.asker = Asker::Program {
        origin: "https://dichvucong.hochiminhcity.gov.vn".into(),
        top_origin: None,
        executable: Some("/home/an/.cache/\u{202E}emorhc\n<b>Yêu cầu</b>".into()),
    };
    question
}

#[test]
fn five_hundred_documents_open_quickly() {
    let desk = Desk::start();
    let mut many = question(window_pin(TriesLeft::Unknown));
    many.documents = (0..500)
        .map(|n| document(&format!("Hồ sơ số {n:03}.pdf"), 90_000 + n))
        .collect();
    let start = Instant::now();
    let asked = desk.ask(many);
    let (took, memory) = (start.elapsed(), asked.memory());
    println!(
        "500 documents: on the screen after {} ms, {} MiB resident",
        took.as_millis(),
        memory / 1024
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn without_a_display_it_ends_at_once() {
    let (_daemon, windows) = UnixStream::pair().unwrap();
    let (_pins, pin_end) = std::io::pipe().unwrap();
    let start = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_trien-prompt"))
        .env_clear()
        .stdin(OwnedFd::from(windows))
        .stdout(pin_end)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(!output.stderr.is_empty());
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[test]
fn started_by_hand_it_says_what_it_is() {
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_trien-prompt"))
            .args(arguments)
            .env("LC_ALL", "en_US.UTF-8")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let by_hand = run(&[]);
    assert_eq!(by_hand.status.code(), Some(2));
    assert!(by_hand.stdout.is_empty());
    assert!(
        String::from_utf8(by_hand.stderr)
            .unwrap()
            .contains("trien daemon")
    );
    assert_eq!(run(&["--what"]).status.code(), Some(2));
    let help = run(&["--help"]);
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("--version"));
    assert_eq!(
        run(&["--version"]).stdout,
        concat!("trien-prompt ", env!("CARGO_PKG_VERSION"), "\n").as_bytes()
    );
}

#[test]
fn closing_the_window_while_the_token_works_refuses_too() {
    let desk = Desk::start();
    let mut asked = desk.ask(question(window_pin(TriesLeft::Unknown)));
    asked.type_text(PIN);
    asked.key_until_heard("Return");
    asked.assert_approved(0);
    asked.key("Escape");
    assert!(
        !asked.says_within(Duration::from_millis(300)),
        "Escape is dead while the token works"
    );
    asked.close();
    asked.assert_refused();
    assert!(asked.end().success());
}

#[test]
fn whose_certificate_signs_what_is_not_offered_and_why_it_failed_are_told() {
    let desk = Desk::with_assistive_technology();
    let mut several = question(window_pin(TriesLeft::Unknown));
    several.certificates.push(certificate(PinEntry::NotNeeded));
    several.not_valid_now = vec![NotValidNow {
        name: "NGUYỄN VĂN CŨ\u{202E}".into(),
        day: "2025-12-31".into(),
        expired: true,
    }];
    let mut asked = desk.ask(several);
    let says = |asked: &desk::Asked<'_>, words: &str| {
        let tree = asked.accessible();
        let told = tree.all().into_iter().any(|node| {
            let text = node.text.as_deref().unwrap_or_default();
            node.name.contains(words) || text.contains(words)
        });
        assert!(told, "no {words:?} in {tree:#?}");
    };
    says(&asked, "Ký với: NGUYỄN VĂN AN");
    says(
        &asked,
        "1 chứng thư không được đưa ra để chọn: NGUYỄN VĂN CŨ\u{FFFD}, hết hạn ngày 31/12/2025",
    );
    asked.wait_until_armed();
    asked.type_text(PIN);
    asked.key_until_heard("Return");
    asked.assert_approved(0);
    asked.say(&ToPrompt::PinIncorrect {
        tries: TriesLeft::Unknown,
    });
    asked.wait_until_armed();
    says(&asked, "Muốn dùng chứng thư khác, hãy từ chối rồi bắt đầu lại.");
    asked.type_text(PIN);
    asked.key_until_heard("Return");
    assert_eq!(asked.hear(), Some(FromPrompt::PinTyped));
    asked.say(&ToPrompt::Paused { done: 1, total: 4 });
    asked.wait_until_armed();
    says(&asked, "khi mới ký 1/4");
    asked.say(&ToPrompt::Finish(Outcome::Failed(ErrorCode::TokenRemoved)));
    asked.wait_until_armed();
    says(
        &asked,
        "Thiết bị đã bị rút ra khi đang cần đến. Hãy cắm lại thiết bị",
    );
    drop(asked);
    // Where some could not be signed, *signed* alone would be a lie. What is known before is told before.
    let mut partly = question(PinEntry::NotNeeded);
    let names = (1..=6).map(|n| format!("Hỏng {n}\u{202E}\n.pdf"));
    partly.left_out = Some(LeftOut {
        names: names.collect(),
        total: 9,
    });
    let mut asked = desk.ask(partly);
    says(&asked, "6 trên 9 tài liệu không thể ký: Hỏng 1\u{FFFD} .pdf; ");
    says(&asked, "Hỏng 5\u{FFFD} .pdf; …");
    asked.wait_until_armed();
    asked.key_until_heard("alt+k");
    asked.assert_approved(0);
    // Nor does who stops in between leave without a word on what is signed.
    asked.say(&ToPrompt::Paused { done: 2, total: 3 });
    asked.wait_until_armed();
    says(&asked, "Dừng lại, giữ 2 tài liệu đã ký");
    asked.key("Escape");
    asked.assert_refused();
    asked.say(&ToPrompt::Finish(Outcome::Partly { signed: 2, failed: 1 }));
    asked.wait_until_armed();
    says(&asked, "Đã ký 2 tài liệu; 1 tài liệu không ký được.");
}

#[test]
fn a_document_can_be_looked_at_before_the_decision() {
    let desk = Desk::start();
    let mut one = question(window_pin(TriesLeft::Unknown));
    one.documents.truncate(1);
    let mut asked = desk.ask(one);
    // From the field backwards to the button in the list.
    for _ in 0..12 {
        asked.key("shift+Tab");
        asked.key("space");
        if asked.says_within(Duration::from_millis(200)) {
            break;
        }
    }
    assert_eq!(asked.hear(), Some(FromPrompt::Open { document: 0 }));
    asked.say(&ToPrompt::NotOpened { too_many: false });
    asked.key("Escape");
    asked.assert_refused();
}
