//! ASiC containers, Office documents and JAdES at B-T, B-LT and B-LTA: time-stamps and lists by OpenSSL, and what is
//! changed afterwards is found.

#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

#[path = "../archive/mod.rs"]
mod archive;
#[path = "../authority/mod.rs"]
mod authority;
mod containers;
mod ended;
#[path = "../imprints/mod.rs"]
mod imprints;
mod jades_others;
mod jades_own;
#[path = "../judge/mod.rs"]
mod judge;
#[path = "../libreoffice/mod.rs"]
mod libreoffice;
mod office_documents;
#[path = "../openssl/mod.rs"]
mod openssl;
mod xades_forms;

use std::sync::LazyLock;

use authority::Authority;
use openssl::{Identity, Pki};
use time::{Duration, OffsetDateTime};
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::asic::{self, AsicSignature};
use trien_signatures::augment::{Augment, AugmentError};
use trien_signatures::report::{Level, Report, TimestampKind, Warning};
use trien_signatures::signing::Prepared;
use trien_signatures::trust::Reliance;

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
