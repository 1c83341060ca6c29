//! Documents that differ from the manifest that was shown.

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::daemon::{
    ALL, APPROVE, Daemon, PORTAL, Page, allow, asking, code, dossier, record, wait_for,
};
use crate::support::{Desk, succeed};
use crate::{HANG, portal, with_key};

/// A script that reads its PIN from a pipe with a name, and what opens that pipe: which waits until the question is open.
fn typing_later(desk: &Desk) -> (String, impl FnOnce() -> std::fs::File) {
    let pins = desk.path("pins");
    succeed(Command::new("mkfifo").arg(&pins));
    let script = format!(
        "[[answer]]\ndecision = \"approve\"\npin_file = \"{}\"\n",
        pins.display()
    );
    let open = move || std::fs::OpenOptions::new().write(true).open(pins).unwrap();
    (script, open)
}

#[test]
fn n049_n053_what_differs_from_the_manifest_that_was_shown_is_not_signed() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &ALL);
    let (script, open) = typing_later(&desk);
    let daemon = Daemon::start(&desk, &script);
    let mut page = Page::connected(&daemon);
    let bytes = |n: u8| vec![b'a' + n; 3000];
    let documents = [0, 1, 2].map(|n| page.upload(&format!("{n}.bin"), &bytes(n)));
    let call = |documents: &[Value]| json!({ "documents": documents, "format": "cades_attached" });
    // One that is here with another size: before anybody is asked.
    let before = record(&desk, 1);
    let mut other = documents.clone();
    other[1]["size"] = json!(2999);
    assert_eq!(
        code(&page.call("sign_documents", &call(&other))),
        "batch_mismatch"
    );
    assert_eq!(record(&desk, 1), before);

    let asked = page.ask("sign_documents", &call(&documents));
    let mut typing = open();
    // While the person looks: a document of his once more, one that is for another request, other bytes under a digest
    // that he was shown on another connection, and another batch.
    let sha256 = documents[0]["sha256"].clone();
    let forged = json!({ "sha256": sha256, "size": 3000, "offset": 0, "data": STANDARD.encode(bytes(9)) });
    let second = Page::connected(&daemon).refusal("upload", &forged);
    assert_eq!(second, "upload_mismatch", "another connection's is no other");
    let mut replies = std::collections::BTreeMap::new();
    page.upload_beside("0.bin", &bytes(0), &mut replies);
    page.upload_beside("3.bin", &bytes(3), &mut replies);
    let more = page.ask(
        "sign_documents",
        &call(&[documents[2].clone(), documents[1].clone()]),
    );
    typing.write_all(b"24681357\n").unwrap();
    drop(typing);
    while replies.len() < 2 {
        let message = page.receive().unwrap().0;
        if let Some(id) = message["id"].as_u64() {
            replies.insert(id, message);
        }
    }
    assert_eq!(
        code(&replies[&more]),
        "nobody_to_ask",
        "the other batch has a question of its own"
    );
    let result = &replies[&asked]["result"];
    let signed = result["documents"].as_array().unwrap();
    assert_eq!(signed.len(), 3, "{result}");
    let entry = |n: u8| {
        let name = format!("{n}.bin");
        let digest = documents[usize::from(n)]["sha256"].as_str().unwrap();
        format!("{digest}\n3000\n{}\n{name}\n", name.len())
    };
    let manifest = hex::encode(Sha256::digest([0, 1, 2].map(entry).concat()));
    assert_eq!(result["receipt"]["manifest"], manifest, "this order and no other");
    for (n, one) in (0..).zip(signed) {
        let container = page.download(one["sha256"].as_str().unwrap(), one["size"].as_u64().unwrap());
        let holds = |content: &[u8]| container.windows(3000).any(|window| window == content);
        assert!(holds(&bytes(n)) && !holds(&bytes(9)), "{n}");
    }
    assert_eq!(
        record(&desk, 4)[1..4],
        ["asked", "approved", "signed"],
        "one batch was approved"
    );
}

/// Hears how far a request has come, up to this stage.
fn until(page: &mut Page, stage: &str) -> Value {
    loop {
        let (message, _) = page.receive().unwrap();
        assert_eq!(message["method"], "progress", "{message}");
        if message["params"]["stage"] == stage {
            return message["params"].clone();
        }
    }
}

