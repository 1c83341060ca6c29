//! What all keys have (section 4.7), and public, private and secret keys (sections 4.8 to 4.10).

use cryptoki_sys::*;

use super::{Default, Rule};
use crate::attribute::Form;

pub(super) const KEY: &[Rule] = &[
    Rule::new(CKA_KEY_TYPE, Form::Ulong, &[1, 5], Default::Absent),
    Rule::new(CKA_ID, Form::Bytes, &[8], Default::Empty),
    Rule::new(CKA_START_DATE, Form::Date, &[8], Default::Empty),
    Rule::new(CKA_END_DATE, Form::Date, &[8], Default::Empty),
    Rule::new(CKA_DERIVE, Form::Bool, &[8], Default::Usage),
    Rule::new(CKA_LOCAL, Form::Bool, &[2, 4, 6], Default::False),
    Rule::new(
        CKA_KEY_GEN_MECHANISM,
        Form::Ulong,
        &[2, 4, 6],
        Default::Ulong(u64::MAX),
    ),
    Rule::new(CKA_ALLOWED_MECHANISMS, Form::Ulongs, &[], Default::Absent),
];

pub(super) const PUBLIC: &[Rule] = &[
    Rule::new(CKA_SUBJECT, Form::Bytes, &[8], Default::Empty),
    Rule::new(CKA_ENCRYPT, Form::Bool, &[8, 9], Default::Usage),
    Rule::new(CKA_VERIFY, Form::Bool, &[8, 9], Default::Usage),
    Rule::new(CKA_VERIFY_RECOVER, Form::Bool, &[8, 9], Default::Usage),
    Rule::new(CKA_WRAP, Form::Bool, &[8, 9], Default::Usage),
    Rule::new(CKA_ENCAPSULATE, Form::Bool, &[8, 9], Default::Usage),
    Rule::new(CKA_TRUSTED, Form::Bool, &[8, 10], Default::False),
    Rule::new(CKA_WRAP_TEMPLATE, Form::Template, &[], Default::Absent),
    Rule::new(CKA_ENCAPSULATE_TEMPLATE, Form::Template, &[], Default::Absent),
    // Computed; one that is given has to be the right one.
    Rule::new(CKA_PUBLIC_KEY_INFO, Form::Bytes, &[], Default::Absent),
];

pub(super) const PRIVATE: &[Rule] = &[
    Rule::new(CKA_SUBJECT, Form::Bytes, &[8], Default::Empty),
    Rule::new(CKA_SENSITIVE, Form::Bool, &[8, 9, 11], Default::True),
    Rule::new(CKA_DECRYPT, Form::Bool, &[8, 9], Default::Usage),
    Rule::new(CKA_SIGN, Form::Bool, &[8, 9], Default::Usage),
    Rule::new(CKA_SIGN_RECOVER, Form::Bool, &[8, 9], Default::Usage),
    Rule::new(CKA_UNWRAP, Form::Bool, &[8, 9], Default::Usage),
    Rule::new(CKA_DECAPSULATE, Form::Bool, &[8, 9], Default::Usage),
    // The default depends on where the key comes from: see `Draft::finish`.
    Rule::new(CKA_EXTRACTABLE, Form::Bool, &[8, 9, 12], Default::Absent),
    Rule::new(CKA_ALWAYS_SENSITIVE, Form::Bool, &[2, 4, 6], Default::False),
    Rule::new(CKA_NEVER_EXTRACTABLE, Form::Bool, &[2, 4, 6], Default::False),
    Rule::new(CKA_WRAP_WITH_TRUSTED, Form::Bool, &[11], Default::False),
    Rule::new(CKA_UNWRAP_TEMPLATE, Form::Template, &[], Default::Absent),
    Rule::new(CKA_DERIVE_TEMPLATE, Form::Template, &[], Default::Absent),
    Rule::new(CKA_DECAPSULATE_TEMPLATE, Form::Template, &[], Default::Absent),
    Rule::new(CKA_ALWAYS_AUTHENTICATE, Form::Bool, &[], Default::False),
    Rule::new(CKA_PUBLIC_KEY_INFO, Form::Bytes, &[], Default::Absent),
];

pub(super) const SECRET: &[Rule] = &[
    Rule::new(CKA_SENSITIVE, Form::Bool, &[8, 11], Default::False),
    Rule::new(CKA_ENCRYPT, Form::Bool, &[8, 9], Default::Usage),
    Rule::new(CKA_DECRYPT, Form::Bool, &[8, 9], Default::Usage),
    Rule::new(CKA_SIGN, Form::Bool, &[8, 9], Default::Usage),
    Rule::new(CKA_VERIFY, Form::Bool, &[8, 9], Default::Usage),
    Rule::new(CKA_WRAP, Form::Bool, &[8, 9], Default::Usage),
    Rule::new(CKA_UNWRAP, Form::Bool, &[8, 9], Default::Usage),
    // As for private keys.
    Rule::new(CKA_EXTRACTABLE, Form::Bool, &[8, 9, 12], Default::Absent),
    Rule::new(CKA_ALWAYS_SENSITIVE, Form::Bool, &[2, 4, 6], Default::False),
    Rule::new(CKA_NEVER_EXTRACTABLE, Form::Bool, &[2, 4, 6], Default::False),
    // As for certificates.
    Rule::new(CKA_CHECK_VALUE, Form::Bytes, &[8], Default::Absent),
    Rule::new(CKA_WRAP_WITH_TRUSTED, Form::Bool, &[11], Default::False),
    Rule::new(CKA_TRUSTED, Form::Bool, &[8, 10], Default::False),
    Rule::new(CKA_WRAP_TEMPLATE, Form::Template, &[], Default::Absent),
    Rule::new(CKA_UNWRAP_TEMPLATE, Form::Template, &[], Default::Absent),
    Rule::new(CKA_DERIVE_TEMPLATE, Form::Template, &[], Default::Absent),
];
