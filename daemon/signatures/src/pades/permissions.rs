//! What the author's certification allows (DocMDP; ISO 32000-1, 12.8.2.2 and 12.8.4).

use super::PadesError;
use super::form;
use crate::pdf::{Dictionary, Document, ObjectId, PdfError, Splices, Value};

/// What may be done to a certified document (table 254).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// P = 1
    Nothing,
    /// P = 2: filling in forms, signing
    Signing,
    /// P = 3: comments too
    Comments,
}

impl Allowed {
    /// P
    #[must_use]
    pub fn level(self) -> u8 {
        match self {
            Self::Nothing => 1,
            Self::Signing => 2,
            Self::Comments => 3,
        }
    }
}

/// Makes `signature` the document's certification: the first signature, and the only one of its kind (12.8.2.2).
pub(super) fn certify<'d>(
    document: &Document<'d>,
    splices: &mut Splices<'d>,
    signature: ObjectId,
) -> Result<(), PadesError> {
    let is_signed = |field: &form::Field<'_>| field.is_signature() && field.is_signed();
    if certification(document)?.is_some() || form::fields(document)?.iter().any(is_signed) {
        return Err(PadesError::NotFirst);
    }
    let catalog = document.catalog()?;
    let permissions = catalog
        .dictionary()
        .and_then(|catalog| catalog.get(b"Perms"))
        .cloned();
    let entry = format!("{signature} R");
    match permissions {
        None => {
            let permissions = format!("<< /DocMDP {entry} >>");
            splices
                .of(&catalog)
                .set(&catalog.node, b"Perms", permissions.as_bytes())?;
        }
        Some(node) => match node.value {
            Value::Reference(id) => {
                let own = document.object(id)?.ok_or(PdfError::Missing("the permissions"))?;
                splices.of(&own).set(&own.node, b"DocMDP", entry.as_bytes())?;
            }
            _ => splices.of(&catalog).set(&node, b"DocMDP", entry.as_bytes())?,
        },
    }
    Ok(())
}

/// Refuses documents that a signature would break.
pub(super) fn check(document: &Document<'_>) -> Result<(), PdfError> {
    match certification(document)? {
        Some(Allowed::Nothing) => Err(PdfError::Locked),
        _ => Ok(()),
    }
}

/// Whether the author's certification lets forms be filled in: P = 2 and 3. A document that nobody certified says nothing
/// of it, and then the signer has not agreed to it.
pub(super) fn may_fill(document: &Document<'_>) -> Result<bool, PdfError> {
    let certification = certification(document)?;
    Ok(certification.is_some_and(|allowed| allowed != Allowed::Nothing))
}

/// The certification, if the catalog names one. One that names no rule stands for the default, P = 2.
pub(super) fn certification(document: &Document<'_>) -> Result<Option<Allowed>, PdfError> {
    let catalog = document.catalog()?;
    let Some(catalog) = catalog.dictionary() else {
        return Ok(None);
    };
    let Some(permissions) = document.get(catalog, b"Perms")? else {
        return Ok(None);
    };
    let Some(permissions) = permissions.dictionary() else {
        return Ok(None);
    };
    let Some(signature) = document.get(permissions, b"DocMDP")? else {
        return Ok(None);
    };
    let Some(signature) = signature.dictionary() else {
        return Ok(None);
    };
    of_signature(document, signature).map(|allowed| allowed.or(Some(Allowed::Signing)))
}

/// The rule that a signature dictionary carries in `/Reference`, if it certifies.
fn of_signature(document: &Document<'_>, signature: &Dictionary) -> Result<Option<Allowed>, PdfError> {
    let Some(references) = document.get(signature, b"Reference")? else {
        return Ok(None);
    };
    for node in references.array().unwrap_or_default() {
        let reference = document.resolve(node)?;
        let Some(reference) = reference.dictionary() else {
            continue;
        };
        let method = document.get(reference, b"TransformMethod")?;
        if method.as_deref().and_then(Value::name) != Some(b"DocMDP") {
            continue;
        }
        let parameters = document.get(reference, b"TransformParams")?;
        let level = match parameters.as_deref().and_then(Value::dictionary) {
            Some(parameters) => document.get(parameters, b"P")?.and_then(|value| value.integer()),
            None => None,
        };
        return Ok(Some(match level {
            Some(1) => Allowed::Nothing,
            Some(3) => Allowed::Comments,
            _ => Allowed::Signing,
        }));
    }
    Ok(None)
}
