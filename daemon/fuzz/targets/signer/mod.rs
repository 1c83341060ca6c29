//! Somebody who signs whatever the fuzzer finds. His key is the number 1, which is nobody's secret.
#![allow(dead_code, reason = "each target takes what it needs")]

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm, SignatureValue};
use trien_signatures::certificate::Certificate;
use trien_signatures::report::{Integrity, Report};
use trien_signatures::signing::Prepared;
use trien_signatures::trust::{Anchors, Reliance};

pub const ALGORITHM: SignatureAlgorithm = SignatureAlgorithm::Ecdsa(Hash::Sha256);

pub static CERTIFICATE: LazyLock<Certificate> =
    LazyLock::new(|| Certificate::from_der(include_bytes!("signer.der")).expect("it is one"));

static KEY: LazyLock<EcdsaKeyPair> = LazyLock::new(|| {
    let mut one = [0; 32];
    one[31] = 1;
    // The point that all keys of the curve P-256 are multiples of (SEC 2, 2.4.2).
    let point = [
        [0x04].as_slice(),
        &0x6b17_d1f2_e12c_4247_f8bc_e6e5_63a4_40f2_u128.to_be_bytes(),
        &0x7703_7d81_2deb_33a0_f4a1_3945_d898_c296_u128.to_be_bytes(),
        &0x4fe3_42e2_fe1a_7f9b_8ee7_eb4a_7c0f_9e16_u128.to_be_bytes(),
        &0x2bce_3357_6b31_5ece_cbb6_4068_37bf_51f5_u128.to_be_bytes(),
    ]
    .concat();
    EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_ASN1_SIGNING, &one, &point)
        .expect("a key and its point")
});

/// Within the certificate's validity.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_830_000_000).expect("a time of this century")
}

/// Signs what was prepared.
pub fn finish(prepared: impl Prepared) -> Vec<u8> {
    let value = KEY
        .sign(&SystemRandom::new(), prepared.to_be_signed())
        .expect("the key is good");
    let value = SignatureValue::from_token(prepared.algorithm(), value.as_ref()).expect("a signature in DER");
    prepared.finish(value).expect("what was prepared takes its signature")
}

/// What is told of a document, whoever signed it.
pub fn judge<E: std::fmt::Debug>(verify: impl FnOnce(&Reliance<'_>) -> Result<Report, E>) -> Report {
    let anchors = Anchors::default();
    verify(&Reliance::new(&anchors, &[], now())).expect("what was signed can be read")
}

/// How many signatures are good by themselves.
pub fn intact(report: &Report) -> usize {
    let signatures = report.signatures.iter();
    signatures.filter(|one| one.integrity == Integrity::Intact).count()
}
