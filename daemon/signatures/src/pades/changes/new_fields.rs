//! Signature fields that came after a signature.

use std::collections::HashSet;

use super::list::List;
use super::{by_key, same_but};
use crate::pades::byte_range;
use crate::pades::form::{self, Field, Form, is_time_stamp};
use crate::pades::lock::Lock;
use crate::pades::permissions;
use crate::pdf::{Dictionary, Document, Entry, Node, ObjectId, PdfError, Value};
use crate::report::ChangeKind;

/// The fields that the whole document has more.
pub(super) struct NewFields {
    /// What may be added to a page's annotations.
    pub(super) widgets: HashSet<ObjectId>,
}

/// The new signature fields. Not permitted is a form that differs otherwise, and a field that is more than such a field;
/// with `nothing_else` one that is no document time-stamp.
pub(super) fn between(
    (signed, whole): (&Document<'_>, &Document<'_>),
    lock: &Lock,
    nothing_else: bool,
    list: &mut List<'_, '_>,
) -> Result<NewFields, PdfError> {
    let roots = new_roots(signed, whole)?;
    if roots.is_none() {
        list.forbid_form(Form::of(whole)?.map(|form| form.holder.id));
    }
    let known: HashSet<_> = form::fields(signed)?
        .into_iter()
        .map(|field| field.located.id)
        .collect();
    let mut new = NewFields {
        widgets: HashSet::new(),
    };
    let roots = roots.unwrap_or_default();
    let fields = form::fields(whole)?;
    for field in fields.iter().filter(|field| !known.contains(&field.located.id)) {
        if list.is_full() {
            list.leave_out(1);
            continue;
        }
        let is_root = field.depth == 0 && roots.contains(&field.located.id);
        let is_time_stamp = is_sound_time_stamp(whole, field)?;
        let is_locked = (nothing_else || lock.forbids(&fields, field)) && !is_time_stamp;
        let visible = match is_root && field.is_signature() && !is_locked {
            true => visibility(signed, whole, field)?,
            false => None,
        };
        // What is seen may cover what the author certified.
        let permitted = match visible {
            Some(is_visible) => !is_visible || permissions::certification(signed)?.is_none(),
            None => false,
        };
        let kind = match (is_time_stamp, field.is_signature() && field.is_signed()) {
            (true, _) => ChangeKind::TimeStampAdded,
            (false, true) => ChangeKind::SignatureAdded,
            (false, false) => ChangeKind::FieldAdded,
        };
        list.field(field.located.id, kind, permitted);
        if permitted {
            new.widgets.extend(&field.widgets);
        }
    }
    Ok(new)
}

/// Whether its value is a document time-stamp over everything but itself. What only calls itself one is a signature like
/// others, and as little permitted.
fn is_sound_time_stamp(whole: &Document<'_>, field: &Field<'_>) -> Result<bool, PdfError> {
    let value = field.located.dictionary().and_then(|field| field.get(b"V"));
    let Some(id) = value.and_then(|value| value.value.reference()) else {
        return Ok(false);
    };
    let Some(holder) = whole.object(id)? else {
        return Ok(false);
    };
    let is_time_stamp = holder
        .dictionary()
        .is_some_and(|value| is_time_stamp(value) && value.is_type(b"DocTimeStamp"));
    let length = whole.size();
    Ok(is_time_stamp && byte_range::check(&holder, &holder.node, length).is_ok())
}

/// What the form names behind the fields it had; `None` if it differs in anything else.
fn new_roots(signed: &Document<'_>, whole: &Document<'_>) -> Result<Option<HashSet<ObjectId>>, PdfError> {
    let (before, now) = (Form::of(signed)?, Form::of(whole)?);
    let empty = Dictionary::default();
    let dictionaries = (
        before.as_ref().map_or(&empty, Form::dictionary),
        now.as_ref().map_or(&empty, Form::dictionary),
    );
    let may_fill = permissions::may_fill(signed)?;
    if !form_permitted(before.is_none(), may_fill, dictionaries.0, dictionaries.1) {
        return Ok(None);
    }
    let fields = |form: Option<&Form<'_>>, document: &Document<'_>| {
        form.map_or(Ok(Vec::new()), |form| form.fields(document))
    };
    let (before, now) = (fields(before.as_ref(), signed)?, fields(now.as_ref(), whole)?);
    let more = now.strip_prefix(before.as_slice());
    Ok(more.and_then(|more| more.iter().map(|node| node.value.reference()).collect()))
}

