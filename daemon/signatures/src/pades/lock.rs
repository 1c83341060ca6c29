//! What a signature forbids for later: fields it locks (ISO 32000-1, 12.7.4.5, table 233 `/Lock`, and 12.8.2.4,
//! FieldMDP), and with `/P 1` everything (ISO 32000-2, 12.7.5.5).

use std::collections::HashSet;

use super::PadesError;
use super::form::{self, Field};
use crate::pdf::{Dictionary, Document, PdfError, Value, decode_text_string, text_string};

/// Which fields a new signature locks: none of them may be filled in or signed afterwards (FieldMDP).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldLock {
    /// Every field
    All,
    /// These, by their full names, and those below them
    Include(Vec<String>),
    /// All but these
    Exclude(Vec<String>),
}

impl FieldLock {
    /// `/Action` and `/Fields`, which the field's lock and the signature's transform parameters both have.
    pub(super) fn entries(&self) -> Vec<u8> {
        let (action, names) = match self {
            Self::All => return b"/Action /All".to_vec(),
            Self::Include(names) => ("Include", names),
            Self::Exclude(names) => ("Exclude", names),
        };
        let mut entries = format!("/Action /{action} /Fields [").into_bytes();
        for name in names {
            entries.extend(text_string(name));
            entries.push(b' ');
        }
        entries.push(b']');
        entries
    }
}

/// What a field's own lock says, written anew for the signature's transform parameters (ISO 32000-1, 12.8.2.4: the two
/// have to be the same).
pub(super) fn of_field(document: &Document<'_>, field: &Dictionary) -> Result<Option<Vec<u8>>, PdfError> {
    let Some(lock) = document.get(field, b"Lock")? else {
        return Ok(None);
    };
    let rule = match lock.dictionary() {
        Some(lock) => Rule::read(document, lock)?,
        None => Rule::All,
    };
    let sorted = |names: HashSet<String>| {
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort();
        names
    };
    let lock = match rule {
        Rule::All => FieldLock::All,
        Rule::Include(names) => FieldLock::Include(sorted(names)),
        Rule::Exclude(names) => FieldLock::Exclude(sorted(names)),
    };
    Ok(Some(lock.entries()))
}

/// Refuses a field to be locked that is not there: for a slip of the pen the one that was meant would stay open, and who
/// signs would take it for locked.
pub(super) fn check_names(document: &Document<'_>, names: &[String]) -> Result<(), PadesError> {
    let fields = form::fields(document)?;
    let there: HashSet<_> = fields
        .iter()
        .filter_map(|field| form::full_name(&fields, field))
        .collect();
    match names.iter().find(|name| !there.contains(*name)) {
        Some(name) => Err(PadesError::NoFieldToLock(name.clone())),
        None => Ok(()),
    }
}

/// What one signature forbids.
#[derive(Debug, Default)]
pub(super) struct Lock {
    rules: Vec<Rule>,
    everything: bool,
}

#[derive(Debug)]
enum Rule {
    /// Every field, and what a rule stands for that cannot be read
    All,
    Include(HashSet<String>),
    Exclude(HashSet<String>),
}

impl Rule {
    /// From `/Action` and `/Fields`, which both dictionaries have.
    fn read(document: &Document<'_>, dictionary: &Dictionary) -> Result<Self, PdfError> {
        let action = document.get(dictionary, b"Action")?;
        let names = match document.get(dictionary, b"Fields")?.as_deref().map(Value::array) {
            Some(Some(nodes)) => nodes
                .iter()
                .map(|node| Ok(document.resolve(node)?.string().map(decode_text_string)))
                .collect::<Result<Option<HashSet<_>>, PdfError>>()?,
            _ => None,
        };
        Ok(match (action.as_deref().and_then(Value::name), names) {
            (Some(b"Include"), Some(names)) => Self::Include(names),
            (Some(b"Exclude"), Some(names)) => Self::Exclude(names),
            _ => Self::All,
        })
    }

    /// Whether it locks the field of this full name. A name in the list stands for all fields below it too.
    fn forbids(&self, name: &str) -> bool {
        let listed = |names: &HashSet<String>| {
            let above = name.match_indices('.').map(|(at, _)| &name[..at]);
            above.chain([name]).any(|name| names.contains(name))
        };
        match self {
            Self::All => true,
            Self::Include(names) => listed(names),
            Self::Exclude(names) => !listed(names),
        }
    }
}

impl Lock {
    /// The lock of a signed field.
    pub(super) fn of(document: &Document<'_>, field: &Field<'_>) -> Result<Self, PdfError> {
        let mut lock = Self::default();
        let Some(field) = field.located.dictionary() else {
            return Ok(lock);
        };
        if let Some(own) = document.get(field, b"Lock")? {
            lock.add(document, own.dictionary())?;
        }
        let signature = document.get(field, b"V")?;
        let references = match signature.as_deref().and_then(Value::dictionary) {
            Some(signature) => document.get(signature, b"Reference")?,
            None => None,
        };
        for node in references.as_deref().and_then(Value::array).unwrap_or_default() {
            let reference = document.resolve(node)?;
            let Some(reference) = reference.dictionary() else {
                continue;
            };
            let method = document.get(reference, b"TransformMethod")?;
            if method.as_deref().and_then(Value::name) == Some(b"FieldMDP") {
                let parameters = document.get(reference, b"TransformParams")?;
                lock.add(document, parameters.as_deref().and_then(Value::dictionary))?;
            }
        }
        Ok(lock)
    }

    fn add(&mut self, document: &Document<'_>, dictionary: Option<&Dictionary>) -> Result<(), PdfError> {
        let Some(dictionary) = dictionary else {
            self.rules.push(Rule::All);
            return Ok(());
        };
        self.rules.push(Rule::read(document, dictionary)?);
        let permissions = document.get(dictionary, b"P")?;
        self.everything |= permissions.is_some_and(|value| value.integer() == Some(1));
        Ok(())
    }

    /// Whether no revision may come at all.
    pub(super) fn forbids_everything(&self) -> bool {
        self.everything
    }

    /// Whether this field, one of `fields`, may not be added or signed.
    pub(super) fn forbids(&self, fields: &[Field<'_>], field: &Field<'_>) -> bool {
        !self.rules.is_empty() && form::full_name(fields, field).is_none_or(|name| self.forbids_name(&name))
    }

    fn forbids_name(&self, name: &str) -> bool {
        self.everything || self.rules.iter().any(|rule| rule.forbids(name))
    }
}

/// Refuses to sign a field, new or there already, that a signature in the document has locked out.
pub(super) fn check(document: &Document<'_>, full_name: &str) -> Result<(), PdfError> {
    for field in form::fields(document)?
        .iter()
        .filter(|field| field.is_signature())
    {
        if field.is_signed() && Lock::of(document, field)?.forbids_name(full_name) {
            return Err(PdfError::FieldLocked);
        }
    }
    Ok(())
}
