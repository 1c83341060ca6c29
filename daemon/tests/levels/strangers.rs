//! What is raised though nobody here vouches for its signer: a level is claimed only where verification finds it. And in
//! which language it is told why a level is not reached.

use crate::support::office::{Office, signed_by_a_stranger};
use crate::support::{fail, read_json, succeed};
use crate::{portal, printed, with_authority};
use serde_json::{Value, json};

/// What verification finds of the signatures of a file, which are not all valid.
fn found(office: &Office, signed: &str) -> Value {
    let mut verify = office.desk.trien(["verify", "--json"]);
    read_json(&fail(verify.arg(office.desk.path(signed)), 1))[0]["signatures"].clone()
}

#[test]
fn no_level_is_claimed_of_a_signature_that_leads_to_nobody_trusted() {
    let (office, _server, tsa) = with_authority("ec:p256");
    office.import(&["root.crl", "ca.crl"]);
    let stranger = signed_by_a_stranger(&office.desk.path(""), "http://127.0.0.1:9/");
    let augment = |out: &str, words: &[&str]| {
        let mut augment = office.desk.trien(["augment", "--tsa", &tsa]);
        augment
            .args(words)
            .arg("--out")
            .arg(office.desk.path(out))
            .arg(&stranger);
        augment
    };
    // The time-stamp is put in: whoever trusts the signer has use for it.
    let told = printed(augment("t.p7m", &["--level", "t", "--json"]).arg("--lang=vi"), 0);
    let signature = &found(&office, "t.p7m")[0];
    assert_eq!(
        signature["sub_indication"], "NO_CERTIFICATE_CHAIN_FOUND",
        "{signature:#}"
    );
    assert_eq!(signature["timestamps"][0]["valid"], true, "{signature:#}");
    assert_eq!(
        (&told["level"], &told["without_level"]),
        (&signature["level"], &json!(1)),
        "{told:#}"
    );
    assert_eq!(told["level"], Value::Null, "{told:#}");
    for (language, said) in [("en", "no level is claimed: 1"), ("vi", "không được nêu mức: 1")] {
        let told = succeed(&mut augment("t.p7m", &["--level", "t", "--lang", language]));
        assert!(told.contains(said), "{told}");
    }
    // Of one whose signer is known, it is what verification finds.
    succeed(&mut office.sign(&[], "b.p7s"));
    let known = printed(
        &mut office.augment("b.p7s", "t.p7s", &["--tsa", &tsa, "--json"]),
        0,
    );
    assert_eq!(
        (&known["level"], &known["without_level"]),
        (&json!("B-T"), &json!(0)),
        "{known:#}"
    );
    assert_eq!(office.level("t.p7s"), "B-T");
    // What would have to be proven is refused, in the person's language and without a word of another.
    for (language, said, other) in [
        ("en", "nobody trusted here vouches for CN=Stranger", "không"),
        (
            "vi",
            "không có ai được tin cậy trên máy này bảo đảm cho CN=Stranger",
            "anchor",
        ),
    ] {
        let told = fail(&mut augment("lt.p7m", &["--level", "lt", "--lang", language]), 3);
        assert!(told.contains(said) && !told.contains(other), "{told}");
        assert!(!office.desk.path("lt.p7m").exists());
    }
}

#[test]
fn a_page_is_told_no_level_that_is_not_found() {
    let (office, server, tsa) = with_authority("ec:p256");
    // The authority stays known, and the signer's does not.
    std::fs::remove_file(office.desk.home().join("config/trust/ca.pem")).unwrap();
    let (_daemon, mut page) = portal(&office, &tsa);
    let text = page.upload("đơn.txt", "Đơn đề nghị".as_bytes());
    let call = json!({ "documents": [text], "format": "cades_detached", "level": "B-T" });
    let reply = page.call("sign_documents", &call);
    let signed = &reply["result"]["documents"][0];
    assert_eq!(signed["level"], "B-B", "{reply}");
    assert_ne!(signed["waiting"], true, "nobody is to be asked again: {reply}");
    assert_eq!(server.requests(), 1);
    let bytes = page.download(
        signed["sha256"].as_str().unwrap(),
        signed["size"].as_u64().unwrap(),
    );
    std::fs::write(office.desk.path("signed.p7s"), bytes).unwrap();
    let report = read_json(&fail(&mut office.verify("signed.p7s"), 1));
    let signature = &report[0]["signatures"][0];
    assert_eq!(signature["level"], Value::Null, "{signature:#}");
    assert_eq!(signature["timestamps"][0]["valid"], true, "{signature:#}");
}

