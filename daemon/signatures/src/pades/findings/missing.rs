//! References to objects that are not there, where they would be seen (ISO 32000-1, 7.3.10): such an object is `null`
//! until a later revision brings it, as in a document that is prepared to change after it was signed.
//!
//! Documents are full of others, which draw nothing: links to pages that were taken out, outlines, structure.

use super::Found;
use crate::pdf::{Dictionary, Document, Entry, Located, ObjectId, Value};
use crate::report::FindingKind;

/// Keys of what a page, a form or an annotation is drawn with, of fonts and pictures, and of what the document is made of.
const DRAWN: [&[u8]; 32] = [
    b"Contents",
    b"Resources",
    b"XObject",
    b"Font",
    b"ExtGState",
    b"ColorSpace",
    b"Pattern",
    b"Shading",
    b"Kids",
    b"Annots",
    b"AP",
    b"N",
    b"Fields",
    b"AcroForm",
    b"XFA",
    b"OCProperties",
    b"Pages",
    b"SMask",
    b"Mask",
    b"Group",
    b"G",
    b"FontDescriptor",
    b"FontFile",
    b"FontFile2",
    b"FontFile3",
    b"DescendantFonts",
    b"Encoding",
    b"CharProcs",
    b"CIDToGIDMap",
    b"Function",
    b"OpenAction",
    b"V",
];

pub(super) fn search(document: &Document<'_>, located: &Located<'_>, found: &mut Found) {
    let mut missing = 0;
    walk(document, &located.node.value, false, &mut missing);
    for _ in 0..missing {
        found.add(FindingKind::MissingObject, Some(located.id.number));
    }
}

/// Recursion as deep as the parser's. What stands below one of those keys is drawn, too.
fn walk(document: &Document<'_>, value: &Value, is_drawn: bool, missing: &mut u32) {
    match value {
        Value::Reference(id) if is_drawn && is_missing(document, *id) => *missing += 1,
        Value::Array(nodes) => nodes
            .iter()
            .for_each(|node| walk(document, &node.value, is_drawn, missing)),
        Value::Dictionary(dictionary) => walk_dictionary(document, dictionary, missing),
        _ => {}
    }
}

fn walk_dictionary(document: &Document<'_>, dictionary: &Dictionary, missing: &mut u32) {
    for (key, node) in dictionary.iter() {
        walk(document, &node.value, DRAWN.contains(&key), missing);
    }
}

fn is_missing(document: &Document<'_>, id: ObjectId) -> bool {
    match document.entry(id.number) {
        None | Some(Entry::Free) => true,
        Some(Entry::InUse { generation, .. }) => generation != id.generation,
        Some(Entry::Compressed { .. }) => id.generation != 0,
    }
}
