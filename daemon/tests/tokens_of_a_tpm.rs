//! A token of tpm2-pkcs11 on a software TPM without a resource manager: what processes that were ended leave in it, what is
//! said then, and how it is usable again; and where what its module prints goes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::process::Output;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use support::cards::scene::{
    RSA, key, logged_in, modules, runtime, sign_once, signable, token_in_time, worker,
};
use support::cards::{TpmToken, wait_until};
use support::daemon::{Daemon, PORTAL, Page, allow};
use support::{Desk, succeed};
use trien::tokens::{LoginError, Modules, TokenError};

/// What clears the TPM, as the person is told.
const REMEDY: &str = "tpm2_flushcontext -t";

/// A process of the module that is killed while somebody is logged in: its objects stay in the TPM.
async fn leave_objects_behind(modules: &Modules) {
    let token = token_in_time(modules, |entry| entry.initialized).await;
    let mut session = logged_in(&token, &key(&token, &[1])).await.unwrap();
    session.sign(&signable(RSA, b"m"), false).await.unwrap();
    let process = Pid::from_raw(worker("module-worker").cast_signed()).unwrap();
    kill_process(process, Signal::KILL).unwrap();
    let lost = session.sign(&signable(RSA, b"m"), false).await;
    assert!(
        matches!(lost, Err(LoginError::Token(TokenError::Crashed))),
        "{lost:?}"
    );
    session.close().await;
}

/// A desk whose program has this module and no other, and a certificate of the token's key.
fn desk(tpm: &TpmToken) -> Desk {
    let desk = Desk::new().with_variables(tpm.environment());
    std::fs::write(desk.path("pin"), support::cards::CARD_PIN).unwrap();
    std::fs::write(desk.path("wrong"), "111111").unwrap();
    std::fs::write(desk.path("content"), "content").unwrap();
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    let config = format!(
        "[websocket]\nport = 0\n[cards]\npiv = false\n[prompt]\nseconds = 20\n\
         [[modules]]\nname = \"tpm2\"\npath = {:?}\n",
        TpmToken::MODULE
    );
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
    let (request, certificate) = (desk.path("request.pem"), desk.path("certificate.pem"));
    let subject = "C=VN,CN=Nguyen Van An,UID=CCCD:079085000123";
    let words = [
        "token",
        "request",
        "--token",
        "tpm",
        "--key",
        "tpm-key",
        "--subject",
        subject,
    ];
    let pin = desk.path("pin");
    succeed(
        desk.trien(words)
            .arg("--out")
            .arg(&request)
            .arg("--pin-file")
            .arg(&pin),
    );
    let mut issue = desk.authority("issue.sh");
    succeed(
        issue
            .arg(desk.pki())
            .arg("citizen")
            .arg(&request)
            .arg(&certificate),
    );
    let words = ["token", "install", "--token", "tpm", "--cert"];
    succeed(desk.trien(words).arg(&certificate).arg("--pin-file").arg(&pin));
    desk
}

/// A person signs at the shell, with this PIN.
fn sign(desk: &Desk, pin: &str, language: &str) -> Output {
    let words = [
        "sign",
        "--format",
        "cades",
        "--cert",
        "Nguyen Van An",
        "--lang",
        language,
        "--pin-file",
    ];
    let out = desk.path("signed");
    let _ = std::fs::remove_file(&out);
    let mut sign = desk.trien(words);
    sign.arg(desk.path(pin))
        .arg("--out")
        .arg(&out)
        .arg(desk.path("content"));
    sign.output().unwrap()
}

fn sign_for_a_page(page: &mut Page) -> Value {
    let document = page.upload("content", b"content");
    page.call(
        "sign_documents",
        &json!({ "documents": [document], "format": "cades_attached" }),
    )
}

