//! What came after a signature: an allow list (ISO 32000-1, 12.8.2.2; EN 319 142-1, clause 5.5).
//!
//! A later revision may add signature fields with their widgets, sign fields that were there unsigned, and add
//! validation data. It may not touch anything else that the signed revision shows or refers to. Comparing every object
//! that a later cross-reference names is what keeps out content that was prepared before signing: an object number the
//! signed revision already refers to, but does not define, may not be defined later.
//!
//! An object may change for what it is, and only if it is nothing else ([`roles`]). New fields are seen only where they
//! are signed, and so judged themselves ([`new_fields`]). Fields that the signature locks stay as they are
//! ([`super::lock`]).

mod list;
mod new_fields;
mod roles;

use std::collections::{HashMap, HashSet};

pub(super) use self::list::Judgement;
use self::list::{CATALOG_KEYS, List};
use self::new_fields::{NewFields, has_area, value_of};
use self::roles::{Role, Roles, STORE_KEYS};
use super::form::{self, Field};
use super::lock::Lock;
use super::permissions;
use crate::pdf::{Dictionary, Document, Entry, Located, Node, ObjectId, PdfError, Value};
use crate::report::ChangeKind;

/// What lies between the signed revision and the whole document; `lock` is what the signature itself forbids.
///
/// One change that is not permitted decides; the others are looked for so that they can be named.
pub(super) fn judge<'d>(
    signed: &Document<'d>,
    whole: &Document<'d>,
    lock: &Lock,
) -> Result<Judgement, PdfError> {
    let mut list = List::new(signed, whole);
    match compare(signed, whole, lock, &mut list) {
        Err(error) if list.is_permitted() => Err(error),
        _ => Ok(list.finish()),
    }
}

/// Whether what is about to be appended can be told from what the document's signatures cover. An object that cannot be
/// read may refer to anything, and a signature over it holds only as long as nothing comes later: [`judge`] fails then.
///
/// # Errors
/// [`PdfError`] of what cannot be read; nothing where nobody has signed.
pub(super) fn check_comparable(document: &Document<'_>) -> Result<(), PdfError> {
    match has_signatures(document)? {
        true => roles::check(document),
        false => Ok(()),
    }
}

/// As [`check_comparable`], for a document that nobody may have signed yet, and once it is signed.
///
/// # Errors
/// [`PdfError`] of what cannot be read.
pub(super) fn check_later(document: &Document<'_>) -> Result<(), PdfError> {
    roles::check(document)
}

/// Whether somebody has signed.
///
/// # Errors
/// [`PdfError`] where the form cannot be read.
pub(super) fn has_signatures(document: &Document<'_>) -> Result<bool, PdfError> {
    let is_signed = |field: &Field<'_>| {
        field.is_signature()
            && field
                .located
                .dictionary()
                .is_some_and(|field| field.get(b"V").is_some())
    };
    Ok(form::fields(document)?.iter().any(is_signed))
}

fn compare<'d>(
    signed: &Document<'d>,
    whole: &Document<'d>,
    lock: &Lock,
    list: &mut List<'_, 'd>,
) -> Result<(), PdfError> {
    if whole.trailing() != 0 || !continues(signed, whole) {
        list.forbid(ChangeKind::Structure);
        return Ok(());
    }
    if signed.sections().len() == whole.sections().len() {
        // No revision came, so nothing may have: what follows is in no one's revision.
        if !whole.is_blank_after(signed.size())? {
            list.forbid(ChangeKind::Structure);
        }
        return Ok(());
    }
    list.read_revisions();
    if root(signed) != root(whole) {
        list.forbid(ChangeKind::Catalog);
        return Ok(());
    }
    // Validation data and document time-stamps are no changes, whatever is forbidden (ISO 32000-2, 12.8.2.2.2).
    let nothing_else = lock.forbids_everything() || permissions::check(signed).is_err();
    let (changed, added) = changed_numbers(signed, whole);
    let roles = Roles::of(signed, lock, &added, list)?;
    let new_fields = new_fields::between((signed, whole), lock, nothing_else, list)?;
    for (index, number) in changed.iter().enumerate() {
        if list.is_full() {
            list.leave_out(changed.len() - index);
            break;
        }
        let (Some(before), Some(now)) = (current(signed, *number)?, current(whole, *number)?) else {
            list.object(*number, ChangeKind::Object, false);
            continue;
        };
        if before.id == now.id && before.node == now.node && whole.same_stream(&before, &now)? {
            continue;
        }
        let role = roles.get(before.id).filter(|_| before.id == now.id);
        let permitted = match role {
            Some(role) => is_permitted(role, (&before, &now), &new_fields, (signed, whole), nothing_else)?,
            None => false,
        };
        list.changed(role, &before, &now, permitted);
    }
    Ok(())
}

