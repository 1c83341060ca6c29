//! Optional content that is not always shown (ISO 32000-1, 8.11).

use std::collections::HashSet;

use super::Found;
use crate::pdf::{Dictionary, Document, Node, ObjectId, PdfError, Value};
use crate::report::FindingKind;

/// Groups by the default configuration: those that are off, and those that a usage application switches.
pub(super) fn search(document: &Document<'_>, found: &mut Found) -> Result<(), PdfError> {
    let catalog = document.catalog()?;
    let Some(catalog) = catalog.dictionary() else {
        return Ok(());
    };
    let properties = document.get(catalog, b"OCProperties")?;
    let Some(properties) = properties.as_deref().and_then(Value::dictionary) else {
        return Ok(());
    };
    let groups = references(document, properties, b"OCGs")?;
    let default = document.get(properties, b"D")?;
    let empty = Dictionary::default();
    let default = default.as_deref().and_then(Value::dictionary).unwrap_or(&empty);

    let base = document.get(default, b"BaseState")?;
    let starts_on = base.is_none_or(|base| base.name() == Some(b"ON"));
    let on: HashSet<_> = references(document, default, b"ON")?.into_iter().collect();
    let mut hidden: HashSet<_> = references(document, default, b"OFF")?.into_iter().collect();
    if !starts_on {
        hidden.extend(groups.iter().filter(|group| !on.contains(group)));
    }
    hidden.extend(switched(document, default)?);
    for group in &groups {
        if !hidden.contains(group) && is_off_somewhere(document, *group)? {
            hidden.insert(*group);
        }
    }
    // Of what is no group, nothing is shown or hidden.
    let mut hidden: Vec<_> = hidden.into_iter().filter(|id| groups.contains(id)).collect();
    hidden.sort_unstable();
    for id in hidden {
        found.add(FindingKind::HiddenLayer, Some(id.number));
    }
    Ok(())
}

/// Expressions within expressions, some of which may be objects of their own.
const MAX_EXPRESSIONS: usize = 100;

/// Whether a membership dictionary shows its content when groups are off (8.11.2.2).
pub(super) fn is_shown_when_others_are_not(
    document: &Document<'_>,
    dictionary: &Dictionary,
) -> Result<bool, PdfError> {
    let kind = document.get(dictionary, b"Type")?;
    if kind.as_deref().and_then(Value::name) != Some(b"OCMD") {
        return Ok(false);
    }
    let policy = document.get(dictionary, b"P")?;
    if matches!(
        policy.as_deref().and_then(Value::name),
        Some(b"AnyOff" | b"AllOff")
    ) {
        return Ok(true);
    }
    let expression = dictionary.get(b"VE");
    expression.map_or(Ok(false), |expression| {
        has_not(document, expression, MAX_EXPRESSIONS)
    })
}

fn has_not(document: &Document<'_>, expression: &Node, depth: usize) -> Result<bool, PdfError> {
    let depth = depth.checked_sub(1).ok_or(PdfError::TooDeep)?;
    let expression = document.resolve(expression)?;
    for part in expression.array().unwrap_or_default() {
        if document.resolve(part)?.name() == Some(b"Not") || has_not(document, part, depth)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Groups that are switched by how far is zoomed in, by language or by who reads (8.11.4.5, table 102).
fn switched(document: &Document<'_>, configuration: &Dictionary) -> Result<Vec<ObjectId>, PdfError> {
    let applications = document.get(configuration, b"AS")?;
    let mut switched = Vec::new();
    for node in applications.as_deref().and_then(Value::array).unwrap_or_default() {
        let application = document.resolve(node)?;
        let Some(application) = application.dictionary() else {
            continue;
        };
        let categories = document.get(application, b"Category")?;
        let categories = categories.as_deref().and_then(Value::array).unwrap_or_default();
        let categories: Vec<_> = categories
            .iter()
            .map(|node| document.resolve(node))
            .collect::<Result<_, _>>()?;
        let categories: Vec<_> = categories.iter().filter_map(|value| value.name()).collect();
        for id in references(document, application, b"OCGs")? {
            let usage = usage(document, id)?;
            let named = |key: &&[u8]| usage.as_ref().is_some_and(|usage| usage.get(key).is_some());
            let by_reader: [&[u8]; 3] = [b"Zoom", b"Language", b"User"];
            if by_reader.iter().any(|key| categories.contains(key) && named(key)) {
                switched.push(id);
            }
        }
    }
    Ok(switched)
}

/// Whether a group says that it is off on the screen, on paper or in what is exported. Readers heed it whether or not an
/// application (`/AS`) names the group.
fn is_off_somewhere(document: &Document<'_>, group: ObjectId) -> Result<bool, PdfError> {
    let Some(usage) = usage(document, group)? else {
        return Ok(false);
    };
    let states: [(&[u8], &[u8]); 3] = [
        (b"View", b"ViewState"),
        (b"Print", b"PrintState"),
        (b"Export", b"ExportState"),
    ];
    for (category, state) in states {
        let category = document.get(&usage, category)?;
        let Some(category) = category.as_deref().and_then(Value::dictionary) else {
            continue;
        };
        let state = document.get(category, state)?;
        if state.as_deref().and_then(Value::name) == Some(b"OFF") {
            return Ok(true);
        }
    }
    Ok(false)
}

fn usage(document: &Document<'_>, group: ObjectId) -> Result<Option<Dictionary>, PdfError> {
    let Some(group) = document.object(group)? else {
        return Ok(None);
    };
    let Some(group) = group.dictionary() else {
        return Ok(None);
    };
    let usage = document.get(group, b"Usage")?;
    Ok(usage.as_deref().and_then(Value::dictionary).cloned())
}

fn references(
    document: &Document<'_>,
    dictionary: &Dictionary,
    key: &[u8],
) -> Result<Vec<ObjectId>, PdfError> {
    let value = document.get(dictionary, key)?;
    let nodes = value.as_deref().and_then(Value::array).unwrap_or_default();
    Ok(nodes.iter().filter_map(|node| node.value.reference()).collect())
}
