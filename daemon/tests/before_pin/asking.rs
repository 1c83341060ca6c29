//! Responders and lists that are asked before the question, and those that had better not be.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Page};
use crate::support::office::{Server, free_port, responder, signed_by_a_stranger};
use crate::support::{Desk, error_code, fail, repository, succeed};
use crate::told::{is_good, told_by, told_in_the_window, told_in_the_window_with, warned};
use crate::{configure, sign, sign_wrongly, today};

/// Responders and lists are asked; those here are on this computer.
const ASKING: &str = "[network]\nrevocation = true\nprivate_addresses = true\n";

/// A desk whose certificates say that answers and lists are to be had at this port, where nobody is yet.
fn published(keys: &[(&str, &str, &str)]) -> (Desk, u16) {
    let port = free_port();
    let desk = Desk::with_keys_published_at(&format!("127.0.0.1:{port}"), keys);
    responder(&desk);
    (desk, port)
}

#[test]
fn responder_and_list_are_asked_before_the_question_and_what_they_say_is_kept() {
    let began = today();
    let (desk, port) = published(&[("sound", "ec:p256", "citizen"), ("bad", "ec:p256", "revoked")]);
    let unknown = (json!(["status_unknown", "software_token"]), Value::Null);
    let down = told_in_the_window_with(&desk, ASKING);
    for name in ["sound", "bad"] {
        assert_eq!(warned(name, &down), unknown, "nobody answers");
    }
    let server = Server::start(desk.pki(), port);
    // What is fetched over the network is fetched only where the configuration says so, and nobody is asked at an
    // address of this computer unless it says that too.
    told_in_the_window(&desk);
    told_in_the_window_with(&desk, "[network]\nrevocation = true\n");
    assert_eq!(server.requests(), 0);

    let (daemon, question) = Daemon::keeping_the_question_with(&desk, ASKING);
    for turn in 0..3 {
        let known = told_by(&daemon, &question);
        assert!(is_good("sound", &known, &began), "{turn}: {known:?}");
        assert_eq!(known.len(), 1, "who is revoked is not offered: {known:?}");
    }
    drop(daemon);
    let mut asked = server.asked();
    asked.sort();
    assert_eq!(
        asked,
        ["/responder", "/responder", "/root.crl"],
        "once for each certificate, and never again while the answers are in force"
    );
    // A daemon that starts later has them still, also where it may not ask.
    let known = told_in_the_window(&desk);
    assert!(is_good("sound", &known, &began), "{known:?}");
}

#[test]
fn n107_what_a_responder_says_is_obeyed_before_the_pin_and_its_silence_as_the_policy_says() {
    let (desk, port) = published(&[("an", "ec:p256", "citizen"), ("bad", "ec:p256", "revoked")]);
    let said = |key: &str| error_code(&mut sign_wrongly(&desk, key), 1);
    let strict = format!("require_revocation = true\n{ASKING}");
    configure(&desk, ASKING);
    assert_eq!(
        said("an"),
        "pin_incorrect",
        "nobody answers: no more than a warning"
    );
    configure(&desk, &strict);
    assert_eq!(said("an"), "certificate_status_unknown");
    let server = Server::start(desk.pki(), port);
    assert_eq!(said("bad"), "certificate_revoked");
    assert_eq!(said("an"), "pin_incorrect", "nothing stands in the way any more");
    succeed(sign(&desk, "an", "known.p7s").args(desk.pin()));
    let evidence = succeed(&mut desk.trien(["trust", "evidence", "--json"]));
    let evidence: Value = serde_json::from_str(&evidence).unwrap();
    let known = &evidence[0]["path"][0]["revocation"];
    assert_eq!(
        (&known["status"], &known["source"]),
        (&json!("good"), &json!("ocsp")),
        "{evidence}"
    );
    assert!(known["this_update"].is_string(), "as of when: {evidence}");
    assert_eq!(
        evidence[0]["path"][1]["revocation"]["source"], "crl",
        "{evidence}"
    );
    assert_eq!(server.requests(), 3, "{:?}", server.asked());
}

