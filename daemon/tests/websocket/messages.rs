//! Messages: what they may be, and what is told of those that may not.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::portal;
use crate::support::daemon::{Page, code};
use crate::support::unread::resident;

#[test]
fn both_roads_say_hello_once() {
    let (_desk, daemon) = portal();
    let mut sessions = Vec::new();
    for mut page in [Page::over_websocket(&daemon), Page::over_socket(&daemon)] {
        assert_eq!(code(&page.call("certificates", &json!({}))), "hello_expected");
        assert_eq!(
            code(&page.call("hello", &json!({ "versions": [7] }))),
            "version_mismatch"
        );
        let hello = page.call(
            "hello",
            &json!({ "versions": [7, 1], "client": "x", "newer": true }),
        );
        assert_eq!(hello["result"]["version"], 1);
        sessions.push(hello["result"]["session"].as_str().unwrap().to_owned());
        assert_eq!(code(&page.hello()), "hello_expected");
    }
    assert_eq!(sessions[0].len(), 32);
    assert_ne!(sessions[0], sessions[1]);
}

#[test]
fn who_did_not_name_the_capability_of_manifests_is_told_what_is_missing() {
    let (_desk, daemon) = portal();
    let document = json!({ "name": "x", "sha256": hex::encode(Sha256::digest(b"abc")), "size": 3 });
    let call = json!({ "documents": [document] });
    let stranger = b"in no manifest".as_slice();
    let others: Vec<&str> = trien_protocol::CAPABILITIES
        .iter()
        .copied()
        .filter(|name| *name != "manifest")
        .collect();
    for road in [Page::over_websocket, Page::over_socket] {
        for named in [&[][..], &["Manifest", "manifests"], &others] {
            let mut page = road(&daemon);
            let both = page.hello_with(named)["result"]["capabilities"].clone();
            let known = named.iter().filter(|name| others.contains(name));
            assert_eq!(both, json!(known.collect::<Vec<_>>()));
            let signing = json!({ "documents": [document], "format": "pades" });
            assert_eq!(code(&page.call("sign_documents", &signing)), "document_missing");
            assert_eq!(code(&page.call("verify_documents", &call)), "document_missing");
            // Nothing waits, so that nothing has to be in a manifest.
            page.upload("y", stranger);
            page.upload("x", b"abc");
            assert_eq!(code(&page.call("verify_documents", &call)), "document_unreadable");
        }
        // One connection's word is no other's.
        let mut page = road(&daemon);
        assert_eq!(
            page.hello_with(&["manifest"])["result"]["capabilities"],
            json!(["manifest"])
        );
        let asked = page.ask("verify_documents", &call);
        let (told, _) = page.receive().unwrap();
        assert_eq!(told["params"]["stage"], "collecting", "{told}");
        let mut replies = BTreeMap::new();
        page.upload_beside("x", b"abc", &mut replies);
        let reply = replies.remove(&asked).unwrap_or_else(|| page.reply(asked));
        assert_eq!(code(&reply), "document_unreadable");
    }
}

