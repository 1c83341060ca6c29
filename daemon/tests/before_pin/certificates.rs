//! Certificates with which nothing is signed now, whatever the PIN; and what was known of the one that signs.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Desk, repository, succeed};
use crate::{import_lists, julian, sign, sign_wrongly, today};

#[test]
fn n107_a_certificate_that_may_not_sign_now_is_refused_before_the_pin() {
    let desk = Desk::with_keys(&[
        ("old", "ec:p256", "expired"),
        ("early", "ec:p256", "not_yet_valid"),
        ("sealed", "ec:p256", "encryption_only"),
        ("bad", "ec:p256", "revoked"),
        ("good", "ec:p256", "citizen"),
    ]);
    import_lists(&desk);
    for (key, said) in [
        ("old", "certificate_expired"),
        ("early", "certificate_expired"),
        ("sealed", "certificate_unsuitable"),
        ("bad", "certificate_revoked"),
        // Here nothing stands in the way, and the PIN is tried.
        ("good", "pin_incorrect"),
    ] {
        let output = sign_wrongly(&desk, key).arg("--json").output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert!(!output.status.success() && told.contains(said), "{key}: {told}");
        assert!(!desk.path("x.p7s").exists(), "{key}");
    }
}

#[test]
fn what_is_known_of_a_revocation_is_listed_and_as_of_when_as_the_window_would_say_it() {
    let desk = Desk::with_keys(&[("good", "ec:p256", "citizen"), ("bad", "ec:p256", "revoked")]);
    let listed = || {
        let list: Value =
            serde_json::from_str(&succeed(&mut desk.trien(["cert", "list", "--json"]))).unwrap();
        let of = |key: &str| {
            let is_it = |one: &&Value| one["subject"]["common_name"].as_str().unwrap().ends_with(key);
            let one = list.as_array().unwrap().iter().find(is_it).unwrap();
            (one["status"].clone(), one["status_as_of"].clone())
        };
        (of("good"), of("bad"))
    };
    assert_eq!(
        listed(),
        ((json!("unknown"), Value::Null), (json!("unknown"), Value::Null))
    );
    let doctor = || {
        let output = desk.trien(["doctor"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!doctor().contains("REVOKED"), "nothing is known yet");
    import_lists(&desk);
    let (good, bad) = listed();
    assert_eq!((&good.0, &bad.0), (&json!("good"), &json!("revoked")));
    for (_, as_of) in [good, bad] {
        // The list is of now; the day here may be the next already.
        let day = julian(&json!(as_of.as_str().unwrap()[..10])).unwrap();
        assert!((0..=1).contains(&(julian(&today()).unwrap() - day)), "{as_of}");
    }
    let doctor = doctor();
    let line = doctor.lines().find(|line| line.contains("REVOKED")).unwrap();
    assert!(line.contains("An bad"), "{doctor}");
    for (language, said) in [
        ("en_US.UTF-8", "REVOKED since"),
        ("vi_VN.UTF-8", "ĐÃ BỊ THU HỒI từ"),
    ] {
        let list = succeed(desk.trien(["cert", "list"]).env("LC_ALL", language));
        assert_eq!(list.matches(said).count(), 1, "{list}");
    }
}

#[test]
fn what_is_not_known_of_a_revocation_is_refused_where_the_policy_wants_it_known() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    let config = desk.home().join("config/config.toml");
    std::fs::write(config, "require_revocation = true\n").unwrap();
    let output = sign_wrongly(&desk, "an").arg("--json").output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("certificate_status_unknown"), "{told}");
    import_lists(&desk);
    succeed(sign(&desk, "an", "known.p7s").args(desk.pin()));
}

#[test]
fn a_weak_algorithm_above_a_certificate_is_refused_where_the_policy_is_strict() {
    let desk = Desk::with_keys(&[("weak", "ec:p256", "sha1")]);
    import_lists(&desk);
    for (config, said) in [
        // Told in the window, and no more.
        ("", "pin_incorrect"),
        ("require_revocation = true\n", "certificate_status_unknown"),
    ] {
        std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
        let output = sign_wrongly(&desk, "weak").arg("--json").output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert!(
            !output.status.success() && told.contains(said),
            "{config:?}: {told}"
        );
    }
}

