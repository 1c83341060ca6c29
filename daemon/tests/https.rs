//! Time-stamp authorities whose address says `https`: TLS with the system's anchors, or nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Command;

use support::office::{Office, Server, free_port};
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
    raise_beside(office, url, "http://127.0.0.1:1")
}

/// The same with a proxy that the environment names in every way there is, and with what weakens TLS in other programs.
fn raise_beside(office: &Office, url: &str, proxy: &str) -> Command {
    let mut raise = office.augment("b.p7s", "t.p7s", &["--tsa", url]);
    let names = [
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "ALL_PROXY",
        "https_proxy",
        "http_proxy",
        "all_proxy",
    ];
    raise
        .env("SSL_CERT_FILE", office.desk.pki().join("web.pem"))
        .envs(names.map(|name| (name, proxy)))
        .env("NODE_TLS_REJECT_UNAUTHORIZED", "0")
        .env("PYTHONHTTPSVERIFY", "0")
        .env("GIT_SSL_NO_VERIFY", "1")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env_remove("SSL_CERT_DIR");
    raise
}

/// OpenSSL's server at a port, which speaks what these words say and nothing newer.
struct OldServer(std::process::Child);

impl OldServer {
    fn start(folder: &Path, port: u16, words: &[&str]) -> Self {
        let mut server = Command::new("openssl");
        server
            .current_dir(folder)
            .args(["s_server", "-quiet", "-www", "-accept"]);
        server.arg(format!("127.0.0.1:{port}"));
        server.args(["-cert", "good.pem", "-key", "good.key"]).args(words);
        server.stdin(std::process::Stdio::null());
        let server = Self(server.spawn().unwrap());
        let began = std::time::Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed().as_secs() < 30, "openssl s_server does not listen");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        server
    }
}

impl Drop for OldServer {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

#[test]
fn n160_older_tls_is_not_spoken_and_nothing_goes_through_a_proxy() {
    let office = Office::new(&[("an", "ec:p256", "citizen")]);
    let folder = office.desk.pki();
    certify(&folder);
    succeed(&mut office.sign(&[], "b.p7s"));
    let config = office.desk.home().join("config/config.toml");
    for (version, spoken) in [("-tls1", false), ("-tls1_1", false), ("-tls1_2", true)] {
        let port = free_port();
        let _server = OldServer::start(&folder, port, &[version, "-cipher", "ALL:@SECLEVEL=0"]);
        let to = format!("127.0.0.1:{port}");
        // The server is sound: OpenSSL's client speaks to it.
        let mut client = Command::new("openssl");
        let words = [
            "s_client",
            version,
            "-cipher",
            "ALL:@SECLEVEL=0",
            "-verify_return_error",
        ];
        client
            .current_dir(&folder)
            .args(words)
            .args(["-CAfile", "web.pem", "-connect", &to]);
        succeed(client.stdin(std::process::Stdio::null()));
        // What it says to a query is nothing that one waits for; that it does not speak one hears.
        let seconds = if spoken { 1 } else { 60 };
        let authority = format!("[[timestamp_authorities]]\nurl = \"https://{to}/\"\nseconds = {seconds}\n");
        std::fs::write(&config, authority).unwrap();
        let mut raise = office.augment("b.p7s", "t.p7s", &[]);
        let refused = fail(raise.env("SSL_CERT_FILE", folder.join("web.pem")), 3);
        assert_eq!(
            !refused.contains("no safe connection"),
            spoken,
            "{version}: {refused}"
        );
    }
    std::fs::remove_file(&config).unwrap();

    let proxy = office.server();
    let good = Server::in_tls(folder, "good");
    succeed(&mut raise_beside(&office, &good.safe_url("tsa"), &proxy.url("")));
    assert_eq!((proxy.requests(), good.requests()), (0, 1));
    // No word in the configuration takes the checks away.
    for line in [
        "verify = false",
        "insecure = true",
        "proxy = \"http://127.0.0.1:1\"",
    ] {
        std::fs::write(&config, format!("[network]\n{line}\n")).unwrap();
        let refused = fail(&mut raise(&office, &good.safe_url("tsa")), 3);
        assert!(refused.contains("config.toml"), "{line}: {refused}");
    }
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
