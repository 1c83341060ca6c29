//! Authorities that are gone, strange, slow or hostile, and addresses that nobody vouches for.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::office::{Office, RELEASE, Server, free_port, signed_by_a_stranger};
use crate::support::{fail, read_json, succeed};
use crate::{keep, level_alone, portal_with, printed, with_authority};
use serde_json::{Value, json};

#[test]
fn the_next_authority_is_asked_when_one_fails() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let server = office.server();
    let closed = free_port();
    let urls = [
        format!("http://127.0.0.1:{closed}/tsa"),
        server.url("html"),
        server.url("tsa"),
    ];
    let list: String = urls
        .iter()
        .map(|url| format!("[[timestamp_authorities]]\nurl = \"{url}\"\n"))
        .collect();
    std::fs::create_dir_all(office.desk.home().join("config")).unwrap();
    std::fs::write(office.desk.home().join("config/config.toml"), list).unwrap();
    succeed(&mut office.sign(&["--level", "t"], "t.p7s"));
    assert_eq!(office.level("t.p7s"), "B-T");
    assert_eq!(
        server.requests(),
        2,
        "the one that answers nonsense, and the one that stamps"
    );
}

#[test]
fn no_signature_of_a_batch_is_lost_to_an_authority_that_is_gone() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let names = ["một.txt", "hai.txt", "ba.txt"];
    for name in names {
        std::fs::write(office.desk.path(name), name).unwrap();
    }
    std::fs::create_dir(office.desk.path("ra")).unwrap();
    let gone = format!("http://127.0.0.1:{}/tsa", free_port());
    let sign = |words: &[&str]| {
        let mut sign = office.desk.trien(["sign", "--format", "cades", "--cert", "an"]);
        sign.args(["--level", "t", "--tsa", &gone]).args(words);
        sign.arg("--out").arg(office.desk.path("ra"));
        sign.args(names.map(|name| office.desk.path(name)))
            .args(office.desk.pin());
        sign
    };
    let result = |name: &str| format!("ra/{name}.p7m");
    let told = fail(&mut sign(&[]), 3);
    for name in names {
        assert_eq!(level_alone(&office, &result(name)), "B-B", "{told}");
    }
    assert!(told.contains("at level B"), "{told}");

    std::fs::remove_dir_all(office.desk.path("ra")).unwrap();
    std::fs::create_dir(office.desk.path("ra")).unwrap();
    let told = printed(&mut sign(&["--json"]), 3);
    for (place, name) in names.into_iter().enumerate() {
        assert_eq!(level_alone(&office, &result(name)), "B-B");
        let about = &told["documents"][place];
        assert_eq!(about["error"]["code"], "augment-network", "{told:#}");
        let output = office.desk.path(&result(name));
        assert_eq!(about["output"], output.to_str().unwrap(), "it is there: {told:#}");
    }
}

#[test]
fn one_that_fails_of_a_batch_at_the_shell_does_not_hide_what_became_of_the_others() {
    let (office, server, tsa) = with_authority("ec:p256");
    let names = ["một.txt", "hai.txt", "ba.txt"];
    for name in names {
        std::fs::write(office.desk.path(name), name).unwrap();
    }
    std::fs::write(office.desk.path("hai.txt"), vec![0; 2 << 20]).unwrap();
    let out = office.desk.path("ra");
    let result = |name: &str| out.join(format!("{name}.p7m"));
    let sign = |words: &[&str]| {
        let _old = std::fs::remove_dir_all(&out);
        std::fs::create_dir(&out).unwrap();
        let mut sign = Command::new("sh");
        // No file may be as large as the second result.
        sign.args(["-c", "trap '' XFSZ; ulimit -f 2000; exec \"$@\"", "sh"]);
        sign.arg(env!("CARGO_BIN_EXE_trien"))
            .env("TRIEN_HOME", office.desk.home())
            .env("LC_ALL", "en_US.UTF-8");
        sign.args(["sign", "--format", "cades", "--cert", "an"]);
        sign.args(["--level", "t", "--tsa", &tsa]).args(words);
        sign.arg("--out").arg(&out);
        sign.args(names.map(|name| office.desk.path(name)))
            .args(office.desk.pin());
        sign
    };
    let told = printed(&mut sign(&["--json"]), 3);
    let documents = told["documents"].as_array().unwrap();
    for (about, name) in documents.iter().zip(names) {
        assert_eq!(
            about["input"],
            office.desk.path(name).to_str().unwrap(),
            "{told:#}"
        );
        if name == "hai.txt" {
            assert_eq!(about["error"]["code"], "cli-unwritable", "{told:#}");
            let said = &about["error"]["message"];
            assert!(said["vi"].as_str().unwrap().contains("quá lớn"), "{told:#}");
            assert!(
                said["en"].as_str().unwrap().contains("it is too large"),
                "{told:#}"
            );
            assert_eq!(about["output"], Value::Null, "{told:#}");
        } else {
            assert_eq!(about["error"], Value::Null, "{told:#}");
            assert_eq!(about["output"], result(name).to_str().unwrap(), "{told:#}");
            assert_eq!(level_alone(&office, &format!("ra/{name}.p7m")), "B-T");
        }
    }
    assert_eq!((documents.len(), server.requests()), (3, 2), "{told:#}");
    let told = fail(&mut sign(&[]), 3);
    for name in ["một.txt", "ba.txt"] {
        assert!(
            told.contains(&format!("Signed: {}", result(name).display())),
            "{told}"
        );
    }
    let input = office.desk.path("hai.txt");
    assert!(
        told.contains(&format!("Not signed: {}", input.display())),
        "{told}"
    );
}

