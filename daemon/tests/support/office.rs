//! A time-stamp authority and a signer who uses it: OpenSSL stamps, behind a server that can also misbehave.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::{Desk, succeed};

#[path = "../../../testdata/free_port.rs"]
mod free_port;

#[allow(unused_imports, reason = "each test file uses its part")]
pub(crate) use free_port::free_port;

/// The file in its folder that lets the authority at `/held` answer.
pub const RELEASE: &str = "release";

/// An HTTP server on the loopback interface.
pub struct Server {
    port: u16,
    requests: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<String>>>,
    /// What is at the addresses of answers and lists in their place.
    trouble: Arc<Mutex<Option<&'static str>>>,
}

impl Server {
    /// Serves time-stamps of the desk's authority at `/tsa`, at `/held` once there is a file [`RELEASE`], at `/large` with [`Office::large_certificate`], at `/old` of ten years ago, at `/other-imprint`,
    /// `/other-nonce` and `/other-policy` of something else, answers of its responder (see
    /// [`responder`]) at `/responder`, its lists at `/ca.crl` and `/root.crl`, and trouble elsewhere.
    pub fn start(folder: PathBuf, port: u16) -> Self {
        Self::over(folder, port, None)
    }

    /// The same in TLS, with `NAME.pem` and `NAME.key` of the folder.
    pub fn in_tls(folder: PathBuf, name: &str) -> Self {
        let chain = CertificateDer::pem_file_iter(folder.join(format!("{name}.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        Self::over(folder, 0, Some(Arc::new(tls)))
    }

    fn over(folder: PathBuf, port: u16, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let paths = Arc::clone(&asked);
        let turn = Arc::new(Mutex::new(0));
        let trouble = Arc::new(Mutex::new(None));
        let instead = Arc::clone(&trouble);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, turn, tls) = (folder.clone(), Arc::clone(&turn), tls.clone());
                let (paths, instead) = (Arc::clone(&paths), *instead.lock().unwrap());
                count.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || match tls {
                    None => serve(stream, &folder, &turn, &paths, instead, port),
                    Some(tls) => {
                        let connection = ServerConnection::new(tls).unwrap();
                        let stream = StreamOwned::new(connection, stream);
                        serve(stream, &folder, &turn, &paths, instead, port);
                    }
                });
            }
        });
        Self {
            port,
            requests,
            asked,
            trouble,
        }
    }

    /// From now on whoever asks for an answer or a list gets the trouble that stands at this path.
    pub fn misbehave(&self, path: &'static str) {
        *self.trouble.lock().unwrap() = Some(path);
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    pub fn safe_url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}/{path}", self.port)
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// The paths that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: impl Read + Write,
    folder: &Path,
    turn: &Mutex<u32>,
    asked: &Mutex<Vec<String>>,
    trouble: Option<&str>,
    port: u16,
) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .and_then(|length| length.trim().parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().unwrap().push(path.clone());
    let path = match (path.as_str(), trouble) {
        ("/responder" | "/ca.crl" | "/root.crl", Some(trouble)) => format!("/{trouble}"),
        _ => path,
    };
    let ok = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
    // A client that has seen enough goes away, and that is no failure of the server.
    let _gone = match path.as_str() {
        // Longer than anybody waits here.
        "/mute" => {
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        "/tsa" | "/held" | "/large" | "/old" | "/other-imprint" | "/other-nonce" | "/other-policy" => {
            while path == "/held" && !folder.join(RELEASE).exists() {
                std::thread::sleep(Duration::from_millis(50));
            }
            misunderstand(&path, &mut body);
            let mut number = turn.lock().unwrap();
            *number += 1;
            let (query, answer) = (folder.join("query.tsq"), folder.join("answer.tsr"));
            std::fs::write(&query, &body).unwrap();
            let mut stamp = Command::new("openssl");
            stamp
                .current_dir(folder)
                .args(["ts", "-reply", "-config", "tsa.cnf", "-queryfile"])
                .arg(&query)
                .arg("-out")
                .arg(&answer);
            if path == "/large" {
                stamp.args(["-chain", "large.pem"]);
            }
            succeed(&mut stamp);
            if path == "/old" {
                make_old(folder);
            }
            send(&mut stream, "application/timestamp-reply", &answer)
        }
        "/responder" => {
            let _turn = turn.lock().unwrap();
            let (query, answer) = (folder.join("query.ocsp"), folder.join("answer.ocsp"));
            std::fs::write(&query, &body).unwrap();
            let words = "ocsp -index private/ca.index -CA ca.pem -rsigner responder.pem -rkey responder.key -nmin 60 \
                         -reqin query.ocsp -respout answer.ocsp";
            succeed(
                Command::new("openssl")
                    .current_dir(folder)
                    .args(words.split_whitespace()),
            );
            send(&mut stream, "application/ocsp-response", &answer)
        }
        "/ca.crl" | "/root.crl" => send(&mut stream, "application/pkix-crl", &folder.join(&path[1..])),
        "/redirect" => stream.write_all(
            format!(
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{port}/tsa\r\nContent-Length: 0\r\n\r\n"
            )
            .as_bytes(),
        ),
        "/html" => stream.write_all(format!("{ok}Content-Length: 6\r\n\r\n<html>").as_bytes()),
        "/gzip" => stream.write_all(
            format!("{ok}Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x08\x00\x00").as_bytes(),
        ),
        // What is packed is a thousand times as large.
        "/bomb" => {
            let script = "import gzip,sys; sys.stdout.buffer.write(gzip.compress(bytes(64 << 20)))";
            let packed = Command::new("python3")
                .args(["-c", script])
                .output()
                .unwrap()
                .stdout;
            let head = format!(
                "{ok}Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                packed.len()
            );
            stream.write_all(&[head.as_bytes(), &packed].concat())
        }
        // An octet at a time, of an answer that never is whole.
        "/drip" => {
            let _begun = stream.write_all(format!("{ok}Content-Length: 3000\r\n\r\n").as_bytes());
            loop {
                std::thread::sleep(Duration::from_millis(100));
                if let Err(error) = stream.write_all(&[0x30]) {
                    break Err(error);
                }
            }
        }
        "/elsewhere" => stream.write_all(
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
        ),
        "/endless" => {
            let _begun = stream.write_all(format!("{ok}\r\n").as_bytes());
            let block = vec![0x30; 1 << 20];
            loop {
                if let Err(error) = stream.write_all(&block) {
                    break Err(error);
                }
            }
        }
        _ => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    };
}

/// Makes of a request for a time-stamp what an authority at this path takes it for.
fn misunderstand(path: &str, query: &mut [u8]) {
    let find = |query: &[u8], wanted: &[u8]| {
        let mut places = query.windows(wanted.len());
        places.position(|window| window == wanted).unwrap() + wanted.len()
    };
    // Behind the head of its digest, and before the BOOLEAN that asks for the certificate.
    let place = match path {
        "/other-imprint" => find(query, &[0x04, 0x20]),
        "/other-nonce" => query.len() - 4,
        // 1.2.3.4.2, which becomes 1.2.3.4.1.
        "/other-policy" => {
            let end = find(query, &[0x06, 0x04, 0x2A, 0x03, 0x04, 0x02]);
            query[end - 1] = 0x01;
            return;
        }
        _ => return,
    };
    query[place] ^= 1;
}

/// Makes what the authority has just answered ten years old: its words with another time, signed by its key.
fn make_old(folder: &Path) {
    let openssl = |words: &str| {
        let mut openssl = Command::new("openssl");
        succeed(openssl.current_dir(folder).args(words.split_whitespace()));
    };
    openssl("ts -reply -in answer.tsr -token_out -out token.der");
    openssl("cms -verify -noverify -binary -inform DER -in token.der -out new.tst");
    let mut info = std::fs::read(folder.join("new.tst")).unwrap();
    // GeneralizedTime, YYYYMMDDHHMMSSZ: the digest before it may have some of these octets.
    let is_time = |window: &[u8]| match window {
        [0x18, 0x0F, digits @ .., b'Z'] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let place = info.windows(17).position(is_time);
    let decade = &mut info[place.unwrap() + 4];
    *decade -= 1;
    std::fs::write(folder.join("old.tst"), info).unwrap();
    openssl(
        "cms -sign -binary -nodetach -cades -md sha256 -econtent_type 1.2.840.113549.1.9.16.1.4 -in old.tst \
         -signer tsa.pem -inkey tsa.key -outform DER -out token.der",
    );
    openssl("ts -reply -in token.der -token_in -out answer.tsr");
}

/// Answers with a file.
fn send(stream: &mut impl Write, kind: &str, file: &Path) -> std::io::Result<()> {
    let answer = std::fs::read(file).unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        answer.len()
    );
    stream.write_all(&[head.as_bytes(), &answer].concat())
}

/// Gives the authority of a desk a responder: OpenSSL answers out of the authority's own register.
pub fn responder(desk: &Desk) {
    let folder = desk.pki();
    kept_key(desk, "responder");
    let request = "req -new -utf8 -key responder.key -out responder.csr -subj /C=VN/CN=OCSP";
    succeed(
        Command::new("openssl")
            .current_dir(&folder)
            .args(request.split_whitespace()),
    );
    let files = ["responder.csr", "responder.pem"].map(|name| folder.join(name));
    succeed(
        desk.authority("issue.sh")
            .arg(&folder)
            .arg("responder")
            .args(files),
    );
}

/// Puts a key that is the same on all desks beside those of the authority.
fn kept_key(desk: &Desk, name: &str) {
    let file = desk.pki().join(format!("{name}.key"));
    succeed(desk.authority("rsa-key.sh").args([name, "2048"]).arg(file));
}

/// Signs as somebody whom nobody here trusts, and whose certificate has this one address for everything: lists,
/// answers and issuers. Gives the file.
pub fn signed_by_a_stranger(folder: &Path, address: &str) -> PathBuf {
    let config = format!(
        "[req]\ndistinguished_name = d\nprompt = no\nx509_extensions = e\n[d]\nCN = Stranger\n[e]\n\
         keyUsage = critical,digitalSignature\ncrlDistributionPoints = URI:{address}\n\
         authorityInfoAccess = OCSP;URI:{address},caIssuers;URI:{address}\n"
    );
    std::fs::write(folder.join("stranger.cnf"), config).unwrap();
    for words in [
        "req -x509 -newkey rsa:2048 -nodes -keyout stranger.key -config stranger.cnf -days 30 -out stranger.pem",
        "cms -sign -cades -binary -nodetach -outform DER -md sha256 -signer stranger.pem -inkey stranger.key -in stranger.cnf -out stranger.p7m",
    ] {
        succeed(Command::new("openssl").current_dir(folder).args(words.split(' ')));
    }
    folder.join("stranger.p7m")
}

/// Makes an authority for time-stamps below the root of a folder, with a certificate for so many days, and a key if it has
/// none.
fn authority(folder: &Path, days: i32) {
    let config = "[tsa]\ndefault_tsa = t\n[t]\nserial = ./tsa.serial\ncrypto_device = builtin\nsigner_cert = tsa.pem\n\
                      certs = root.pem\nsigner_key = tsa.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\n\
                      digests = sha256,sha384,sha512\ness_cert_id_chain = no\ness_cert_id_alg = sha256\n\
                      [e]\nkeyUsage = critical,digitalSignature\nextendedKeyUsage = critical,timeStamping\n\
                      subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n";
    std::fs::write(folder.join("tsa.cnf"), config).unwrap();
    let openssl = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        succeed(Command::new("openssl").current_dir(folder).args(words));
    };
    if !folder.join("tsa.key").exists() {
        openssl("genrsa -out tsa.key 2048");
    }
    openssl("req -new -key tsa.key -subj /C=VN/CN=TSA -out tsa.csr");
    openssl(&format!(
        "x509 -req -in tsa.csr -CA root.pem -CAkey private/root.key -set_serial 77 -days {days} -sha256 -extfile tsa.cnf -extensions e -out tsa.pem"
    ));
}

