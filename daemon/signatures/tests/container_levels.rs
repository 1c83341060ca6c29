//! ASiC containers, Office documents and JAdES at B-T, B-LT and B-LTA: time-stamps and lists by OpenSSL, and what is
//! changed afterwards is found.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

mod archive;
mod authority;
mod imprints;
mod judge;
mod libreoffice;
mod openssl;

use std::sync::LazyLock;

use archive::{FILES, entries, packed};
use authority::Authority;
use libreoffice::LibreOffice;
use openssl::{Identity, Pki};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::asic::{self, AsicSignature, File, Inside, Kind};
use trien_signatures::augment::{Augment, AugmentError};
use trien_signatures::cades::{self, CadesRequest, CadesSignature};
use trien_signatures::jades::{self, JadesRequest, JadesSignature, Serialization};
use trien_signatures::ooxml::{self, OoxmlRequest, OoxmlSignature};
use trien_signatures::report::{Indication, Level, Reason, Report, SubIndication, TimestampKind, Warning};
use trien_signatures::signing::Prepared;
use trien_signatures::timestamp::Imprint;
use trien_signatures::trust::Reliance;
use trien_signatures::xades::{self, Packaging, XadesRequest, XadesSignature};
use trien_signatures::xmldsig::{self, Options};

static PKI: LazyLock<(Pki, Identity)> = LazyLock::new(|| {
    let pki = Pki::new();
    let who = pki.leaf("signer", "rsa:2048");
    let _authority = Authority::new(&pki);
    (pki, who)
});

fn algorithm() -> SignatureAlgorithm {
    SignatureAlgorithm::for_key(PKI.1.certificate.public_key(), RsaPadding::Pkcs1, Hash::Sha256).unwrap()
}

fn finish(prepared: impl Prepared) -> Vec<u8> {
    let (pki, who) = &*PKI;
    let value = pki
        .workshop
        .sign(who, prepared.algorithm(), prepared.to_be_signed());
    prepared.finish(value).unwrap()
}

/// What is known two seconds from now: time-stamps have whole seconds.
fn soon() -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::seconds(2)
}

/// A form of signature, and how it is read.
struct Form<'a> {
    open: &'a dyn Fn(Vec<u8>) -> Result<Box<dyn Augment>, AugmentError>,
    verify: &'a dyn Fn(&[u8], &Reliance<'_>) -> Report,
}

impl Form<'_> {
    fn opened(&self, signed: &[u8]) -> Box<dyn Augment> {
        (self.open)(signed.to_vec()).unwrap()
    }

    fn stamped(&self, signed: &[u8], kind: TimestampKind) -> Vec<u8> {
        self.stamped_by("tsa", signed, kind)
    }

    fn stamped_by(&self, authority: &str, signed: &[u8], kind: TimestampKind) -> Vec<u8> {
        let prepared = self.opened(signed).prepare_timestamp(kind, Hash::Sha256).unwrap();
        let token = Authority::of(&PKI.0).stamp_by(authority, prepared.imprint());
        let other = self.opened(signed).prepare_timestamp(kind, Hash::Sha384).unwrap();
        assert_eq!(other.finish(&token), Err(AugmentError::OtherImprint));
        let stamped = prepared.finish(&token).unwrap();
        assert!(self.opened(&stamped).has_timestamp(kind).unwrap());
        stamped
    }

    fn judged(&self, signed: &[u8], at: OffsetDateTime) -> Report {
        (self.verify)(signed, &Reliance::new(&PKI.0.anchors, &[], at))
    }

    fn is_at(&self, signed: &[u8], level: Level) {
        let report = self.judged(signed, soon());
        assert!(report.valid(), "{level:?}: {report:#?}");
        for signature in &report.signatures {
            assert_eq!(signature.level, Some(level), "{signature:#?}");
            assert!(
                !signature.warnings.contains(&Warning::TimestampNotValid),
                "{signature:#?}"
            );
        }
    }

    /// B-B to B-LT, step by step.
    fn to_lt(&self, b: &[u8]) -> [Vec<u8>; 2] {
        self.is_at(b, Level::BB);
        assert!(!self.opened(b).has_timestamp(TimestampKind::Signature).unwrap());
        let t = self.stamped(b, TimestampKind::Signature);
        self.is_at(&t, Level::BT);
        let opened = self.opened(&t);
        assert_eq!(
            opened.to_be_proven().unwrap().leaves.len(),
            2,
            "the signer and the authority"
        );
        let lt = opened.add_material(&Authority::of(&PKI.0).material()).unwrap();
        self.is_at(&lt, Level::BLT);
        // What is there already is not put in twice.
        let again = self
            .opened(&lt)
            .add_material(&Authority::of(&PKI.0).material())
            .unwrap();
        assert_eq!(again.len(), lt.len());
        // The time that an authority proves still counts when the signer's certificate has ended.
        let later = PKI.1.certificate.not_after() + Duration::days(1);
        assert!(!self.judged(b, later).valid());
        assert!(self.judged(&lt, later).valid());
        [t, lt]
    }

    /// B-B to B-LTA, and once more.
    fn to_lta(&self, b: &[u8]) -> [Vec<u8>; 2] {
        let [_, lt] = self.to_lt(b);
        let lta = self.stamped(&lt, TimestampKind::Archive);
        self.is_at(&lta, Level::BLTA);
        let proven = self
            .opened(&lta)
            .add_material(&Authority::of(&PKI.0).material())
            .unwrap();
        self.is_at(&proven, Level::BLTA);
        let renewed = self.stamped(&proven, TimestampKind::Archive);
        self.is_at(&renewed, Level::BLTA);
        assert_eq!(archives(&self.judged(&renewed, soon())), 2);
        [lta, renewed]
    }
}