/// What these requests fail with, whichever reply comes first.
fn codes<const N: usize>(page: &mut Page, requests: [u64; N]) -> [String; N] {
    let mut told = std::collections::BTreeMap::new();
    while told.len() < N {
        let (message, _) = page.receive().unwrap();
        if let Some(id) = message["id"].as_u64() {
            told.insert(id, code(&message).to_owned());
        }
    }
    requests.map(|request| told.remove(&request).unwrap())
}

#[test]
fn n049_n050_n053_a_document_sent_again_as_another_ends_what_the_person_was_asked() {
    let bytes = |n: u8| vec![b'a' + n; 3000];
    for (road, capabilities) in [
        (Page::over_websocket as fn(&Daemon) -> Page, &["manifest"][..]),
        (Page::over_websocket, &[]),
        (Page::over_socket, &["manifest"]),
    ] {
        // One for each: a page that takes so many questions back has to wait for the next.
        let (desk, daemon) = with_key("citizen", HANG);
        let mut entries = record(&desk, 1);
        let mut page = road(&daemon);
        page.hello_with(capabilities);
        let documents = [0, 1, 2].map(|n| page.upload(&format!("{n}.bin"), &bytes(n)));
        let call = |documents: &[Value]| json!({ "documents": documents, "format": "cades_detached" });
        let piece = |size: usize, offset: usize, data: &[u8]| {
            let sha256 = &documents[0]["sha256"];
            json!({ "sha256": sha256, "size": size, "offset": offset, "data": STANDARD.encode(data) })
        };
        let key = json!("0123456789abcdef");
        for (what, forged, keyed) in [
            ("other bytes", piece(3000, 0, &bytes(9)), false),
            (
                "other bytes of a request that may be repeated",
                piece(3000, 0, &bytes(9)),
                true,
            ),
            ("other bytes in its middle", piece(3000, 1000, b"x"), false),
            ("another size", piece(2999, 0, &bytes(0)[1..]), false),
            ("more bytes than it has", piece(3000, 1, &bytes(0)), false),
        ] {
            let mut batch = call(&documents);
            if keyed {
                batch["idempotency_key"] = key.clone();
            }
            let asked = page.ask("sign_documents", &batch);
            wait_for(|| asking(daemon.pid()).len() == 1);
            let uploaded = page.ask("upload", &forged);
            let told = codes(&mut page, [asked, uploaded]);
            assert_eq!(told, ["batch_mismatch", "upload_mismatch"], "{what}");
            wait_for(|| asking(daemon.pid()).is_empty());
            entries.extend(["asked".to_owned(), "withdrawn".to_owned()]);
            assert_eq!(record(&desk, entries.len()), entries, "{what}");
        }
        // Who waits for his turn meanwhile, and has nothing to do with it, gets it.
        let asked = page.ask("sign_documents", &call(&documents));
        wait_for(|| asking(daemon.pid()).len() == 1);
        let first = asking(daemon.pid());
        let waits = page.ask("sign_documents", &call(&documents[2..]));
        let uploaded = page.ask("upload", &piece(3000, 0, &bytes(9)));
        let told = codes(&mut page, [asked, uploaded]);
        assert_eq!(told, ["batch_mismatch", "upload_mismatch"]);
        wait_for(|| asking(daemon.pid()).len() == 1 && asking(daemon.pid()) != first);
        let cancelled = page.call("cancel", &json!({ "request": waits }));
        assert_eq!(cancelled["result"]["cancelled"], true);
        assert_eq!(code(&page.reply(waits)), "cancelled");
        // The next one may be asked about before the record says that the first was taken back.
        let told = record(&desk, entries.len() + 4);
        let (before, mut last) = (&told[..entries.len()], told[entries.len()..].to_vec());
        last.sort();
        assert_eq!(before, entries);
        assert_eq!(last, ["asked", "asked", "withdrawn", "withdrawn"]);
    }
}

