//! A signature that somebody has confirmed, raised like any other; the confirmation stays as it is.

use serde_json::Value;

use crate::support::office::Office;
use crate::support::{read_json, succeed};
use crate::{of_two, openssl_verifies};

/// The levels of the signatures of a file, and of the confirmations of them; all have to be valid.
fn levels(office: &Office, signed: &str) -> (Vec<String>, Vec<String>) {
    let mut verify = office.desk.trien(["verify", "--json"]);
    let report = read_json(&succeed(verify.arg(office.desk.path(signed))));
    let signatures = report[0]["signatures"].as_array().unwrap();
    let (confirmations, own): (Vec<&Value>, Vec<&Value>) = signatures
        .iter()
        .partition(|one| one["format"] == "counter_signature");
    let [own, confirmations] = [own, confirmations].map(|these| {
        let levels = these.iter().map(|one| one["level"].as_str().unwrap().to_owned());
        levels.collect::<Vec<_>>()
    });
    (own, confirmations)
}

#[test]
fn a_confirmed_signature_is_raised_and_renewed_and_one_more_stands_beside_it() {
    let (office, _server, tsa) = of_two();
    office.import(&["root.crl", "ca.crl"]);
    let at = |name: &str| office.desk.path(name);
    let content = std::fs::read(at("đơn.txt")).unwrap();
    let sign = |cert: &str, from: &str, to: &str, words: &[&str]| {
        let mut sign = office.desk.trien(["sign", "--cert", cert]);
        sign.args(words).arg("--out").arg(at(to)).arg(at(from));
        succeed(sign.args(office.desk.pin()));
    };
    let raise = |from: &str, to: &str, level: &str| {
        let mut raise = office.desk.trien(["augment", "--level", level, "--tsa", &tsa]);
        succeed(raise.arg("--out").arg(at(to)).arg(at(from)));
    };
    sign("first", "đơn.txt", "one.p7m", &["--format", "cades"]);
    sign("second", "one.p7m", "confirmed.p7m", &["--countersign"]);
    for (from, to, word, level) in [
        ("confirmed.p7m", "t.p7m", "t", "B-T"),
        ("t.p7m", "lt.p7m", "lt", "B-LT"),
        ("lt.p7m", "lta.p7m", "lta", "B-LTA"),
        ("lta.p7m", "again.p7m", "lta", "B-LTA"),
        ("confirmed.p7m", "direct.p7m", "lta", "B-LTA"),
    ] {
        raise(from, to, word);
        assert_eq!(
            levels(&office, to),
            (vec![level.to_owned()], vec!["B-B".to_owned()]),
            "{to}"
        );
        assert_eq!(openssl_verifies(&office, to), content, "{to}");
    }
    // Confirmed only when it was for the archive already: its time-stamp is renewed all the same.
    raise("one.p7m", "archived.p7m", "lta");
    sign("second", "archived.p7m", "later.p7m", &["--countersign"]);
    raise("later.p7m", "renewed.p7m", "lta");
    assert_eq!(
        levels(&office, "renewed.p7m"),
        (vec!["B-LTA".to_owned()], vec!["B-B".to_owned()])
    );
    assert_eq!(openssl_verifies(&office, "renewed.p7m"), content);
    let beside = ["--parallel", "--level", "t", "--tsa", &tsa];
    sign("second", "confirmed.p7m", "beside.p7m", &beside);
    assert_eq!(
        levels(&office, "beside.p7m"),
        (vec!["B-T".to_owned(); 2], vec!["B-B".to_owned()])
    );
    assert_eq!(openssl_verifies(&office, "beside.p7m"), content);
}
