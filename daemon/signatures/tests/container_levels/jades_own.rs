//! JAdES as we make it.

use serde_json::Value;
use time::OffsetDateTime;
use trien_signatures::algorithm::Hash;
use trien_signatures::augment::AugmentError;
use trien_signatures::jades::{self, JadesRequest, JadesSignature, Serialization};
use trien_signatures::report::{Level, TimestampKind, Warning};

use crate::{Form, PKI, algorithm, archives, finish, judge, soon};

/// JAdES over `content`, beside it or with it inside.
pub(crate) fn jws(serialization: Serialization, detached: bool) -> Vec<u8> {
    let (pki, who) = &*PKI;
    let chain = [pki.ca.certificate.clone()];
    let prepared = jades::prepare(&JadesRequest {
        content: b"content",
        detached,
        serialization,
        signer: &who.certificate,
        chain: &chain,
        algorithm: algorithm(),
        signing_time: OffsetDateTime::now_utc(),
    });
    finish(prepared.unwrap())
}

pub(crate) const JADES: Form<'_> = Form {
    open: &|bytes| Ok(Box::new(JadesSignature::open(&bytes, None)?)),
    verify: &|bytes, reliance| jades::verify(bytes, None, reliance).unwrap(),
};

const JADES_BESIDE: Form<'_> = Form {
    open: &|bytes| Ok(Box::new(JadesSignature::open(&bytes, Some(b"content"))?)),
    verify: &|bytes, reliance| jades::verify(bytes, Some(b"content"), reliance).unwrap(),
};

/// What jwcrypto says of a JWS as a JSON object, with the key of a certificate: its payload.
const JWCRYPTO: &str = "import sys; from jwcrypto import jws, jwk; token = jws.JWS(); \
    token.deserialize(open(sys.argv[2]).read(), jwk.JWK.from_pem(open(sys.argv[1], 'rb').read())); \
    sys.stdout.write(token.payload.decode())";

/// The unsigned part at each level is nothing to a reader that does not know it.
#[test]
fn jades_at_b_t_and_b_lta_is_what_jwcrypto_verifies() {
    let (pki, _) = &*PKI;
    let b = jws(Serialization::Json, false);
    let t = JADES.stamped(&b, TimestampKind::Signature);
    let [lta, renewed] = JADES.to_lta(&b);
    let certificate = pki.workshop.path("signer.crt");
    let judged = |bytes: &[u8]| {
        let file = pki.workshop.write("judged.json", bytes);
        judge::python(&[
            "-c",
            JWCRYPTO,
            certificate.to_str().unwrap(),
            file.to_str().unwrap(),
        ])
    };
    for signed in [&b, &t, &lta, &renewed] {
        assert_eq!(judged(signed).unwrap(), "content");
        let text = String::from_utf8(signed.clone()).unwrap();
        let payload = "Y29udGVudA";
        assert!(text.contains(payload));
        judged(text.replace(payload, "Q29udGVudA").as_bytes()).unwrap_err();
    }
    JADES.is_at(&t, Level::BT);
    JADES.is_at(&lta, Level::BLTA);
}

#[test]
fn jades_reaches_every_level_and_what_an_archive_time_stamp_covers_stays() {
    for (form, detached) in [(&JADES, false), (&JADES_BESIDE, true)] {
        for serialization in [Serialization::Compact, Serialization::Json] {
            let [lta, renewed] = form.to_lta(&jws(serialization, detached));
            let value: Value = serde_json::from_slice(&renewed).unwrap();
            let components = value["header"]["etsiU"].as_array().unwrap();
            let names = ["sigTst", "xVals", "rVals", "arcTst", "arcTst"];
            assert_eq!(
                components.len(),
                names.len(),
                "nothing new was known of the second"
            );
            for place in 0..components.len() - 1 {
                let mut changed = value.clone();
                changed["header"]["etsiU"].as_array_mut().unwrap().remove(place);
                let report = form.judged(changed.to_string().as_bytes(), soon());
                assert!(
                    report.signatures[0]
                        .warnings
                        .contains(&Warning::TimestampNotValid),
                    "{place}"
                );
            }
            assert_eq!(archives(&form.judged(&lta, soon())), 1);
            // Those of another signature prove nothing of this one.
            let mut other: Value = serde_json::from_slice(&jws(Serialization::Json, detached)).unwrap();
            other["header"] = value["header"].clone();
            let report = form.judged(other.to_string().as_bytes(), soon());
            let same = other["signature"] == value["signature"];
            assert_eq!(
                report.signatures[0].level == Some(Level::BB),
                !same,
                "{report:#?}"
            );
        }
    }
    let detached = JADES.stamped(&jws(Serialization::Json, true), TimestampKind::Signature);
    let archive = JADES
        .opened(&detached)
        .prepare_timestamp(TimestampKind::Archive, Hash::Sha256);
    assert_eq!(archive.err(), Some(AugmentError::ContentMissing));
}

/// What each time-stamp of a JAdES signature is about, put together as TS 119 182-1 says (5.3.4 and 5.3.6.3).
#[test]
fn the_time_stamps_of_jades_are_what_openssl_verifies() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let [_, renewed] = JADES.to_lta(&jws(Serialization::Json, false));
    let value: Value = serde_json::from_slice(&renewed).unwrap();
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    let mut before = format!("{}.{}.{}.", text("payload"), text("protected"), text("signature"));
    let shop = &PKI.0.workshop;
    let mut verified = Vec::new();
    for component in value["header"]["etsiU"].as_array().unwrap() {
        let encoded = component.as_str().unwrap();
        let opened: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap();
        for (name, about) in [("sigTst", text("signature")), ("arcTst", before.clone())] {
            let Some(token) = opened[name]["tstTokens"][0]["val"].as_str() else {
                continue;
            };
            shop.write("about.txt", about.as_bytes());
            shop.write("jades.tst", &STANDARD.decode(token).unwrap());
            shop.run(&[
                "ts",
                "-verify",
                "-data",
                "about.txt",
                "-in",
                "jades.tst",
                "-token_in",
                "-CAfile",
                "root.crt",
            ]);
            verified.push(name);
        }
        before += encoded;
    }
    assert_eq!(verified, ["sigTst", "arcTst", "arcTst"]);
}
