//! What is in a container and signed by nobody, or signed and not there.

use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::asic::{self, Inside, Kind};
use trien_signatures::cades::{self, CadesRequest};
use trien_signatures::report::{Format, Reason};
use trien_signatures::signing::Prepared;
use trien_signatures::trust::Reliance;
use trien_signatures::xmldsig::{self, Template, XmlDsigRequest};

use crate::archive::{FILES, container, entries, packed};
use crate::confirm::confirmed;
use crate::hostile::packed_by_python;
use crate::openssl::Pki;
use crate::verified;

#[test]
fn n154_what_is_missing_left_over_or_exchanged_is_named() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    for inside in [Inside::Xades, Inside::Cades] {
        let made = container(&pki, &who, Kind::Extended, inside, &FILES);
        let good = entries(&made);
        let reasons = |entries: &[(String, Vec<u8>)]| {
            let report = verified(&pki, &packed(entries));
            assert!(!report.valid());
            (
                report.signatures[0].reason.unwrap(),
                report.signatures[0].not_covered.clone(),
            )
        };
        let mut extra = good.clone();
        extra.insert(3, ("extra.txt".into(), b"unsigned".to_vec()));
        assert_eq!(
            reasons(&extra),
            (Reason::ContainerFileNotCovered, vec!["extra.txt".to_owned()])
        );
        // A folder that is for signatures is no place where one is not needed.
        for name in [
            "META-INF/Quyết định.pdf",
            "META-INF/a/b.xml",
            "META-INF/container.pdf",
            "META-INF/x",
        ] {
            for name in [name.to_owned(), name.replace("META-INF", "meta-inf")] {
                let mut extra = good.clone();
                extra.push((name.clone(), b"unsigned".to_vec()));
                assert_eq!(reasons(&extra), (Reason::ContainerFileNotCovered, vec![name]));
            }
        }
        let mut described = good.clone();
        described.push(("META-INF/container.xml".into(), b"<container/>".to_vec()));
        assert!(verified(&pki, &packed(&described)).valid());
        let mut folded = good.clone();
        folded.push(("meta-inf/signatures9.xml".into(), b"<a/>".to_vec()));
        assert_eq!(reasons(&folded).0, Reason::ContainerFileNotCovered);
        let mut absent = good.clone();
        absent.remove(1);
        assert!(matches!(
            reasons(&absent).0,
            Reason::ReferenceNotFound | Reason::ExternalReference
        ));
        let mut exchanged = good.clone();
        exchanged[1].1 = b"other".to_vec();
        assert_eq!(reasons(&exchanged).0, Reason::ReferenceDigestMismatch);
        let mut late = good.clone();
        late.swap(0, 1);
        assert_eq!(reasons(&late).0, Reason::MalformedSignature);
        let mut wrong = good.clone();
        wrong[0].1 = b"application/zip".to_vec();
        assert_eq!(reasons(&wrong).0, Reason::MalformedSignature);
        let mut simple = good.clone();
        simple[0].1 = b"application/vnd.etsi.asic-s+zip".to_vec();
        assert_eq!(reasons(&simple).0, Reason::MalformedSignature);
        let (mut missing, mut renamed) = (good.clone(), good.clone());
        missing.remove(0);
        assert_eq!(reasons(&missing).0, Reason::MalformedSignature);
        renamed[0].0 = "Mimetype".into();
        assert!(!verified(&pki, &packed(&renamed)).valid());
        // Packed by Python: the same files, with the media type stored, and with it compressed.
        for (method, passes) in [("ZIP_STORED", true), ("ZIP_DEFLATED", false)] {
            let report = verified(&pki, &packed_by_python(&pki, &good, method));
            assert_eq!(report.valid(), passes, "{method}: {report:#?}");
            let reason = (!passes).then_some(Reason::MalformedSignature);
            assert_eq!(report.signatures[0].reason, reason, "{method}");
        }
        let unsigned: Vec<_> = good
            .iter()
            .filter(|(name, _)| !name.contains("signature"))
            .cloned()
            .collect();
        assert_eq!(reasons(&unsigned).0, Reason::NoSigners);

        // ASiC-S is about one file: a second one is nobody's, whatever it is called.
        let alone = entries(&container(&pki, &who, Kind::Simple, inside, &FILES[..1]));
        assert!(verified(&pki, &packed(&alone)).valid());
        for name in ["second.txt", "A/x", "zz"] {
            let mut two = alone.clone();
            two.insert(1, (name.into(), b"unsigned".to_vec()));
            let (reason, not_covered) = reasons(&two);
            let named = not_covered.iter().any(|file| file == name);
            assert!(
                named || reason == Reason::MalformedSignature,
                "{name}: {reason:?}"
            );
        }
    }
}

