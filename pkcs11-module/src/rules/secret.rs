//! Secret keys by type (sections 6.8, 6.13 and the chapters of the hash functions).

use cryptoki_sys::*;

use super::{Default, Rule, Rules, keys, storage};
use crate::attribute::Form;

const RULES: Rules = Rules::new(&[storage::OBJECT, keys::KEY, keys::SECRET, VALUE]);

pub(super) fn rules(kind: CK_KEY_TYPE) -> Option<Rules> {
    match kind {
        CKK_AES | CKK_DES | CKK_DES2 | CKK_DES3 => Some(RULES.for_uses(&[
            CKA_ENCRYPT,
            CKA_DECRYPT,
            CKA_SIGN,
            CKA_VERIFY,
            CKA_WRAP,
            CKA_UNWRAP,
        ])),
        CKK_GENERIC_SECRET => Some(RULES.for_uses(&[CKA_SIGN, CKA_VERIFY])),
        CKK_SHA_1_HMAC | CKK_SHA224_HMAC | CKK_SHA256_HMAC | CKK_SHA384_HMAC | CKK_SHA512_HMAC
        | CKK_SHA512_224_HMAC | CKK_SHA512_256_HMAC | CKK_SHA3_224_HMAC | CKK_SHA3_256_HMAC
        | CKK_SHA3_384_HMAC | CKK_SHA3_512_HMAC => Some(RULES.for_uses(&[CKA_SIGN, CKA_VERIFY])),
        CKK_HKDF => Some(RULES.for_uses(&[CKA_DERIVE])),
        _ => None,
    }
}

pub(super) const VALUE: &[Rule] = &[
    Rule::new(CKA_VALUE, Form::Bytes, &[1, 4, 6, 7], Default::Absent),
    // The standard lets key generation do without it where the mechanism knows the length, and an unwrapping give
    // it: it has to be right there, see `Draft::finish`.
    Rule::new(CKA_VALUE_LEN, Form::Ulong, &[2], Default::Absent),
];
