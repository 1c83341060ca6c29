//! DSA and Diffie-Hellman keys, and the numbers that many of them share (sections 6.2 and 6.4).

use cryptoki_sys::*;

use super::{Default, Rule, Rules, keys, storage};
use crate::attribute::Form;

pub(super) fn public(kind: CK_KEY_TYPE) -> Option<Rules> {
    const TABLES: [&[Rule]; 5] = [storage::OBJECT, keys::KEY, keys::PUBLIC, GROUP, PUBLIC_VALUE];
    const DSA: Rules = Rules::new(&[TABLES[0], TABLES[1], TABLES[2], TABLES[3], TABLES[4], SUBGROUP]);
    match kind {
        CKK_DSA => Some(DSA.for_uses(&[CKA_VERIFY])),
        CKK_DH => Some(Rules::new(&TABLES)),
        _ => None,
    }
}

pub(super) fn private(kind: CK_KEY_TYPE) -> Option<Rules> {
    const DSA: Rules = Rules::new(&[
        storage::OBJECT,
        keys::KEY,
        keys::PRIVATE,
        OWN_GROUP,
        OWN_SUBGROUP,
        PRIVATE_VALUE,
    ]);
    const DH: Rules = Rules::new(&[
        storage::OBJECT,
        keys::KEY,
        keys::PRIVATE,
        OWN_GROUP,
        PRIVATE_VALUE,
        VALUE_BITS,
    ]);
    match kind {
        CKK_DSA => Some(DSA.for_uses(&[CKA_SIGN])),
        CKK_DH => Some(DH.for_uses(&[CKA_DERIVE])),
        _ => None,
    }
}

/// Domain parameters (section 4.11).
pub(super) fn parameters(kind: CK_KEY_TYPE) -> Option<Rules> {
    const DSA: Rules = Rules::new(&[storage::OBJECT, PARAMETERS, MADE_GROUP, MADE_SUBGROUP]);
    const DH: Rules = Rules::new(&[storage::OBJECT, PARAMETERS, MADE_GROUP]);
    match kind {
        CKK_DSA => Some(DSA),
        CKK_DH => Some(DH),
        _ => None,
    }
}

pub(super) const GROUP: &[Rule] = &[
    Rule::new(CKA_PRIME, Form::Integer, &[1, 3], Default::Absent),
    Rule::new(CKA_BASE, Form::Integer, &[1, 3], Default::Absent),
];

pub(super) const SUBGROUP: &[Rule] = &[Rule::new(CKA_SUBPRIME, Form::Integer, &[1, 3], Default::Absent)];

pub(super) const PUBLIC_VALUE: &[Rule] = &[Rule::new(CKA_VALUE, Form::Bytes, &[1, 4], Default::Absent)];

pub(super) const OWN_GROUP: &[Rule] = &[
    Rule::new(CKA_PRIME, Form::Integer, &[1, 4, 6], Default::Absent),
    Rule::new(CKA_BASE, Form::Integer, &[1, 4, 6], Default::Absent),
];

pub(super) const OWN_SUBGROUP: &[Rule] = &[Rule::new(
    CKA_SUBPRIME,
    Form::Integer,
    &[1, 4, 6],
    Default::Absent,
)];

pub(super) const PRIVATE_VALUE: &[Rule] =
    &[Rule::new(CKA_VALUE, Form::Bytes, &[1, 4, 6, 7], Default::Absent)];

pub(super) const VALUE_BITS: &[Rule] = &[Rule::new(CKA_VALUE_BITS, Form::Ulong, &[2, 6], Default::Absent)];

pub(super) const PARAMETERS: &[Rule] = &[
    Rule::new(CKA_KEY_TYPE, Form::Ulong, &[1], Default::Absent),
    Rule::new(CKA_LOCAL, Form::Bool, &[2, 4], Default::False),
];

pub(super) const MADE_GROUP: &[Rule] = &[
    Rule::new(CKA_PRIME, Form::Integer, &[1, 4], Default::Absent),
    Rule::new(CKA_BASE, Form::Integer, &[1, 4], Default::Absent),
    Rule::new(CKA_PRIME_BITS, Form::Ulong, &[2, 3], Default::Absent),
];

pub(super) const MADE_SUBGROUP: &[Rule] = &[
    Rule::new(CKA_SUBPRIME, Form::Integer, &[1, 4], Default::Absent),
    // Told of new ones, which have the only subprime that belongs to their prime (FIPS 186-4, 4.2).
    Rule::new(CKA_SUBPRIME_BITS, Form::Ulong, &[2, 4], Default::Absent),
];
