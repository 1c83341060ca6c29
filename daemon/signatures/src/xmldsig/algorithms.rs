//! Algorithms by their URIs (XML-DSig 6; RFC 9231).

use crate::algorithm::{Declared, Hash, SignatureAlgorithm};

pub(crate) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// The transform that decodes (XML-DSig, 6.6.2).
pub(crate) const BASE64_DECODED: &str = "http://www.w3.org/2000/09/xmldsig#base64";

const DIGESTS: [(Hash, &str); 4] = [
    (Hash::Sha256, "http://www.w3.org/2001/04/xmlenc#sha256"),
    (Hash::Sha384, "http://www.w3.org/2001/04/xmldsig-more#sha384"),
    (Hash::Sha512, "http://www.w3.org/2001/04/xmlenc#sha512"),
    (Hash::Sha1, "http://www.w3.org/2000/09/xmldsig#sha1"),
];

const SIGNATURES: [(SignatureAlgorithm, &str); 11] = [
    (
        SignatureAlgorithm::RsaPkcs1(Hash::Sha1),
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
    ),
    (
        SignatureAlgorithm::Ecdsa(Hash::Sha1),
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
    ),
    (
        SignatureAlgorithm::RsaPkcs1(Hash::Sha256),
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    ),
    (
        SignatureAlgorithm::RsaPkcs1(Hash::Sha384),
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    ),
    (
        SignatureAlgorithm::RsaPkcs1(Hash::Sha512),
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    ),
    (
        SignatureAlgorithm::RsaPss(Hash::Sha256),
        "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
    ),
    (
        SignatureAlgorithm::RsaPss(Hash::Sha384),
        "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1",
    ),
    (
        SignatureAlgorithm::RsaPss(Hash::Sha512),
        "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1",
    ),
    (
        SignatureAlgorithm::Ecdsa(Hash::Sha256),
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    ),
    (
        SignatureAlgorithm::Ecdsa(Hash::Sha384),
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
    ),
    (
        SignatureAlgorithm::Ecdsa(Hash::Sha512),
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
    ),
];

/// A hash function by its URI. SHA-1 is read, because old documents have it.
pub(crate) fn digest_from_uri(uri: &str) -> Option<Hash> {
    let found = DIGESTS.iter().find(|(_, known)| *known == uri);
    found.map(|(hash, _)| *hash)
}

/// A signature algorithm by its URI; MACs, DSA and MD5 are none of ours.
pub(crate) fn signature_from_uri(uri: &str) -> Option<Declared> {
    let found = SIGNATURES.iter().find(|(_, known)| *known == uri);
    found.map(|(algorithm, _)| (*algorithm).into())
}

/// The URI of a hash function.
pub(crate) fn digest_uri(hash: Hash) -> &'static str {
    DIGESTS
        .iter()
        .find(|(known, _)| *known == hash)
        .map_or("", |(_, uri)| uri)
}

/// The URI of a signature algorithm.
pub(crate) fn signature_uri(algorithm: SignatureAlgorithm) -> &'static str {
    SIGNATURES
        .iter()
        .find(|(known, _)| *known == algorithm)
        .map_or("", |(_, uri)| uri)
}
