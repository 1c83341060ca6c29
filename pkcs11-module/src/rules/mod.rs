//! The attribute rules as data, as the tables of the standard have them (PKCS #11 3.1, section 4; 3.2 for the
//! post-quantum keys): for each class and type, which attributes there are, how they are written, who may give
//! them, and what they are when nobody does.
//!
//! A row is an attribute, its form, the numbers of the footnotes it has in the standard (table 11, "common
//! footnotes"), and its default; so a row can be held against the page it comes from.

mod certificate;
mod ec;
mod finite_field;
mod keys;
mod post_quantum;
mod rsa;
mod secret;
mod storage;

use cryptoki_sys::*;

use crate::attribute::{Form, Value};

/// One attribute of a class.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) kind: CK_ATTRIBUTE_TYPE,
    pub(crate) form: Form,
    footnotes: u16,
    default: Default,
}

/// The value of an attribute that the template does not give.
#[derive(Debug, Clone, Copy)]
enum Default {
    /// None: the attribute is given, made by the token, or not there.
    Absent,
    False,
    True,
    Ulong(u64),
    Empty,
    /// True for what keys of the type can do: programs import keys without saying what for.
    Usage,
}

/// Beside the footnotes of the standard: only `C_CopyObject` may change it (section 5.7.2 names these attributes).
const COPY_ONLY: u8 = 13;

impl Rule {
    /// `footnotes` are those of the standard, and [`COPY_ONLY`].
    const fn new(kind: CK_ATTRIBUTE_TYPE, form: Form, footnotes: &[u8], default: Default) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < footnotes.len() {
            bits |= 1 << footnotes[i];
            i += 1;
        }
        Self {
            kind,
            form,
            footnotes: bits,
            default,
        }
    }

    const fn has(&self, footnote: u8) -> bool {
        self.footnotes & (1 << footnote) != 0
    }

    /// Footnote 2, the other way round.
    pub(crate) fn on_create(&self) -> bool {
        !self.has(2)
    }

    /// Footnote 1.
    pub(crate) fn needed_on_create(&self) -> bool {
        self.has(1)
    }

    /// Footnote 4, the other way round.
    pub(crate) fn on_generate(&self) -> bool {
        !self.has(4)
    }

    /// Footnote 3.
    pub(crate) fn needed_on_generate(&self) -> bool {
        self.has(3)
    }

    /// Footnote 6, the other way round. A derivation takes the same attributes.
    pub(crate) fn on_unwrap(&self) -> bool {
        !self.has(6)
    }

    /// Footnote 5.
    pub(crate) fn needed_on_unwrap(&self) -> bool {
        self.has(5)
    }

    /// Footnote 7: not told while the object is sensitive or not extractable.
    pub(crate) fn is_secret(&self) -> bool {
        self.has(7)
    }

    /// Footnote 8; and the one-way flags, which may go one way.
    pub(crate) fn on_set(&self) -> bool {
        self.has(8) || self.has(11) || self.has(12)
    }

    pub(crate) fn on_copy(&self) -> bool {
        self.on_set() || self.has(COPY_ONLY)
    }

    /// Whether it says what a key is for.
    pub(crate) const fn is_usage(&self) -> bool {
        matches!(self.default, Default::Usage)
    }

    /// Footnotes 11 and 12: the value that stays for ever once the attribute has it.
    pub(crate) fn final_value(&self) -> Option<bool> {
        match (self.has(11), self.has(12)) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}

/// The rules of a class; for keys, of a key type, for certificates, of a certificate type too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    tables: &'static [&'static [Rule]],
    /// What keys of the type can do.
    uses: &'static [CK_ATTRIBUTE_TYPE],
}

impl Rules {
    const fn new(tables: &'static [&'static [Rule]]) -> Self {
        Self { tables, uses: &[] }
    }

    const fn for_uses(self, uses: &'static [CK_ATTRIBUTE_TYPE]) -> Self {
        Self { uses, ..self }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = &'static Rule> {
        self.tables.iter().flat_map(|table| table.iter())
    }

    pub(crate) fn find(self, kind: CK_ATTRIBUTE_TYPE) -> Option<&'static Rule> {
        self.iter().find(|rule| rule.kind == kind)
    }

    /// The value of an attribute that the template does not give.
    pub(crate) fn default(self, rule: &Rule) -> Option<Value> {
        match rule.default {
            Default::Absent => None,
            Default::False => Some(Value::Bool(false)),
            Default::True => Some(Value::Bool(true)),
            Default::Ulong(value) => Some(Value::Ulong(value)),
            Default::Empty => Some(Value::bytes([])),
            Default::Usage => Some(Value::Bool(self.uses.contains(&rule.kind))),
        }
    }
}

