//! Long after: the certificates of signer and authority have ended.

use crate::archive::FILES;
use crate::authority::Authority;
use time::{Duration, OffsetDateTime};
use trien_signatures::asic::{Inside, Kind};
use trien_signatures::cades::{self, CadesRequest, CadesSignature};
use trien_signatures::jades::Serialization;
use trien_signatures::report::{Indication, Level, SubIndication, TimestampKind};
use trien_signatures::xades::Packaging;

use crate::containers::container;
use crate::jades_own::{JADES, jws};
use crate::xades_forms::{LETTER, XADES, xades};
use crate::{ASIC, Form, PKI, algorithm, finish};

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
