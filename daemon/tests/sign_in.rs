//! Signing in: the token a page gets is judged as a portal judges it, by another implementation of the cryptography.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384, Sha512};
use support::daemon::{APPROVE, Daemon, PORTAL, Page, allow, code, record};
use support::office::{Server, free_port, responder};
use support::{Desk, fail, repository, specified, succeed};

fn nonce() -> String {
    STANDARD.encode((0..33).collect::<Vec<u8>>())
}

/// A portal's check of a token, all but whether its certificate was revoked.
fn portal(desk: &Desk, token: &Value, origin: &str, nonce: &str) -> Command {
    check(desk, &[], token, origin, nonce)
}

/// The same where the responder of the certificate's authority is asked too, as Web eID's published validation has it.
fn asking_portal(desk: &Desk, token: &Value, origin: &str, nonce: &str) -> Command {
    check(desk, &["--ocsp"], token, origin, nonce)
}

fn check(desk: &Desk, options: &[&str], token: &Value, origin: &str, nonce: &str) -> Command {
    let file = desk.path("token.json");
    std::fs::write(&file, token.to_string()).unwrap();
    let mut command = Command::new(repository().join("target/judges/bin/python"));
    command
        .arg("-B")
        .arg(repository().join("daemon/tests/judges/web_eid.py"))
        .args(options)
        .arg(&file)
        .args([origin, nonce])
        .args(["root.pem", "ca.pem"].map(|name| desk.pki().join(name)));
    command
}

#[test]
fn a_portal_accepts_the_token_for_its_own_origin_and_nonce_only() {
    for (imitated, algorithm, jose) in [
        (None, "rsa:2048", "RS256"),
        (Some("pss-only"), "rsa:2048", "PS256"),
        (None, "ec:p256", "ES256"),
        (None, "ec:p384", "ES384"),
        (None, P_521, "ES512"),
    ] {
        let (desk, _responder) = answered_for(imitated, algorithm, "citizen");
        allow(&desk, PORTAL, &["sign_in"]);
        let daemon = Daemon::start(&desk, APPROVE);
        for mut page in [Page::over_websocket(&daemon), Page::over_socket(&daemon)] {
            page.hello();
            let reply = page.call("authenticate", &json!({ "nonce": nonce() }));
            let token = &reply["result"];
            assert_eq!(token["algorithm"], jose, "{reply}");
            assert_eq!(token["format"], "web-eid:1.0");
            let who = succeed(&mut asking_portal(&desk, token, PORTAL, &nonce()));
            assert!(who.contains("CN=Nguyễn Văn An k"), "{who}");
            let other = STANDARD.encode([7u8, 1].repeat(20));
            fail(&mut portal(&desk, token, PORTAL, &other), 1);
            fail(&mut portal(&desk, token, "https://evil.example", &nonce()), 1);
        }
        assert_eq!(
            record(&desk, 7)[1..],
            ["asked", "approved", "signed", "asked", "approved", "signed"]
        );
    }
}

/// The usual signature of a key over a digest, as Web eID's `sign` has it: the page gets the one that it was told of, and
/// another implementation of the cryptography finds it good.
#[test]
fn a_portal_that_has_a_digest_signed_gets_the_signature_that_it_was_told_of() {
    let content = "Đơn đề nghị";
    let [sha256, sha384, sha512] = [
        STANDARD.encode(Sha256::digest(content)),
        STANDARD.encode(Sha384::digest(content)),
        STANDARD.encode(Sha512::digest(content)),
    ];
    for (imitated, algorithm, (jose, crypto, padding), (hash, digest)) in [
        (None, "ec:p384", ("ES384", "ECC", "NONE"), ("SHA-384", &sha384)),
        (None, P_521, ("ES512", "ECC", "NONE"), ("SHA-512", &sha512)),
        (
            Some("pss-only"),
            "rsa:2048",
            ("PS256", "RSA", "PSS"),
            ("SHA-256", &sha256),
        ),
    ] {
        let (desk, _responder) = answered_for(imitated, algorithm, "citizen");
        allow(&desk, PORTAL, &["certificates", "blind_digest"]);
        let daemon = Daemon::start(&desk, APPROVE);
        let mut page = Page::over_socket(&daemon);
        page.hello();
        let certificate = page.call("certificates", &json!({}))["result"].clone();
        let usual = json!({ "cryptoAlgorithm": crypto, "hashFunction": hash, "paddingScheme": padding });
        assert_eq!(certificate["supported_algorithms"][0], usual, "{certificate}");
        let call = json!({ "certificate": certificate["sha256"], "hash": hash, "digest": digest });
        let signed = page.call("sign_digest", &call)["result"].clone();
        assert_eq!(
            (&signed["algorithm"], &signed["signature_algorithm"]),
            (&json!(jose), &usual),
            "{signed}"
        );
        let script = "import base64, sys
from web_eid import certificate, verify
leaf, algorithm, signature, content = sys.argv[1:]
verify(certificate(leaf).public_key(), algorithm, base64.b64decode(signature), content.encode())
";
        let verify = |content: &str| {
            let mut python = Command::new(repository().join("target/judges/bin/python"));
            python
                .env("PYTHONPATH", repository().join("daemon/tests/judges"))
                .args(["-B", "-c", script]);
            for word in [
                &certificate["certificate"],
                &json!(jose),
                &signed["raw_signature"],
            ] {
                python.arg(word.as_str().unwrap());
            }
            python.arg(content);
            python
        };
        succeed(&mut verify(content));
        fail(&mut verify("Đơn khác"), 1);
    }
}

