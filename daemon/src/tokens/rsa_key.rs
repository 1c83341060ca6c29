//! The numbers of an RSA private key.

use der::Sequence;
use der::asn1::UintRef;

/// `RSAPrivateKey` with two primes (RFC 8017, A.1.2), borrowed: no number is copied.
#[derive(Sequence)]
pub(super) struct RsaPrivateKey<'a> {
    version: u8,
    pub(super) modulus: UintRef<'a>,
    pub(super) public_exponent: UintRef<'a>,
    pub(super) private_exponent: UintRef<'a>,
    pub(super) prime1: UintRef<'a>,
    pub(super) prime2: UintRef<'a>,
    pub(super) exponent1: UintRef<'a>,
    pub(super) exponent2: UintRef<'a>,
    pub(super) coefficient: UintRef<'a>,
}
