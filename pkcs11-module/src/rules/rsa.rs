//! RSA keys (section 6.1).

use cryptoki_sys::*;

use super::{Default, Rule, Rules, keys, storage};
use crate::attribute::Form;

pub(super) const PUBLIC: Rules = Rules::new(&[storage::OBJECT, keys::KEY, keys::PUBLIC, PUBLIC_NUMBERS])
    .for_uses(&[CKA_ENCRYPT, CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_WRAP]);

pub(super) const PRIVATE: Rules = Rules::new(&[storage::OBJECT, keys::KEY, keys::PRIVATE, PRIVATE_NUMBERS])
    .for_uses(&[CKA_DECRYPT, CKA_SIGN, CKA_SIGN_RECOVER, CKA_UNWRAP]);

pub(super) const PUBLIC_NUMBERS: &[Rule] = &[
    Rule::new(CKA_MODULUS, Form::Integer, &[1, 4], Default::Absent),
    Rule::new(CKA_MODULUS_BITS, Form::Ulong, &[2, 3], Default::Absent),
    Rule::new(CKA_PUBLIC_EXPONENT, Form::Integer, &[1], Default::Absent),
];

pub(super) const PRIVATE_NUMBERS: &[Rule] = &[
    Rule::new(CKA_MODULUS, Form::Integer, &[1, 4, 6], Default::Absent),
    // What follows from modulus and private exponent need not be given: see `Draft::finish`.
    Rule::new(CKA_PUBLIC_EXPONENT, Form::Integer, &[4, 6], Default::Absent),
    Rule::new(
        CKA_PRIVATE_EXPONENT,
        Form::Integer,
        &[1, 4, 6, 7],
        Default::Absent,
    ),
    Rule::new(CKA_PRIME_1, Form::Integer, &[4, 6, 7], Default::Absent),
    Rule::new(CKA_PRIME_2, Form::Integer, &[4, 6, 7], Default::Absent),
    Rule::new(CKA_EXPONENT_1, Form::Integer, &[4, 6, 7], Default::Absent),
    Rule::new(CKA_EXPONENT_2, Form::Integer, &[4, 6, 7], Default::Absent),
    Rule::new(CKA_COEFFICIENT, Form::Integer, &[4, 6, 7], Default::Absent),
];
