//! What the later revisions changed, for people: one entry for each object and revision that names it.

use std::collections::{BTreeSet, HashMap};

use super::by_key;
use super::roles::Role;
use crate::pades::form::{self, Field};
use crate::pdf::{Dictionary, Document, Entry, Located, ObjectId, PdfError, Value};
use crate::report::{Change, ChangeKind};

/// Changes that are listed for one signature; of more, those that are not permitted come first.
const MAX_LISTED: usize = 100;
/// Characters of a name that is listed.
const MAX_NAME: usize = 120;
/// Pages that are looked through for the one an object belongs to.
const MAX_PAGES: usize = 1000;

/// The keys of the catalog that may change.
pub(super) const CATALOG_KEYS: [&[u8]; 5] = [b"AcroForm", b"DSS", b"Extensions", b"Metadata", b"Version"];

/// What came of comparing a signed revision with the whole document.
#[derive(Debug)]
pub(in crate::pades) struct Judgement {
    /// Whether nothing but permitted changes lies between them.
    pub(in crate::pades) permitted: bool,
    /// By revision.
    pub(in crate::pades) changes: Vec<Change>,
    /// How many others there are.
    pub(in crate::pades) unlisted: u32,
}

/// The changes found so far.
pub(super) struct List<'a, 'd> {
    signed: &'a Document<'d>,
    whole: &'a Document<'d>,
    changes: Vec<Change>,
    unlisted: u32,
    forbidden: usize,
    /// Whether the form has been named as what may not have changed.
    form_is_told: bool,
    /// By object number: the later revisions in which it changed.
    revisions: HashMap<u32, Vec<u32>>,
    /// The fields of the whole document, with the place of each in the list by its own object and its widgets.
    fields: Option<(Vec<Field<'d>>, HashMap<ObjectId, usize>)>,
    /// On which page something of the signed revision is, counted from 1.
    pages: Option<HashMap<ObjectId, u32>>,
}

impl<'a, 'd> List<'a, 'd> {
    pub(super) fn new(signed: &'a Document<'d>, whole: &'a Document<'d>) -> Self {
        Self {
            signed,
            whole,
            changes: Vec::new(),
            unlisted: 0,
            forbidden: 0,
            form_is_told: false,
            revisions: HashMap::new(),
            fields: None,
            pages: None,
        }
    }

    /// Reads which revision changed what; the whole document's cross-references go on from the signed revision's.
    pub(super) fn read_revisions(&mut self) {
        let ends = self.whole.revision_ends();
        let sections = self.whole.sections();
        let later = sections.len().saturating_sub(self.signed.sections().len());
        let mut last: HashMap<u32, Entry> = HashMap::new();
        for section in sections[..later].iter().rev() {
            let before = ends.iter().filter(|end| **end <= section.offset).count();
            let revision = u32::try_from(before + 1).unwrap_or(u32::MAX);
            for (number, entry) in &section.entries {
                let known = last
                    .insert(*number, *entry)
                    .or_else(|| self.signed.entry(*number));
                let revisions = self.revisions.entry(*number).or_default();
                if known != Some(*entry) && revisions.last() != Some(&revision) {
                    revisions.push(revision);
                }
            }
        }
    }

    pub(super) fn is_permitted(&self) -> bool {
        self.forbidden == 0
    }

    /// Whether there is no room for another one that is not permitted.
    pub(super) fn is_full(&self) -> bool {
        self.forbidden >= MAX_LISTED
    }

    /// Counts what is not listed.
    pub(super) fn leave_out(&mut self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.unlisted = self.unlisted.saturating_add(count);
    }

    pub(super) fn finish(mut self) -> Judgement {
        self.changes.sort_by_key(|change| change.revision);
        Judgement {
            permitted: self.is_permitted(),
            changes: self.changes,
            unlisted: self.unlisted,
        }
    }

    /// Something that is no object's.
    pub(super) fn forbid(&mut self, kind: ChangeKind) {
        self.add(None, Named::of(kind), false);
    }

    /// The form that stands in this object.
    pub(super) fn forbid_form(&mut self, holder: Option<ObjectId>) {
        self.form_is_told = true;
        self.add(holder.map(|id| id.number), Named::of(ChangeKind::Form), false);
    }

    /// A field that came.
    pub(super) fn field(&mut self, field: ObjectId, kind: ChangeKind, permitted: bool) {
        if self.is_needless(permitted) {
            return self.leave_out(1);
        }
        let name = self.field_name(field);
        self.add(
            Some(field.number),
            Named {
                name,
                ..Named::of(kind)
            },
            permitted,
        );
    }

    /// An object of which nothing more is known.
    pub(super) fn object(&mut self, number: u32, kind: ChangeKind, permitted: bool) {
        self.add(Some(number), Named::of(kind), permitted);
    }

