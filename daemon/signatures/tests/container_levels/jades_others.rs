//! JAdES as others make it: components that we read and do not make.

use crate::authority::Authority;
use serde_json::{Value, json};
use time::OffsetDateTime;
use trien_signatures::algorithm::Hash;
use trien_signatures::augment::AugmentError;
use trien_signatures::jades::{self, Serialization};
use trien_signatures::report::{Level, Reason, TimestampKind, Warning};
use trien_signatures::timestamp::Imprint;

use crate::jades_own::{JADES, jws};
use crate::{PKI, algorithm, soon};

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
