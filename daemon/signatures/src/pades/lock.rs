//! What a signature forbids for later: fields it locks (ISO 32000-1, 12.7.4.5, table 233 `/Lock`, and 12.8.2.4,
//! FieldMDP), and with `/P 1` everything (ISO 32000-2, 12.7.5.5).

use std::collections::HashSet;

use super::form::{self, Field};
use crate::pdf::{Dictionary, Document, PdfError, Value, decode_text_string};

/// Characters of a field's full name; a longer one counts as locked.
const MAX_NAME: usize = 4096;

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
        !self.rules.is_empty() && full_name(fields, field).is_none_or(|name| self.forbids_name(&name))
    }

    fn forbids_name(&self, name: &str) -> bool {
        self.everything || self.rules.iter().any(|rule| rule.forbids(name))
    }
}

/// The partial names from the root down, with full stops between (12.7.3.2); `None` if that is too long.
fn full_name(fields: &[Field<'_>], field: &Field<'_>) -> Option<String> {
    let mut names = vec![field.name.as_str()];
    let mut parent = field.parent;
    let mut length = field.name.len();
    while let Some(above) = parent.and_then(|index| fields.get(index)) {
        length += 1 + above.name.len();
        if length > MAX_NAME {
            return None;
        }
        names.push(&above.name);
        parent = above.parent;
    }
    names.reverse();
    (length <= MAX_NAME).then(|| names.join("."))
}

/// Refuses a new field that a signature in the document has locked out.
pub(super) fn check(document: &Document<'_>, new_field: &str) -> Result<(), PdfError> {
    for field in form::fields(document)?
        .iter()
        .filter(|field| field.is_signature())
    {
        let is_signed = field
            .located
            .dictionary()
            .is_some_and(|field| field.get(b"V").is_some());
        if is_signed && Lock::of(document, field)?.forbids_name(new_field) {
            return Err(PdfError::Locked);
        }
    }
    Ok(())
}
