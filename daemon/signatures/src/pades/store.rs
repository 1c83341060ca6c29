//! The document security store (EN 319 142-1, clause 5.4.2; ISO 32000-2, 12.8.4.3): certificates and revocation data with
//! which a signature can be validated when nobody answers any more.

use std::collections::HashMap;

use sha1::{Digest, Sha1};

use super::font::deflate;
use super::{PadesError, VIETNAM, changes};
use crate::material::ValidationMaterial;
use crate::pdf::{
    Dictionary, Document, Limits, Located, Node, ObjectId, PdfError, Splices, Update, Value, date,
};

/// Bytes of one certificate, answer or list.
const MAX_ITEM: usize = 16 << 20;
/// Items of one kind that are looked at.
const MAX_ITEMS: usize = 1_000;

/// The keys of the store, and what those of one signature are called (ISO 32000-2, tables 261 and 262).
const KINDS: [(&[u8], &str); 3] = [(b"Certs", "Cert"), (b"OCSPs", "OCSP"), (b"CRLs", "CRL")];

fn of_kind(material: &ValidationMaterial, kind: usize) -> &[Vec<u8>] {
    match kind {
        0 => &material.certificates,
        1 => &material.ocsp_responses,
        _ => &material.crls,
    }
}

fn of_kind_mut(material: &mut ValidationMaterial, kind: usize) -> &mut Vec<Vec<u8>> {
    match kind {
        0 => &mut material.certificates,
        1 => &mut material.ocsp_responses,
        _ => &mut material.crls,
    }
}

/// What a document's store holds; what of it cannot be read is left out.
///
/// # Errors
/// [`PdfError`] when the document itself cannot be read.
pub(crate) fn read(document: &Document<'_>) -> Result<ValidationMaterial, PdfError> {
    let mut data = ValidationMaterial::default();
    let Some(store) = Place::of(document)? else {
        return Ok(data);
    };
    for (kind, (key, _)) in KINDS.iter().enumerate() {
        for (_, item) in items(document, store.dictionary(), key)? {
            of_kind_mut(&mut data, kind).push(item);
        }
    }
    Ok(data)
}

/// Appends validation data for signatures, named by the values of their `/Contents`, to a document's store. Gives the
/// bytes to append; nothing if all of it is there.
///
/// # Errors
/// [`PadesError`]
pub fn add_validation_data(
    bytes: &[u8],
    signatures: &[(&[u8], &ValidationMaterial)],
    at: time::OffsetDateTime,
) -> Result<Vec<u8>, PadesError> {
    add_to(&Document::open(bytes, Limits::default())?, signatures, at)
}

/// As [`add_validation_data`], for a document that is open.
pub(super) fn add_to(
    document: &Document<'_>,
    signatures: &[(&[u8], &ValidationMaterial)],
    at: time::OffsetDateTime,
) -> Result<Vec<u8>, PadesError> {
    document.check_references()?;
    changes::check_comparable(document)?;
    let mut update = Update::new(document)?;
    let mut splices = Splices::default();
    let store = Place::of(document)?;
    let empty = Dictionary::default();
    let mut writer = Writer::default();
    for (kind, (key, _)) in KINDS.iter().enumerate() {
        let known = store.as_ref().map_or(&empty, Place::dictionary);
        for (id, item) in items(document, known, key)? {
            writer.arrays[kind].push(id);
            writer.known.insert((kind, item), id);
        }
    }
    let before = writer.arrays.clone();
    let mut entries = Vec::new();
    for (contents, data) in signatures.iter().filter(|(_, data)| !data.is_empty()) {
        entries.push((signature_key(contents), writer.add(&mut update, data, at)));
    }
    if writer.arrays == before && entries.is_empty() {
        return Ok(Vec::new());
    }
    match store {
        Some(store) => store.extend(document, &mut splices, &writer, &entries)?,
        None => {
            let id = update.reserve();
            let arrays = writer
                .present()
                .map(|(key, array)| format!("/{key} {array} "))
                .collect::<String>();
            let signatures = entries
                .iter()
                .map(|(key, entry)| format!("/{key} {entry} "))
                .collect::<String>();
            let body = format!("<< /Type /DSS {arrays}/VRI << {signatures}>> >>");
            update.add(id, body.as_bytes());
            let catalog = document.catalog()?;
            splices
                .of(&catalog)
                .set(&catalog.node, b"DSS", format!("{id} R").as_bytes())?;
        }
    }
    splices.finish(&mut update);
    Ok(update.finish(document)?)
}

/// The name of a signature in the store: SHA-1 of the value of its `/Contents`, upper-case hexadecimal.
fn signature_key(contents: &[u8]) -> String {
    hex::encode_upper(Sha1::digest(contents))
}