fn archives(report: &Report) -> usize {
    let stamps = report.signatures[0].timestamps.iter();
    stamps
        .filter(|stamp| stamp.kind == TimestampKind::Archive && stamp.valid)
        .count()
}

const ASIC: Form<'_> = Form {
    open: &|bytes| Ok(Box::new(AsicSignature::open(bytes)?)),
    verify: &|bytes, reliance| asic::verify(bytes, reliance).unwrap(),
};

const XADES: Form<'_> = Form {
    open: &|bytes| Ok(Box::new(XadesSignature::open(bytes, None)?)),
    verify: &|bytes, reliance| xmldsig::verify(bytes, &Options::default(), reliance).unwrap(),
};

const XADES_BESIDE: Form<'_> = Form {
    open: &|bytes| Ok(Box::new(XadesSignature::open(bytes, Some(b"content".to_vec()))?)),
    verify: &|bytes, reliance| {
        let options = Options {
            content: Some(b"content"),
        };
        xmldsig::verify(bytes, &options, reliance).unwrap()
    },
};

fn xades(packaging: Packaging<'_>) -> Vec<u8> {
    let (pki, who) = &*PKI;
    let chain = [pki.ca.certificate.clone()];
    let request = XadesRequest {
        signer: &who.certificate,
        chain: &chain,
        algorithm: algorithm(),
        signing_time: OffsetDateTime::now_utc(),
    };
    finish(xades::prepare(packaging, &request).unwrap())
}

/// The time-stamps of XAdES signatures by others: lxml puts together what each is about, OpenSSL verifies the token
/// over that. Gives their kinds.
fn judged_by_openssl(name: &str, signed: &[u8]) -> Vec<String> {
    let shop = &PKI.0.workshop;
    let file = shop.write(name, signed);
    imprints::verified(shop, "stamps.py", &file, &[], &["-CAfile", "root.crt"])
}

/// Canonical forms are where XML goes wrong: comments, prefixes in use and not, what stands around, lines of two kinds.
const LETTER: &[u8] =
    "<?xml version=\"1.0\"?>\r\n<!-- before --><thư xmlns=\"urn:thu\" xmlns:b=\"urn:b\" xml:lang=\"vi\">\
    <b:người gửi=\"An\" c='1\t2'>Xin chào\r\n &gt; <![CDATA[<&>]]><!-- in --></b:người></thư>\n<?after x?>"
        .as_bytes();

