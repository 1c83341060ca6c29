//! ML-DSA and ML-KEM keys (PKCS #11 3.2, sections 6.67 and 6.68).

use cryptoki_sys::*;

use super::{Default, Rule, Rules, keys, storage};
use crate::attribute::Form;

pub(super) fn public(kind: CK_KEY_TYPE) -> Option<Rules> {
    const RULES: Rules = Rules::new(&[storage::OBJECT, keys::KEY, keys::PUBLIC, PUBLIC_VALUE]);
    match kind {
        CKK_ML_DSA => Some(RULES.for_uses(&[CKA_VERIFY])),
        CKK_ML_KEM => Some(RULES.for_uses(&[CKA_ENCAPSULATE])),
        _ => None,
    }
}

pub(super) fn private(kind: CK_KEY_TYPE) -> Option<Rules> {
    const RULES: Rules = Rules::new(&[storage::OBJECT, keys::KEY, keys::PRIVATE, PRIVATE_VALUE]);
    match kind {
        CKK_ML_DSA => Some(RULES.for_uses(&[CKA_SIGN])),
        CKK_ML_KEM => Some(RULES.for_uses(&[CKA_DECAPSULATE])),
        _ => None,
    }
}

pub(super) const PUBLIC_VALUE: &[Rule] = &[
    Rule::new(CKA_PARAMETER_SET, Form::Ulong, &[1, 3], Default::Absent),
    Rule::new(CKA_VALUE, Form::Bytes, &[1, 4], Default::Absent),
];

pub(super) const PRIVATE_VALUE: &[Rule] = &[
    Rule::new(CKA_PARAMETER_SET, Form::Ulong, &[1, 4, 6], Default::Absent),
    // One of the two is needed, see `Draft::finish`.
    Rule::new(CKA_SEED, Form::Bytes, &[4, 6, 7], Default::Absent),
    Rule::new(CKA_VALUE, Form::Bytes, &[4, 6, 7], Default::Absent),
];