/// A desk with a signer, an authority for time-stamps below the desk's root, and a text.
pub struct Office {
    pub desk: Desk,
}

impl Office {
    pub fn new(keys: &[(&str, &str, &str)]) -> Self {
        Self::at(Desk::with_keys(keys))
    }

    /// The same, with a responder, where the certificates say that answers and lists are to be had at the port. Nobody
    /// is there yet.
    pub fn published(keys: &[(&str, &str, &str)]) -> (Self, u16) {
        let port = free_port();
        let desk = Desk::with_keys_published_at(&format!("127.0.0.1:{port}"), keys);
        responder(&desk);
        (Self::at(desk), port)
    }

    fn at(desk: Desk) -> Self {
        kept_key(&desk, "tsa");
        authority(&desk.pki(), 3000);
        std::fs::write(desk.path("đơn.txt"), "Đơn đề nghị").unwrap();
        Self { desk }
    }

    /// A certificate of more than 14 KiB, for an authority that puts such into its time-stamps.
    pub fn large_certificate(&self) {
        let comment = format!("nsComment={}", "x".repeat(14 << 10));
        let words = "req -x509 -newkey rsa:2048 -nodes -keyout large.key -subj /C=VN/CN=Large -days 30 -out large.pem";
        succeed(
            Command::new("openssl")
                .current_dir(self.desk.pki())
                .args(words.split(' '))
                .args(["-addext", &comment]),
        );
    }