    /// An object that both have, and differently.
    pub(super) fn changed(
        &mut self,
        role: Option<Role>,
        before: &Located<'_>,
        now: &Located<'_>,
        permitted: bool,
    ) {
        if self.is_needless(permitted) {
            return self.leave_out(1);
        }
        let empty = Dictionary::default();
        let old = before.dictionary().unwrap_or(&empty);
        let new = now.dictionary().unwrap_or(&empty);
        let named = match role {
            Some(Role::Catalog) => return self.catalog(before.id.number, old, new, permitted),
            Some(Role::Form) if permitted && self.form_is_told => return,
            Some(Role::Form) => Named::of(ChangeKind::Form),
            Some(Role::Page | Role::Annotations) => self.on_page(before.id, old, new),
            Some(Role::UnsignedField(field) | Role::OpenField(field)) => self.of_field(field),
            Some(Role::Appearance) => Named::of(ChangeKind::FormField),
            Some(Role::Information | Role::Metadata) => Named::of(ChangeKind::Metadata),
            Some(Role::ValidationData) => Named::of(ChangeKind::ValidationData),
            None => self.without_role(before, old, new),
        };
        self.add(Some(before.id.number), named, permitted);
    }

    /// The catalog, key by key.
    fn catalog(&mut self, number: u32, before: &Dictionary, now: &Dictionary, permitted: bool) {
        let mut is_told = permitted;
        let told = self.form_is_told;
        let keys = differing(before, now).into_iter();
        for key in keys.filter(|key| !told || *key != b"AcroForm") {
            let kind = match key {
                b"AcroForm" => ChangeKind::Form,
                b"DSS" => ChangeKind::ValidationData,
                b"Metadata" => ChangeKind::Metadata,
                _ => ChangeKind::Catalog,
            };
            let may = CATALOG_KEYS.contains(&key);
            is_told |= !may;
            let name = Some(named_keys([key]));
            self.add(
                Some(number),
                Named {
                    name,
                    ..Named::of(kind)
                },
                may,
            );
        }
        if !is_told {
            self.object(number, ChangeKind::Catalog, false);
        }
    }

    /// A page, or its array of annotations.
    fn on_page(&mut self, id: ObjectId, old: &Dictionary, new: &Dictionary) -> Named {
        let page = self.page_of(id);
        let others = || differing(old, new).into_iter().filter(|key| *key != b"Annots");
        if others().next().is_none() {
            return Named {
                page,
                ..Named::of(ChangeKind::Annotation)
            };
        }
        Named {
            kind: ChangeKind::PageContent,
            page,
            name: Some(named_keys(others())),
        }
    }

    /// A field that was there, by its own object.
    fn of_field(&mut self, id: ObjectId) -> Named {
        let name = self.field_name(id);
        let is_signed = self
            .field_at(id)
            .is_some_and(|field| field.is_signature() && field.is_signed());
        let kind = if is_signed {
            ChangeKind::SignatureAdded
        } else {
            ChangeKind::FormField
        };
        Named {
            name,
            ..Named::of(kind)
        }
    }

    /// An object that has none of the roles, or several.
    fn without_role(&mut self, before: &Located<'_>, old: &Dictionary, new: &Dictionary) -> Named {
        if self.signed.catalog().is_ok_and(|catalog| catalog.id == before.id) {
            return Named::of(ChangeKind::Catalog);
        }
        if self.field_at(before.id).is_some() {
            return Named {
                name: self.field_name(before.id),
                ..Named::of(ChangeKind::FormField)
            };
        }
        let page = self.page_of(before.id);
        let kind = match old.get(b"Type").and_then(|node| node.value.name()) {
            Some(b"Annot") => ChangeKind::Annotation,
            Some(b"Filespec" | b"EmbeddedFile") => ChangeKind::Attachment,
            Some(b"Page" | b"Pages" | b"Font" | b"XObject" | b"Pattern" | b"ExtGState") => {
                ChangeKind::PageContent
            }
            _ if old.get(b"Rect").is_some() => ChangeKind::Annotation,
            _ if page.is_some() => ChangeKind::PageContent,
            _ => ChangeKind::Object,
        };
        let keys = differing(old, new);
        let name = (kind == ChangeKind::Object && before.stream.is_none() && !keys.is_empty())
            .then(|| named_keys(keys));
        Named { kind, page, name }
    }

    fn fields(&mut self) -> &(Vec<Field<'d>>, HashMap<ObjectId, usize>) {
        self.fields.get_or_insert_with(|| {
            let fields = form::fields(self.whole).unwrap_or_default();
            let objects = fields.iter().enumerate().flat_map(|(index, field)| {
                let own = std::iter::once(field.located.id);
                own.chain(field.widgets.iter().copied())
                    .map(move |id| (id, index))
            });
            let places = objects.collect();
            (fields, places)
        })
    }