#[test]
fn the_time_stamps_of_xades_are_what_openssl_verifies_over_lxmls_canonical_form() {
    let all = ["signature", "archive", "archive"];
    for (name, packaging) in [
        ("enveloped.xml", Packaging::Enveloped(LETTER.to_vec())),
        (
            "enveloping.xml",
            Packaging::Enveloping {
                content: LETTER,
                media_type: "text/xml",
            },
        ),
    ] {
        let [_, renewed] = XADES.to_lta(&xades(packaging));
        assert_eq!(judged_by_openssl(name, &renewed), all, "{name}");
    }
    let beside = PKI.0.workshop.path("detached.beside");
    std::fs::create_dir_all(&beside).unwrap();
    std::fs::write(beside.join("a"), b"content").unwrap();
    let [_, renewed] = XADES_BESIDE.to_lta(&xades(Packaging::Detached {
        content: b"content",
        name: "a",
        media_type: "text/plain",
    }));
    assert_eq!(judged_by_openssl("detached.xml", &renewed), all);
    for (name, kind, files) in [
        ("simple.asics", Kind::Simple, &FILES[..1]),
        ("extended.asice", Kind::Extended, &FILES[..]),
    ] {
        let [_, renewed] = ASIC.to_lta(&container(kind, Inside::Xades, files));
        assert_eq!(judged_by_openssl(name, &renewed), all, "{name}");
    }
}

