//! The attribute rules as data: for each class and key type, which attributes there are, how they are written,
//! who may give them, and what they are when nobody does (PKCS #11 2.40, sections 4.4 to 4.9 and 2.1, 2.3).

use cryptoki_sys::*;

use crate::attribute::{Form, Value};

/// One attribute of a class.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) kind: CK_ATTRIBUTE_TYPE,
    pub(crate) form: Form,
    flags: u8,
    default: Default,
}

/// `C_CreateObject` takes it.
const CREATE: u8 = 1;
/// `C_CreateObject` cannot do without it (footnote 1).
const NEED: u8 = 2;
/// Key generation takes it.
const GENERATE: u8 = 4;
/// Key generation cannot do without it (footnote 3).
const GENERATE_NEED: u8 = 8;
/// `C_SetAttributeValue` and `C_CopyObject` may change it (footnote 8).
const CHANGE: u8 = 16;
/// Not told when the object is sensitive or not extractable (footnote 7).
const SECRET: u8 = 32;
/// Only `C_CopyObject` may change it.
const COPY: u8 = 64;

/// Free to give and to change.
const FREE: u8 = CREATE | GENERATE | CHANGE;
/// Given when the object is made, never changed.
const FIXED: u8 = CREATE | GENERATE;
/// Comes with an import, is made by a generation.
const IMPORT: u8 = CREATE | NEED;
/// Set by the token alone.
const OURS: u8 = 0;

/// The value of an attribute that the template does not give.
#[derive(Debug, Clone, Copy)]
enum Default {
    /// None: the attribute is given, made by the generation, or not there.
    Absent,
    Bool(bool),
    Ulong(u64),
    Empty,
}

impl Rule {
    const fn new(kind: CK_ATTRIBUTE_TYPE, form: Form, flags: u8, default: Default) -> Self {
        Self {
            kind,
            form,
            flags,
            default,
        }
    }

    pub(crate) fn on_create(&self) -> bool {
        self.flags & CREATE != 0
    }

    pub(crate) fn needed_on_create(&self) -> bool {
        self.flags & NEED != 0
    }

    pub(crate) fn on_generate(&self) -> bool {
        self.flags & GENERATE != 0
    }

    pub(crate) fn needed_on_generate(&self) -> bool {
        self.flags & GENERATE_NEED != 0
    }

    pub(crate) fn on_set(&self) -> bool {
        self.flags & CHANGE != 0
    }

    pub(crate) fn on_copy(&self) -> bool {
        self.flags & (CHANGE | COPY) != 0
    }

    pub(crate) fn is_secret(&self) -> bool {
        self.flags & SECRET != 0
    }

    pub(crate) fn default(&self) -> Option<Value> {
        match self.default {
            Default::Absent => None,
            Default::Bool(value) => Some(Value::Bool(value)),
            Default::Ulong(value) => Some(Value::Ulong(value)),
            Default::Empty => Some(Value::bytes([])),
        }
    }
}

/// The rules of a class; for keys, of a key type too. `None` for what this token does not hold.
pub(crate) fn of(class: CK_OBJECT_CLASS, key_type: Option<CK_KEY_TYPE>) -> Option<Vec<&'static Rule>> {
    let tables: &[&'static [Rule]] = match (class, key_type) {
        (CKO_DATA, None) => &[STORAGE, DATA],
        (CKO_CERTIFICATE, None) => &[STORAGE, CERTIFICATE],
        (CKO_PUBLIC_KEY, Some(CKK_RSA)) => &[STORAGE, KEY, PUBLIC_KEY, RSA_PUBLIC_KEY],
        (CKO_PUBLIC_KEY, Some(CKK_EC)) => &[STORAGE, KEY, PUBLIC_KEY, EC_PUBLIC_KEY],
        (CKO_PRIVATE_KEY, Some(CKK_RSA)) => &[STORAGE, KEY, PRIVATE_KEY, RSA_PRIVATE_KEY],
        (CKO_PRIVATE_KEY, Some(CKK_EC)) => &[STORAGE, KEY, PRIVATE_KEY, EC_PRIVATE_KEY],
        _ => return None,
    };
    Some(tables.iter().flat_map(|table| table.iter()).collect())
}