    fn field_at(&mut self, id: ObjectId) -> Option<&Field<'d>> {
        let (fields, places) = self.fields();
        places.get(&id).and_then(|index| fields.get(*index))
    }

    fn field_name(&mut self, id: ObjectId) -> Option<String> {
        let (fields, places) = self.fields();
        let field = places.get(&id).and_then(|index| fields.get(*index))?;
        form::full_name(fields, field)
    }

    /// The first page that is this object or names it: as its content, a resource or one of its annotations.
    fn page_of(&mut self, id: ObjectId) -> Option<u32> {
        let pages = self.pages.get_or_insert_with(|| on_pages(self.signed));
        pages.get(&id).copied()
    }

    /// Whether another one would not be listed.
    fn is_needless(&self, permitted: bool) -> bool {
        permitted && self.changes.len() >= MAX_LISTED
    }

    fn add(&mut self, number: Option<u32>, named: Named, permitted: bool) {
        let revisions = number.and_then(|number| self.revisions.get(&number)).cloned();
        let revisions: Vec<Option<u32>> = match revisions {
            Some(revisions) if !revisions.is_empty() => revisions.into_iter().map(Some).collect(),
            _ => vec![None],
        };
        let name: Option<String> = named.name.map(|name| name.chars().take(MAX_NAME).collect());
        for revision in revisions {
            self.put(Change {
                revision,
                kind: named.kind,
                object: number,
                page: named.page,
                name: name.clone(),
                permitted,
            });
        }
    }

    fn put(&mut self, change: Change) {
        self.forbidden += usize::from(!change.permitted);
        if self.changes.len() < MAX_LISTED {
            self.changes.push(change);
            return;
        }
        self.leave_out(1);
        let place = self.changes.iter().rposition(|listed| listed.permitted);
        if let (false, Some(place)) = (change.permitted, place) {
            self.changes[place] = change;
        }
    }
}

/// What an object is to a reader.
struct Named {
    kind: ChangeKind,
    page: Option<u32>,
    name: Option<String>,
}

impl Named {
    const fn of(kind: ChangeKind) -> Self {
        Self {
            kind,
            page: None,
            name: None,
        }
    }
}

/// Keys that two dictionaries do not share with the same value.
fn differing<'n>(before: &'n Dictionary, now: &'n Dictionary) -> BTreeSet<&'n [u8]> {
    let (before, now) = (by_key(before), by_key(now));
    let keys = before.keys().chain(now.keys()).copied();
    keys.filter(|key| before.get(key) != now.get(key)).collect()
}

/// As a PDF writes them; no more than fit.
fn named_keys<'n>(keys: impl IntoIterator<Item = &'n [u8]>) -> String {
    let named = |key: &[u8]| format!("/{}", String::from_utf8_lossy(&key[..key.len().min(MAX_NAME)]));
    let keys: Vec<_> = keys.into_iter().take(MAX_NAME).map(named).collect();
    keys.join(" ")
}

/// The pages, and what each names; what cannot be read is on none.
fn on_pages(document: &Document<'_>) -> HashMap<ObjectId, u32> {
    let mut places = HashMap::new();
    let Ok(pages) = document.pages() else {
        return places;
    };
    for (page, number) in pages.take(MAX_PAGES).map_while(Result::ok).zip(1..) {
        places.entry(page.located.id).or_insert(number);
        let keys: [&[u8]; 3] = [b"Contents", b"Resources", b"Annots"];
        let dictionary = page.located.dictionary();
        for node in keys.into_iter().filter_map(|key| dictionary?.get(key)) {
            if note(document, &node.value, number, 2, &mut places).is_err() {
                return places;
            }
        }
    }
    places
}

/// Notes what a value names, `depth` references deep.
fn note(
    document: &Document<'_>,
    value: &Value,
    page: u32,
    depth: usize,
    places: &mut HashMap<ObjectId, u32>,
) -> Result<(), PdfError> {
    match value {
        Value::Reference(id) if !places.contains_key(id) => {
            places.insert(*id, page);
            // Annotations lead on to other pages.
            if let Some(located) = document.object(*id)?.filter(|_| depth > 0)
                && located.stream.is_none()
                && located
                    .dictionary()
                    .is_none_or(|inner| inner.get(b"Rect").is_none())
            {
                note(document, &located.node.value, page, depth - 1, places)?;
            }
        }
        Value::Array(nodes) => {
            for node in nodes {
                note(document, &node.value, page, depth, places)?;
            }
        }
        Value::Dictionary(inner) => {
            for (_, node) in inner.iter() {
                note(document, &node.value, page, depth, places)?;
            }
        }
        _ => {}
    }
    Ok(())
}
