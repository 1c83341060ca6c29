//! A time-stamping authority and revocation lists, all by openssl.
#![allow(dead_code, reason = "each test takes what it needs")]

use trien_signatures::material::ValidationMaterial;
use trien_signatures::timestamp::{Imprint, TimestampToken};

use crate::openssl::Pki;

/// An authority and its lists, all by openssl.
pub(crate) struct Authority<'a>(&'a Pki);

impl<'a> Authority<'a> {
    pub(crate) fn new(pki: &'a Pki) -> Self {
        pki.workshop.write(
            "more.cnf",
            b"[stamps]\nextendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n\
              [ts]\ndefault_tsa=one\n[one]\nserial=serial\ndefault_policy=1.2.3.4\ndigests=sha256,sha384,sha512\n\
              signer_digest=sha256\ness_cert_id_alg=sha256\naccuracy=secs:1\n[ca]\ndefault_ca=lists\n\
              [lists]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=30\n",
        );
        pki.workshop.write("serial", b"01\n");
        pki.workshop.write("index.txt", b"");
        let run = |arguments: &str| pki.workshop.run(&arguments.split(' ').collect::<Vec<_>>());
        run("req -new -newkey rsa:2048 -nodes -keyout tsa.key -subj /CN=TSA -out tsa.csr");
        run(
            "x509 -req -in tsa.csr -CA root.crt -CAkey root.key -extfile more.cnf -extensions stamps -days 3000 -out tsa.crt",
        );
        for name in ["root", "ca"] {
            run(&format!(
                "ca -config more.cnf -gencrl -keyfile {name}.key -cert {name}.crt -out {name}.pem"
            ));
            run(&format!("crl -in {name}.pem -outform DER -out {name}.crl"));
        }
        Self(pki)
    }

    /// One more authority, whose certificate ends after so many days.
    pub(crate) fn certify(&self, name: &str, days: u32) {
        let run = |arguments: String| self.0.workshop.run(&arguments.split(' ').collect::<Vec<_>>());
        run(format!(
            "req -new -newkey rsa:2048 -nodes -keyout {name}.key -subj /CN={name} -out {name}.csr"
        ));
        run(format!(
            "x509 -req -in {name}.csr -CA root.crt -CAkey root.key -extfile more.cnf -extensions stamps -days {days} -out {name}.crt"
        ));
    }

    /// One whose files are there already.
    pub(crate) fn of(pki: &'a Pki) -> Self {
        Self(pki)
    }

    pub(crate) fn stamp(&self, imprint: &Imprint) -> TimestampToken {
        self.stamp_by("tsa", imprint)
    }

    pub(crate) fn stamp_by(&self, name: &str, imprint: &Imprint) -> TimestampToken {
        static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
        let _one = ONE_AT_A_TIME
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let run = |arguments: &str| self.0.workshop.run(&arguments.split(' ').collect::<Vec<_>>());
        run(&format!(
            "ts -query -digest {} -sha256 -cert -out query.tsq",
            hex::encode(&imprint.digest)
        ));
        run(&format!(
            "ts -reply -config more.cnf -section one -queryfile query.tsq -signer {name}.crt -inkey {name}.key -token_out -out token.der"
        ));
        TimestampToken::from_der(&std::fs::read(self.0.workshop.path("token.der")).unwrap()).unwrap()
    }

    pub(crate) fn material(&self) -> ValidationMaterial {
        let read = |name: &str| std::fs::read(self.0.workshop.path(name)).unwrap();
        ValidationMaterial {
            certificates: vec![self.0.root.certificate.as_der().to_vec()],
            crls: vec![read("root.crl"), read("ca.crl")],
            ocsp_responses: Vec::new(),
        }
    }
}
