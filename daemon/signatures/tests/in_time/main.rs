//! Signatures in time: time-stamps, CRLs and OCSP answers by OpenSSL, levels up to B-LTA, and what must not be believed.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

mod answers;
#[path = "../forge/mod.rs"]
mod forge;
mod levels;
#[path = "../openssl/mod.rs"]
mod openssl;
mod others;
mod proofs;
mod rekeyed;

use std::sync::LazyLock;

use openssl::{Identity, Pki};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::augment::Augment;
use trien_signatures::cades::{self, CadesRequest, CadesSignature};
use trien_signatures::material::ValidationMaterial;
use trien_signatures::report::{Report, TimestampKind};
use trien_signatures::revocation::OcspRequest;
use trien_signatures::signing::Prepared;
use trien_signatures::timestamp::{Imprint, TimestampRequest, TimestampToken};
use trien_signatures::trust::Reliance;

const CONTENT: &[u8] = "Kính gửi: Sở Tư pháp. Hồ sơ số 12/2026.\n".as_bytes();
const NONCE: [u8; 8] = [0x41, 2, 3, 4, 5, 6, 7, 8];

static WORLD: LazyLock<World> = LazyLock::new(World::new);

/// A PKI with an authority for time-stamps, a responder, and people.
struct World {
    pki: Pki,
    signer: Identity,
    revoked: Identity,
    authority: Identity,
    responder: Identity,
}

impl World {
    fn new() -> Self {
        let pki = Pki::new();
        let shop = &pki.workshop;
        let key = shop.key("tsa", "rsa:2048");
        // Longer than the people's.
        let authority = shop.certify(
            &pki.root,
            "tsa",
            &key,
            "/C=VN/CN=Test TSA",
            "tsa",
            &["-sha256", "-days", "3000"],
        );
        let responder = shop.issue(&pki.ca, "ocsp", "rsa:2048", "/C=VN/CN=Test OCSP", "responder");
        let signer = pki.leaf("an", "rsa:2048");
        let revoked = pki.leaf("binh", "ec:P-256");
        for name in ["tsa", "tsa-weak"] {
            let config = format!(
                "[tsa]\ndefault_tsa = t\n[t]\nserial = ./{name}.serial\ncrypto_device = builtin\nsigner_cert = {name}.crt\n\
                 certs = root.crt\nsigner_key = {name}.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\n\
                 other_policies = 1.2.3.4.2\ndigests = sha256,sha384,sha512\naccuracy = secs:1\ness_cert_id_chain = no\n\
                 ess_cert_id_alg = sha256\n"
            );
            shop.write(&format!("{name}.cnf"), config.as_bytes());
        }
        shop.issue(
            &pki.root,
            "tsa-weak",
            "rsa:2048",
            "/C=VN/CN=Weak TSA",
            "tsa_not_critical",
        );
        Self {
            signer,
            revoked,
            authority,
            responder,
            pki,
        }
    }

    fn sign(&self, signer: &Identity, detached: bool) -> Vec<u8> {
        let prepared = cades::prepare(&CadesRequest {
            content: CONTENT,
            detached,
            signer: &signer.certificate,
            chain: std::slice::from_ref(&self.pki.ca.certificate),
            algorithm: algorithm(signer),
            signing_time: now(),
        })
        .unwrap();
        let value = self
            .pki
            .workshop
            .sign(signer, prepared.algorithm(), prepared.to_be_signed());
        prepared.finish(value).unwrap()
    }

    /// What OpenSSL's authority answers.
    fn answer(&self, request: &[u8], configuration: &str) -> Vec<u8> {
        static NEXT: std::sync::Mutex<u32> = std::sync::Mutex::new(0);
        let mut number = NEXT.lock().unwrap();
        *number += 1;
        let query = self.pki.workshop.write(&format!("query-{number}.tsq"), request);
        let answer = self.pki.workshop.path(&format!("answer-{number}.tsr"));
        self.pki.workshop.run(&[
            "ts",
            "-reply",
            "-config",
            &format!("{configuration}.cnf"),
            "-queryfile",
            query.to_str().unwrap(),
            "-out",
            answer.to_str().unwrap(),
        ]);
        std::fs::read(answer).unwrap()
    }

    fn stamp(&self, imprint: &Imprint) -> TimestampToken {
        let request = TimestampRequest::new(imprint.clone(), &NONCE, None).unwrap();
        request
            .accept(
                &self.answer(request.as_der(), "tsa"),
                &[],
                OffsetDateTime::now_utc(),
            )
            .unwrap()
    }

    fn raise(&self, signed: &[u8], kind: TimestampKind) -> Vec<u8> {
        let opened = CadesSignature::open(signed, vec![Imprint::of(Hash::Sha256, CONTENT)]).unwrap();
        let prepared = opened.prepare_timestamp(kind, Hash::Sha256).unwrap();
        let token = self.stamp(prepared.imprint());
        prepared.finish(&token).unwrap()
    }