/// Who may sign knows what the TPM is full of, at the shell and in a page; what the module's own words say of it is in the
/// log alone. Nobody is logged in again, no module is switched off; once it is cleared, the same daemon signs.
#[test]
fn a_tpm_that_ended_processes_have_filled_says_how_it_is_cleared() {
    let tpm = TpmToken::new("tpm");
    let desk = desk(&tpm);
    let approve = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"123456\"]\n";
    allow(&desk, PORTAL, &[]);
    let daemon = Daemon::start(&desk, approve);
    let mut page = Page::connected(&daemon);
    let before = sign_for_a_page(&mut page);
    assert!(before["result"].is_object(), "{before}");
    runtime().block_on(leave_objects_behind(&modules(&[tpm.module()])));
    assert!(
        !tpm.objects().is_empty(),
        "a process that was killed left nothing"
    );

    runtime().block_on(async {
        let modules = modules(&[tpm.module()]);
        for _ in 0..4 {
            let token = token_in_time(&modules, |entry| entry.initialized).await;
            let full = sign_once(&token, &key(&token, &[1]), RSA, b"m").await;
            assert!(
                matches!(full, Err(LoginError::Token(TokenError::Crowded))),
                "{full:?}"
            );
        }
        assert!(!modules.states()[0].off, "the module has not failed");
    });
    // A page that answers no ping for as long as this took is let go.
    let mut page = Page::connected(&daemon);
    let told = sign_for_a_page(&mut page);
    let data = &told["error"]["data"];
    assert_eq!(data["code"], "token_failed", "{told}");
    assert_eq!(data["retry"], false, "{told}");
    for language in ["vi", "en"] {
        assert!(
            data["remedy"][language].as_str().unwrap().contains(REMEDY),
            "{told}"
        );
        let refused = sign(&desk, "pin", language);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(3), "{said}");
        assert!(
            said.contains(data["message"][language].as_str().unwrap()),
            "{said}"
        );
        assert!(said.contains(REMEDY), "{said}");
        stays_in_the_log(&said);
    }
    stays_in_the_log(&told.to_string());
    // Nobody can see from outside that it is full: the doctor, who tells no PIN, finds the token as it shows itself.
    let doctor = desk.trien(["doctor", "--json"]).output().unwrap();
    let doctor: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let findings = doctor["findings"].as_array().unwrap().iter();
    let codes: Vec<_> = findings.filter_map(|finding| finding["code"].as_str()).collect();
    assert!(codes.contains(&"token"), "{codes:?}");
    assert!(!codes.contains(&"module_failed"), "{codes:?}");

    tpm.clear();
    let mut page = Page::connected(&daemon);
    let after = sign_for_a_page(&mut page);
    assert!(after["result"].is_object(), "{after}");
    let signed = sign(&desk, "pin", "en");
    assert!(signed.status.success(), "{signed:?}");
    assert!(
        tpm.objects().is_empty(),
        "who is asked to end leaves nothing: {:?}",
        tpm.objects()
    );
}

/// The words of the module, which it prints on standard error: they are for the log, each line by itself and with the
/// module's name.
#[test]
fn what_a_tpms_module_prints_is_in_the_log_under_its_name_and_nowhere_else() {
    let tpm = TpmToken::new("tpm");
    let desk = desk(&tpm);
    let wrong = sign(&desk, "wrong", "en");
    let said = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(wrong.status.code(), Some(1), "{said}");
    assert!(!said.is_empty());
    stays_in_the_log(&said);
    allow(&desk, PORTAL, &[]);
    let script = "[[answer]]\ndecision = \"approve\"\nrepeat = true\npins = [\"111111\"]\n";
    let daemon = Daemon::start(&desk, script);
    let mut page = Page::connected(&daemon);
    let told = sign_for_a_page(&mut page);
    assert_eq!(told["error"]["data"]["code"], "pin_incorrect", "{told}");
    stays_in_the_log(&told.to_string());
    // They come by a pipe, beside the reply.
    let whole = "ERROR: Error unsealing wrapping key";
    wait_until("its words are in the log", || {
        let log = daemon.log();
        log.contains("Esys_Unseal") && log.contains(whole)
    });
    let log = daemon.log();
    for line in log
        .lines()
        .filter(|line| WORDS.iter().any(|word| line.contains(word)))
    {
        assert!(line.contains("module=\"tpm2\""), "{line}");
        assert!(line.contains(" INFO "), "{line}");
    }
    let is_whole = log.lines().any(|line| line.contains(whole));
    assert!(is_whole, "a line is told as one: {log}");
}

/// Words that only the module and its libraries have.
const WORDS: [&str; 4] = ["Esys", "esys", "unsealing", "TPM Error"];

#[track_caller]
fn stays_in_the_log(said: &str) {
    for word in WORDS {
        assert!(!said.contains(word), "{said}");
    }
}
