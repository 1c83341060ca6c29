//! What came after a signature: an allow list (ISO 32000-1, 12.8.2.2; EN 319 142-1, clause 5.5).
//!
//! A later revision may add signature fields with their widgets, sign fields that were there unsigned, and add
//! validation data. It may not touch anything else that the signed revision shows or refers to. Comparing every object
//! that a later cross-reference names is what keeps out content that was prepared before signing: an object number the
//! signed revision already refers to, but does not define, may not be defined later.

use std::collections::{HashMap, HashSet};

use super::form::{self, Field, Form};
use super::permissions;
use crate::pdf::{Dictionary, Document, Entry, Located, Node, ObjectId, PdfError, Value};

/// Whether only permitted changes lie between the signed revision and the whole document.
pub(super) fn are_permitted(signed: &Document<'_>, whole: &Document<'_>) -> Result<bool, PdfError> {
    if whole.trailing() != 0 || !continues(signed, whole) {
        return Ok(false);
    }
    if signed.sections().len() == whole.sections().len() {
        // No revision came, so nothing may have: what follows is in no one's revision.
        let behind = &whole.bytes()[signed.bytes().len()..];
        return Ok(behind.iter().all(u8::is_ascii_whitespace));
    }
    if permissions::check(signed).is_err() || root(signed) != root(whole) {
        return Ok(false);
    }
    let (changed, added) = changed_numbers(signed, whole);
    let roles = Roles::of(signed)?;
    let new_fields = match new_fields(signed, whole)? {
        Some(fields) => fields,
        None => return Ok(false),
    };
    if permissions::certification(signed)?.is_some() && any_visible(whole, &new_fields)? {
        return Ok(false);
    }
    for number in changed {
        if !is_permitted(number, &roles, &new_fields, signed, whole)? {
            return Ok(false);
        }
    }
    Ok(!refers_to(signed, &added)?)
}

/// Whether one of these widgets takes up room on its page, where it may cover what the author certified.
fn any_visible(document: &Document<'_>, widgets: &HashSet<ObjectId>) -> Result<bool, PdfError> {
    for widget in widgets {
        let Some(located) = document.object(*widget)? else {
            continue;
        };
        let Some(widget) = located.dictionary() else {
            continue;
        };
        let Some(rectangle) = document.get(widget, b"Rect")? else {
            continue;
        };
        let corners: Option<Vec<f64>> = rectangle
            .array()
            .and_then(|corners| corners.iter().map(|node| node.value.number()).collect());
        let empty = matches!(corners.as_deref(), Some([x1, y1, x2, y2]) if x1 == x2 || y1 == y2);
        if !empty {
            return Ok(true);
        }
    }
    Ok(false)
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
    (changed, added)
}

/// The objects of the signed revision that may change, by what they are.
#[derive(Default)]
struct Roles {
    by_id: HashMap<ObjectId, Role>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Catalog,
    /// The form dictionary, or its array of fields; compared by [`new_fields`].
    Form,
    Page,
    Annotations,
    /// A signature field without a signature, or its widget.
    UnsignedField,
    Information,
    Metadata,
    ValidationData,
}

impl Roles {
    fn of(document: &Document<'_>) -> Result<Self, PdfError> {
        let mut roles = Self::default();
        roles.add_document(document)?;
        for page in document.pages()? {
            let page = page?.located;
            let annotations = page
                .dictionary()
                .and_then(|page| page.get(b"Annots")?.value.reference());
            roles.add(Some(page.id), Role::Page);
            roles.add(annotations, Role::Annotations);
        }
        for field in form::fields(document)?.iter().filter(|field| is_unsigned(field)) {
            roles.add(Some(field.located.id), Role::UnsignedField);
            field
                .widgets
                .iter()
                .for_each(|widget| roles.add(Some(*widget), Role::UnsignedField));
        }
        Ok(roles)
    }

    /// An object with two roles is somebody's trick: it keeps the first, and the stricter come first.
    fn add(&mut self, id: Option<ObjectId>, role: Role) {
        if let Some(id) = id {
            self.by_id.entry(id).or_insert(role);
        }
    }

    fn add_document(&mut self, document: &Document<'_>) -> Result<(), PdfError> {
        let catalog = document.catalog()?;
        self.add(Some(catalog.id), Role::Catalog);
        if let Some(form) = Form::of(document)? {
            self.add(Some(form.holder.id), Role::Form);
            self.add(
                form.dictionary()
                    .get(b"Fields")
                    .and_then(|node| node.value.reference()),
                Role::Form,
            );
        }
        self.add(
            document.trailer(b"Info").and_then(|node| node.value.reference()),
            Role::Information,
        );
        let Some(catalog) = catalog.dictionary() else {
            return Ok(());
        };
        self.add(
            catalog.get(b"Metadata").and_then(|node| node.value.reference()),
            Role::Metadata,
        );
        self.add(
            catalog.get(b"DSS").and_then(|node| node.value.reference()),
            Role::ValidationData,
        );
        if let Some(store) = document.get(catalog, b"DSS")?
            && let Some(store) = store.dictionary()
        {
            for key in STORE_KEYS {
                self.add(
                    store.get(key).and_then(|node| node.value.reference()),
                    Role::ValidationData,
                );
            }
        }
        Ok(())
    }
}

/// Keys of the document security store that hold validation data (EN 319 142-1, clause 5.4.2).
const STORE_KEYS: [&[u8]; 4] = [b"Certs", b"OCSPs", b"CRLs", b"VRI"];

fn is_unsigned(field: &Field<'_>) -> bool {
    field.is_signature()
        && field
            .located
            .dictionary()
            .is_some_and(|field| field.get(b"V").is_none())
}