/// The form but for its fields. A signing program may bring resources for the appearance it makes, in a form that is
/// new or beside what is there.
/// Who may fill it in may also ask readers to draw it anew.
fn form_permitted(is_new: bool, may_fill: bool, before: &Dictionary, now: &Dictionary) -> bool {
    let resources = |form: &Dictionary| form.get(b"DR").map(|node| node.value.clone());
    let kept = match (resources(before), resources(now)) {
        (Some(before), Some(now)) => grew(&before, &now),
        (before, now) => is_new || before == now,
    };
    let mut own: Vec<&[u8]> = vec![b"Fields", b"SigFlags", b"DR"];
    if is_new {
        own.push(b"DA");
    }
    if may_fill {
        own.push(b"NeedAppearances");
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

/// Whether a new field is seen; `None` if it or one of its widgets is more than that. What is seen has to be somebody's
/// signature, which is judged in its turn: else anybody could cover the page.
fn visibility(
    signed: &Document<'_>,
    whole: &Document<'_>,
    field: &Field<'_>,
) -> Result<Option<bool>, PdfError> {
    let Some(dictionary) = field.located.dictionary() else {
        return Ok(None);
    };
    let kids = whole.get(dictionary, b"Kids")?;
    let kids = kids.as_deref().and_then(Value::array).unwrap_or_default();
    let plain = is_plain(signed, whole, field.located.id, field)?
        && kids.iter().all(|kid| kid.value.reference().is_some());
    if !plain {
        return Ok(None);
    }
    let is_judged = value_of(whole, dictionary)?.is_some_and(|value| value.is_judged);
    let mut any_visible = false;
    for widget in &field.widgets {
        let Some(located) = whole.object(*widget)? else {
            return Ok(None);
        };
        let Some(dictionary) = located.dictionary() else {
            return Ok(None);
        };
        let is_visible = has_area(whole, dictionary)?;
        if !is_plain(signed, whole, *widget, field)? || (is_visible && !is_judged) {
            return Ok(None);
        }
        any_visible |= is_visible;
    }
    Ok(Some(any_visible))
}

/// Whether an object of a new field is new itself, and a field or a widget and nothing beyond.
fn is_plain(
    signed: &Document<'_>,
    whole: &Document<'_>,
    id: ObjectId,
    field: &Field<'_>,
) -> Result<bool, PdfError> {
    let is_new = matches!(signed.entry(id.number), None | Some(Entry::Free));
    let Some(located) = whole
        .object(id)?
        .filter(|located| is_new && located.stream.is_none())
    else {
        return Ok(false);
    };
    let Some(dictionary) = located.dictionary() else {
        return Ok(false);
    };
    let subtype = match dictionary.get(b"Subtype").map(|node| node.value.name()) {
        Some(name) => name == Some(b"Widget"),
        // A field whose widgets are its kids.
        None => id == field.located.id,
    };
    let leaf = id == field.located.id || dictionary.get(b"Kids").is_none();
    let acts = dictionary.get(b"A").is_some() || dictionary.get(b"AA").is_some();
    Ok(subtype && leaf && !acts && !dictionary.has_duplicates())
}

/// A field's value.
pub(super) struct FieldValue {
    /// Whether it is reported on as somebody's signature; document time-stamps are not.
    pub(super) is_judged: bool,
}

/// What a signature field has as its value, if that is a dictionary.
pub(super) fn value_of(document: &Document<'_>, field: &Dictionary) -> Result<Option<FieldValue>, PdfError> {
    let value = document.get(field, b"V")?;
    let dictionary = value.as_deref().and_then(Value::dictionary);
    Ok(dictionary.map(|value| FieldValue {
        is_judged: !is_time_stamp(value),
    }))
}

/// Whether a widget takes up room on its page. One without a rectangle is not shown; of a rectangle that cannot be read
/// anything may be shown.
pub(super) fn has_area(document: &Document<'_>, widget: &Dictionary) -> Result<bool, PdfError> {
    let Some(rectangle) = document.get(widget, b"Rect")? else {
        return Ok(false);
    };
    let corners: Option<Vec<f64>> = rectangle
        .array()
        .and_then(|corners| corners.iter().map(|node| node.value.number()).collect());
    // A border widens a line to an area.
    let empty = matches!(corners.as_deref(), Some([x1, y1, x2, y2]) if x1 == x2 && y1 == y2)
        && corners.iter().flatten().all(|corner| corner.is_finite());
    Ok(!empty)
}