#[test]
fn n049_n050_a_deviation_while_the_token_signs_ends_the_batch_and_its_login() {
    let desk = Desk::with_keys(&[("k", "rsa:2048", "citizen")]);
    allow(&desk, PORTAL, &ALL);
    let once = "[[answer]]\ndecision = \"approve\"\npins = [\"24681357\"]\n";
    let daemon = Daemon::start(&desk, once);
    let mut page = Page::connected(&daemon);
    let document = page.upload("a.bin", &[7; 1000]);
    let batch = json!({ "documents": vec![document.clone(); 500], "format": "cades_detached" });
    let asked = page.ask("sign_documents", &batch);
    while until(&mut page, "signing")["done"] == 0 {}
    let forged = json!({ "sha256": document["sha256"], "size": 1000, "offset": 0, "data": STANDARD.encode([8; 1000]) });
    let uploaded = page.ask("upload", &forged);
    let told = codes(&mut page, [asked, uploaded]);
    assert_eq!(told, ["batch_mismatch", "upload_mismatch"]);
    assert_eq!(record(&desk, 4)[1..], ["asked", "approved", "withdrawn"]);
    // The next one needs the person, and his PIN, again.
    assert_eq!(code(&page.call("sign_documents", &batch)), "nobody_to_ask");
}

/// A document as a manifest names it, before anything of it was sent.
fn announced(name: &str, bytes: &[u8]) -> Value {
    json!({ "name": name, "sha256": hex::encode(Sha256::digest(bytes)), "size": bytes.len() })
}

#[test]
fn n049_n050_whatever_deviates_from_a_manifest_that_waits_ends_it_and_nobody_is_asked() {
    let (desk, daemon) = with_key("citizen", APPROVE);
    for road in [Page::over_websocket, Page::over_socket] {
        let before = record(&desk, 1);
        let mut page = road(&daemon);
        page.hello();
        let bytes = |n: u8| vec![n; 500_000];
        let documents = [1, 2, 3].map(|n| announced(&format!("{n}.bin"), &bytes(n)));
        let call = json!({ "documents": documents, "format": "cades_detached" });
        let piece = |document: &Value, offset: usize, data: &[u8]| json!({ "sha256": document["sha256"], "size": document["size"], "offset": offset, "data": STANDARD.encode(data) });
        let first = &documents[0];
        let mut larger = first.clone();
        larger["size"] = json!(500_001);
        for (what, upload) in [
            ("a fourth document", piece(&announced("4.bin", b"4"), 0, b"4")),
            ("another size", piece(&larger, 1000, &[1; 1000])),
            ("pieces in another order", piece(first, 2000, &[1; 1000])),
            ("a piece twice", piece(first, 0, &[1; 1000])),
            ("more bytes than announced", piece(first, 1000, &[1; 499_001])),
            ("a changed digest", piece(first, 1000, &[9; 499_000])),
        ] {
            let asked = page.ask("sign_documents", &call);
            let collecting = until(&mut page, "collecting");
            assert_eq!(
                (&collecting["done"], &collecting["total"]),
                (&json!(0), &json!(3))
            );
            assert!(page.call("upload", &piece(first, 0, &[1; 1000]))["result"].is_object());
            // Another connection is none of its business.
            let mut other = Page::connected(&daemon);
            other.upload("4.bin", b"4");
            drop(other);
            let uploaded = page.ask("upload", &upload);
            let told = codes(&mut page, [asked, uploaded]);
            assert_eq!(told, ["batch_mismatch", "upload_mismatch"], "{what}");
        }
        assert_eq!(record(&desk, 1), before, "nobody was asked");
        // What another connection holds is not here, and a request that waits disturbs no other.
        let asked = page.ask("sign_documents", &call);
        until(&mut page, "collecting");
        for n in [1, 2, 3] {
            Page::connected(&daemon).upload("x", &bytes(n));
        }
        assert!(page.call("certificates", &json!({}))["result"].is_object());
        // It ends as any other does.
        assert_eq!(
            page.call("cancel", &json!({ "request": asked }))["result"]["cancelled"],
            true
        );
        assert_eq!(code(&page.reply(asked)), "cancelled");
        page.upload("4.bin", b"4");
        let verifying = page.ask("verify_documents", &json!({ "documents": [documents[0]] }));
        until(&mut page, "collecting");
        let uploaded = page.ask("upload", &piece(first, 1, b"x"));
        let told = codes(&mut page, [verifying, uploaded]);
        assert_eq!(told, ["batch_mismatch", "upload_mismatch"]);
        // And when all comes as it was announced, in whatever order, it is signed, once for two that wait.
        let [one, two] = [&documents[..], &documents[..1]].map(|documents| {
            let call = json!({ "documents": documents, "format": "cades_detached" });
            page.ask("sign_documents", &call)
        });
        let mut replies = std::collections::BTreeMap::new();
        for n in [3, 1, 2] {
            page.upload_beside(&format!("{n}.bin"), &bytes(n), &mut replies);
        }
        while replies.len() < 2 {
            let (message, _) = page.receive().unwrap();
            if let Some(id) = message["id"].as_u64() {
                replies.insert(id, message);
            }
        }
        for id in [one, two] {
            assert!(replies[&id]["result"].is_object(), "{}", replies[&id]);
        }
        allow(&desk, PORTAL, &["certificates", "sign"]);
        let unpermitted = page.call("sign_documents", &call);
        assert_eq!(code(&unpermitted), "not_allowed", "before anything of it is sent");
        allow(&desk, PORTAL, &ALL);
        let left = page.ask("sign_documents", &call_of_new(&call));
        until(&mut page, "collecting");
        allow(&desk, PORTAL, &["certificates", "sign"]);
        assert_eq!(code(&page.reply(left)), "not_allowed");
        allow(&desk, PORTAL, &ALL);
    }
}