/// The objects of signature fields and widgets that the whole document has more; `None` if the form differs otherwise.
fn new_fields(signed: &Document<'_>, whole: &Document<'_>) -> Result<Option<HashSet<ObjectId>>, PdfError> {
    let (before, now) = (Form::of(signed)?, Form::of(whole)?);
    let empty = Dictionary::default();
    let dictionaries = (
        before.as_ref().map_or(&empty, Form::dictionary),
        now.as_ref().map_or(&empty, Form::dictionary),
    );
    if !form_permitted(before.is_none(), dictionaries.0, dictionaries.1) {
        return Ok(None);
    }
    let roots = |form: Option<&Form<'_>>, document: &Document<'_>| {
        form.map_or(Ok(Vec::new()), |form| form.roots(document))
    };
    let (before, now) = (roots(before.as_ref(), signed)?, roots(now.as_ref(), whole)?);
    let Some(more) = now.strip_prefix(before.as_slice()) else {
        return Ok(None);
    };
    let more: HashSet<_> = more.iter().collect();
    let known: HashSet<_> = form::fields(signed)?
        .into_iter()
        .map(|field| field.located.id)
        .collect();
    let mut new = HashSet::new();
    for field in form::fields(whole)? {
        if known.contains(&field.located.id) {
            continue;
        }
        if field.depth != 0 || !more.contains(&field.located.id) || !field.is_signature() {
            return Ok(None);
        }
        new.insert(field.located.id);
        new.extend(field.widgets);
    }
    Ok(Some(new))
}

/// The form but for its fields. A signing program may bring resources for the appearance it makes, in a form that is
/// new or beside what is there.
fn form_permitted(is_new: bool, before: &Dictionary, now: &Dictionary) -> bool {
    let resources = |form: &Dictionary| form.get(b"DR").map(|node| node.value.clone());
    let kept = match (resources(before), resources(now)) {
        (Some(before), Some(now)) => grew(&before, &now),
        (before, now) => is_new || before == now,
    };
    let mut own: Vec<&[u8]> = vec![b"Fields", b"SigFlags", b"DR"];
    if is_new {
        own.push(b"DA");
    }
    kept && same_but(before, now, &own)
}

/// Whether nothing was taken out of a dictionary and those in it, or changed.
fn grew(before: &Value, now: &Value) -> bool {
    match (before, now) {
        (Value::Dictionary(before), Value::Dictionary(now)) => {
            let now = by_key(now);
            let kept = |(key, node): (&[u8], &Node)| {
                now.get(key).is_some_and(|later| grew(&node.value, &later.value))
            };
            before.iter().all(kept)
        }
        _ => before == now,
    }
}

fn is_permitted(
    number: u32,
    roles: &Roles,
    new_fields: &HashSet<ObjectId>,
    signed: &Document<'_>,
    whole: &Document<'_>,
) -> Result<bool, PdfError> {
    let (Some(before), Some(now)) = (current(signed, number)?, current(whole, number)?) else {
        return Ok(false);
    };
    if before.id == now.id && before.node == now.node && before.stream == now.stream {
        return Ok(true);
    }
    let Some(role) = roles.by_id.get(&before.id).filter(|_| before.id == now.id) else {
        return Ok(false);
    };
    let (Some(old), Some(new)) = (before.dictionary(), now.dictionary()) else {
        // An array.
        return Ok(match role {
            Role::Form => true,
            Role::Annotations => annotations_permitted(&before.node, &now.node, new_fields, signed, whole)?,
            Role::ValidationData => begins_with(&before.node, &now.node),
            _ => false,
        });
    };
    if (before.stream.is_some() || now.stream.is_some()) && *role != Role::Metadata {
        return Ok(false);
    }
    Ok(match role {
        // The form in the catalog and the form of its own have been compared by new_fields.
        Role::Catalog => same_but(
            old,
            new,
            &[b"AcroForm", b"DSS", b"Extensions", b"Metadata", b"Version"],
        ),
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
        Role::UnsignedField => same_but(old, new, &[b"V", b"AP", b"M", b"F"]) && flags_permitted(old, new),
        Role::Information => true,
        Role::Metadata => old.is_type(b"Metadata") && new.is_type(b"Metadata"),
        Role::ValidationData => store_grew(old, new),
        Role::Annotations => false,
    })
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
    new_fields: &HashSet<ObjectId>,
    signed: &Document<'_>,
    whole: &Document<'_>,
) -> Result<bool, PdfError> {
    let (before, now) = (signed.resolve(before)?, whole.resolve(now)?);
    let Some(more) = now
        .array()
        .unwrap_or_default()
        .strip_prefix(before.array().unwrap_or_default())
    else {
        return Ok(false);
    };
    Ok(more
        .iter()
        .all(|node| node.value.reference().is_some_and(|id| new_fields.contains(&id))))
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

/// Whether any object of the document refers to one of these numbers.
fn refers_to(document: &Document<'_>, numbers: &HashSet<u32>) -> Result<bool, PdfError> {
    for number in document.numbers() {
        if let Some(located) = current(document, number)?
            && mentions(&located.node.value, numbers)
        {
            return Ok(true);
        }
    }
    Ok(document.sections().iter().any(|section| {
        section
            .trailer
            .iter()
            .any(|(_, node)| mentions(&node.value, numbers))
    }))
}

/// Recursion as deep as the parser's, which has a limit.
fn mentions(value: &Value, numbers: &HashSet<u32>) -> bool {
    match value {
        Value::Reference(id) => numbers.contains(&id.number),
        Value::Array(nodes) => nodes.iter().any(|node| mentions(&node.value, numbers)),
        Value::Dictionary(dictionary) => dictionary.iter().any(|(_, node)| mentions(&node.value, numbers)),
        _ => false,
    }
}