    /// A list by one of the authorities, with these revoked.
    fn crl(&self, issuer: &Identity, revoked: &[(&Identity, &str)]) -> Vec<u8> {
        self.crl_with(issuer, revoked, &[])
    }

    /// The same with further words for `openssl ca`.
    fn crl_with(&self, issuer: &Identity, revoked: &[(&Identity, &str)], words: &[&str]) -> Vec<u8> {
        let index: String = revoked
            .iter()
            .map(|(one, since)| {
                let serial = one.certificate.serial_hex().to_uppercase();
                format!("R\t351231235959Z\t{since},keyCompromise\t{serial}\tunknown\t/CN=x\n")
            })
            .collect();
        let name = format!("{}-{}", issuer.name, revoked.len());
        let shop = &self.pki.workshop;
        shop.write(&format!("{name}.index"), index.as_bytes());
        shop.write(&format!("{name}.number"), b"01\n");
        let config = format!(
            "[ca]\ndefault_ca = c\n[c]\ndatabase = {name}.index\ncrlnumber = {name}.number\ndefault_md = sha256\n\
             default_crl_days = 30\ncrl_extensions = e\n[e]\nauthorityKeyIdentifier = keyid\n"
        );
        shop.write(&format!("{name}.cnf"), config.as_bytes());
        let certificate = format!("{}.crt", issuer.name);
        let (config, list) = (format!("{name}.cnf"), format!("{name}.crl"));
        let mut arguments = vec!["ca", "-gencrl", "-config", &config, "-cert", &certificate];
        arguments.extend(["-keyfile", issuer.key.to_str().unwrap(), "-out", &list]);
        arguments.extend(words);
        shop.run(&arguments);
        shop.run(&[
            "crl",
            "-in",
            &format!("{name}.crl"),
            "-outform",
            "DER",
            "-out",
            &format!("{name}.crl.der"),
        ]);
        std::fs::read(shop.path(&format!("{name}.crl.der"))).unwrap()
    }

    /// What OpenSSL's responder answers about a certificate of the CA, of which it knows this status; nothing if it is
    /// empty.
    fn ocsp(&self, asked: &Identity, status: &str, responder: &Identity, options: &[&str]) -> Vec<u8> {
        let request = OcspRequest::new(&asked.certificate, &self.pki.ca.certificate, &[]);
        let known = status.chars().next().unwrap_or('u');
        let name = format!("{}-{known}-{}", asked.name, responder.name);
        let shop = &self.pki.workshop;
        let serial = asked.certificate.serial_hex().to_uppercase();
        let line = match status {
            "" => String::new(),
            status => format!("{status}\t{serial}\tunknown\t/CN=x\n"),
        };
        shop.write(&format!("{name}.index"), line.as_bytes());
        shop.write(&format!("{name}.req"), request.as_der());
        let mut arguments = vec!["ocsp", "-index"];
        let (index, query, answer) = (
            format!("{name}.index"),
            format!("{name}.req"),
            format!("{name}.resp"),
        );
        let certificate = format!("{}.crt", responder.name);
        arguments.extend([
            index.as_str(),
            "-CA",
            "ca.crt",
            "-rsigner",
            &certificate,
            "-rkey",
            responder.key.to_str().unwrap(),
            "-reqin",
            &query,
            "-respout",
            &answer,
        ]);
        arguments.extend(options);
        shop.run(&arguments);
        std::fs::read(shop.path(&answer)).unwrap()
    }

    fn material(&self) -> ValidationMaterial {
        ValidationMaterial {
            certificates: vec![self.authority.certificate.as_der().to_vec()],
            crls: vec![self.crl(&self.pki.ca, &[]), self.crl(&self.pki.root, &[])],
            ocsp_responses: vec![self.ocsp(
                &self.signer,
                "V\t351231235959Z\t",
                &self.responder,
                &["-nmin", "60"],
            )],
        }
    }

    fn verify(&self, signed: &[u8], at: OffsetDateTime) -> Report {
        cades::verify(signed, Some(CONTENT), &Reliance::new(&self.pki.anchors, &[], at)).unwrap()
    }
}

fn algorithm(signer: &Identity) -> SignatureAlgorithm {
    SignatureAlgorithm::for_key(signer.certificate.public_key(), RsaPadding::Pkcs1, Hash::Sha256).unwrap()
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc().replace_nanosecond(0).unwrap()
}

fn utc(time: OffsetDateTime) -> String {
    let format = time::macros::format_description!("[year repr:last_two][month][day][hour][minute][second]Z");
    time.format(format).unwrap()
}