#[test]
fn where_no_responder_answers_the_list_is_asked_and_an_imported_one_speaks_for_itself() {
    let began = today();
    let (desk, port) = published(&[("sound", "ec:p256", "citizen"), ("bad", "ec:p256", "revoked")]);
    // The responder's key is a stranger's now.
    let words =
        "req -x509 -newkey rsa:2048 -nodes -keyout responder.key -subj /C=VN/CN=OCSP -out responder.pem";
    let mut forge = Command::new("openssl");
    succeed(forge.current_dir(desk.pki()).args(words.split(' ')));
    let lists = ["ca.crl", "root.crl"].map(|list| desk.pki().join(list));
    let true_lists = lists.clone().map(|list| std::fs::read(list).unwrap());
    // And so are the lists: in the issuers' names, by another key.
    for name in ["ca", "root"] {
        let forge = "cp private/NAME.key kept && cp private/impostor.key private/NAME.key && \
                     cp NAME.pem kept.pem && openssl x509 -in kept.pem -signkey private/NAME.key -days 30 \
                     -out NAME.pem && \"$PUBLISH\" . NAME; cp kept private/NAME.key; cp kept.pem NAME.pem";
        let forge = forge.replace("NAME", name);
        succeed(
            Command::new("sh")
                .args(["-c", &forge])
                .current_dir(desk.pki())
                .env("PUBLISH", repository().join("testdata/pki/publish-crl.sh")),
        );
    }
    for (list, bytes) in lists.iter().zip(&true_lists) {
        assert_ne!(&std::fs::read(list).unwrap(), bytes, "{list:?} is a forged one");
    }
    let server = Server::start(desk.pki(), port);
    let forged = told_in_the_window_with(&desk, ASKING);
    let unknown = (json!(["status_unknown", "software_token"]), Value::Null);
    assert_eq!(warned("sound", &forged), unknown);
    let kept = std::fs::read_dir(desk.home().join("data/revocation")).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "nothing that is not its issuer's word");
    let asked = server.asked();
    for path in ["/responder", "/ca.crl", "/root.crl"] {
        assert!(asked.iter().any(|one| one == path), "{asked:?}");
    }
    for (list, bytes) in lists.iter().zip(true_lists) {
        std::fs::write(list, bytes).unwrap();
    }
    let known = told_in_the_window_with(&desk, ASKING);
    assert!(is_good("sound", &known, &began), "{known:?}");
    assert_eq!(known.len(), 1, "the list says who was revoked: {known:?}");

    // On a computer without the network, the same lists from a file.
    std::fs::remove_dir_all(desk.home().join("data/revocation")).unwrap();
    let mut import = desk.trien(["trust", "import-crl"]);
    succeed(import.args(lists));
    let asked = server.requests();
    let imported = told_in_the_window_with(&desk, ASKING);
    assert!(is_good("sound", &imported, &began), "{imported:?}");
    assert_eq!(imported.len(), 1, "{imported:?}");
    assert_eq!(server.requests(), asked, "what is known is not asked for");
}

/// Who is waited for to the end takes longer, in seconds: `/drip` five minutes. Beside other programs the processor alone
/// may be waited for for many.
const WAITED_FOR: u64 = 100;

#[test]
fn n156_responders_and_lists_that_misbehave_are_not_waited_for_and_not_followed() {
    let (desk, port) = published(&[("an", "ec:p256", "citizen")]);
    let server = Server::start(desk.pki(), port);
    let said = || error_code(&mut sign_wrongly(&desk, "an"), 1);
    configure(&desk, &format!("require_revocation = true\n{ASKING}"));
    for trouble in ["redirect", "elsewhere", "html", "bomb", "endless"] {
        server.misbehave(trouble);
        let (before, start) = (server.requests(), Instant::now());
        assert_eq!(said(), "certificate_status_unknown", "{trouble}");
        assert!(
            start.elapsed().as_secs() < WAITED_FOR,
            "{trouble}: {:?}",
            start.elapsed()
        );
        // Each once, and no redirect is followed.
        let mut asked = server.asked()[before..].to_vec();
        asked.sort();
        assert_eq!(asked, ["/ca.crl", "/responder", "/root.crl"], "{trouble}");
    }
    // An octet at a time: all of them together have fifteen seconds, and then the person is asked.
    server.misbehave("drip");
    configure(&desk, ASKING);
    let start = Instant::now();
    let told = fail(&mut sign_wrongly(&desk, "an"), 1);
    assert!(told.contains("not to be learnt in time"), "{told}");
    assert!(told.contains("PIN was wrong"), "{told}");
    assert!(
        (10..WAITED_FOR).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );
    let kept = std::fs::read_dir(desk.home().join("data/revocation")).map_or(0, Iterator::count);
    assert_eq!(kept, 0, "nothing that is no answer and no list");
}

#[test]
fn n159_no_address_is_asked_that_nobody_here_vouches_for() {
    let (desk, port) = published(&[("an", "ec:p256", "citizen")]);
    let server = Server::start(desk.pki(), port);
    std::fs::remove_file(desk.home().join("config/trust/root.pem")).unwrap();
    let lost = told_in_the_window_with(&desk, ASKING);
    let warnings = json!(["status_unknown", "path_unknown", "software_token"]);
    assert_eq!(warned("an", &lost), (warnings, Value::Null));
    // And what a page brings to have it verified leads nowhere.
    let signed = std::fs::read(signed_by_a_stranger(&desk.pki(), &server.url("tracking"))).unwrap();
    let (daemon, _) = Daemon::keeping_the_question_with(&desk, ASKING);
    let mut page = Page::over_websocket(&daemon);
    page.hello();
    let document = page.upload("lạ.p7m", &signed);
    let reply = page.call("verify_documents", &json!({ "documents": [document] }));
    assert_eq!(reply["result"]["documents"][0]["valid"], false, "{reply}");
    assert_eq!(server.asked(), Vec::<String>::new());
}