#[test]
fn n032_n033_n034_n035_bad_messages_get_an_error_and_the_third_in_a_row_ends_it() {
    let (_desk, daemon) = portal();
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"hello\",\"params\":{}{}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let many = format!(
        "{{{}}}",
        (0..50_000)
            .map(|n| format!("\"k{n}\":1"))
            .collect::<Vec<_>>()
            .join(",")
    );
    let base = |params: &str| {
        format!("{{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"certificates\",\"params\":{params}}}")
    };
    let bad = [
        String::new() + "]",
        "null".into(),
        "7".into(),
        "[]".into(),
        "\u{feff}{}".into(),
        "{} {}".into(),
        "\0".into(),
        deep,
        many,
        base("{\"origin\":\"https://good.gov\"}"),
        base("{\"pin\":\"1234\"}"),
        base("{\"__proto__\":{}}"),
        base("{\"tax_code\":1}"),
        base("{\"tax_code\":\"a\",\"tax_code\":\"b\"}"),
        base("{\"tax_code\":\"\\ud800\"}"),
        "{\"jsonrpc\":\"2.0\",\"id\":1e400,\"method\":\"hello\"}".into(),
        "{\"jsonrpc\":\"1.0\",\"id\":9,\"method\":\"hello\"}".into(),
        "{\"jsonrpc\":\"2.0\",\"id\":9,\"id\":9,\"method\":\"hello\"}".into(),
        "{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"hello\",\"params\":{\"versions\":[1]},\"more\":1}".into(),
        "[{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"hello\",\"params\":{\"versions\":[1]}}]".into(),
    ];
    for pair in bad.chunks(2) {
        for mut page in [Page::over_websocket(&daemon), Page::over_socket(&daemon)] {
            for text in pair {
                page.send_text(text);
                let (reply, _) = page.receive().unwrap();
                assert_eq!(code(&reply), "bad_request", "{}", &text[..text.len().min(80)]);
                let said = reply.to_string();
                assert!(!said.contains("good.gov") && !said.contains("1234"), "{said}");
            }
            assert_eq!(page.hello()["result"]["version"], 1);
            for _ in 0..3 {
                page.send_text("nonsense");
                assert_eq!(code(&page.receive().unwrap().0), "bad_request");
            }
            assert!(matches!(page.receive(), Err(1008 | 0)));
        }
    }
    assert!(daemon.answers());
}

#[test]
fn n033_a_million_keys_are_more_than_a_message_may_be() {
    let (_desk, daemon) = portal();
    let keys: Vec<_> = (0..1_000_000).map(|n| format!("\"{n}\":1")).collect();
    let text = format!("{{{}}}", keys.join(","));
    // For the first of each road the program is read from its file.
    for mut page in [Page::over_websocket(&daemon), Page::over_socket(&daemon)] {
        page.hello();
        page.send_raw(&[0; 6]);
        page.receive().unwrap_err();
    }
    let [_, before] = resident(&daemon);
    for (mut page, closed) in [
        (Page::over_websocket(&daemon), 1009),
        (Page::over_socket(&daemon), 0),
    ] {
        page.hello();
        page.send_raw(&match closed {
            1009 => {
                let mut frame = vec![0x81, 0xff];
                frame.extend((text.len() as u64).to_be_bytes());
                frame.extend([0; 4]);
                frame.extend(text.as_bytes());
                frame
            }
            _ => [&u32::try_from(text.len()).unwrap().to_ne_bytes(), text.as_bytes()].concat(),
        });
        let told = page.receive();
        assert!(
            matches!(told, Err(code) if code == closed || code == 0),
            "{told:?}"
        );
    }
    let [_, after] = resident(&daemon);
    assert!(after < before + 4 * 1024, "{before} KiB, {after} KiB");
    assert!(daemon.answers());
}

#[test]
fn an_unknown_field_is_named_but_no_value() {
    let (_desk, daemon) = portal();
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let reply = page.call("certificates", &json!({ "origin": "https://good.gov" }));
    assert!(
        reply["error"]["data"]["detail"]
            .as_str()
            .unwrap()
            .contains("origin"),
        "{reply}"
    );
    assert_eq!(code(&page.call("no_such_method", &json!({}))), "method_not_found");
}

#[test]
fn n032_n034_what_is_missing_or_of_another_kind_is_named_without_its_value() {
    let (_desk, daemon) = portal();
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    page.send_text("");
    assert_eq!(
        code(&page.receive().unwrap().0),
        "bad_request",
        "an empty message"
    );
    for (method, params, field) in [
        ("download", json!({ "offset": 0, "length": 1 }), "sha256"),
        (
            "download",
            json!({ "sha256": 7_654_321, "offset": 0, "length": 1 }),
            "sha256",
        ),
        (
            "download",
            json!({ "sha256": "0", "offset": "7654321", "length": 1 }),
            "offset",
        ),
        (
            "sign_documents",
            json!({ "documents": [], "format": "v7654321" }),
            "format",
        ),
        (
            "verify_documents",
            json!({ "documents": [{ "name": "7654321", "size": 1 }] }),
            "sha256",
        ),
    ] {
        let reply = page.call(method, &params);
        assert_eq!(code(&reply), "bad_request", "{reply}");
        let detail = reply["error"]["data"]["detail"].as_str().unwrap();
        assert!(detail.contains(field), "{field}: {reply}");
        assert!(!reply.to_string().contains("7654321"), "{reply}");
        // So that not too many bad ones come in a row.
        page.call("cancel", &json!({ "request": 0 }));
    }
}

