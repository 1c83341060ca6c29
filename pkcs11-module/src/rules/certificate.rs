//! Certificates (section 4.6): X.509 public-key and attribute certificates.

use cryptoki_sys::*;

use super::{Default, Rule, Rules, storage};
use crate::attribute::Form;

/// The rules of a certificate type. WTLS died before this token was born.
pub(super) fn rules(kind: CK_CERTIFICATE_TYPE) -> Option<Rules> {
    match kind {
        CKC_X_509 => Some(Rules::new(&[storage::OBJECT, COMMON, X_509])),
        CKC_X_509_ATTR_CERT => Some(Rules::new(&[storage::OBJECT, COMMON, ATTRIBUTE])),
        _ => None,
    }
}

pub(super) const COMMON: &[Rule] = &[
    Rule::new(CKA_CERTIFICATE_TYPE, Form::Ulong, &[1], Default::Absent),
    Rule::new(CKA_TRUSTED, Form::Bool, &[8, 10], Default::False),
    Rule::new(CKA_CERTIFICATE_CATEGORY, Form::Ulong, &[], Default::Ulong(0)),
    // Computed, unless the template gives an empty one; see `check_value`.
    Rule::new(CKA_CHECK_VALUE, Form::Bytes, &[8], Default::Absent),
    Rule::new(CKA_START_DATE, Form::Date, &[], Default::Empty),
    Rule::new(CKA_END_DATE, Form::Date, &[], Default::Empty),
    Rule::new(CKA_PUBLIC_KEY_INFO, Form::Bytes, &[], Default::Absent),
];

pub(super) const X_509: &[Rule] = &[
    // The token reads subject, issuer, serial number and public key from the certificate when they are not given.
    Rule::new(CKA_SUBJECT, Form::Bytes, &[], Default::Absent),
    Rule::new(CKA_ID, Form::Bytes, &[8], Default::Empty),
    Rule::new(CKA_ISSUER, Form::Bytes, &[8], Default::Empty),
    Rule::new(CKA_SERIAL_NUMBER, Form::Bytes, &[8], Default::Empty),
    Rule::new(CKA_VALUE, Form::Bytes, &[1], Default::Absent),
    Rule::new(CKA_URL, Form::Bytes, &[], Default::Empty),
    Rule::new(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, Form::Bytes, &[], Default::Empty),
    Rule::new(CKA_HASH_OF_ISSUER_PUBLIC_KEY, Form::Bytes, &[], Default::Empty),
    Rule::new(CKA_JAVA_MIDP_SECURITY_DOMAIN, Form::Ulong, &[], Default::Ulong(0)),
    Rule::new(
        CKA_NAME_HASH_ALGORITHM,
        Form::Ulong,
        &[],
        Default::Ulong(CKM_SHA_1),
    ),
];

pub(super) const ATTRIBUTE: &[Rule] = &[
    Rule::new(CKA_OWNER, Form::Bytes, &[1], Default::Absent),
    Rule::new(CKA_AC_ISSUER, Form::Bytes, &[8], Default::Empty),
    Rule::new(CKA_SERIAL_NUMBER, Form::Bytes, &[8], Default::Empty),
    Rule::new(CKA_ATTR_TYPES, Form::Bytes, &[8], Default::Empty),
    Rule::new(CKA_VALUE, Form::Bytes, &[1], Default::Absent),
];
