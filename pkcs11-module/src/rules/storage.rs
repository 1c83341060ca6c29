//! What all storage objects have (section 4.4), and data objects (section 4.5).

use cryptoki_sys::*;

use super::{COPY_ONLY, Default, Rule, Rules};
use crate::attribute::Form;

pub(super) const DATA_OBJECT: Rules = Rules::new(&[OBJECT, DATA]);

pub(super) const OBJECT: &[Rule] = &[
    Rule::new(CKA_CLASS, Form::Ulong, &[1], Default::Absent),
    Rule::new(CKA_TOKEN, Form::Bool, &[COPY_ONLY], Default::False),
    // The default depends on the class: see `Draft::finish`.
    Rule::new(CKA_PRIVATE, Form::Bool, &[COPY_ONLY], Default::Absent),
    Rule::new(CKA_MODIFIABLE, Form::Bool, &[COPY_ONLY], Default::True),
    Rule::new(CKA_LABEL, Form::Bytes, &[8], Default::Empty),
    Rule::new(CKA_COPYABLE, Form::Bool, &[12], Default::True),
    Rule::new(CKA_DESTROYABLE, Form::Bool, &[COPY_ONLY], Default::True),
    // Made by the token.
    Rule::new(CKA_UNIQUE_ID, Form::Bytes, &[2, 4, 6], Default::Absent),
];

pub(super) const DATA: &[Rule] = &[
    Rule::new(CKA_APPLICATION, Form::Bytes, &[8], Default::Empty),
    Rule::new(CKA_OBJECT_ID, Form::Bytes, &[8], Default::Empty),
    Rule::new(CKA_VALUE, Form::Bytes, &[8], Default::Empty),
];

/// Profile objects (section 4.13) are made by the token alone, so there are no rules for their making.
pub(super) const PROFILE: &[Rule] = &[Rule::new(
    CKA_PROFILE_ID,
    Form::Ulong,
    &[2, 4, 6],
    Default::Absent,
)];