#[test]
fn n037_ids_only_grow() {
    let (_desk, daemon) = portal();
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    for id in [1, 0] {
        page.send_text(
            &json!({ "jsonrpc": "2.0", "id": id, "method": "cancel", "params": { "request": 5 } })
                .to_string(),
        );
        assert_eq!(code(&page.receive().unwrap().0), "bad_request");
    }
    let reply = page.call("cancel", &json!({ "request": 5 }));
    assert_eq!(reply["result"]["cancelled"], false);
}

#[test]
fn n030_n056_messages_have_a_size() {
    let (_desk, daemon) = portal();
    for size in [1024 * 1024 + 1, 64 * 1024 * 1024] {
        let mut page = Page::over_websocket(&daemon);
        // A masked text frame with a 64-bit length (RFC 6455, 5.2).
        let mut frame = vec![0x81, 0xff];
        frame.extend((size as u64).to_be_bytes());
        frame.extend([0; 4]);
        page.send_raw(&frame);
        page.send_raw(&vec![b' '; 4096]);
        assert_eq!(page.receive(), Err(1009), "{size}");

        let mut page = Page::over_socket(&daemon);
        page.send_raw(&(size as u32).to_le_bytes());
        assert_eq!(page.receive(), Err(0));
    }
    let mut page = Page::over_socket(&daemon);
    page.send_raw(&0u32.to_le_bytes());
    assert_eq!(page.receive(), Err(0));
    assert!(daemon.answers());
}

#[test]
fn n031_what_is_no_text_or_no_frame_ends_the_connection() {
    let (_desk, daemon) = portal();
    // A ping of 126 bytes (RFC 6455, 5.5).
    let long = [&[0x89, 0xfe, 0, 126, 0, 0, 0, 0][..], &[7; 126]].concat();
    for (frame, close) in [
        (&[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe][..], 1007),
        (&long, 1002),
        (&[0x81, 0x02, b'{', b'}'], 1002),
        (&[0xc1, 0x82, 0, 0, 0, 0, b'{', b'}'], 1002),
        (&[0x83, 0x82, 0, 0, 0, 0, b'{', b'}'], 1002),
        // A ping in pieces, and a piece of nothing.
        (&[0x09, 0x80, 0, 0, 0, 0], 1002),
        (&[0x80, 0x80, 0, 0, 0, 0], 1002),
    ] {
        let mut page = Page::over_websocket(&daemon);
        page.send_raw(frame);
        assert_eq!(page.receive(), Err(close), "{frame:x?}");
    }
    let mut page = Page::over_socket(&daemon);
    page.send_raw(&[2, 0, 0, 0, 0xff, 0xfe]);
    assert_eq!(page.receive(), Err(0));
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    // Bytes that are no message with document bytes behind it: a bad one like others, and the third ends it.
    for _ in 0..3 {
        page.send_raw(&[0x82, 0x83, 0, 0, 0, 0, 1, 2, 3]);
        assert_eq!(code(&page.receive().unwrap().0), "bad_request");
    }
    assert_eq!(page.receive(), Err(1008));
    // Pings without end are answered one at a time, and whoever reads none of the answers costs nobody memory or time.
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let pings = [&[0x89, 0xfd, 0, 0, 0, 0][..], &[7; 125]].concat().repeat(500);
    page.give_up_writing_after(Duration::from_millis(500));
    for _ in 0..40 {
        page.send_raw(&pings);
    }
    assert!(daemon.answers());
    let resident = std::fs::read_to_string(format!("/proc/{}/statm", daemon.pid())).unwrap();
    let pages: u64 = resident.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(pages * 4 < 100 * 1024, "{} KiB", pages * 4);
}