/// Not all of very many signatures are looked at, and what is not has its say.
#[test]
fn n154_a_signature_that_is_not_looked_at_is_no_signature_that_holds() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let good = entries(&container(&pki, &who, Kind::Extended, Inside::Xades, &FILES));
    let signature = good.iter().find(|(name, _)| name.contains("signatures")).unwrap();
    let with = |count: usize, last: &[u8]| {
        let mut many = good.clone();
        for number in 1..count {
            let bytes = if number + 1 == count { last } else { &signature.1 };
            many.push((format!("META-INF/signatures-{number}.xml"), bytes.to_vec()));
        }
        verified(&pki, &packed(&many))
    };
    assert!(with(64, &signature.1).valid());
    let report = with(65, b"<nothing/>");
    assert!(!report.valid(), "{report:#?}");
    let last = report.signatures.last().unwrap();
    assert_eq!(last.reason, Some(Reason::TooManySignatures));
    assert_eq!(last.not_evaluated, ["META-INF/signatures-64.xml"]);
}

/// What a manifest says of a file is that file's: a digest of another one, and a file that is not there, are found
/// though the manifest is signed.
#[test]
fn n154_a_signed_manifest_that_is_wrong_is_found() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let good = entries(&container(&pki, &who, Kind::Extended, Inside::Cades, &FILES));
    let at = |part: &str| good.iter().position(|(name, _)| name.contains(part)).unwrap();
    let (manifest, signature) = (at("ASiCManifest"), at(".p7s"));
    let text = String::from_utf8(good[manifest].1.clone()).unwrap();
    let digests: Vec<&str> = text
        .split("DigestValue>")
        .skip(1)
        .step_by(2)
        .map(|part| part.split('<').next().unwrap())
        .collect();
    let [first, second] = digests[..] else {
        panic!("{text}")
    };
    let names: Vec<&str> = text
        .split("<asic:DataObjectReference")
        .skip(1)
        .map(|part| part.split("URI=\"").nth(1).unwrap().split('"').next().unwrap())
        .collect();
    let resigned = |text: &str| {
        let chain = [pki.ca.certificate.clone()];
        let prepared = cades::prepare(&CadesRequest {
            content: text.as_bytes(),
            detached: true,
            signer: &who.certificate,
            chain: &chain,
            algorithm: SignatureAlgorithm::Ecdsa(Hash::Sha256),
            signing_time: OffsetDateTime::now_utc(),
        })
        .unwrap();
        let value = pki
            .workshop
            .sign(&who, prepared.algorithm(), prepared.to_be_signed());
        let mut files = good.clone();
        files[manifest].1 = text.as_bytes().to_vec();
        files[signature].1 = prepared.finish(value).unwrap();
        verified(&pki, &packed(&files))
    };
    assert!(resigned(&text).valid(), "the manifest as it was");
    for (what, changed, reason) in [
        (
            "the digests exchanged",
            text.replacen(first, "\0", 1)
                .replacen(second, first, 1)
                .replacen('\0', second, 1),
            Reason::ReferenceDigestMismatch,
        ),
        (
            "a file that is not there",
            text.replacen(names[0], "khong-co.txt", 1),
            Reason::ReferenceNotFound,
        ),
        (
            "one file twice, the other not at all",
            text.replacen(names[0], names[1], 1).replacen(first, second, 1),
            Reason::ContainerFileNotCovered,
        ),
    ] {
        assert_ne!(changed, text, "{what}");
        let report = resigned(&changed);
        assert!(!report.valid(), "{what}");
        assert_eq!(report.signatures[0].reason, Some(reason), "{what}: {report:#?}");
    }
}