/// The attribute that tells the types of a class apart, if there is one.
pub(crate) fn subtype_attribute(class: CK_OBJECT_CLASS) -> Option<CK_ATTRIBUTE_TYPE> {
    match class {
        CKO_CERTIFICATE => Some(CKA_CERTIFICATE_TYPE),
        CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY | CKO_DOMAIN_PARAMETERS => Some(CKA_KEY_TYPE),
        _ => None,
    }
}

/// The rules of a class and the value of its [`subtype_attribute`]. `None` for what this token does not hold:
/// hardware features and mechanisms, certificates of WTLS, keys of ciphers that are not offered.
pub(crate) fn of(class: CK_OBJECT_CLASS, subtype: Option<CK_ULONG>) -> Option<Rules> {
    match (class, subtype) {
        (CKO_DATA, _) => Some(storage::DATA_OBJECT),
        (CKO_CERTIFICATE, Some(kind)) => certificate::rules(kind),
        (CKO_PUBLIC_KEY, Some(CKK_RSA)) => Some(rsa::PUBLIC),
        (CKO_PRIVATE_KEY, Some(CKK_RSA)) => Some(rsa::PRIVATE),
        (CKO_PUBLIC_KEY, Some(kind)) => ec::public(kind)
            .or_else(|| post_quantum::public(kind))
            .or_else(|| finite_field::public(kind)),
        (CKO_PRIVATE_KEY, Some(kind)) => ec::private(kind)
            .or_else(|| post_quantum::private(kind))
            .or_else(|| finite_field::private(kind)),
        (CKO_DOMAIN_PARAMETERS, Some(kind)) => finite_field::parameters(kind),
        (CKO_SECRET_KEY, Some(kind)) => secret::rules(kind),
        _ => None,
    }
}

/// Whether objects of some class keep the attribute to themselves.
pub(crate) fn may_be_secret(kind: CK_ATTRIBUTE_TYPE) -> bool {
    let mut rules = ALL.iter().flat_map(|table| table.iter());
    rules.any(|rule| rule.kind == kind && rule.is_secret())
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
    storage::OBJECT,
    storage::DATA,
    storage::PROFILE,
    certificate::COMMON,
    certificate::X_509,
    certificate::ATTRIBUTE,
    keys::KEY,
    keys::PUBLIC,
    keys::PRIVATE,
    keys::SECRET,
    rsa::PUBLIC_NUMBERS,
    rsa::PRIVATE_NUMBERS,
    ec::PUBLIC_POINT,
    ec::PRIVATE_SCALAR,
    finite_field::GROUP,
    finite_field::SUBGROUP,
    finite_field::PUBLIC_VALUE,
    finite_field::OWN_GROUP,
    finite_field::OWN_SUBGROUP,
    finite_field::PRIVATE_VALUE,
    finite_field::VALUE_BITS,
    finite_field::PARAMETERS,
    finite_field::MADE_GROUP,
    finite_field::MADE_SUBGROUP,
    post_quantum::PUBLIC_VALUE,
    post_quantum::PRIVATE_VALUE,
    secret::VALUE,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_has_one_form_in_all_classes() {
        for rule in ALL.iter().flat_map(|table| table.iter()) {
            assert_eq!(form(rule.kind), Some(rule.form), "{:#x}", rule.kind);
        }
    }

    #[test]
    fn no_class_names_an_attribute_twice() {
        let classes = [
            CKO_DATA,
            CKO_CERTIFICATE,
            CKO_PUBLIC_KEY,
            CKO_PRIVATE_KEY,
            CKO_SECRET_KEY,
        ];
        for class in classes {
            for rules in (0..128).filter_map(|subtype| of(class, Some(subtype))) {
                let mut kinds: Vec<_> = rules.iter().map(|rule| rule.kind).collect();
                kinds.sort_unstable();
                let count = kinds.len();
                kinds.dedup();
                assert_eq!(kinds.len(), count, "class {class}");
            }
        }
    }
}