#[test]
fn the_next_authority_is_asked_when_one_is_not_trusted() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let (stranger, expired, server) = (office.stranger(), office.expired(), office.server());
    let configure = |servers: &[&Server]| {
        let list: String = servers
            .iter()
            .map(|server| format!("[[timestamp_authorities]]\nurl = \"{}\"\n", server.url("tsa")))
            .collect();
        std::fs::create_dir_all(office.desk.home().join("config")).unwrap();
        std::fs::write(office.desk.home().join("config/config.toml"), list).unwrap();
    };
    for untrusted in [&stranger, &expired] {
        configure(&[untrusted]);
        let refused = fail(&mut office.sign(&["--level", "t"], "t.p7s"), 3);
        assert!(refused.contains("not trusted"), "{refused}");
        assert_eq!(untrusted.requests(), 1);
    }
    // It waits for one that is trusted, and is not given up.
    succeed(&mut office.sign(&["--level", "t", "--queue"], "q.p7s"));
    assert_eq!(office.level("q.p7s"), "B-B");
    fail(&mut office.desk.trien(["augment", "--queued"]), 1);
    configure(&[&stranger, &expired, &server]);
    succeed(&mut office.desk.trien(["augment", "--queued"]));
    assert_eq!(office.level("q.p7s"), "B-T");
    succeed(&mut office.sign(&["--level", "t"], "t.p7s"));
    assert_eq!(office.level("t.p7s"), "B-T");
    assert_eq!(
        [stranger.requests(), expired.requests(), server.requests()],
        [3, 5, 2]
    );
}

#[test]
fn a_slow_authority_is_waited_for_within_its_limit_and_past_it_the_next_is_asked() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let server = office.server();
    let authorities: String = [("mute", 1), ("held", 60)]
        .map(|(path, seconds)| {
            let url = server.url(path);
            format!("[[timestamp_authorities]]\nurl = \"{url}\"\nseconds = {seconds}\n")
        })
        .concat();
    let (_daemon, mut page) = portal_with(&office, &authorities);
    let text = page.upload("đơn.txt", "Đơn đề nghị".as_bytes());
    let call = json!({ "documents": [text], "format": "cades_detached", "level": "B-T" });
    let began = Instant::now();
    let request = page.ask("sign_documents", &call);
    // The page is told what takes so long.
    loop {
        let (message, _) = page.receive().unwrap();
        assert_eq!(message["method"], "progress", "{message}");
        if message["params"]["stage"] == "stamping" {
            assert_eq!(message["params"]["request"], request);
            break;
        }
    }
    while server.requests() < 2 {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "the next one is not asked"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(
        began.elapsed() >= Duration::from_secs(1),
        "the first one has its second"
    );
    // Whoever waits for an authority keeps nobody else waiting: this is answered before the signature is.
    page.call("cancel", &json!({ "request": 0 }));
    std::fs::write(office.desk.pki().join(RELEASE), "").unwrap();
    let reply = page.reply(request);
    let signed = &reply["result"]["documents"][0];
    assert_eq!(
        (&signed["level"], &signed["waiting"]),
        (&json!("B-T"), &Value::Null),
        "{reply}"
    );
    keep(&office, &mut page, signed, "t.p7s");
    assert_eq!(office.level("t.p7s"), "B-T");
    assert_eq!(server.requests(), 2);
}