#[test]
fn n028_a_permission_that_is_taken_back_between_two_pieces_ends_the_request_and_gives_its_room_back() {
    let (desk, daemon) = with_key("citizen", APPROVE);
    let before = record(&desk, 1);
    for road in [Page::over_websocket, Page::over_socket] {
        let mut page = road(&daemon);
        page.hello();
        let content = vec![7; 700_000];
        let mut documents = vec![announced("đơn.bin", &content)];
        // With it these are as much as a connection can hold: nothing of them is ever sent.
        documents.extend((0..10).map(|n| {
            let mut large = announced(&n.to_string(), &[n]);
            large["size"] = json!(200 << 20);
            large
        }));
        let signing = json!({ "documents": documents, "format": "cades_detached" });
        let piece = |offset: usize, data: &[u8]| json!({ "sha256": documents[0]["sha256"], "size": 700_000, "offset": offset, "data": STANDARD.encode(data) });
        let checked = dossier();
        let verifying = json!({ "documents": [announced("x.pdf", &checked)] });

        let asked = page.ask("sign_documents", &signing);
        until(&mut page, "collecting");
        let other = page.ask("verify_documents", &verifying);
        let first = page.ask("upload", &piece(0, &content[..400_000]));
        let mut replies = std::collections::BTreeMap::new();
        let mut reply = |page: &mut Page, id: u64| loop {
            if let Some(reply) = replies.remove(&id) {
                break reply;
            }
            let (message, _): (Value, _) = page.receive().unwrap();
            if let Some(id) = message["id"].as_u64() {
                replies.insert(id, message);
            }
        };
        assert_eq!(reply(&mut page, first)["result"]["received"], 400_000);
        succeed(&mut desk.trien(["origin", "revoke", PORTAL, "--scope", "sign"]));
        assert_eq!(code(&reply(&mut page, asked)), "not_allowed");
        let second = page.ask("upload", &piece(400_000, &content[400_000..]));
        assert_eq!(code(&reply(&mut page, second)), "upload_mismatch");

        // What needs another permission goes on; and all the room is there that was taken.
        let (sha256, size) = (&verifying["documents"][0]["sha256"], checked.len());
        let whole = json!({ "sha256": sha256, "size": size, "offset": 0, "data": STANDARD.encode(&checked) });
        let sent = page.ask("upload", &whole);
        assert_eq!(reply(&mut page, sent)["result"]["sealed"], true);
        let verified = reply(&mut page, other);
        assert!(verified["result"]["documents"].is_array(), "{verified}");
        allow(&desk, PORTAL, &ALL);
        let again = page.ask("sign_documents", &signing);
        until(&mut page, "collecting");
        let cancelled = page.call("cancel", &json!({ "request": again }));
        assert_eq!(cancelled["result"]["cancelled"], true, "{cancelled}");
        assert_eq!(code(&page.reply(again)), "cancelled");
    }
    assert_eq!(record(&desk, 1), before, "nobody was asked");
}

