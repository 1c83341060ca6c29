//! Which objects of the signed revision may change, by what they are.
//!
//! A role is only worth something where the object has no other use: who prepares a document may let its metadata be a
//! page's content too, or the list of its certificates. So every reference to such an object is counted, and has to be
//! one that gives it the role.

use std::collections::{HashMap, HashSet};

use super::current;
use super::list::List;
use crate::pades::form::{self, Field, Form};
use crate::pades::lock::Lock;
use crate::pades::permissions;
use crate::pdf::{Dictionary, Document, Located, ObjectId, PdfError, Value};
use crate::report::ChangeKind;

/// Keys of the document security store that hold validation data (EN 319 142-1, clause 5.4.2).
pub(super) const STORE_KEYS: [&[u8]; 4] = [b"Certs", b"OCSPs", b"CRLs", b"VRI"];

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Catalog,
    /// The form dictionary, or its array of fields; compared by [`super::new_fields`].
    Form,
    Page,
    /// A page's array of annotations, be it the form's array of fields too.
    Annotations,
    /// A signature field without a signature, or a widget of it.
    UnsignedField(ObjectId),
    /// Another field that may be filled in, or a widget of it.
    OpenField(ObjectId),
    /// What such a widget looks like.
    Appearance,
    Information,
    Metadata,
    ValidationData,
}

/// The objects that have exactly one role.
#[derive(Debug)]
pub(super) struct Roles(HashMap<ObjectId, Role>);

impl Roles {
    /// Of the signed revision. It may not refer to one of the objects that were added later.
    pub(super) fn of(
        document: &Document<'_>,
        lock: &Lock,
        added: &HashSet<u32>,
        list: &mut List<'_, '_>,
    ) -> Result<Self, PdfError> {
        let mentions = Mentions::of(document)?;
        let mut awaited: Vec<u32> = added
            .iter()
            .copied()
            .filter(|number| mentions.by_number.contains_key(number))
            .collect();
        awaited.sort_unstable();
        for number in awaited {
            list.object(number, ChangeKind::Object, false);
        }
        let mut claims = Claims::default();
        claims.add_document(document)?;
        claims.add_pages(document)?;
        claims.add_fields(document, lock)?;
        let settled = claims.0.into_iter().filter_map(|(id, roles)| {
            let mention = mentions.by_number.get(&id.number).copied().unwrap_or_default();
            Some((id, settle(&roles, mention)?))
        });
        Ok(Self(settled.collect()))
    }

    pub(super) fn get(&self, id: ObjectId) -> Option<Role> {
        self.0.get(&id).copied()
    }
}

/// Whether the roles of a document's objects can be told.
pub(super) fn check(document: &Document<'_>) -> Result<(), PdfError> {
    Mentions::of(document)?;
    let mut claims = Claims::default();
    claims.add_document(document)?;
    claims.add_pages(document)
}

/// The role of an object that has these claims to one, one for each reference that gives it.
fn settle(roles: &[Role], mention: Mention) -> Option<Role> {
    let first = *roles.first()?;
    let all_same = roles.iter().all(|role| *role == first);
    let all_told = mention.count == roles.len();
    match first {
        Role::Catalog | Role::Information => (roles.len() == 1 && mention.count == 0).then_some(first),
        Role::Metadata | Role::ValidationData => (roles.len() == 1 && all_told).then_some(first),
        Role::Page => all_same.then_some(first),
        Role::UnsignedField(_) | Role::OpenField(_) => (all_same && !mention.is_resource).then_some(first),
        Role::Appearance => (all_same && all_told).then_some(first),
        Role::Form if roles.len() == 1 => all_told.then_some(first),
        // Annotations are looked at more strictly.
        Role::Form | Role::Annotations => {
            let arrays = |role: &Role| matches!(role, Role::Form | Role::Annotations);
            let on_a_page = roles.contains(&Role::Annotations);
            (all_told && on_a_page && roles.iter().all(arrays)).then_some(Role::Annotations)
        }
    }
}

#[derive(Default)]
struct Claims(HashMap<ObjectId, Vec<Role>>);

impl Claims {
    fn add(&mut self, id: Option<ObjectId>, role: Role) {
        if let Some(id) = id {
            self.0.entry(id).or_default().push(role);
        }
    }

    fn add_value(&mut self, dictionary: &Dictionary, key: &[u8], role: Role) {
        let id = dictionary.get(key).and_then(|node| node.value.reference());
        self.add(id, role);
    }

    fn add_document(&mut self, document: &Document<'_>) -> Result<(), PdfError> {
        let catalog = document.catalog()?;
        self.add(Some(catalog.id), Role::Catalog);
        if let Some(form) = Form::of(document)? {
            self.add(Some(form.holder.id).filter(|id| *id != catalog.id), Role::Form);
            self.add_value(form.dictionary(), b"Fields", Role::Form);
        }
        let information = document.trailer(b"Info").and_then(|node| node.value.reference());
        self.add(information, Role::Information);
        let Some(catalog) = catalog.dictionary() else {
            return Ok(());
        };
        self.add_value(catalog, b"Metadata", Role::Metadata);
        self.add_value(catalog, b"DSS", Role::ValidationData);
        let store = document.get(catalog, b"DSS")?;
        if let Some(store) = store.as_deref().and_then(Value::dictionary) {
            for key in STORE_KEYS {
                self.add_value(store, key, Role::ValidationData);
            }
        }
        Ok(())
    }