/// A curve of which our token makes no keys, and takes them.
const P_521: &str = "P-521";

/// A desk with a key whose certificate names a responder, which answers; on a token that imitates none, or one of the field.
fn answered_for(imitated: Option<&str>, algorithm: &str, profile: &str) -> (Desk, Server) {
    let port = free_port();
    let (host, keys) = (format!("127.0.0.1:{port}"), [("k", algorithm, profile)]);
    let desk = match imitated {
        Some(imitated) => Desk::with_keys_of_the_field_published_at(&host, imitated, &keys),
        None if algorithm == P_521 => Desk::with_keys_published_at(&host, &[]),
        None => Desk::with_keys_published_at(&host, &keys),
    };
    if algorithm == P_521 {
        let curve = format!("ec_paramgen_curve:{P_521}");
        desk.import_key("k", &["ec", "-pkeyopt", &curve], profile);
    }
    responder(&desk);
    let server = Server::start(desk.pki(), port);
    (desk, server)
}

#[test]
fn a_portal_that_asks_the_responder_refuses_who_is_revoked_and_whom_nobody_answers_for() {
    let (desk, server) = answered_for(None, "ec:p256", "revoked");
    allow(&desk, PORTAL, &["sign_in"]);
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    // This computer may not ask, and knows no better.
    let token = page.call("authenticate", &json!({ "nonce": nonce() }))["result"].clone();
    succeed(&mut portal(&desk, &token, PORTAL, &nonce()));
    let asking = || asking_portal(&desk, &token, PORTAL, &nonce()).output().unwrap();
    let said = String::from_utf8(asking().stdout).unwrap();
    assert!(said.contains("the certificate is REVOKED"), "{said}");
    assert_eq!(server.asked(), ["/responder"]);
    // An answer by a key that the authority has not certified for it.
    let words =
        "req -x509 -newkey rsa:2048 -nodes -keyout responder.key -subj /C=VN/CN=OCSP -out responder.pem";
    succeed(
        Command::new("openssl")
            .current_dir(desk.pki())
            .args(words.split(' ')),
    );
    let output = asking();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("invalid") && !said.contains("REVOKED"), "{said}");
    server.misbehave("nowhere");
    let said = String::from_utf8(asking().stdout).unwrap();
    assert!(said.contains("the responder does not answer"), "{said}");
}

#[test]
fn the_signing_certificate_comes_with_it_when_the_origin_may_see_one() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &["sign_in"]);
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    let wanted = json!({ "nonce": nonce(), "signing_certificate": true });
    assert_eq!(code(&page.call("authenticate", &wanted)), "not_allowed");
    allow(&desk, PORTAL, &["sign_in", "certificates"]);
    let token = page.call("authenticate", &wanted)["result"].clone();
    assert_eq!(token["format"], "web-eid:1.1", "{token}");
    succeed(&mut portal(&desk, &token, PORTAL, &nonce()));
    let signing = &token["unverifiedSigningCertificates"][0];
    assert_eq!(
        signing["supportedSignatureAlgorithms"][0],
        json!({ "cryptoAlgorithm": "ECC", "hashFunction": "SHA-256", "paddingScheme": "NONE" })
    );
}