fn container(kind: Kind, inside: Inside, files: &[File<'_>]) -> Vec<u8> {
    archive::container(&PKI.0, &PKI.1, kind, inside, files)
}

#[test]
fn containers_of_both_kinds_with_both_signatures_reach_every_level() {
    for (kind, files) in [(Kind::Simple, &FILES[..1]), (Kind::Extended, &FILES[..])] {
        for inside in [Inside::Xades, Inside::Cades] {
            let [lta, renewed] = ASIC.to_lta(&container(kind, inside, files));
            for signed in [&lta, &renewed] {
                // What every reader of ASiC wants stays: the media type first and plain, the files as they were.
                assert!(asic::looks_like(signed));
                let report = ASIC.judged(signed, soon());
                let names: Vec<_> = files.iter().map(|file| file.name).collect();
                assert_eq!(report.signatures[0].covered, names);
            }
            let manifests = entries(&renewed);
            let manifests = manifests
                .iter()
                .filter(|(name, _)| name.contains("ASiCArchiveManifest"));
            let expected = if (kind, inside) == (Kind::Extended, Inside::Cades) {
                2
            } else {
                0
            };
            assert_eq!(manifests.count(), expected, "{kind:?} {inside:?}");
        }
    }
}

#[test]
fn a_time_stamp_over_a_container_is_what_openssl_verifies_and_covers_every_file() {
    let [_, renewed] = ASIC.to_lta(&container(Kind::Extended, Inside::Cades, &FILES));
    let files = entries(&renewed);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    for (manifest, token) in [
        ("META-INF/ASiCArchiveManifest001.xml", "META-INF/timestamp001.tst"),
        ("META-INF/ASiCArchiveManifest.xml", "META-INF/timestamp002.tst"),
    ] {
        let file = |name: &str| &files.iter().find(|(other, _)| other == name).unwrap().1;
        let shop = &PKI.0.workshop;
        shop.write("manifest.xml", file(manifest));
        shop.write("token.tst", file(token));
        let verify = [
            "ts",
            "-verify",
            "-data",
            "manifest.xml",
            "-in",
            "token.tst",
            "-token_in",
            "-CAfile",
            "root.crt",
        ];
        shop.run(&verify);
        // All that was there before is named: the files, what signs them, and what was stamped earlier.
        let text = String::from_utf8(file(manifest).clone()).unwrap();
        let covered = text.matches("<asic:DataObjectReference ").count();
        let newest = !manifest.contains("001");
        assert_eq!(covered, names.len() - if newest { 3 } else { 5 }, "{text}");
        assert_eq!(text.matches("Rootfile=\"true\"").count(), usize::from(newest));
    }
    for (place, (name, _)) in files.iter().enumerate() {
        if name == "mimetype" {
            continue;
        }
        let mut changed = files.clone();
        let len = changed[place].1.len();
        // Nothing is over the newest time-stamp: what stands in it beside its signature is nobody's word.
        let newest = name == "META-INF/timestamp002.tst";
        changed[place].1[if newest { len - 1 } else { len / 2 }] ^= 1;
        let report = ASIC.judged(&packed(&changed), soon());
        let told = report.signatures[0]
            .warnings
            .contains(&Warning::TimestampNotValid);
        assert!(!report.valid() || told, "{name}: {report:#?}");
    }
    // A time-stamp that is taken away takes its level along; the one before it still counts.
    let mut fewer = files.clone();
    fewer.retain(|(name, _)| {
        !matches!(
            name.as_str(),
            "META-INF/ASiCArchiveManifest.xml" | "META-INF/timestamp002.tst"
        )
    });
    assert_eq!(archives(&ASIC.judged(&packed(&fewer), soon())), 1);
}

#[test]
fn a_time_stamp_that_leaves_a_file_out_or_is_of_another_container_proves_nothing() {
    let [lta, _] = ASIC.to_lta(&container(Kind::Extended, Inside::Cades, &FILES));
    let [other, _] = ASIC.to_lta(&container(Kind::Extended, Inside::Cades, &FILES[..1]));
    let is_archive = |name: &str| name.contains("ASiCArchiveManifest") || name.ends_with(".tst");
    let mut mixed: Vec<_> = entries(&lta)
        .into_iter()
        .filter(|(name, _)| !is_archive(name))
        .collect();
    mixed.extend(entries(&other).into_iter().filter(|(name, _)| is_archive(name)));
    let report = ASIC.judged(&packed(&mixed), soon());
    assert_eq!(report.signatures[0].level, Some(Level::BLT), "{report:#?}");
    assert!(
        report.signatures[0]
            .warnings
            .contains(&Warning::TimestampNotValid)
    );
}

#[test]
fn a_container_without_signatures_is_not_raised() {
    let empty = packed(&[("mimetype".into(), b"application/vnd.etsi.asic-e+zip".to_vec())]);
    for bytes in [empty, b"PK\x03\x04".to_vec(), Vec::new()] {
        assert!(matches!(
            AsicSignature::open(bytes).err(),
            Some(AugmentError::NotSigned(_))
        ));
    }
}

/// JAdES over `content`, beside it or with it inside.
fn jws(serialization: Serialization, detached: bool) -> Vec<u8> {
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

const JADES: Form<'_> = Form {
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

/// adoTst in the protected header, sigRTst and rfsTst beside it (TS 119 182-1, 5.2.6, A.1.5): what each is about is put
/// together here from the texts.
#[test]
fn the_time_stamps_of_others_jades_are_about_the_content_and_the_references() {
    use TimestampKind::{Content, References, Signature, SignatureAndReferences};
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    const WRONG: Option<Reason> = Some(Reason::TimestampImprintMismatch);
    let (pki, who) = &*PKI;
    let container = |about: &str| {
        let token = Authority::of(pki).stamp(&Imprint::of(Hash::Sha256, about.as_bytes()));
        json!({ "tstTokens": [{ "val": STANDARD.encode(token.as_der()) }] })
    };
    let payload = URL_SAFE_NO_PAD.encode("nội dung");
    let signed = |stamp: Value, more: Value| {
        let chain = [who, &pki.ca].map(|one| STANDARD.encode(one.certificate.as_der()));
        let mut header = json!({
            "alg": "RS256",
            "x5c": chain,
            "x5t#S256": URL_SAFE_NO_PAD.encode(who.certificate.sha256()),
            "iat": OffsetDateTime::now_utc().unix_timestamp(),
            "crit": ["adoTst"],
            "adoTst": stamp,
        });
        header
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let protected = URL_SAFE_NO_PAD.encode(header.to_string());
        let input = format!("{protected}.{payload}");
        let value = pki.workshop.sign(who, algorithm(), input.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(value.as_bytes());
        json!({ "payload": payload, "protected": protected, "signature": signature })
    };
    let judged = |jws: &Value| {
        let report = JADES.judged(jws.to_string().as_bytes(), soon());
        assert!(report.valid(), "{report:#?}");
        report.signatures.into_iter().next().unwrap()
    };
    let stamps = |jws: &Value| {
        let stamps = judged(jws).timestamps;
        assert!(stamps.iter().all(|stamp| stamp.valid == stamp.reason.is_none()));
        stamps
            .iter()
            .map(|stamp| (stamp.kind, stamp.reason))
            .collect::<Vec<_>>()
    };
    let jws = signed(container(&payload), json!({}));
    let right = judged(&jws);
    assert_eq!((right.level, right.best_signature_time), (Some(Level::BB), None));
    assert_eq!(stamps(&jws), [(Content, None)]);
    // Of the octets, which it is not about; of nothing; unreadable; and over a payload that lies in parts elsewhere.
    let of_octets = signed(container("nội dung"), json!({}));
    assert_eq!(stamps(&of_octets), [(Content, WRONG)]);
    let malformed = [(Content, Some(Reason::TimestampMalformed))];
    for bad in [json!({}), json!({ "tstTokens": [{ "val": "AAAA" }] }), json!([1])] {
        assert_eq!(stamps(&signed(bad, json!({}))), malformed);
    }
    let apart = signed(container(&payload), json!({ "sigD": {} }));
    let not_evaluated = Some(Reason::TimestampNotEvaluated);
    assert_eq!(stamps(&apart), [(Content, not_evaluated)]);

    let component = |name: &str, value: Value| URL_SAFE_NO_PAD.encode(json!({ name: value }).to_string());
    let signature = jws["signature"].as_str().unwrap().to_owned();
    let own = component("sigTst", container(&signature));
    let named = component("xRefs", json!([{ "digAlg": "S256", "digVal": "AAAA" }]));
    let both = container(&format!("{signature}.{own}{named}"));
    let references = container(&named);
    let with = |components: Value| {
        let mut jws = jws.clone();
        jws["header"] = json!({ "etsiU": components });
        jws
    };
    let all = [
        own.clone(),
        named.clone(),
        component("sigRTst", both.clone()),
        component("rfsTst", references.clone()),
    ];
    let whole = with(json!(all));
    let expected = |both, references| {
        [
            (Content, None),
            (Signature, None),
            (SignatureAndReferences, both),
            (References, references),
        ]
    };
    assert_eq!(stamps(&whole), expected(None, None));
    let seen = judged(&whole);
    assert!(seen.not_evaluated.is_empty(), "{seen:#?}");
    assert!(seen.warnings.contains(&Warning::ReferencedMaterialMissing));
    let swapped = [
        own.clone(),
        named.clone(),
        component("sigRTst", references.clone()),
        component("rfsTst", both.clone()),
    ];
    assert_eq!(stamps(&with(json!(swapped))), expected(WRONG, WRONG));
    let mut later = all.clone();
    later.swap(1, 3);
    let mut found = stamps(&with(json!(later)));
    found.swap(2, 3);
    assert_eq!(found, expected(WRONG, WRONG), "what it covers comes before it");
    // Those of another signature: what is about references alone may stay true.
    let mut another = signed(container(&payload), json!({ "kid": "2" }));
    another["header"] = whole["header"].clone();
    let found = stamps(&another);
    let theirs = [
        (Signature, WRONG),
        (SignatureAndReferences, WRONG),
        (References, None),
    ];
    assert_eq!(found[1..], theirs);
    // Plain ones would need a canonical form.
    let plain = [
        json!({ "sigTst": container(&signature) }),
        json!({ "xRefs": [] }),
        json!({ "rfsTst": references }),
    ];
    assert_eq!(stamps(&with(json!(plain)))[2], (References, not_evaluated));
    let alone = with(json!([named, component("rfsTst", references)]));
    assert_eq!(judged(&alone).best_signature_time, None);
}

/// `xRefs` and `rRefs`, plain or not: they are to what the signature brings, or something is missing.
#[test]
fn the_references_of_others_jades_are_compared_with_what_is_here() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let (pki, who) = &*PKI;
    let [_, lt] = JADES.to_lt(&jws(Serialization::Json, false));
    let material = Authority::of(pki).material();
    let to = |name: &str, hash: Hash, der: &[u8]| json!({ "digAlg": name, "digVal": URL_SAFE_NO_PAD.encode(hash.digest(der)) });
    let certificates = json!([
        to("S256", Hash::Sha256, pki.ca.certificate.as_der()),
        to("S512", Hash::Sha512, &material.certificates[0]),
        to("S384", Hash::Sha384, who.certificate.as_der()),
    ]);
    let mut lists = [&material.crls[0], &material.crls[1]].map(|crl| to("S256", Hash::Sha256, crl));
    lists[0]["crlId"] = json!({ "issuer": "", "issueTime": "2026-01-01T00:00:00Z" });
    let revocation = json!({ "crlRefs": lists, "ocspRefs": [{ "ocspId": { "producedAt": "" } }] });
    let judged = |certificates: &Value, revocation: &Value| {
        let mut jws: Value = serde_json::from_slice(&lt).unwrap();
        let components = jws["header"]["etsiU"].as_array_mut().unwrap();
        for component in [json!({ "xRefs": certificates }), json!({ "rRefs": revocation })] {
            components.push(URL_SAFE_NO_PAD.encode(component.to_string()).into());
        }
        let report = JADES.judged(jws.to_string().as_bytes(), soon());
        assert!(report.valid(), "{report:#?}");
        let signature = &report.signatures[0];
        assert!(signature.not_evaluated.is_empty(), "{signature:#?}");
        assert_eq!(signature.level, Some(Level::BLT));
        signature.warnings.contains(&Warning::ReferencedMaterialMissing)
    };
    assert!(!judged(&certificates, &revocation));
    assert!(!judged(&json!([]), &json!({})));
    let changed = |of: &Value, pointer: &str, to: Value| {
        let mut changed = of.clone();
        *changed.pointer_mut(pointer).unwrap() = to;
        changed
    };
    for (pointer, to) in [
        ("/0/digVal", json!("AAAA")),
        ("/1/digAlg", json!("S256")),
        ("/2/digAlg", json!("SHA-1")),
        ("/2/digVal", json!(1)),
        ("/2", json!("x")),
        ("", json!("x")),
    ] {
        assert!(
            judged(&changed(&certificates, pointer, to), &revocation),
            "{pointer}"
        );
    }
    for (pointer, to) in [
        ("/crlRefs/0/digVal", json!("AAAA")),
        ("/crlRefs", json!(1)),
        ("/ocspRefs/0", lists[0].clone()),
        ("/ocspRefs", json!({})),
        ("", json!([])),
    ] {
        let missing = judged(&certificates, &changed(&revocation, pointer, to));
        assert_eq!(missing, !pointer.is_empty(), "{pointer}");
    }
}

#[test]
fn components_of_others_are_read_plain_and_not_stamped_again() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let [_, lt] = JADES.to_lt(&jws(Serialization::Json, false));
    let mut value: Value = serde_json::from_slice(&lt).unwrap();
    for component in value["header"]["etsiU"].as_array_mut().unwrap() {
        let plain = URL_SAFE_NO_PAD.decode(component.as_str().unwrap()).unwrap();
        *component = serde_json::from_slice(&plain).unwrap();
    }
    let plain = value.to_string().into_bytes();
    JADES.is_at(&plain, Level::BLT);
    let archive = JADES
        .opened(&plain)
        .prepare_timestamp(TimestampKind::Archive, Hash::Sha256);
    assert_eq!(archive.err(), Some(AugmentError::Unsupported));
    // RFC 7515, section 4: what stands in both headers, or is critical and not signed, is refused.
    for (name, text) in [("alg", "RS256"), ("crit", "x")] {
        let mut twice = value.clone();
        twice["header"][name] = text.into();
        assert!(
            !JADES.judged(twice.to_string().as_bytes(), soon()).valid(),
            "{name}"
        );
    }
    for bad in [
        serde_json::json!(1),
        serde_json::json!(["!"]),
        serde_json::json!([1]),
    ] {
        let mut changed = value.clone();
        changed["header"]["etsiU"] = bad;
        assert!(jades::verify(changed.to_string().as_bytes(), None, &PKI.0.reliance()).is_err());
    }
}

const CADES: Form<'_> = Form {
    open: &|bytes| Ok(Box::new(CadesSignature::open(&bytes, Vec::new())?)),
    verify: &|bytes, reliance| cades::verify(bytes, None, reliance).unwrap(),
};