#[test]
fn a_time_stamp_of_something_else_is_not_taken_and_the_next_authority_is_asked() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let server = office.server();
    succeed(&mut office.sign(&[], "b.p7s"));
    let asking = |path: &str, policy: &str| {
        let policy = match policy {
            "" => String::new(),
            policy => format!("policy = \"{policy}\"\n"),
        };
        format!(
            "[[timestamp_authorities]]\nurl = \"{}\"\n{policy}",
            server.url(path)
        )
    };
    for (path, policy, why) in [
        ("other-imprint", "", "about something else"),
        ("other-nonce", "", "does not answer this request"),
        ("old", "", "which is not now"),
        (
            "other-policy",
            "1.2.3.4.2",
            "the policy 1.2.3.4.1, not the one asked for",
        ),
        // It has no such policy, and says so.
        ("tsa", "1.2.3.4.2", "the authority refuses"),
    ] {
        office.configure(&asking(path, policy));
        let refused = fail(&mut office.augment("b.p7s", "t.p7s", &[]), 3);
        assert!(
            refused.contains("No time-stamp") && refused.contains(why),
            "{path}: {refused}"
        );
        assert!(!office.desk.path("t.p7s").exists(), "{path}");
        office.configure(&(asking(path, policy) + &asking("tsa", "1.2.3.4.1")));
        let before = server.requests();
        succeed(&mut office.augment("b.p7s", "t.p7s", &[]));
        assert_eq!(server.requests(), before + 2, "{path}");
        let report = read_json(&succeed(&mut office.verify("t.p7s")));
        let stamp = &report[0]["signatures"][0]["timestamps"][0];
        assert_eq!(stamp["policy"], "1.2.3.4.1", "{report:#}");
        std::fs::remove_file(office.desk.path("t.p7s")).unwrap();
    }
}

/// Who is waited for to the end takes longer, in seconds: `/mute` a minute, `/drip` five. Beside other programs the
/// processor alone may be waited for for many.
const WAITED_FOR: u64 = 55;

#[test]
fn n156_an_authority_that_misbehaves_is_not_waited_for_and_not_followed() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let server = office.server();
    succeed(&mut office.sign(&[], "b.p7s"));
    // Whoever answers an octet at a time has his two seconds, as whoever does not answer at all.
    let patience = format!(
        "[[timestamp_authorities]]\nurl = \"{}\"\nseconds = 2\n",
        server.url("drip")
    );
    std::fs::create_dir_all(office.desk.home().join("config")).unwrap();
    std::fs::write(office.desk.home().join("config/config.toml"), patience).unwrap();
    let start = Instant::now();
    let refused = fail(&mut office.augment("b.p7s", "t.p7s", &[]), 3);
    assert!(refused.contains("did not answer in time"), "{refused}");
    assert!(
        (2..WAITED_FOR).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );
    for path in ["redirect", "elsewhere", "html", "gzip", "bomb", "endless", "none"] {
        let (before, start) = (server.requests(), Instant::now());
        let refused = fail(
            &mut office.augment("b.p7s", "t.p7s", &["--tsa", &server.url(path)]),
            3,
        );
        assert!(refused.contains("No time-stamp"), "{path}: {refused}");
        assert_eq!(
            server.requests(),
            before + 1,
            "{path}: one request, no redirect followed"
        );
        assert!(start.elapsed().as_secs() < WAITED_FOR, "{path}");
        assert!(!office.desk.path("t.p7s").exists());
    }
    // What no authority is reached by is a mistake of whoever wrote it, as with `sign`.
    for (url, exit) in [
        ("file:///etc/passwd", 2),
        ("ftp://127.0.0.1/", 2),
        ("gopher://127.0.0.1/", 2),
        ("tsa.example.vn", 2),
        ("http://user:password@127.0.0.1/", 3),
    ] {
        let told = fail(&mut office.augment("b.p7s", "t.p7s", &["--tsa", url]), exit);
        assert_eq!(told.contains("--tsa"), exit == 2, "{told}");
    }
}

#[test]
fn n159_addresses_of_a_certificate_that_nobody_vouches_for_are_not_asked() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let server = office.server();
    let signed = signed_by_a_stranger(&office.desk.pki(), &server.url("tracking"));
    fail(office.desk.trien(["verify"]).arg(&signed), 1);
    let out = office.desk.path("x.p7m");
    let mut augment = office
        .desk
        .trien(["augment", "--level", "lt", "--tsa", &server.url("tsa")]);
    fail(augment.arg(&signed).arg("--out").arg(&out), 3);
    assert_eq!(server.requests(), 1, "the time-stamp, and nothing else");
}