    pub fn server(&self) -> Server {
        Server::start(self.desk.pki(), 0)
    }

    /// The configuration, from now on.
    pub fn configure(&self, lines: &str) {
        std::fs::create_dir_all(self.desk.home().join("config")).unwrap();
        std::fs::write(self.desk.home().join("config/config.toml"), lines).unwrap();
    }

    /// An authority below a root that nobody here trusts.
    pub fn stranger(&self) -> Server {
        let folder = self.desk.path("stranger");
        std::fs::create_dir_all(folder.join("private")).unwrap();
        let words = "req -x509 -newkey rsa:2048 -nodes -keyout private/root.key -subj /C=VN/CN=Stranger -days 3000 -out root.pem";
        succeed(
            Command::new("openssl")
                .current_dir(&folder)
                .args(words.split(' ')),
        );
        authority(&folder, 3000);
        Server::start(folder, 0)
    }

    /// An authority below the desk's root whose certificate has expired.
    pub fn expired(&self) -> Server {
        let folder = self.desk.path("expired");
        std::fs::create_dir_all(folder.join("private")).unwrap();
        for name in ["root.pem", "private/root.key"] {
            std::fs::copy(self.desk.pki().join(name), folder.join(name)).unwrap();
        }
        authority(&folder, -1);
        Server::start(folder, 0)
    }