fn cms() -> Vec<u8> {
    let (pki, who) = &*PKI;
    let chain = [pki.ca.certificate.clone()];
    let prepared = cades::prepare(&CadesRequest {
        content: b"content",
        detached: false,
        signer: &who.certificate,
        chain: &chain,
        algorithm: algorithm(),
        signing_time: OffsetDateTime::now_utc(),
    });
    finish(prepared.unwrap())
}

/// What long-term validation is for: the certificates of the signer and of the authority that proved the time have
/// ended, and nothing new says anything of them.
#[test]
fn when_signer_and_authority_have_ended_only_what_another_authority_stamped_in_time_is_valid() {
    let signer = &PKI.1.certificate;
    Authority::of(&PKI.0).certify("tsa-1", 1400);
    let after = signer.not_after() + Duration::days(1);
    let after_the_second = after + Duration::days(1600);
    for (name, form, b) in [
        ("CAdES", &CADES, cms()),
        ("XAdES", &XADES, xades(Packaging::Enveloped(LETTER.to_vec()))),
        ("JAdES", &JADES, jws(Serialization::Json, false)),
        (
            "ASiC-S",
            &ASIC,
            container(Kind::Simple, Inside::Xades, &FILES[..1]),
        ),
        ("ASiC-E", &ASIC, container(Kind::Extended, Inside::Cades, &FILES)),
    ] {
        let t = form.stamped_by("tsa-1", &b, TimestampKind::Signature);
        let lt = form
            .opened(&t)
            .add_material(&Authority::of(&PKI.0).material())
            .unwrap();
        // By an authority that ends with the signer's, and by one that lasts.
        let [short, long] =
            ["tsa-1", "tsa"].map(|authority| form.stamped_by(authority, &lt, TimestampKind::Archive));
        for (signed, level, at, valid) in [
            (&b, Level::BB, after, false),
            (&t, Level::BT, after, false),
            (&lt, Level::BLT, after, false),
            (&short, Level::BLTA, after, false),
            (&long, Level::BLTA, after, true),
            (&long, Level::BLTA, after_the_second, false),
        ] {
            form.is_at(signed, level);
            let report = form.judged(signed, at);
            let found = &report.signatures[0];
            let (indication, sub_indication, level) = if valid {
                (Indication::TotalPassed, None, Some(level))
            } else {
                (
                    Indication::Indeterminate,
                    Some(SubIndication::OutOfBoundsNoPoe),
                    None,
                )
            };
            assert_eq!(found.indication, indication, "{name} {level:?}: {found:#?}");
            assert_eq!(found.sub_indication, sub_indication, "{name}");
            assert_eq!(found.level, level, "{name}");
            assert!(
                found.timestamps.iter().all(|stamp| stamp.valid == valid),
                "{found:#?}"
            );
        }
    }
}

