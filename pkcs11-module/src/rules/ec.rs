//! Elliptic-curve keys (section 6.3): the prime curves, Edwards and Montgomery.

use cryptoki_sys::*;

use super::{Default, Rule, Rules, keys, storage};
use crate::attribute::Form;

pub(super) fn public(kind: CK_KEY_TYPE) -> Option<Rules> {
    const RULES: Rules = Rules::new(&[storage::OBJECT, keys::KEY, keys::PUBLIC, PUBLIC_POINT]);
    match kind {
        CKK_EC | CKK_EC_EDWARDS => Some(RULES.for_uses(&[CKA_VERIFY])),
        CKK_EC_MONTGOMERY => Some(RULES),
        _ => None,
    }
}

pub(super) fn private(kind: CK_KEY_TYPE) -> Option<Rules> {
    const RULES: Rules = Rules::new(&[storage::OBJECT, keys::KEY, keys::PRIVATE, PRIVATE_SCALAR]);
    match kind {
        // The standard has CKA_DERIVE false by default; only a key that can do nothing else has it true.
        CKK_EC | CKK_EC_EDWARDS => Some(RULES.for_uses(&[CKA_SIGN])),
        CKK_EC_MONTGOMERY => Some(RULES.for_uses(&[CKA_DERIVE])),
        _ => None,
    }
}

pub(super) const PUBLIC_POINT: &[Rule] = &[
    Rule::new(CKA_EC_PARAMS, Form::Bytes, &[1, 3], Default::Absent),
    Rule::new(CKA_EC_POINT, Form::Bytes, &[1, 4], Default::Absent),
];

pub(super) const PRIVATE_SCALAR: &[Rule] = &[
    Rule::new(CKA_EC_PARAMS, Form::Bytes, &[1, 4, 6], Default::Absent),
    // As long as the curve wants it: see `Draft::finish`.
    Rule::new(CKA_VALUE, Form::Bytes, &[1, 4, 6, 7], Default::Absent),
];
