//! B-LTA goes on: archive time-stamps that are renewed before their authority ends.

use crate::support::office::Office;
use crate::support::succeed;
use serde_json::Value;

/// How many archive time-stamps each signature of a document has; all of them have to be valid, and at B-LTA.
fn archive_stamps(office: &Office, signed: &str) -> Vec<usize> {
    let report = succeed(
        office
            .desk
            .trien(["verify", "--json"])
            .arg(office.desk.path(signed)),
    );
    let report: Value = serde_json::from_str(&report).unwrap();
    let stamps = |one: &Value| {
        assert_eq!(
            (&one["indication"], &one["level"]),
            (&"TOTAL-PASSED".into(), &"B-LTA".into()),
            "{report:#}"
        );
        let stamps = one["timestamps"].as_array().unwrap().iter();
        stamps.filter(|stamp| stamp["kind"] == "archive").count()
    };
    report[0]["signatures"]
        .as_array()
        .unwrap()
        .iter()
        .map(stamps)
        .collect()
}

#[test]
fn a_renewed_archive_time_stamp_goes_to_every_signature_and_not_to_the_last_one_only() {
    let office = Office::new(&[
        ("first", "ec:p256", "citizen"),
        ("second", "rsa:2048", "official"),
    ]);
    office.import(&["root.crl", "ca.crl"]);
    let server = office.server();
    let tsa = server.url("tsa");
    let sign = |cert: &str, from: &str, to: &str, words: &[&str]| {
        let mut sign = office.desk.trien(["sign", "--cert", cert]);
        sign.args(words).arg("--out").arg(office.desk.path(to));
        sign.arg(office.desk.path(from)).args(office.desk.pin());
        succeed(&mut sign);
    };
    sign("first", "đơn.txt", "one.p7m", &["--format", "cades"]);
    sign("second", "one.p7m", "two.p7m", &["--parallel"]);
    let raise = |from: &str, to: &str| {
        let mut raise = office.desk.trien(["augment", "--level", "lta", "--tsa", &tsa]);
        raise
            .arg("--out")
            .arg(office.desk.path(to))
            .arg(office.desk.path(from));
        succeed(&mut raise);
        archive_stamps(&office, to)
    };
    assert_eq!(raise("two.p7m", "once.p7m"), [1, 1]);
    assert_eq!(raise("once.p7m", "again.p7m"), [2, 2]);
    assert_eq!(raise("again.p7m", "third.p7m"), [3, 3]);
}