/// How an attribute is written, whatever the class; `None` for one that this token does not know. A template
/// that searches has attributes of any class.
pub(crate) fn form(kind: CK_ATTRIBUTE_TYPE) -> Option<Form> {
    ALL.iter()
        .flat_map(|table| table.iter())
        .find(|rule| rule.kind == kind)
        .map(|rule| rule.form)
}

const ALL: &[&[Rule]] = &[
    STORAGE,
    DATA,
    CERTIFICATE,
    KEY,
    PUBLIC_KEY,
    PRIVATE_KEY,
    RSA_PUBLIC_KEY,
    RSA_PRIVATE_KEY,
    EC_PUBLIC_KEY,
    EC_PRIVATE_KEY,
];

const STORAGE: &[Rule] = &[
    Rule::new(CKA_CLASS, Form::Ulong, FIXED | NEED, Default::Absent),
    Rule::new(CKA_TOKEN, Form::Bool, FIXED | COPY, Default::Bool(false)),
    // The default depends on the class: see `Draft::finish`.
    Rule::new(CKA_PRIVATE, Form::Bool, FIXED | COPY, Default::Absent),
    Rule::new(CKA_MODIFIABLE, Form::Bool, FIXED | COPY, Default::Bool(true)),
    Rule::new(CKA_COPYABLE, Form::Bool, FREE, Default::Bool(true)),
    Rule::new(CKA_DESTROYABLE, Form::Bool, FIXED | COPY, Default::Bool(true)),
    Rule::new(CKA_LABEL, Form::Bytes, FREE, Default::Empty),
];

const DATA: &[Rule] = &[
    Rule::new(CKA_APPLICATION, Form::Bytes, FREE, Default::Empty),
    Rule::new(CKA_OBJECT_ID, Form::Bytes, FREE, Default::Empty),
    Rule::new(CKA_VALUE, Form::Bytes, FREE, Default::Empty),
];

const CERTIFICATE: &[Rule] = &[
    Rule::new(CKA_CERTIFICATE_TYPE, Form::Ulong, IMPORT, Default::Absent),
    Rule::new(CKA_TRUSTED, Form::Bool, CREATE | CHANGE, Default::Bool(false)),
    Rule::new(CKA_CERTIFICATE_CATEGORY, Form::Ulong, CREATE, Default::Ulong(0)),
    Rule::new(CKA_CHECK_VALUE, Form::Bytes, CREATE, Default::Absent),
    Rule::new(CKA_START_DATE, Form::Date, CREATE, Default::Empty),
    Rule::new(CKA_END_DATE, Form::Date, CREATE, Default::Empty),
    // The token reads subject, issuer and serial number from the certificate when they are not given.
    Rule::new(CKA_SUBJECT, Form::Bytes, CREATE, Default::Absent),
    Rule::new(CKA_ID, Form::Bytes, CREATE | CHANGE, Default::Empty),
    Rule::new(CKA_ISSUER, Form::Bytes, CREATE | CHANGE, Default::Absent),
    Rule::new(CKA_SERIAL_NUMBER, Form::Bytes, CREATE | CHANGE, Default::Absent),
    Rule::new(CKA_VALUE, Form::Bytes, IMPORT, Default::Absent),
    Rule::new(CKA_URL, Form::Bytes, CREATE, Default::Empty),
    Rule::new(
        CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
        Form::Bytes,
        CREATE,
        Default::Empty,
    ),
    Rule::new(CKA_HASH_OF_ISSUER_PUBLIC_KEY, Form::Bytes, CREATE, Default::Empty),
    Rule::new(
        CKA_JAVA_MIDP_SECURITY_DOMAIN,
        Form::Ulong,
        CREATE,
        Default::Ulong(0),
    ),
];

const KEY: &[Rule] = &[
    Rule::new(CKA_KEY_TYPE, Form::Ulong, FIXED | NEED, Default::Absent),
    Rule::new(CKA_ID, Form::Bytes, FREE, Default::Empty),
    Rule::new(CKA_START_DATE, Form::Date, FREE, Default::Empty),
    Rule::new(CKA_END_DATE, Form::Date, FREE, Default::Empty),
    Rule::new(CKA_DERIVE, Form::Bool, FREE, Default::Bool(false)),
    Rule::new(CKA_LOCAL, Form::Bool, OURS, Default::Bool(false)),
    Rule::new(CKA_KEY_GEN_MECHANISM, Form::Ulong, OURS, Default::Ulong(u64::MAX)),
    Rule::new(CKA_SUBJECT, Form::Bytes, FREE, Default::Empty),
];