/// SoftHSM, which has short keys as old tokens do, with one key of 1024 bits and a certificate for it.
fn add_a_token_with_a_short_key(desk: &Desk) {
    let script = r#"
        set -e
        mkdir tokens
        echo "directories.tokendir = $PWD/tokens" > "$SOFTHSM2_CONF"
        openssl req -new -newkey rsa:1024 -nodes -utf8 -subj "/C=VN/CN=Nguyễn Văn An short" -keyout short.key -out short.csr
        "$ISSUE" pki citizen short.csr short.pem
        openssl pkcs8 -topk8 -nocrypt -in short.key -out short.p8
        openssl x509 -in short.pem -outform DER -out short.der
        softhsm2-util --init-token --free --label old --pin 24681357 --so-pin 24681357
        softhsm2-util --import short.p8 --token old --label short --id a1 --pin 24681357
        pkcs11-tool --module "$MODULE" --login --pin 24681357 --write-object short.der --type cert --label short --id a1
    "#;
    succeed(
        Command::new("sh")
            .args(["-c", script])
            .current_dir(desk.path(""))
            .env("SOFTHSM2_CONF", desk.path("softhsm2.conf"))
            .env("ISSUE", repository().join("testdata/pki/issue.sh"))
            .env("MODULE", SOFTHSM),
    );
    let config = format!(
        "[[modules]]\nname = \"old\"\npath = \"{SOFTHSM}\"\nenvironment = [\"SOFTHSM2_CONF\"]\nfolders = [{:?}]\n",
        desk.path("")
    );
    std::fs::write(desk.home().join("config/config.toml"), config).unwrap();
}

const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

#[test]
fn a_key_that_is_too_short_is_refused_before_the_pin() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.home().join("config")).unwrap();
    add_a_token_with_a_short_key(&desk);
    let output = sign_wrongly(&desk, "short")
        .env("SOFTHSM2_CONF", desk.path("softhsm2.conf"))
        .arg("--json")
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(
        !output.status.success() && told.contains("certificate_unsuitable"),
        "{told}"
    );
}

#[test]
fn what_was_known_of_the_certificate_is_kept_with_each_signature_until_it_is_erased() {
    let desk = Desk::with_keys(&[("an", "ec:p256", "citizen")]);
    succeed(sign(&desk, "an", "before.p7s").args(desk.pin()));
    import_lists(&desk);
    succeed(sign(&desk, "an", "after.p7s").args(desk.pin()));
    let kept = || -> Value {
        let listed = succeed(&mut desk.trien(["trust", "evidence", "--json"]));
        serde_json::from_str(&listed).unwrap()
    };
    let evidence = kept();
    let [before, after] = evidence.as_array().unwrap().as_slice() else {
        panic!("{evidence}");
    };
    assert_eq!(before["path"][0]["revocation"]["status"], "unknown", "{before}");
    let known = &after["path"][0]["revocation"];
    assert_eq!(
        (&known["status"], &known["source"]),
        (&"good".into(), &"crl".into()),
        "{after}"
    );
    assert!(known["this_update"].is_string(), "as of when");
    for (one, name) in [(before, "before.p7s"), (after, "after.p7s")] {
        let digest = succeed(Command::new("sha256sum").arg(desk.path(name)));
        assert_eq!(one["results"][0], digest[..64]);
        assert!(one["certificate"].as_str().unwrap().starts_with("MII"));
    }
    let until = after["signed_at"].as_str().unwrap();
    succeed(&mut desk.trien(["trust", "evidence", "--erase", "--before", until]));
    assert_eq!(kept().as_array().unwrap().len(), 1);
    succeed(&mut desk.trien(["trust", "evidence", "--erase"]));
    assert_eq!(kept().as_array().unwrap().len(), 0);
}