#[test]
fn why_no_level_is_reached_is_said_in_the_persons_language() {
    let (office, server, _tsa) = with_authority("ec:p256");
    succeed(&mut office.sign(&[], "b.p7s"));
    let stranger = office.stranger();
    std::fs::write(office.desk.path("none.p7s"), b"0\x03\x02\x01\x01").unwrap();
    let gone = format!("http://127.0.0.1:{}/tsa", crate::support::office::free_port());
    let answers = [
        ("b.p7s", gone, ["could not be reached", "không kết nối được với"]),
        (
            "b.p7s",
            server.url("none"),
            ["answered with status 404", "trả lời với mã 404"],
        ),
        (
            "b.p7s",
            server.url("html"),
            [
                "the answer is no time-stamp",
                "câu trả lời không phải là dấu thời gian",
            ],
        ),
        (
            "b.p7s",
            server.url("other-imprint"),
            ["about something else", "thuộc về dữ liệu khác"],
        ),
        (
            "b.p7s",
            server.url("other-nonce"),
            ["does not answer this request", "không trả lời yêu cầu này"],
        ),
        (
            "b.p7s",
            server.url("old"),
            ["which is not now", "không phải lúc này"],
        ),
        (
            "b.p7s",
            stranger.url("tsa"),
            ["is not trusted: no trusted authority", "không tin tổ chức tại"],
        ),
        (
            "none.p7s",
            server.url("tsa"),
            [
                "no signature that could be raised",
                "không có chữ ký nào nâng mức được",
            ],
        ),
    ];
    for (input, url, said) in answers {
        for (language, said) in ["en", "vi"].into_iter().zip(said) {
            let words = ["--tsa", &url, "--lang", language, "--json"];
            let told = printed(&mut office.augment(input, "x.p7s", &words), 3);
            let message = told["error"]["message"].as_str().unwrap();
            assert!(message.contains(said), "{url}: {told:#}");
            assert!(!office.desk.path("x.p7s").exists());
        }
    }
}

#[test]
fn what_cannot_be_raised_is_told_to_be_that() {
    let (office, _server, tsa) = with_authority("ec:p256");
    succeed(&mut office.sign(&[], "b.p7s"));
    std::fs::write(office.desk.path("garbage"), "garbage").unwrap();
    let gone = format!("http://127.0.0.1:{}/tsa", crate::support::office::free_port());
    for (input, out, words, exit, code, said) in [
        (
            "garbage",
            "x.p7s",
            ["--tsa", &tsa, "--level=t"],
            3,
            "verify-no-signed-file",
            ["No signature can be read in it", "Không thấy chữ ký nào đọc được"],
        ),
        (
            "b.p7s",
            "x.p7s",
            ["--tsa", &tsa, "--level=b"],
            2,
            "augment-level-b",
            ["there is nothing to raise", "không có gì để nâng"],
        ),
        (
            "b.p7s",
            "b.p7s",
            ["--tsa", &tsa, "--level=t"],
            2,
            "augment-over-input",
            ["is to be raised", "cần nâng mức"],
        ),
        (
            "b.p7s",
            "x.p7s",
            ["--tsa", &gone, "--level=t"],
            3,
            "augment-network",
            [
                "Check the network and try again.",
                "Hãy kiểm tra mạng rồi thử lại.",
            ],
        ),
    ] {
        for (language, said) in ["en", "vi"].into_iter().zip(said) {
            let raise = || {
                let mut raise = office.augment(input, out, &words);
                raise.args(["--lang", language]);
                raise
            };
            let told = fail(&mut raise(), exit);
            assert!(told.contains(said), "{told}");
            for other in [
                "please report this",
                "at level B",
                "báo cho chúng tôi",
                "ở mức B.",
            ] {
                assert!(!told.contains(other), "{told}");
            }
            let told = printed(raise().arg("--json"), exit);
            assert_eq!(told["error"]["code"], code, "{told:#}");
            assert!(!office.desk.path("x.p7s").exists());
        }
    }
    // Of what was signed just now it is said that it is there.
    let told = fail(
        &mut office.sign(&["--level", "t", "--tsa", &gone, "--lang", "vi"], "t.p7s"),
        3,
    );
    assert!(told.contains("Tệp đã ký vẫn còn, ở mức B."), "{told}");
}
