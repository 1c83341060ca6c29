//! Time-stamp authorities whose address says `https`: TLS with the system's anchors, or nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Command;

use support::office::{Office, Server};
use support::{fail, succeed};

/// An anchor for TLS, and servers' certificates below it: `good`, `expired` and `other` (of another name); `stranger` is
/// below nobody.
fn certify(folder: &Path) {
    let config = "[ca]\ndefault_ca = c\n[c]\ndatabase = web.index\nnew_certs_dir = .\nrand_serial = yes\ndefault_md = sha256\n\
                  policy = p\nunique_subject = no\n[p]\ncommonName = supplied\n\
                  [here]\nsubjectAltName = IP:127.0.0.1\nextendedKeyUsage = serverAuth\n\
                  [there]\nsubjectAltName = DNS:tsa.example.vn\nextendedKeyUsage = serverAuth\n";
    std::fs::write(folder.join("web.cnf"), config).unwrap();
    std::fs::write(folder.join("web.index"), "").unwrap();
    let openssl = |words: &str| {
        succeed(Command::new("openssl").current_dir(folder).args(words.split(' ')));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!(
        "req -x509 {key} -keyout web.key -out web.pem -subj /CN=Web -days 3000"
    ));
    openssl(&format!(
        "req -x509 {key} -keyout stranger.key -out stranger.pem -subj /CN=Stranger \
         -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:127.0.0.1"
    ));
    let ca = "ca -batch -notext -config web.cnf -cert web.pem -keyfile web.key";
    for (name, extensions, until) in [
        ("good", "here", "20491231235959Z"),
        ("expired", "here", "20210101000000Z"),
        ("other", "there", "20491231235959Z"),
    ] {
        openssl(&format!(
            "req -new {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        openssl(&format!(
            "{ca} -extensions {extensions} -startdate 20200101000000Z -enddate {until} -in {name}.csr -out {name}.pem"
        ));
    }
}

fn raise(office: &Office, url: &str) -> Command {
    let mut raise = office.augment("b.p7s", "t.p7s", &["--tsa", url]);
    raise
        .env("SSL_CERT_FILE", office.desk.pki().join("web.pem"))
        // Nobody is there; whoever went through a proxy would not arrive.
        .envs(["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:1")))
        .env_remove("SSL_CERT_DIR");
    raise
}

#[test]
fn n160_https_is_tls_with_the_anchors_of_the_system_or_nothing() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let folder = office.desk.pki();
    certify(&folder);
    succeed(&mut office.sign(&[], "b.p7s"));
    let start = |name: &str| Server::in_tls(folder.clone(), name);
    for (name, said) in [
        ("expired", "expired"),
        ("other", "not valid for"),
        ("stranger", "UnknownIssuer"),
    ] {
        let server = start(name);
        let refused = fail(&mut raise(&office, &server.safe_url("tsa")), 3);
        assert!(refused.contains("no safe connection"), "{name}: {refused}");
        assert!(refused.contains(said), "{name}: {refused}");
        assert!(!office.desk.path("t.p7s").exists());
    }
    // Nothing falls back to plain HTTP, in neither direction.
    let plain = office.server();
    fail(&mut raise(&office, &plain.safe_url("tsa")), 3);
    let good = start("good");
    fail(&mut raise(&office, &good.url("tsa")), 3);
    // A redirect is not followed inside of TLS, either.
    fail(&mut raise(&office, &good.safe_url("redirect")), 3);
    assert!(!office.desk.path("t.p7s").exists());
    succeed(&mut raise(&office, &good.safe_url("tsa")));
    assert_eq!(office.level("t.p7s"), "B-T");
}

#[test]
fn without_anchors_there_is_no_https() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let folder = office.desk.pki();
    certify(&folder);
    succeed(&mut office.sign(&[], "b.p7s"));
    let server = Server::in_tls(folder, "good");
    let empty = office.desk.path("none.pem");
    std::fs::write(&empty, "").unwrap();
    let refused = fail(
        raise(&office, &server.safe_url("tsa")).env("SSL_CERT_FILE", &empty),
        3,
    );
    assert!(refused.contains("no anchors"), "{refused}");
}