    pub fn sign(&self, words: &[&str], out: &str) -> Command {
        let mut command = self
            .desk
            .trien(["sign", "--format", "cades", "--detached", "--cert", "an"]);
        command
            .args(words)
            .arg("--out")
            .arg(self.desk.path(out))
            .arg(self.desk.path("đơn.txt"))
            .args(self.desk.pin());
        command
    }

    pub fn augment(&self, input: &str, out: &str, words: &[&str]) -> Command {
        let mut command = self.desk.trien(["augment"]);
        command
            .arg(self.desk.path(input))
            .arg("--out")
            .arg(self.desk.path(out))
            .arg("--content")
            .arg(self.desk.path("đơn.txt"))
            .args(words);
        command
    }

    pub fn verify(&self, signed: &str) -> Command {
        let mut command = self.desk.trien(["verify", "--json", "--content"]);
        command.arg(self.desk.path("đơn.txt")).arg(self.desk.path(signed));
        command
    }

    pub fn level(&self, signed: &str) -> String {
        let report: Value = serde_json::from_str(&succeed(&mut self.verify(signed))).unwrap();
        report[0]["signatures"][0]["level"].as_str().unwrap().to_owned()
    }

    pub fn import(&self, lists: &[&str]) {
        let mut command = self.desk.trien(["trust", "import-crl"]);
        command.args(lists.iter().map(|list| self.desk.pki().join(list)));
        succeed(&mut command);
    }
}