    fn add_pages(&mut self, document: &Document<'_>) -> Result<(), PdfError> {
        for page in document.pages()? {
            let page = page?.located;
            self.add(Some(page.id), Role::Page);
            if let Some(page) = page.dictionary() {
                self.add_value(page, b"Annots", Role::Annotations);
            }
        }
        Ok(())
    }

    fn add_fields(&mut self, document: &Document<'_>, lock: &Lock) -> Result<(), PdfError> {
        let fields = form::fields(document)?;
        let may_be_filled = permissions::may_fill(document)?;
        for field in &fields {
            let role = if is_unsigned(field) {
                Role::UnsignedField(field.located.id)
            } else if may_be_filled && is_open(field) {
                Role::OpenField(field.located.id)
            } else {
                continue;
            };
            if lock.forbids(&fields, field) {
                continue;
            }
            self.add(Some(field.located.id), role);
            for widget in &field.widgets {
                self.add(Some(*widget), role);
                if matches!(role, Role::OpenField(_)) {
                    self.add_appearances(document, *widget)?;
                }
            }
        }
        Ok(())
    }

    /// The streams that show a widget in its states (12.5.5).
    fn add_appearances(&mut self, document: &Document<'_>, widget: ObjectId) -> Result<(), PdfError> {
        let widget = document.object(widget)?;
        let shown = match widget.as_ref().and_then(Located::dictionary) {
            Some(widget) => document.get(widget, b"AP")?,
            None => None,
        };
        let normal = shown
            .as_deref()
            .and_then(Value::dictionary)
            .and_then(|shown| shown.get(b"N"));
        match normal.map(|node| &node.value) {
            Some(Value::Reference(id)) => self.add(Some(*id), Role::Appearance),
            Some(Value::Dictionary(states)) => states
                .iter()
                .for_each(|(_, state)| self.add(state.value.reference(), Role::Appearance)),
            _ => {}
        }
        Ok(())
    }
}

/// Whether it is a field for text, choices or marks, which is there to be filled in.
fn is_open(field: &Field<'_>) -> bool {
    matches!(field.kind.as_deref(), Some(b"Tx" | b"Ch" | b"Btn"))
}

fn is_unsigned(field: &Field<'_>) -> bool {
    field.is_signature()
        && field
            .located
            .dictionary()
            .is_some_and(|field| field.get(b"V").is_none())
}

/// How an object is referred to, but for `/Root` and `/Info` in a trailer.
#[derive(Debug, Clone, Copy, Default)]
struct Mention {
    count: usize,
    /// As the value of a key that does not name fields and annotations: a resource, for all that is known.
    is_resource: bool,
}

struct Mentions {
    by_number: HashMap<u32, Mention>,
    catalog: u32,
}

impl Mentions {
    /// One walk over all objects and trailers.
    fn of(document: &Document<'_>) -> Result<Self, PdfError> {
        let mut mentions = Self {
            by_number: HashMap::new(),
            catalog: document.catalog()?.id.number,
        };
        let sections: HashSet<u32> = document
            .sections()
            .iter()
            .filter_map(|section| section.own_number)
            .collect();
        let mut trailers = Vec::new();
        for number in document.numbers() {
            let Some(located) = current(document, number)? else {
                continue;
            };
            match located.dictionary() {
                // The trailer in a cross-reference stream that lists itself.
                Some(trailer) if trailer.is_type(b"XRef") && sections.contains(&number) => {
                    trailers.push((number, trailer.clone()));
                }
                _ => mentions.walk(&located.node.value, None),
            }
        }
        for section in document.sections() {
            mentions.walk_trailer(&section.trailer);
        }
        for (number, trailer) in trailers {
            if mentions.by_number.contains_key(&number) {
                // It is used for something else too.
                mentions.walk(&Value::Dictionary(trailer), None);
            } else {
                mentions.walk_trailer(&trailer);
            }
        }
        Ok(mentions)
    }

    fn walk_trailer(&mut self, trailer: &Dictionary) {
        for (key, node) in trailer.iter() {
            if !matches!((key, &node.value), (b"Root" | b"Info", Value::Reference(_))) {
                self.walk(&node.value, Some(key));
            }
        }
    }

    /// Recursion as deep as the parser's, which has a limit.
    fn walk(&mut self, value: &Value, key: Option<&[u8]>) {
        match value {
            Value::Reference(id) => {
                let mention = self.by_number.entry(id.number).or_default();
                mention.count += 1;
                // Fields point to their parents, structure elements and replies to annotations.
                mention.is_resource |= key.is_some_and(|key| !matches!(key, b"Parent" | b"Obj" | b"IRT"));
            }
            Value::Array(nodes) => nodes.iter().for_each(|node| self.walk(&node.value, None)),
            Value::Dictionary(dictionary) => {
                for (key, node) in dictionary.iter() {
                    if !self.is_analysed(dictionary, key, &node.value) {
                        self.walk(&node.value, Some(key));
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether it is the catalog as the object that a signature reference is about (12.8.1, table 253, Data): every
    /// signature that locks fields, and most that certify, say so, and nothing is drawn or run from there.
    fn is_analysed(&self, dictionary: &Dictionary, key: &[u8], value: &Value) -> bool {
        key == b"Data"
            && dictionary.get(b"TransformMethod").is_some()
            && value.reference().is_some_and(|id| id.number == self.catalog)
    }
}