/// Whether the whole document's cross-references go on from the signed revision's.
fn continues(signed: &Document<'_>, whole: &Document<'_>) -> bool {
    let offsets = |document: &Document<'_>| {
        document
            .sections()
            .iter()
            .map(|section| section.offset)
            .collect::<Vec<_>>()
    };
    offsets(whole).ends_with(&offsets(signed))
}

fn root(document: &Document<'_>) -> Option<ObjectId> {
    document.trailer(b"Root")?.value.reference()
}

/// Numbers of objects that both have, and differently; and of those that only the whole document has.
fn changed_numbers(signed: &Document<'_>, whole: &Document<'_>) -> (Vec<u32>, HashSet<u32>) {
    let mut changed = Vec::new();
    let mut added = HashSet::new();
    for number in whole.numbers() {
        let now = whole.entry(number).unwrap_or(Entry::Free);
        match signed.entry(number).unwrap_or(Entry::Free) {
            before if before == now => {}
            Entry::Free => {
                added.insert(number);
            }
            _ => changed.push(number),
        }
    }
    changed.sort_unstable();
    (changed, added)
}

/// Whether an object that both have, and differently, may have changed in this way.
fn is_permitted(
    role: Role,
    (before, now): (&Located<'_>, &Located<'_>),
    new_fields: &NewFields,
    (signed, whole): (&Document<'_>, &Document<'_>),
    nothing_else: bool,
) -> Result<bool, PdfError> {
    let is_ordinary = matches!(
        role,
        Role::UnsignedField(_) | Role::OpenField(_) | Role::Appearance | Role::Information | Role::Metadata
    );
    if nothing_else && is_ordinary {
        return Ok(false);
    }
    let (Some(old), Some(new)) = (before.dictionary(), now.dictionary()) else {
        // An array.
        return match role {
            Role::Annotations => annotations_permitted(&before.node, &now.node, new_fields, signed, whole),
            Role::Form | Role::ValidationData => Ok(begins_with(&before.node, &now.node)),
            _ => Ok(false),
        };
    };
    let has_stream = before.stream.is_some() || now.stream.is_some();
    // Of a key that stands twice readers take the one or the other.
    let may_be_stream = matches!(role, Role::Metadata | Role::Appearance);
    if (has_stream && !may_be_stream) || new.is_ambiguous() {
        return Ok(false);
    }
    Ok(match role {
        // The form in the catalog and the form of its own have been compared by new_fields.
        Role::Catalog if nothing_else => {
            same_but(old, new, &[b"AcroForm", b"DSS", b"Extensions"])
                && old.all(b"PageMode").eq(new.all(b"PageMode"))
                && extensions_permitted((old, signed), (new, whole))?
        }
        Role::Catalog => same_but(old, new, &CATALOG_KEYS) && old.all(b"PageMode").eq(new.all(b"PageMode")),
        Role::Form => true,
        Role::Page => {
            let null = Node {
                value: Value::Null,
                span: 0..0,
            };
            let annotations =
                |page: &Dictionary| page.get(b"Annots").cloned().unwrap_or_else(|| null.clone());
            same_but(old, new, &[b"Annots"])
                && annotations_permitted(&annotations(old), &annotations(new), new_fields, signed, whole)?
        }
        Role::UnsignedField(field) => {
            let own: &[&[u8]] = if field == before.id {
                &[b"V", b"AP", b"M", b"F"]
            } else {
                &[b"AP", b"M", b"F"]
            };
            same_but(old, new, own)
                && flags_permitted(old, new)
                && is_signed(whole, field, has_area(signed, old)?)?
        }
        Role::OpenField(field) => {
            // The value and what shows it; where it stands and what it does remain.
            let own: &[&[u8]] = if field == before.id {
                &[b"V", b"RV", b"I", b"AP", b"AS", b"M"]
            } else {
                &[b"AP", b"AS", b"M"]
            };
            same_but(old, new, own)
        }
        Role::Appearance => is_appearance(old) && is_appearance(new) && now.stream.is_some(),
        Role::Information => information_permitted(old, new),
        Role::Metadata => old.is_type(b"Metadata") && new.is_type(b"Metadata"),
        Role::ValidationData => store_grew(old, new),
        Role::Annotations => false,
    })
}