/// The same for documents that were never sent.
fn call_of_new(call: &Value) -> Value {
    let documents = ["a", "b"].map(|name| announced(name, format!("never sent: {name}").as_bytes()));
    let mut call = call.clone();
    call["documents"] = json!(documents);
    call
}

#[test]
fn a_refusal_comes_before_the_documents_do() {
    let two = [announced("a", b"never sent: a"), announced("b", b"never sent: b")];
    let call = |documents: &[Value]| json!({ "documents": documents, "format": "pades" });
    let (_desk, daemon) = portal(&ALL);
    let mut page = Page::connected(&daemon);
    assert_eq!(code(&page.call("sign_documents", &call(&two))), "no_certificate");
    let mut certified = call(&two);
    certified["certificate"] = json!("00".repeat(32));
    assert_eq!(
        code(&page.call("sign_documents", &certified)),
        "certificate_not_found"
    );
    let (_desk, daemon) = with_key("citizen", HANG);
    let mut page = Page::connected(&daemon);
    let of_size = |size: u64| {
        let mut document = two[0].clone();
        document["size"] = json!(size);
        document
    };
    for size in [(200 << 20) + 1, u64::MAX] {
        assert_eq!(
            code(&page.call("sign_documents", &call(&[of_size(size)]))),
            "too_large"
        );
        let verify = json!({ "documents": [of_size(size)] });
        assert_eq!(code(&page.call("verify_documents", &verify)), "too_large");
    }
    // Eleven of the largest are more than a connection holds.
    let many: Vec<Value> = (0..11)
        .map(|n| {
            let mut document = announced(&n.to_string(), &[n]);
            document["size"] = json!(200 << 20);
            document
        })
        .collect();
    assert_eq!(code(&page.call("sign_documents", &call(&many))), "too_large");
    // While it waits it is no question; where one is open and one waits, it says so at once.
    let waits = page.ask("sign_documents", &call(&two));
    until(&mut page, "collecting");
    let open = page.ask("certificates", &json!({}));
    until(&mut page, "asking");
    wait_for(|| asking(daemon.pid()).len() == 1);
    // One of these waits for its turn, and which of them it is, is nobody's promise.
    for _ in 0..2 {
        page.ask("certificates", &json!({}));
    }
    let busy = loop {
        let (message, _) = page.receive().unwrap();
        if message["id"].is_u64() {
            break message;
        }
    };
    assert_eq!(code(&busy), "busy");
    assert_eq!(code(&page.call("sign_documents", &call(&two))), "busy");
    for request in [waits, open] {
        assert_eq!(
            page.call("cancel", &json!({ "request": request }))["result"]["cancelled"],
            true
        );
        assert_eq!(code(&page.reply(request)), "cancelled");
    }
}

#[test]
fn n052_pieces_that_do_not_fit_lose_the_document() {
    let (_desk, daemon) = portal(&[]);
    let mut page = Page::connected(&daemon);
    let name = "ab".repeat(32);
    let piece = |offset: u64, size: u64, data: &[u8]| json!({ "sha256": name, "size": size, "offset": offset, "data": STANDARD.encode(data) });
    let mut told = |call: Value| {
        let reply = page.call("upload", &call);
        reply["error"]["data"]["code"]
            .as_str()
            .unwrap_or("taken")
            .to_owned()
    };
    assert_eq!(told(piece(0, 10, b"0123")), "taken");
    assert_eq!(told(piece(6, 10, b"6789")), "upload_mismatch", "a gap");
    assert_eq!(told(piece(0, 10, b"0123")), "taken");
    assert_eq!(told(piece(2, 10, b"2345")), "upload_mismatch", "an overlap");
    assert_eq!(told(piece(0, 10, b"0123")), "taken");
    assert_eq!(told(piece(4, 11, b"4567890")), "upload_mismatch", "another size");
    assert_eq!(
        told(piece(0, 10, b"0123456789")),
        "upload_mismatch",
        "another digest"
    );
    assert_eq!(told(piece(0, 1 << 40, b"0")), "too_large");
    assert_eq!(told(piece(0, 0, b"")), "bad_request");
    // What is announced counts at once, and room comes back with what is lost.
    let large = |name: &str| json!({ "sha256": name.repeat(32), "size": 200 << 20, "offset": 0, "data": STANDARD.encode([0; 100]) });
    for name in ["01", "02", "03", "04", "05", "06", "07", "08", "09", "0a"] {
        assert_eq!(told(large(name)), "taken");
    }
    assert_eq!(told(large("0b")), "too_large", "past what a connection may hold");
    let mut gap = large("01");
    gap["offset"] = json!(7);
    assert_eq!(told(gap), "upload_mismatch");
    assert_eq!(told(large("0b")), "taken");
}

