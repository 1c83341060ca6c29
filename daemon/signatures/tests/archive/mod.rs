//! Containers made, taken apart and put together again.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "what cannot be set up is a test that fails")]

use time::OffsetDateTime;
use trien_signatures::algorithm::{Hash, RsaPadding, SignatureAlgorithm};
use trien_signatures::asic::{self, AsicRequest, File, Inside, Kind};
use trien_signatures::signing::Prepared;
use trien_signatures::zip::{self, Container};

use crate::openssl::{Identity, Pki};

/// What most of the containers hold.
pub(crate) const FILES: [File<'_>; 2] = [
    File {
        name: "Đơn đề nghị.txt",
        bytes: b"xin",
        media_type: "text/plain",
    },
    File {
        name: "kèm/ảnh.bin",
        bytes: &[0, 1, 2, 255],
        media_type: "application/octet-stream",
    },
];

/// A container with these files, signed.
pub(crate) fn container(
    pki: &Pki,
    who: &Identity,
    kind: Kind,
    inside: Inside,
    files: &[File<'_>],
) -> Vec<u8> {
    let chain = [pki.ca.certificate.clone()];
    let key = who.certificate.public_key();
    let prepared = asic::prepare(&AsicRequest {
        kind,
        inside,
        files,
        signer: &who.certificate,
        chain: &chain,
        algorithm: SignatureAlgorithm::for_key(key, RsaPadding::Pkcs1, Hash::Sha256).unwrap(),
        signing_time: OffsetDateTime::now_utc(),
    })
    .unwrap();
    let signature = pki
        .workshop
        .sign(who, prepared.algorithm(), prepared.to_be_signed());
    prepared.finish(signature).unwrap()
}

/// Every file of a container, by its name.
pub(crate) fn entries(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let container = Container::parse(bytes).unwrap();
    container
        .entries()
        .iter()
        .map(|entry| (entry.name.clone(), entry.bytes.clone()))
        .collect()
}

/// A container of these files, in their order.
pub(crate) fn packed(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let all: Vec<(&str, &[u8])> = entries
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    zip::write(&all).unwrap()
}