// Usage that a template leaves open is allowed: programs import keys without saying what for.
const PUBLIC_KEY: &[Rule] = &[
    Rule::new(CKA_VERIFY, Form::Bool, FREE, Default::Bool(true)),
    Rule::new(CKA_VERIFY_RECOVER, Form::Bool, FREE, Default::Bool(false)),
    Rule::new(CKA_WRAP, Form::Bool, FREE, Default::Bool(false)),
    Rule::new(CKA_TRUSTED, Form::Bool, FREE, Default::Bool(false)),
];

const PRIVATE_KEY: &[Rule] = &[
    Rule::new(CKA_SENSITIVE, Form::Bool, FREE, Default::Bool(true)),
    Rule::new(CKA_SIGN, Form::Bool, FREE, Default::Bool(true)),
    Rule::new(CKA_SIGN_RECOVER, Form::Bool, FREE, Default::Bool(false)),
    Rule::new(CKA_UNWRAP, Form::Bool, FREE, Default::Bool(false)),
    Rule::new(CKA_EXTRACTABLE, Form::Bool, FREE, Default::Bool(false)),
    Rule::new(CKA_ALWAYS_SENSITIVE, Form::Bool, OURS, Default::Bool(false)),
    Rule::new(CKA_NEVER_EXTRACTABLE, Form::Bool, OURS, Default::Bool(false)),
    Rule::new(CKA_WRAP_WITH_TRUSTED, Form::Bool, FREE, Default::Bool(false)),
    Rule::new(CKA_ALWAYS_AUTHENTICATE, Form::Bool, FIXED, Default::Bool(false)),
];

const RSA_PUBLIC_KEY: &[Rule] = &[
    Rule::new(CKA_ENCRYPT, Form::Bool, FREE, Default::Bool(true)),
    Rule::new(CKA_MODULUS, Form::Integer, IMPORT, Default::Absent),
    Rule::new(
        CKA_MODULUS_BITS,
        Form::Ulong,
        GENERATE | GENERATE_NEED,
        Default::Absent,
    ),
    Rule::new(
        CKA_PUBLIC_EXPONENT,
        Form::Integer,
        IMPORT | GENERATE,
        Default::Absent,
    ),
];

const RSA_PRIVATE_KEY: &[Rule] = &[
    Rule::new(CKA_DECRYPT, Form::Bool, FREE, Default::Bool(true)),
    Rule::new(CKA_MODULUS, Form::Integer, IMPORT, Default::Absent),
    Rule::new(CKA_PUBLIC_EXPONENT, Form::Integer, IMPORT, Default::Absent),
    Rule::new(
        CKA_PRIVATE_EXPONENT,
        Form::Integer,
        IMPORT | SECRET,
        Default::Absent,
    ),
    Rule::new(CKA_PRIME_1, Form::Integer, IMPORT | SECRET, Default::Absent),
    Rule::new(CKA_PRIME_2, Form::Integer, IMPORT | SECRET, Default::Absent),
    Rule::new(CKA_EXPONENT_1, Form::Integer, IMPORT | SECRET, Default::Absent),
    Rule::new(CKA_EXPONENT_2, Form::Integer, IMPORT | SECRET, Default::Absent),
    Rule::new(CKA_COEFFICIENT, Form::Integer, IMPORT | SECRET, Default::Absent),
];

const EC_PUBLIC_KEY: &[Rule] = &[
    Rule::new(CKA_ENCRYPT, Form::Bool, FREE, Default::Bool(false)),
    Rule::new(
        CKA_EC_PARAMS,
        Form::Bytes,
        IMPORT | GENERATE | GENERATE_NEED,
        Default::Absent,
    ),
    Rule::new(CKA_EC_POINT, Form::Bytes, IMPORT, Default::Absent),
];

const EC_PRIVATE_KEY: &[Rule] = &[
    Rule::new(CKA_DECRYPT, Form::Bool, FREE, Default::Bool(false)),
    Rule::new(CKA_EC_PARAMS, Form::Bytes, IMPORT, Default::Absent),
    Rule::new(CKA_VALUE, Form::Integer, IMPORT | SECRET, Default::Absent),
];
