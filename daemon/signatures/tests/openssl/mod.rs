//! A certification authority, keys and signatures by OpenSSL's command line, made anew for each run: software nobody
//! here wrote signs for us, and judges what we sign.

#![allow(dead_code, reason = "each test program uses its part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm, SignatureValue};
use trien_signatures::certificate::Certificate;
use trien_signatures::trust::{Anchors, Reliance};

/// Extensions and names; sections are chosen by name.
const CONFIGURATION: &str = include_str!("pki.cnf");

/// A folder in which OpenSSL works.
pub(crate) struct Workshop {
    folder: TempDir,
}

/// A certificate and the file of its key.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) certificate: Certificate,
    pub(crate) key: PathBuf,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pki.cnf"), CONFIGURATION).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// Under a name that no other thread writes to.
    fn write_apart(&self, name: &str, contents: &[u8]) -> PathBuf {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        self.write(
            &format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            contents,
        )
    }

    /// Runs `openssl`, whatever comes of it.
    pub(crate) fn openssl(&self, arguments: &[&str]) -> Output {
        Command::new("openssl")
            .current_dir(self.folder.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Runs `openssl`, which has to succeed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.openssl(arguments);
        assert!(
            output.status.success(),
            "openssl {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// `algorithm` as `openssl genpkey` takes it: `rsa:2048`, `ec:P-256`.
    pub(crate) fn key(&self, name: &str, algorithm: &str) -> PathBuf {
        let file = format!("{name}.key");
        let (kind, size) = algorithm.split_once(':').unwrap();
        let option = match kind {
            "rsa" => format!("rsa_keygen_bits:{size}"),
            _ => format!("ec_paramgen_curve:{size}"),
        };
        self.run(&["genpkey", "-algorithm", kind, "-pkeyopt", &option, "-out", &file]);
        self.path(&file)
    }

    /// A self-signed certificate with the extensions of a section.
    pub(crate) fn root(&self, name: &str, algorithm: &str, subject: &str) -> Identity {
        let key = self.key(name, algorithm);
        let certificate = format!("{name}.crt");
        self.run(&[
            "req",
            "-new",
            "-x509",
            "-utf8",
            "-config",
            "pki.cnf",
            "-extensions",
            "root",
            "-key",
            key.to_str().unwrap(),
            "-subj",
            subject,
            "-days",
            "7300",
            "-sha256",
            "-out",
            &certificate,
        ]);
        self.identity(name, key)
    }

    /// A certificate by `issuer`, with the extensions of a section.
    pub(crate) fn issue(
        &self,
        issuer: &Identity,
        name: &str,
        algorithm: &str,
        subject: &str,
        section: &str,
    ) -> Identity {
        let key = self.key(name, algorithm);
        self.certify(issuer, name, &key, subject, section, &["-sha256"])
    }

    /// A certificate for a key that is there.
    pub(crate) fn certify(
        &self,
        issuer: &Identity,
        name: &str,
        key: &Path,
        subject: &str,
        section: &str,
        options: &[&str],
    ) -> Identity {
        let (request, certificate) = (format!("{name}.csr"), format!("{name}.crt"));
        let key_path = key.to_str().unwrap();
        self.run(&[
            "req", "-new", "-utf8", "-config", "pki.cnf", "-key", key_path, "-subj", subject, "-out",
            &request,
        ]);
        let issuer_certificate = self.write_apart("issuer.der", issuer.certificate.as_der());
        let mut arguments = vec![
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            issuer_certificate.to_str().unwrap(),
            "-CAkey",
            issuer.key.to_str().unwrap(),
            "-extfile",
            "pki.cnf",
            "-extensions",
            section,
            "-days",
            "1500",
            "-out",
            &certificate,
        ];
        arguments.extend(options);
        self.run(&arguments);
        self.identity(name, key.to_path_buf())
    }

    fn identity(&self, name: &str, key: PathBuf) -> Identity {
        let pem = fs::read_to_string(self.path(&format!("{name}.crt"))).unwrap();
        Identity {
            name: name.to_owned(),
            certificate: Certificate::from_pem(&pem).unwrap(),
            key,
        }
    }

    /// What a token would return for these bytes; ECDSA in DER.
    pub(crate) fn sign(
        &self,
        identity: &Identity,
        algorithm: SignatureAlgorithm,
        bytes: &[u8],
    ) -> SignatureValue {
        let digest = match algorithm.hash() {
            Hash::Sha1 => "sha1",
            Hash::Sha256 => "-sha256",
            Hash::Sha384 => "-sha384",
            Hash::Sha512 => "-sha512",
        };
        let input = self.write_apart("to-be-signed", bytes);
        let mut arguments = vec!["dgst", digest, "-sign", identity.key.to_str().unwrap()];
        if matches!(algorithm, SignatureAlgorithm::RsaPss(_)) {
            arguments.extend([
                "-sigopt",
                "rsa_padding_mode:pss",
                "-sigopt",
                "rsa_pss_saltlen:digest",
            ]);
        }
        arguments.push(input.to_str().unwrap());
        SignatureValue::from_token(algorithm, &self.run(&arguments)).unwrap()
    }

    /// Whether `openssl cms -verify -cades` accepts a signature, and why not.
    pub(crate) fn accepts(
        &self,
        signature: &[u8],
        content: Option<&[u8]>,
        root: &Identity,
    ) -> Result<Vec<u8>, String> {
        let signature = self.write_apart("judged.p7s", signature);
        let root = self.path(&format!("{}.crt", root.name));
        let mut arguments = vec![
            "cms",
            "-verify",
            "-cades",
            "-binary",
            "-inform",
            "DER",
            "-in",
            signature.to_str().unwrap(),
            "-CAfile",
            root.to_str().unwrap(),
            "-purpose",
            "any",
        ];
        let content = content.map(|content| self.write_apart("judged.content", content));
        if let Some(content) = &content {
            arguments.extend(["-content", content.to_str().unwrap()]);
        }
        let output = self.openssl(&arguments);
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

/// The shape of the real one: a national root, a CA, and people under it.
pub(crate) struct Pki {
    pub(crate) workshop: Workshop,
    pub(crate) root: Identity,
    pub(crate) ca: Identity,
    pub(crate) anchors: Anchors,
}

pub(crate) const CITIZEN: &str = "/C=VN/ST=HÀ NỘI/CN=Nguyễn Thị Ánh/UID=CCCD:001190012345";
pub(crate) const AGENCY: &str = "/C=VN/ST=HÀ NỘI/O=Sở Tư pháp Hà Nội/CN=Sở Tư pháp Hà Nội/UID=MST:0100686209-199/UID=CCCD:001190012345/UID=CMND:012345678";

impl Pki {
    pub(crate) fn new() -> Self {
        Self::of("rsa:2048")
    }

    /// With this sort of key for both authorities.
    pub(crate) fn of(algorithm: &str) -> Self {
        let workshop = Workshop::new();
        let root = workshop.root(
            "root",
            algorithm,
            "/C=VN/O=Bộ Thử nghiệm/CN=Test National Root CA",
        );
        let ca = workshop.issue(&root, "ca", algorithm, "/C=VN/O=Công ty Thử/CN=Thử-CA", "ca");
        let anchors = Anchors::new(vec![root.certificate.clone()]);
        Self {
            workshop,
            root,
            ca,
            anchors,
        }
    }

    pub(crate) fn leaf(&self, name: &str, algorithm: &str) -> Identity {
        self.workshop.issue(&self.ca, name, algorithm, CITIZEN, "signer")
    }

    pub(crate) fn reliance(&self) -> Reliance<'_> {
        Reliance::new(&self.anchors, &[], OffsetDateTime::now_utc())
    }
}