/// The streams of a store's array with their bytes.
fn items(
    document: &Document<'_>,
    store: &Dictionary,
    key: &[u8],
) -> Result<Vec<(ObjectId, Vec<u8>)>, PdfError> {
    let array = document.get(store, key)?;
    let nodes = array.as_deref().and_then(Value::array).unwrap_or_default();
    let mut items = Vec::new();
    for id in nodes
        .iter()
        .take(MAX_ITEMS)
        .filter_map(|node| node.value.reference())
    {
        if let Some(stream) = document.object(id)?
            && let Ok(item) = document.decoded(&stream, MAX_ITEM)
        {
            items.push((id, item));
        }
    }
    Ok(items)
}

/// Where a dictionary stands: an object of its own, or within another.
struct Place<'d> {
    holder: Located<'d>,
    node: Node,
}

impl<'d> Place<'d> {
    /// The store, if the catalog has one.
    fn of(document: &Document<'d>) -> Result<Option<Self>, PdfError> {
        let catalog = document.catalog()?;
        let catalog = Self {
            node: catalog.node.clone(),
            holder: catalog,
        };
        catalog.child(document, b"DSS")
    }

    fn dictionary(&self) -> &Dictionary {
        self.node.value.dictionary().expect("made of dictionaries only")
    }

    fn child(&self, document: &Document<'d>, key: &[u8]) -> Result<Option<Self>, PdfError> {
        let Some(node) = self.dictionary().get(key) else {
            return Ok(None);
        };
        let place = match node.value {
            Value::Reference(id) => document.object(id)?.map(|own| Self {
                node: own.node.clone(),
                holder: own,
            }),
            _ => Some(Self {
                node: node.clone(),
                holder: self.holder.clone(),
            }),
        };
        match place {
            Some(place) if place.node.value.dictionary().is_some() => Ok(Some(place)),
            Some(_) => Err(PdfError::Missing("the document security store")),
            None => Ok(None),
        }
    }

    fn extend(
        &self,
        document: &Document<'d>,
        splices: &mut Splices<'d>,
        writer: &Writer,
        entries: &[(String, String)],
    ) -> Result<(), PdfError> {
        for (key, array) in writer.present() {
            splices
                .of(&self.holder)
                .set(&self.node, key.as_bytes(), array.as_bytes())?;
        }
        match self.child(document, b"VRI")? {
            Some(signatures) => {
                for (key, entry) in entries {
                    splices
                        .of(&signatures.holder)
                        .set(&signatures.node, key.as_bytes(), entry.as_bytes())?;
                }
            }
            None => {
                let all = entries
                    .iter()
                    .map(|(key, entry)| format!("/{key} {entry} "))
                    .collect::<String>();
                splices
                    .of(&self.holder)
                    .set(&self.node, b"VRI", format!("<< {all}>>").as_bytes())?;
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Writer {
    arrays: [Vec<ObjectId>; 3],
    known: HashMap<(usize, Vec<u8>), ObjectId>,
}

impl Writer {
    /// Adds what is not there yet, and gives the entry of the signature it is for.
    fn add(&mut self, update: &mut Update, data: &ValidationMaterial, at: time::OffsetDateTime) -> String {
        let mut entry = String::from("<< ");
        for (kind, (_, name)) in KINDS.iter().enumerate() {
            let mut ids = Vec::new();
            for item in of_kind(data, kind) {
                let known = self.known.get(&(kind, item.clone())).copied();
                let id = known.unwrap_or_else(|| {
                    let id = update.reserve();
                    update.add_stream(id, "/Filter /FlateDecode", &deflate(item));
                    self.arrays[kind].push(id);
                    self.known.insert((kind, item.clone()), id);
                    id
                });
                ids.push(id);
            }
            if !ids.is_empty() {
                entry.push_str(&format!("/{name} {} ", array(&ids)));
            }
        }
        let at = at.checked_to_offset(VIETNAM).unwrap_or(at);
        entry.push_str(&format!("/TU {} >>", date(at)));
        entry
    }

    fn present(&self) -> impl Iterator<Item = (&str, String)> {
        let filled = KINDS.iter().zip(&self.arrays).filter(|(_, ids)| !ids.is_empty());
        filled.map(|((key, _), ids)| (std::str::from_utf8(key).unwrap_or_default(), array(ids)))
    }
}

fn array(ids: &[ObjectId]) -> String {
    let ids: Vec<_> = ids.iter().map(|id| format!("{id} R")).collect();
    format!("[{}]", ids.join(" "))
}