/// Slow: nothing shortens the minute that it waits for.
#[test]
fn n052_what_is_never_finished_is_let_go_after_a_minute() {
    let (_desk, daemon) = portal(&[]);
    let mut page = Page::connected(&daemon);
    // Memory and files without a name.
    let kept = || {
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap();
        let targets = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        targets
            .filter(|target| target.to_string_lossy().contains("(deleted)"))
            .count()
    };
    let begun = |name: &str| json!({ "sha256": name.repeat(32), "size": 200 << 20, "offset": 0, "data": STANDARD.encode([7; 400_000]) });
    let before = kept();
    // Of each it is a minute since its last piece.
    let began = Instant::now();
    for name in ["01", "02", "03", "04", "05", "06", "07", "08", "09", "0a"] {
        assert!(page.call("upload", &begun(name))["result"].is_object());
    }
    assert!(kept() >= before + 10, "each is kept apart");
    assert_eq!(page.refusal("upload", &begun("0b")), "too_large");
    // A good request between them, so that not too many bad ones come in a row.
    while page.call("upload", &begun("0b"))["error"]["data"]["code"] == "too_large" {
        page.call("cancel", &json!({ "request": 0 }));
        assert!(began.elapsed() < Duration::from_secs(100), "in vain");
        std::thread::sleep(Duration::from_secs(1));
    }
    assert!(began.elapsed() > Duration::from_secs(55), "{:?}", began.elapsed());
    wait_for(|| kept() <= before + 1);
    // The connection is there as before, and what was let go is begun anew.
    let mut rest = begun("01");
    rest["offset"] = json!(400_000);
    assert_eq!(page.refusal("upload", &rest), "upload_mismatch");
}

/// As slow, for the same reason.
#[test]
fn n050_a_manifest_of_which_nothing_more_comes_is_let_go_after_a_minute() {
    let (_desk, daemon) = portal(&["verify"]);
    let documents = |count: u8| -> Vec<Value> {
        let sha256 = |n: u8| format!("{n:02x}").repeat(32);
        let named = (0..count).map(|n| json!({ "name": "x", "sha256": sha256(n), "size": 200 << 20 }));
        named.collect()
    };
    // Of one nothing comes, and of the other one document of two; both on connections that bring nothing else.
    let [mut nothing, mut half] = [(); 2].map(|()| Page::connected(&daemon));
    let began = Instant::now();
    let silent = nothing.ask("verify_documents", &json!({ "documents": documents(7) }));
    let first = json!({ "name": "x", "sha256": hex::encode(Sha256::digest(b"one")), "size": 3 });
    let two = [first, documents(1).remove(0)];
    let halved = half.ask("verify_documents", &json!({ "documents": two }));
    let mut early = std::collections::BTreeMap::new();
    half.upload_beside("x", b"one", &mut early);
    assert!(early.is_empty(), "{early:?}");
    for (page, request) in [(&mut nothing, silent), (&mut half, halved)] {
        assert_eq!(code(&page.reply(request)), "document_missing");
        let waited = began.elapsed();
        assert!(waited > Duration::from_secs(55), "{waited:?}");
    }
    // The origin has its room again.
    let mut page = Page::connected(&daemon);
    let mut begun = documents(7);
    for document in &mut begun {
        document.as_object_mut().unwrap().remove("name");
        document["offset"] = json!(0);
        document["data"] = json!(STANDARD.encode([7; 100]));
        assert!(page.call("upload", document)["result"].is_object());
    }
}