/// Who writes a portal tries a sign-in with what Triện makes itself: the simulator's usual token, and one of a file.
#[test]
fn a_certificate_of_our_own_making_signs_in_where_its_file_says_so() {
    let token = |more: &str| {
        format!(
            "[[token]]\nlabel = \"t\"\npin = \"24681357\"\n[[token.key]]\nlabel = \"k\"\nalgorithm = \"ec:p256\"\n\
             certificate = {{ subject = \"C=VN,CN=Thử\", out = \"k.pem\"{more} }}\n"
        )
    };
    let answer = |pin: &str| format!("[[answer]]\ndecision = \"approve\"\npins = [\"{pin}\"]\n");
    let authenticate = |desk: &Desk, arguments: &[&std::ffi::OsStr], pin: &str| {
        allow(desk, PORTAL, &["sign_in"]);
        let daemon = Daemon::start_with(desk, &answer(pin), arguments);
        Page::connected(&daemon).call("authenticate", &json!({ "nonce": nonce() }))
    };
    for (more, accepted) in [
        (", sign_in = true", true),
        (", sign_in = false", false),
        ("", false),
    ] {
        let desk = Desk::bare();
        succeed(&mut specified(&desk, &token(more)));
        let reply = authenticate(&desk, &[], "24681357");
        match accepted {
            true => assert_eq!(reply["result"]["algorithm"], "ES256", "{reply}"),
            false => assert_eq!(code(&reply), "certificate_unsuitable"),
        }
        let mut shown = Command::new("openssl");
        shown
            .args(["x509", "-noout", "-text", "-in"])
            .arg(desk.path("k.pem"));
        let shown = succeed(&mut shown);
        assert_eq!(
            shown.contains("TLS Web Client Authentication"),
            accepted,
            "{shown}"
        );
    }
    let desk = Desk::bare();
    let mood = desk.path("mood.toml");
    std::fs::write(&mood, "").unwrap();
    let reply = authenticate(&desk, &["--simulate".as_ref(), mood.as_os_str()], "12345678");
    assert_eq!(reply["result"]["algorithm"], "RS256", "{reply}");
}

#[test]
fn n039_a_bad_nonce_and_an_origin_in_the_message_are_refused_before_anybody_is_asked() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &["sign_in"]);
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    for bad in [
        "A".repeat(43),
        "A".repeat(129),
        "A".repeat(44),
        "not base64 at all, and longer than forty-four".into(),
        format!("{} ", &nonce()[..43]),
    ] {
        assert_eq!(
            code(&page.call("authenticate", &json!({ "nonce": bad }))),
            "bad_nonce",
            "{bad}"
        );
    }
    let with_origin = json!({ "nonce": nonce(), "origin": "https://other.example" });
    assert_eq!(code(&page.call("authenticate", &with_origin)), "bad_request");
    assert_eq!(record(&desk, 1), ["daemon_started"]);
}

#[test]
fn only_a_certificate_for_signing_in_and_only_a_granted_origin() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "no_status")]);
    allow(&desk, PORTAL, &["certificates", "sign", "verify", "blind_digest"]);
    let daemon = Daemon::start(&desk, APPROVE);
    let mut page = Page::connected(&daemon);
    let call = json!({ "nonce": nonce() });
    assert_eq!(code(&page.call("authenticate", &call)), "not_allowed");
    allow(&desk, PORTAL, &["sign_in"]);
    // It has digitalSignature, and no purpose clientAuth.
    let refused = page.call("authenticate", &call);
    assert_eq!(code(&refused), "certificate_unsuitable");
    let told = refused["error"]["data"]["remedy"].to_string();
    assert!(
        !told.contains("documents") && !told.contains("ký tài liệu"),
        "{told}"
    );
    assert_eq!(record(&desk, 1), ["daemon_started"]);
}

/// Of a scripted prompter: its log is the build server's.
#[test]
fn a_pin_without_its_quotes_does_not_come_into_the_log() {
    let desk = Desk::with_keys(&[("k", "ec:p256", "citizen")]);
    allow(&desk, PORTAL, &["sign_in"]);
    let script = "[[answer]]\ndecision = \"approve\"\n";
    let daemon = Daemon::start(&desk, script);
    // It was another when the daemon began.
    std::fs::write(desk.path("script.toml"), format!("{script}pins = [24681357]\n")).unwrap();
    let mut page = Page::connected(&daemon);
    let refused = page.call("authenticate", &json!({ "nonce": nonce() }));
    assert!(refused["error"].is_object(), "{refused}");
    let log = daemon.log();
    assert!(
        log.contains("line 3: a text is wanted here") && !log.contains("24681357"),
        "{log}"
    );
}
