//! JSON Web Signatures, here and by jwcrypto.

use std::path::Path;
use std::process::Command;

use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::cms::PrepareError;
use trien_signatures::jades::{self, JadesRequest, JoseError, Serialization};
use trien_signatures::report::{Format, Level, Reason};
use trien_signatures::signing::Prepared;

use crate::algorithm;
use crate::openssl::{Identity, Pki};

fn jws(
    pki: &Pki,
    who: &Identity,
    with: SignatureAlgorithm,
    serialization: Serialization,
    detached: bool,
    content: &[u8],
) -> Vec<u8> {
    let chain = [pki.ca.certificate.clone()];
    let prepared = jades::prepare(&JadesRequest {
        content,
        detached,
        serialization,
        signer: &who.certificate,
        chain: &chain,
        algorithm: with,
        signing_time: OffsetDateTime::now_utc(),
    })
    .unwrap();
    let signature = pki
        .workshop
        .sign(who, prepared.algorithm(), prepared.to_be_signed());
    prepared.finish(signature).unwrap()
}

/// What jwcrypto says of a file with the key of a certificate; and a signature of its own making.
const JWCRYPTO: &str = r#"
import sys, base64, json
from jwcrypto import jws, jwk
from cryptography import x509
verb, certificate, file = sys.argv[1:4]
token = jws.JWS()
if verb == 'verify':
    key = jwk.JWK.from_pem(open(certificate, 'rb').read())
    token.allowed_algs = ['RS256','RS384','RS512','PS256','PS384','PS512','ES256','ES384','ES512']
    token.deserialize(open(file).read(), key)
    assert token.payload == b'{"a": "\xc4\x90"}', token.payload
else:
    pem = open(certificate, 'rb').read()
    key = jwk.JWK.from_pem(open(sys.argv[4], 'rb').read())
    chain = [base64.b64encode(x509.load_pem_x509_certificate(pem).public_bytes(__import__('cryptography').hazmat.primitives.serialization.Encoding.DER)).decode()]
    token = jws.JWS(b'{"a": 1}')
    token.add_signature(key, None, json.dumps({'alg': sys.argv[5], 'x5c': chain}))
    print(token.serialize(compact=sys.argv[6] == 'compact'))
"#;

fn jwcrypto(arguments: &[&str]) -> Result<Vec<u8>, String> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/judges/bin/python");
    let output = Command::new(python)
        .args(["-c", JWCRYPTO])
        .args(arguments)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn jades_in_every_algorithm_is_accepted_by_jwcrypto_and_the_other_way_round() {
    let pki = Pki::new();
    let content = "{\"a\": \"Đ\"}".as_bytes();
    let cases = [
        ("rsa:2048", Hash::Sha256, RsaPadding::Pkcs1),
        ("rsa:2048", Hash::Sha512, RsaPadding::Pss),
        ("ec:P-256", Hash::Sha256, RsaPadding::Pkcs1),
        ("ec:P-384", Hash::Sha384, RsaPadding::Pkcs1),
        ("ec:P-521", Hash::Sha512, RsaPadding::Pkcs1),
    ];
    let intermediates = [pki.ca.certificate.clone()];
    for (number, (key, hash, padding)) in cases.into_iter().enumerate() {
        let name = format!("leaf{number}");
        let who = pki.leaf(&name, key);
        let mut reliance = pki.reliance();
        reliance.intermediates = &intermediates;
        let with = algorithm(&who, padding, hash);
        let certificate = pki.workshop.path(&format!("{name}.crt"));
        for serialization in [Serialization::Compact, Serialization::Json] {
            let made = jws(&pki, &who, with, serialization, false, content);
            assert!(jades::looks_like(&made));
            let report = jades::verify(&made, None, &reliance).unwrap();
            assert!(report.valid(), "{report:#?}");
            assert_eq!(
                (report.signatures[0].format, report.signatures[0].level),
                (Format::Jades, Some(Level::BB))
            );
            let file = pki.workshop.write("made.jws", &made);
            jwcrypto(&["verify", certificate.to_str().unwrap(), file.to_str().unwrap()]).unwrap();
            let form = if serialization == Serialization::Compact {
                "compact"
            } else {
                "json"
            };
            let theirs = jwcrypto(&[
                "sign",
                certificate.to_str().unwrap(),
                "-",
                who.key.to_str().unwrap(),
                with.jose_name(),
                form,
            ])
            .unwrap();
            let report = jades::verify(&theirs, None, &reliance).unwrap();
            assert!(report.valid(), "{report:#?}");
            assert_eq!(
                (report.signatures[0].format, report.signatures[0].level),
                (Format::Jws, None)
            );
            let detached = jws(&pki, &who, with, serialization, true, content);
            assert!(
                jades::verify(&detached, Some(content), &reliance)
                    .unwrap()
                    .valid()
            );
            assert!(
                !jades::verify(&detached, Some(b"other"), &reliance)
                    .unwrap()
                    .valid()
            );
            assert!(!jades::verify(&detached, None, &reliance).unwrap().valid());
            assert!(
                !jades::verify(&made, Some(content), &reliance).unwrap().valid(),
                "given twice"
            );
        }
    }
}

