//! Pages that ask too much, or do not read what they have asked for.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::daemon::{PORTAL, Page, allow, code};
use crate::support::unread::{Document, SIZE, costs_little_while, resident, waits_before_all_is_sent};
use crate::{framed, plain, portal};

#[test]
fn a_page_that_asks_for_documents_and_does_not_read_them_costs_little_memory() {
    const COUNT: u64 = 400;
    let (_desk, daemon) = portal();
    let mut page = plain(&daemon);
    let document = Document::new();
    let upload = json!({ "sha256": document.sha256, "size": SIZE, "offset": 0 });
    page.write_all(&framed(1, "hello", &json!({ "versions": [1] }), None))
        .unwrap();
    page.write_all(&framed(2, "upload", &upload, Some(&document.content)))
        .unwrap();
    let [idle, _] = resident(&daemon);
    for id in 3..COUNT + 3 {
        page.write_all(&framed(id, "download", &document.download(), None))
            .unwrap();
    }
    costs_little_while(&daemon, idle, || assert!(daemon.answers()));
    // Who reads late has all of it.
    let (mut read, mut part) = (0, vec![0; 1 << 20]);
    while read < SIZE * COUNT as usize {
        let count = page.read(&mut part).unwrap();
        assert!(count > 0, "{read} bytes, and no more");
        read += count;
    }
}

#[test]
fn a_page_that_uploads_and_does_not_read_the_replies_waits() {
    let (_desk, daemon) = portal();
    let mut page = plain(&daemon);
    page.write_all(&framed(1, "hello", &json!({ "versions": [1] }), None))
        .unwrap();
    page.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    // No such document: what is refused at length fills its way the sooner.
    let content = [7; 2000];
    let upload = json!({ "sha256": "00".repeat(32), "size": 2000, "offset": 0 });
    let uploads = (2..).map(|id| framed(id, "upload", &upload, Some(&content)));
    waits_before_all_is_sent(&daemon, &mut page, uploads);
}

#[test]
fn an_origin_that_asks_too_much_is_told_on_all_its_connections_and_no_other_is() {
    let (desk, daemon) = portal();
    let other = "https://other.example";
    allow(&desk, other, &[]);
    let mut pages = [Page::over_websocket(&daemon), Page::over_socket(&daemon)];
    pages.iter_mut().for_each(|page| drop(page.hello()));
    let (mut limited, mut all, began) = ([0_usize; 2], 0, Instant::now());
    for (page, limited) in pages.iter_mut().zip(&mut limited) {
        // As many at a time as have room on their way, and for as long as a slow machine is no faster than the bound.
        let enough = all + 20_000;
        for round in 0.. {
            if round >= 10 && *limited > 0 {
                break;
            }
            assert!(all < enough, "no bound");
            let asked: Vec<u64> = (0..50)
                .map(|_| page.ask("hello", &json!({ "versions": [1] })))
                .collect();
            all += asked.len();
            for id in asked {
                match code(&page.reply(id)) {
                    "rate_limited" => *limited += 1,
                    told => assert_eq!(told, "hello_expected"),
                }
            }
        }
    }
    // Four hundred at once, and a hundred a second, of both connections together.
    let most = 400.0 + 100.0 * (began.elapsed().as_secs_f64() + 1.0);
    let answered = all - limited.iter().sum::<usize>();
    assert!(
        (answered as f64) < most,
        "{answered} of {all}, {limited:?}, {most}"
    );
    let mut page = Page::websocket_from(&daemon, other).unwrap();
    assert_eq!(page.hello()["result"]["version"], 1);
    for _ in 0..100 {
        assert_eq!(
            code(&page.call("hello", &json!({ "versions": [1] }))),
            "hello_expected"
        );
    }
    // Pieces of documents are not counted, and it is not for ever.
    pages[0].upload("x", b"x");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(code(&pages[0].hello()), "hello_expected");
}

/// What is no request is not counted; nor is there a line in the log for each.
#[test]
fn n178_messages_that_are_no_requests_do_not_fill_the_log() {
    let (_desk, daemon) = portal();
    let mut page = Page::over_websocket(&daemon);
    let began = Instant::now();
    page.hello();
    let missing = json!({ "sha256": "0".repeat(64), "offset": 0, "length": 1 });
    for round in 0..300 {
        page.send_text("no request");
        assert_eq!(code(&page.receive().unwrap().0), "bad_request", "{round}");
        assert_eq!(code(&page.call("download", &missing)), "document_missing");
    }
    let log = daemon.log();
    let lines = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    let told = lines("a bad message") + lines("a request failed");
    // Twenty in ten seconds; and six hundred were told.
    let most = 20 * (usize::try_from(began.elapsed().as_secs()).unwrap() / 10 + 1);
    assert!((1..=most).contains(&told), "{told} of {most}");
    assert!(lines("a bad message") > 0 && lines("a request failed") > 0);
    assert!(daemon.answers());
}

/// A connection costs a page nothing, whether it is let in or not.
#[test]
fn connections_that_come_and_go_do_not_fill_the_log() {
    let (_desk, daemon) = portal();
    let began = Instant::now();
    let stranger = "https://stranger.example";
    let stranger = json!({ "from": "extension", "origin": stranger, "top_origin": stranger });
    for _ in 0..60 {
        daemon.answers_again();
        let refused = Page::opening(&daemon, &stranger).receive().unwrap().0;
        assert_eq!(code(&refused), "not_allowed");
    }
    let log = daemon.log();
    let most = 20 * (usize::try_from(began.elapsed().as_secs()).unwrap() / 10 + 1);
    for what in ["hello", "refused on the socket"] {
        let told = log.lines().filter(|line| line.contains(what)).count();
        assert!((1..=most).contains(&told), "{what}: {told} of {most}");
    }
    assert!(daemon.answers());
}

#[test]
fn an_origin_has_eight_connections_over_both_roads_and_is_told_that_it_has_no_more() {
    let (desk, daemon) = portal();
    let mut pages: Vec<_> = (0..4).map(|_| Page::over_websocket(&daemon)).collect();
    pages.extend((0..4).map(|_| Page::over_socket(&daemon)));
    pages.iter_mut().for_each(|page| drop(page.hello()));
    for (mut ninth, closed) in [
        (Page::over_websocket(&daemon), 1008),
        (Page::over_socket(&daemon), 0),
    ] {
        assert_eq!(code(&ninth.receive().unwrap().0), "busy");
        assert_eq!(ninth.receive(), Err(closed));
    }
    // The page in the address bar pays for the frames in it, and not the site that it frames.
    let around = "https://around.example";
    allow(&desk, around, &[]);
    let framed = json!({ "from": "extension", "origin": PORTAL, "top_origin": around });
    let mut frames: Vec<_> = (0..8).map(|_| Page::opening(&daemon, &framed)).collect();
    for frame in &mut frames {
        assert_eq!(frame.hello()["result"]["version"], 1);
    }
    assert_eq!(
        code(&Page::opening(&daemon, &framed).receive().unwrap().0),
        "busy"
    );
    // Who is not known hears of no crowd.
    let stranger = json!({ "from": "extension", "origin": "https://evil.example", "top_origin": around });
    let mut stranger = Page::opening(&daemon, &stranger);
    assert_eq!(code(&stranger.receive().unwrap().0), "not_allowed");
    drop((pages, frames));
    daemon.answers_again();
}
