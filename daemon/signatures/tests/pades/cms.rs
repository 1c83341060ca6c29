//! The CMS of a signature, by OpenSSL: algorithms, attributes and times; and who the report says signed.

use crate::drafts::{Draft, run};
use time::macros::datetime;
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::pades::prepare;
use trien_signatures::report::{Integrity, Level, TimeSource, Warning};
use trien_signatures::signing::{FinishError, Prepared};

use crate::{OFFICE, check, now, request, sign, sign_as};

#[test]
fn the_report_says_who_and_when() {
    let time = datetime!(2026-11-21 14:03:05 +07:00);
    let mut request = request(&OFFICE.signer);
    request.signing_time = time.to_offset(time::UtcOffset::UTC);
    let signed = sign_as(&Draft::new().classic(), &OFFICE.signer, &request);
    assert!(String::from_utf8_lossy(&signed).contains("/M (D:20261121140305+07'00')"));

    let report = check(&signed);
    let [one] = report.signatures.as_slice() else {
        panic!("{report:?}")
    };
    assert_eq!(one.integrity, Integrity::Intact);
    let claimed = one.signing_time.unwrap();
    assert_eq!(
        (claimed.time, claimed.source),
        (time, TimeSource::SignerDictionary)
    );
    assert_eq!(
        one.signer.as_ref().unwrap().subject.common_name.as_deref(),
        Some("Nguyễn Thị Ánh")
    );

    let report = check(&sign(&Draft::new().classic()));
    assert_eq!(report.signatures[0].level, Some(Level::BB));
}

/// The CMS and the bytes it covers.
fn take_apart(document: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let text: String = document.iter().map(|byte| char::from(*byte)).collect();
    let start = text.rfind("/ByteRange [").unwrap() + "/ByteRange [".len();
    let numbers: Vec<usize> = text[start..start + 60]
        .split(']')
        .next()
        .unwrap()
        .split_whitespace()
        .map(|number| number.parse().unwrap())
        .collect();
    let [0, before, after, rest] = numbers[..] else {
        panic!("{numbers:?}")
    };
    assert_eq!(after + rest, document.len());
    assert_eq!((document[before], document[after - 1]), (b'<', b'>'));
    let contents = hex::decode(&document[before + 1..after - 1]).unwrap();
    let length = trien_signatures::cms::element_len(&contents).unwrap();
    (
        contents[..length].to_vec(),
        [&document[..before], &document[after..]].concat(),
    )
}

#[test]
fn openssl_accepts_every_algorithm() {
    let leaves = [("rsa", "rsa:2048"), ("p256", "ec:P-256"), ("p384", "ec:P-384")];
    for (name, kind) in leaves {
        let signer = OFFICE.pki.leaf(&format!("all-{name}"), kind);
        for padding in [RsaPadding::Pkcs1, RsaPadding::Pss] {
            for hash in Hash::ALL {
                let mut request = request(&signer);
                request.algorithm =
                    SignatureAlgorithm::for_key(signer.certificate.public_key(), padding, hash).unwrap();
                let signed = sign_as(&Draft::new().streams(), &signer, &request);
                assert!(check(&signed).valid(), "{:?}", request.algorithm);
                let (cms, content) = take_apart(&signed);
                let judged = OFFICE
                    .pki
                    .workshop
                    .accepts(&cms, Some(&content), &OFFICE.pki.root);
                assert!(judged.is_ok(), "{:?}: {judged:?}", request.algorithm);
            }
        }
    }
}

#[test]
fn the_cms_has_the_attributes_of_the_baseline_and_no_signing_time() {
    let (cms, _) = take_apart(&sign(&Draft::new().classic()));
    let path = OFFICE.pki.workshop.write("attributes.der", &cms);
    let (code, text) = run(
        "openssl",
        &[
            "cms",
            "-cmsout",
            "-print",
            "-inform",
            "DER",
            "-in",
            path.to_str().unwrap(),
        ],
    );
    assert_eq!(code, Some(0));
    for attribute in ["contentType", "messageDigest", "id-smime-aa-signingCertificateV2"] {
        assert!(text.contains(attribute), "{attribute} in {text}");
    }
    assert!(!text.contains("signingTime"));
}

#[test]
fn a_signing_time_in_the_cms_is_told() {
    // The same document with a CMS that says a time of its own, as a signer who knows CMS but not PAdES makes it.
    let signed = sign(&Draft::new().classic());
    let (_, content) = take_apart(&signed);
    let signer = &OFFICE.signer;
    let cms = trien_signatures::cms::prepare(&trien_signatures::cms::Request {
        content: trien_signatures::cms::Content::Detached {
            digest: Hash::Sha256.digest(&content),
        },
        signer: &signer.certificate,
        chain: std::slice::from_ref(&OFFICE.pki.ca.certificate),
        algorithm: SignatureAlgorithm::Ecdsa(Hash::Sha256),
        signing_time: Some(now()),
    })
    .unwrap();
    let value = OFFICE
        .pki
        .workshop
        .sign(signer, cms.algorithm(), cms.to_be_signed());
    let digits = hex::encode(cms.finish(value).unwrap());
    let start = signed
        .windows(11)
        .rposition(|window| window == b"/Contents <")
        .unwrap()
        + 11;
    let mut changed = signed;
    let end = start + changed[start..].iter().position(|byte| *byte == b'>').unwrap();
    changed[start..end].fill(b'0');
    changed[start..start + digits.len()].copy_from_slice(digits.as_bytes());

    let report = check(&changed);
    assert!(report.valid());
    let [one] = report.signatures.as_slice() else {
        panic!("{report:?}")
    };
    assert!(one.warnings.contains(&Warning::SigningTimeAttributeInPades));
    assert_eq!(one.level, None, "that is no baseline signature");
}

#[test]
fn a_wrong_signature_is_not_put_in() {
    let prepared = prepare(Draft::new().classic(), &request(&OFFICE.signer)).unwrap();
    let value = OFFICE
        .pki
        .workshop
        .sign(&OFFICE.signer, prepared.algorithm(), b"something else");
    assert_eq!(prepared.finish(value), Err(FinishError::BadSignature));
}