#[test]
fn a_changed_or_hostile_jws_is_not_valid() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let made = jws(&pki, &who, with, Serialization::Compact, false, b"content");
    for at in 0..made.len() {
        let mut changed = made.clone();
        changed[at] ^= 1;
        let valid = jades::verify(&changed, None, &pki.reliance()).is_ok_and(|report| report.valid());
        assert!(!valid, "byte {at}");
    }
    let text = String::from_utf8(made).unwrap();
    let header = String::from_utf8(URL_SAFE_NO_PAD.decode(text.split('.').next().unwrap()).unwrap()).unwrap();
    let reason = |header: &str| {
        let rest = text.split_once('.').unwrap().1;
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
        let report = jades::verify(token.as_bytes(), None, &pki.reliance()).unwrap();
        assert!(!report.valid());
        report.signatures[0].reason.unwrap()
    };
    // With its quotes: the certificate in the header is in Base64.
    let renamed = |name: &str| header.replace("\"ES256\"", &format!("\"{name}\""));
    for name in ["none", "HS256", "RS1", "es256", "EdDSA"] {
        assert_eq!(reason(&renamed(name)), Reason::AlgorithmNotAccepted, "{name}");
    }
    for name in ["ES384", "RS256"] {
        assert_eq!(reason(&renamed(name)), Reason::AlgorithmParameters, "{name}");
    }
    assert_eq!(
        reason(&header.replacen('{', "{\"alg\":\"none\",", 1)),
        Reason::MalformedSignature
    );
    assert_eq!(
        reason(&header.replacen('{', "{\"exp\":1,\"crit\":[\"exp\"],", 1)),
        Reason::CriticalHeaderUnknown
    );
    // RFC 7515, 4.1.11: what is critical is there, once, and named by a text.
    for critical in [
        "[\"exp\"]",
        "[\"sigT\"]",
        "[\"x5t#S256\",\"x5t#S256\"]",
        "[1]",
        "\"x5t#S256\"",
        "null",
    ] {
        let header = header.replacen('{', &format!("{{\"crit\":{critical},"), 1);
        assert_eq!(reason(&header), Reason::MalformedSignature, "{critical}");
    }
    assert_eq!(
        reason(&header.replacen('{', "{\"crit\":[],", 1)),
        Reason::MalformedSignature
    );
    assert_eq!(
        reason(&header.replacen('{', "{\"b64\":false,", 1)),
        Reason::CriticalHeaderUnknown
    );
    for bad in [
        "",
        "{}",
        "a.b",
        "a.b.c.d",
        "[]",
        "{\"payload\":\"\",\"signatures\":[1]}",
        "{\"payload\":1,\"protected\":\"\",\"signature\":\"\"}",
        "{\"payload\":\"\",\"payload\":\"\",\"protected\":\"\",\"signature\":\"\"}",
    ] {
        assert_eq!(
            jades::verify(bad.as_bytes(), None, &pki.reliance()),
            Err(JoseError::Malformed),
            "{bad}"
        );
    }
    // One of several signatures that has no protected header costs the others nothing.
    let [protected, payload, signature] = text.split('.').collect::<Vec<_>>()[..] else {
        panic!("{text}")
    };
    let both = format!(
        "{{\"payload\":\"{payload}\",\"signatures\":[{{\"protected\":\"{protected}\",\"signature\":\"{signature}\"}},\
         {{\"header\":{{\"alg\":\"ES256\"}},\"signature\":\"{signature}\"}}]}}"
    );
    let report = jades::verify(both.as_bytes(), None, &pki.reliance()).unwrap();
    let reasons: Vec<_> = report.signatures.iter().map(|one| one.reason).collect();
    assert_eq!(reasons, [None, Some(Reason::MalformedSignature)]);
    assert!(!report.valid());
    let none = jades::verify(b"{\"payload\":\"\",\"signatures\":[]}", None, &pki.reliance()).unwrap();
    assert_eq!(none.signatures[0].reason, Some(Reason::NoSigners));
}

/// RFC 7515, appendix F: a compact JWS without a payload is one whose content lies elsewhere.
#[test]
fn an_empty_content_is_not_put_where_nobody_could_tell_it_from_none() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let with = algorithm(&who, RsaPadding::Pkcs1, Hash::Sha256);
    let refused = jades::prepare(&JadesRequest {
        content: b"",
        detached: false,
        serialization: Serialization::Compact,
        signer: &who.certificate,
        chain: &[],
        algorithm: with,
        signing_time: OffsetDateTime::now_utc(),
    });
    assert_eq!(refused.unwrap_err(), PrepareError::EmptyContent);
    for (serialization, detached) in [
        (Serialization::Compact, true),
        (Serialization::Json, true),
        (Serialization::Json, false),
    ] {
        let signed = jws(&pki, &who, with, serialization, detached, b"");
        let content = detached.then_some(&b""[..]);
        let report = jades::verify(&signed, content, &pki.reliance()).unwrap();
        assert!(report.valid(), "{serialization:?}, {detached}: {report:#?}");
    }
}
