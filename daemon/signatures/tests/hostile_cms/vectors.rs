//! The whole table: made now, and as it lies in `vectors/cms`.

use std::fs;
use std::path::PathBuf;

use time::OffsetDateTime;
use trien_signatures::certificate::Certificate;
use trien_signatures::report::{Reason as R, SubIndication as S};
use trien_signatures::trust::Anchors;

use crate::Outcome::Broken;
use crate::changes::CHANGES;
use crate::encodings::encodings;
use crate::forge::{Forge, PSS, identifier};
use crate::openssl::Pki;
use crate::paddings::{pss_parameters, trailers};
use crate::people::people;
use crate::processor::Work;
use crate::{ECDSA, RSA_PSS, Vector, judged};

/// All vectors, made with a new PKI, and its root.
fn made() -> (Vec<Vector>, Pki) {
    let pki = Pki::of("ec:P-256");
    let signer = pki.leaf("signer", "ec:P-256");
    let good = Forge::new(&pki, &signer, ECDSA);
    let mut vectors: Vec<Vector> = CHANGES
        .iter()
        .map(|(name, change, outcome)| {
            let mut forge = good.clone();
            change(&mut forge);
            Vector {
                name,
                bytes: forge.make(),
                detached: true,
                outcome: outcome.clone(),
            }
        })
        .collect();
    vectors.extend(encodings(&good.make()));

    // The attributes of a real signature as content of one that has none: the same octets are signed.
    let stolen = Forge {
        content: Some(good.to_be_signed()),
        attributes: None,
        ..good.clone()
    };
    vectors.push(Vector {
        name: "signed-attributes-as-content",
        bytes: stolen.make(),
        detached: false,
        outcome: Broken(S::FormatFailure, R::ContentIsSignedAttributes),
    });

    let rsa = pki.leaf("rsa-signer", "rsa:2048");
    for (name, parameters, outcome) in pss_parameters() {
        let signature_identifier = identifier(PSS, &parameters);
        let bytes = Forge {
            signature_identifier,
            ..Forge::new(&pki, &rsa, RSA_PSS)
        }
        .make();
        vectors.push(Vector {
            name,
            bytes,
            detached: true,
            outcome,
        });
    }
    vectors.extend(trailers(&pki, &rsa));
    vectors.extend(people(&pki));
    (vectors, pki)
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/cms")
}

/// With `TRIEN_WRITE_VECTORS` set, the files are written anew.
#[test]
fn n143_n149_each_made_now_breaks_its_rule() {
    let (vectors, pki) = made();
    for vector in &vectors {
        let started = Work::begin();
        assert_eq!(
            judged(vector, &pki.anchors, OffsetDateTime::now_utc()),
            vector.outcome,
            "{}",
            vector.name
        );
        assert!(started.so_far().as_secs() < 5, "{}", vector.name);
    }
    if std::env::var_os("TRIEN_WRITE_VECTORS").is_some() {
        fs::create_dir_all(folder()).unwrap();
        fs::write(folder().join("root.crt"), pki.root.certificate.as_der()).unwrap();
        for vector in &vectors {
            fs::write(folder().join(format!("{}.p7s", vector.name)), &vector.bytes).unwrap();
        }
    }
}

/// That these of the files break their rule, as they lie there.
fn each_breaks_its_rule(names: &[&str]) {
    let root = Certificate::from_der(&fs::read(folder().join("root.crt")).unwrap()).unwrap();
    let at = root.not_before() + time::Duration::days(1);
    let anchors = Anchors::new(vec![root]);
    let (mut vectors, _) = made();
    for name in names {
        let vector = vectors.iter_mut().find(|vector| vector.name == *name).unwrap();
        assert!(matches!(vector.outcome, Broken(..)), "{name}");
        vector.bytes = fs::read(folder().join(format!("{name}.p7s"))).unwrap();
        assert_eq!(judged(vector, &anchors, at), vector.outcome, "{name}");
    }
}

#[test]
fn n145_signed_attributes_that_are_missing_doubled_or_of_other_content_are_no_signature() {
    each_breaks_its_rule(&[
        "no-signed-attributes",
        "message-digest-missing",
        "message-digest-twice",
        "message-digest-two-values",
        "message-digest-of-other-content",
        "content-type-missing",
        "content-type-other",
        "econtent-type-other",
        "attributes-not-in-order",
    ]);
}

#[test]
fn n146_the_signed_attributes_of_another_signature_are_no_content() {
    each_breaks_its_rule(&["signed-attributes-as-content"]);
}

#[test]
fn n148_a_certificate_that_the_signer_did_not_name_is_not_the_signers() {
    each_breaks_its_rule(&[
        "signing-certificate-missing",
        "signing-certificate-hash-of-another",
        "signing-certificate-issuer-serial-of-another",
        "certificate-substituted",
    ]);
}

#[test]
fn n143_to_n148_each_file_breaks_its_rule() {
    let root = Certificate::from_der(&fs::read(folder().join("root.crt")).unwrap()).unwrap();
    let at = root.not_before() + time::Duration::days(1);
    let anchors = Anchors::new(vec![root]);
    let (mut vectors, _) = made();
    let mut files: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".p7s"))
        .collect();
    for vector in &mut vectors {
        let name = format!("{}.p7s", vector.name);
        vector.bytes = fs::read(folder().join(&name)).unwrap();
        files.retain(|file| *file != name);
        assert_eq!(judged(vector, &anchors, at), vector.outcome, "{name}");
    }
    assert!(files.is_empty(), "not in the table: {files:?}");
}
