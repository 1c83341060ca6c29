//! Who asks and by which way, as a person who hears the window is told.

use trien_protocol::prompt::{Asker, PinEntry};

use super::desk::Desk;
use super::{document, question};

const ORIGIN: &str = "https://dichvucong.hochiminhcity.gov.vn";
const AROUND: &str = "https://xn--dch-3tz.example:8443";

/// The words for each way, which no other way has.
const EXTENSION: &str = "Yêu cầu đến qua tiện ích mở rộng của trình duyệt";
const WEBSOCKET: &str = "Yêu cầu đến qua kết nối WebSocket trên máy này";
const PROGRAM: &str = "Yêu cầu đến từ một chương trình trên máy này";

#[test]
fn n064_the_way_of_a_request_and_both_sites_of_a_frame_are_told() {
    let desk = Desk::with_assistive_technology();
    let extension = |top: Option<&str>| Asker::Extension {
        origin: ORIGIN.into(),
        top_origin: top.map(Into::into),
    };
    let program = Asker::Program {
        origin: ORIGIN.into(),
        top_origin: None,
        executable: None,
    };
    let websocket = Asker::WebSocket {
        origin: ORIGIN.into(),
    };
    for (asker, way, framed) in [
        (extension(None), EXTENSION, false),
        (extension(Some(ORIGIN)), EXTENSION, false),
        (extension(Some(AROUND)), EXTENSION, true),
        (websocket, WEBSOCKET, false),
        (program, PROGRAM, false),
    ] {
        let mut asks = question(PinEntry::NotNeeded);
        asks.asker = asker.clone();
        let asked = desk.ask(asks);
        let tree = asked.accessible();
        let names: Vec<&str> = tree.all().iter().map(|node| node.name.as_str()).collect();
        for words in [EXTENSION, WEBSOCKET, PROGRAM] {
            let told = names.iter().any(|name| name.starts_with(words));
            assert_eq!(told, words == way, "{asker:?}: {words}");
        }
        let at = |words: &str| names.iter().position(|name| *name == words);
        let own = at(ORIGIN).unwrap_or_else(|| panic!("{asker:?}: {names:?}"));
        let around = at("nằm trong một trang của trang web khác:");
        let other = at(AROUND);
        match framed {
            // In this order, so that nobody takes the one for the other; and how the name looks in Unicode, beside it.
            true => {
                assert!(own < around.unwrap() && around < other, "{names:?}");
                assert_eq!(
                    at("Dạng Unicode: dchἕ.example"),
                    other.map(|other| other + 1),
                    "{names:?}"
                );
            }
            false => assert_eq!((around, other), (None, None), "{names:?}"),
        }
    }
}

/// What is bold of an origin is what somebody has registered, however it is surrounded: whose site it is.
#[test]
fn bold_is_whose_site_it_is_and_nothing_else() {
    let desk = Desk::with_assistive_technology();
    for (origin, bold) in [
        (ORIGIN, "hochiminhcity.gov.vn"),
        ("https://google.com.evil.example:8443", "evil.example"),
        ("https://dichvucong.gov.vn.me.github.io", "me.github.io"),
        (AROUND, "xn--dch-3tz.example"),
        ("https://192.0.2.7:444", "192.0.2.7"),
    ] {
        let mut asks = question(PinEntry::NotNeeded);
        asks.asker = Asker::Extension {
            origin: origin.into(),
            top_origin: Some("https://www.xn--bcher-kva.example".into()),
        };
        let asked = desk.ask(asks);
        for (origin, bold) in [
            (origin, bold),
            ("https://www.xn--bcher-kva.example", "xn--bcher-kva.example"),
        ] {
            let parts = asked.weights(origin);
            let of = |wanted: u32| -> Vec<&str> {
                let parts = parts.iter().filter(|(_, weight)| *weight == wanted);
                parts.map(|(part, _)| part.as_str()).collect()
            };
            assert_eq!(of(700), [bold], "{parts:?}");
            let around: usize = of(400).iter().map(|part| part.len()).sum();
            assert_eq!(around + bold.len(), origin.len(), "{parts:?}");
        }
    }
}

/// A document's name is the page's word.
#[test]
fn n054_what_a_documents_name_says_acts_on_nothing() {
    let desk = Desk::with_assistive_technology();
    let mut hostile = question(PinEntry::NotNeeded);
    let name = format!("../../\u{202E}fdp.<b>&amp;\nKý với: ai đó{}", "x".repeat(200));
    hostile.documents = vec![document(&name, 10), document("b.pdf", 20)];
    let asked = desk.ask(hostile);
    let tree = asked.accessible();
    let nodes = tree.all();
    let told = nodes
        .iter()
        .flat_map(|node| [&node.name, &node.description].into_iter().chain(&node.text));
    let mut shown = 0;
    for text in told {
        assert!(
            !text.contains(['\u{202E}', '\u{202D}', '\u{2066}', '\u{200F}']),
            "{text:?}"
        );
        assert!(
            !text.lines().skip(1).any(|line| line.starts_with("Ký với")),
            "{text:?}"
        );
        assert!(!text.contains(&"x".repeat(150)), "{text:?}");
        shown += usize::from(text.contains("fdp.<b>&amp;"));
    }
    assert!(shown > 0, "what stands there is what was sent: {nodes:#?}");
}