/// A signature over an element of some document says nothing of a file, whatever the element is called: else a signed
/// invoice would sign whatever is laid beside it.
#[test]
fn n154_an_element_that_is_called_as_a_file_is_not_that_file() {
    let pki = Pki::new();
    let who = pki.leaf("signer", "ec:P-256");
    let template = Template::named("e-invoice").unwrap();
    let invoice = "<HDon><DLHDon Id=\"data\"><SHDon>42</SHDon></DLHDon><DSCKS><NBan/></DSCKS></HDon>";
    let prepared = xmldsig::prepare(
        invoice.as_bytes().to_vec(),
        &XmlDsigRequest {
            template: &template,
            signer: &who.certificate,
            chain: std::slice::from_ref(&pki.ca.certificate),
            algorithm: SignatureAlgorithm::Ecdsa(Hash::Sha256),
            signing_time: OffsetDateTime::now_utc(),
        },
    )
    .unwrap();
    let value = pki
        .workshop
        .sign(&who, prepared.algorithm(), prepared.to_be_signed());
    let signed = prepared.finish(value).unwrap();
    let report = xmldsig::verify(&signed, &xmldsig::Options::default(), &pki.reliance()).unwrap();
    assert!(report.valid(), "{report:#?}");
    let name = report.signatures[0].covered[0].clone();
    assert_eq!(name, "DLHDon#data");
    for kind in ["asic-e", "asic-s"] {
        let files = [
            (
                "mimetype".to_owned(),
                format!("application/vnd.etsi.{kind}+zip").into_bytes(),
            ),
            (name.clone(), b"Toi no anh mot ty dong".to_vec()),
            ("META-INF/signatures.xml".to_owned(), signed.clone()),
        ];
        let report = verified(&pki, &packed(&files));
        let signature = &report.signatures[0];
        assert_eq!(
            signature.reason,
            Some(Reason::NothingSigned),
            "{kind}: {report:#?}"
        );
        assert_eq!(signature.not_covered, [name.as_str()]);
        assert!(signature.covered.is_empty());
    }
}

/// A confirmation of a signature is about that signature, and no file of the container.
#[test]
fn n154_a_counter_signature_has_no_file_to_cover() {
    let pki = Pki::new();
    let (who, other) = (pki.leaf("signer", "ec:P-256"), pki.leaf("other", "ec:P-256"));
    let mut files = entries(&container(&pki, &who, Kind::Extended, Inside::Xades, &FILES));
    let signature = files.iter_mut().find(|(name, _)| name.contains("signatures"));
    let signature = &mut signature.unwrap().1;
    *signature = confirmed(&pki, &other, signature, None).into_bytes();
    let intermediates = [pki.ca.certificate.clone()];
    let judged = |files: &[(String, Vec<u8>)]| {
        let reliance = Reliance {
            intermediates: &intermediates,
            ..pki.reliance()
        };
        asic::verify(&packed(files), &reliance).unwrap()
    };
    let report = judged(&files);
    assert!(report.valid(), "{report:#?}");
    let formats: Vec<Format> = report.signatures.iter().map(|one| one.format).collect();
    assert_eq!(formats, [Format::AsicXades, Format::CounterSignature]);
    files.insert(1, ("extra.txt".to_owned(), b"unsigned".to_vec()));
    let reasons: Vec<_> = judged(&files).signatures.iter().map(|one| one.reason).collect();
    assert_eq!(reasons, [Some(Reason::ContainerFileNotCovered), None]);
}