const OOXML: Form<'_> = Form {
    open: &|bytes| Ok(Box::new(OoxmlSignature::open(bytes)?)),
    verify: &|bytes, reliance| ooxml::verify(bytes, reliance).unwrap(),
};

#[test]
fn office_documents_reach_b_lt_and_libreoffice_still_accepts_them() {
    let (pki, who) = &*PKI;
    let office = LibreOffice::new(pki, who);
    let made = office.path("made.docx");
    assert_eq!(office.run(&[("docx", &made)]), ["made"]);
    let chain = [pki.ca.certificate.clone()];
    let request = OoxmlRequest {
        signer: &who.certificate,
        chain: &chain,
        algorithm: algorithm(),
        signing_time: OffsetDateTime::now_utc(),
        reason: None,
    };
    let made = std::fs::read(made).unwrap();
    let b = finish(ooxml::prepare(&made, &request).unwrap());
    let [t, lt] = OOXML.to_lt(&b);
    let archive = OOXML
        .opened(&lt)
        .prepare_timestamp(TimestampKind::Archive, Hash::Sha256);
    assert_eq!(archive.err(), Some(AugmentError::Unsupported));
    assert_eq!(judged_by_openssl("lt.docx", &lt), ["signature"]);
    let verdicts = office.judge(&[("t.docx", &t), ("lt.docx", &lt)]);
    assert_eq!(verdicts, [[true], [true]]);
    assert!(matches!(
        OoxmlSignature::open(made).err(),
        Some(AugmentError::NotSigned(_))
    ));
}