/// The extensions dictionary (ISO 32000-1, 7.12), where nothing may come but validation data: only that of ETSI, which
/// names these, may be new (EN 319 142-1, 5.4.1).
fn extensions_permitted(
    (before, signed): (&Dictionary, &Document<'_>),
    (now, whole): (&Dictionary, &Document<'_>),
) -> Result<bool, PdfError> {
    let of = |catalog: &Dictionary, document: &Document<'_>| match catalog.get(b"Extensions") {
        Some(node) => Ok(document.resolve(node)?.dictionary().cloned()),
        None => Ok(Some(Dictionary::default())),
    };
    Ok(match (of(before, signed)?, of(now, whole)?) {
        (Some(before), Some(now)) => same_but(&before, &now, &[b"ESIC"]),
        _ => before.get(b"Extensions") == now.get(b"Extensions"),
    })
}

/// Whether the field has a value now that is reported on; where it is seen, one that is judged.
fn is_signed(whole: &Document<'_>, field: ObjectId, is_seen: bool) -> Result<bool, PdfError> {
    let field = whole.object(field)?;
    let value = match field.as_ref().and_then(Located::dictionary) {
        Some(field) => value_of(whole, field)?,
        None => None,
    };
    Ok(value.is_some_and(|value| value.is_judged || !is_seen))
}

/// Whether it is a form XObject (8.10), and brings nothing that a reader acts on.
fn is_appearance(dictionary: &Dictionary) -> bool {
    let subtype = dictionary.get(b"Subtype").and_then(|node| node.value.name());
    subtype == Some(b"Form") && dictionary.get(b"Ref").is_none() && dictionary.get(b"OPI").is_none()
}

/// The information dictionary (14.3.3): who made the document and when, in strings.
fn information_permitted(before: &Dictionary, now: &Dictionary) -> bool {
    let (before, now) = (by_key(before), by_key(now));
    let is_text = |node: Option<&&Node>| node.is_none_or(|node| node.value.string().is_some());
    before
        .keys()
        .chain(now.keys())
        .map(|key| (before.get(key), now.get(key)))
        .all(|(before, now)| before == now || (is_text(before) && is_text(now)))
}

fn current<'d>(document: &Document<'d>, number: u32) -> Result<Option<Located<'d>>, PdfError> {
    match document.entry(number) {
        Some(Entry::InUse { generation, .. }) => document.object(ObjectId { number, generation }),
        Some(Entry::Compressed { .. }) => document.object(ObjectId {
            number,
            generation: 0,
        }),
        _ => Ok(None),
    }
}

/// The old annotations in their order, then widgets of new signature fields.
fn annotations_permitted(
    before: &Node,
    now: &Node,
    new_fields: &NewFields,
    signed: &Document<'_>,
    whole: &Document<'_>,
) -> Result<bool, PdfError> {
    let (before, now) = (signed.resolve(before)?, whole.resolve(now)?);
    let (Some(before), Some(now)) = (elements(&before), elements(&now)) else {
        return Ok(false);
    };
    let is_widget = |id: ObjectId| new_fields.widgets.contains(&id);
    Ok(now.strip_prefix(before).is_some_and(|more| {
        more.iter()
            .all(|node| node.value.reference().is_some_and(is_widget))
    }))
}

/// Of an array that may be missing; `None` if something else is there.
fn elements(value: &Value) -> Option<&[Node]> {
    match value {
        Value::Null => Some(&[]),
        value => value.array(),
    }
}

fn begins_with(before: &Node, now: &Node) -> bool {
    match (before.value.array(), now.value.array()) {
        (Some(before), Some(now)) => now.starts_with(before),
        _ => false,
    }
}

/// The security store itself, or its dictionary of signatures, whose keys are SHA-1 digests in hexadecimal.
fn store_grew(before: &Dictionary, now: &Dictionary) -> bool {
    let known = by_key(before);
    let added: Vec<&[u8]> = by_key(now)
        .into_keys()
        .filter(|key| !known.contains_key(key))
        .collect();
    let is_digest = |key: &[u8]| key.len() == 40 && key.iter().all(u8::is_ascii_hexdigit);
    same_but(before, now, &STORE_KEYS)
        || (added.iter().all(|key| is_digest(key)) && same_but(before, now, &added))
}

/// A field that is signed may be locked in its place (12.5.3, bit 8).
fn flags_permitted(before: &Dictionary, now: &Dictionary) -> bool {
    const LOCKED: i64 = 128;
    let flags = |field: &Dictionary| field.get(b"F").map_or(Some(0), |node| node.value.integer());
    match (flags(before), flags(now)) {
        (Some(before), Some(now)) => before == now || before | LOCKED == now,
        _ => false,
    }
}

/// Whether two dictionaries differ in nothing but these keys.
fn same_but(before: &Dictionary, now: &Dictionary, keys: &[&[u8]]) -> bool {
    let rest = |dictionary| {
        let mut entries = by_key(dictionary);
        for key in keys {
            entries.remove(key);
        }
        entries
    };
    rest(before) == rest(now)
}

/// The entries that count; of a key that stands twice the last one. Comparing by [`Dictionary::get`] would look through
/// the whole dictionary for every key.
fn by_key(dictionary: &Dictionary) -> HashMap<&[u8], &Node> {
    dictionary
        .iter()
        .filter(|(_, node)| node.value != Value::Null)
        .collect()
}
