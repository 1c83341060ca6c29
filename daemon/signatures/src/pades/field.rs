//! The field that is signed, new or there already, with its widget and everything that has to name it (ISO 32000-1,
//! 12.7.4.5).

use std::collections::HashSet;

use super::appearance::{self, AppearanceError};
use super::archive::Archive;
use super::drawings::Drawings;
use super::form::{self, Field, Form};
use super::lock::{self, FieldLock};
use super::placement::{self, Place};
use super::{FieldChoice, PadesError, PadesRequest, permissions, seed};
use crate::pdf::{Document, Located, Node, ObjectId, PdfError, Splices, Update, Value, text_string};

/// Print, and Locked (12.5.3): the field is not moved or deleted.
const FLAGS: u32 = 4 | 128;
/// Of them the one that a field which was there gets: whether it prints is its author's choice.
const LOCKED: i64 = 128;
/// The form has signatures, and is only ever appended to (table 219).
const SIG_FLAGS: i64 = 3;

/// What the signature dictionary has to say of the field.
pub(super) struct Claimed {
    /// `/Action` and `/Fields` of the field's lock, as they are written (12.8.2.4).
    pub(super) lock: Option<Vec<u8>>,
}

/// Makes `signature` the value of the field that is asked for.
pub(super) fn claim<'d>(
    document: &Document<'d>,
    update: &mut Update,
    splices: &mut Splices<'d>,
    request: &PadesRequest<'_>,
    signature: ObjectId,
) -> Result<Claimed, PadesError> {
    match request.field {
        FieldChoice::New(name) => {
            let name = unused_name(document, name)?;
            lock::check(document, &name)?;
            if let Some(FieldLock::Include(names)) = request.lock {
                lock::check_names(document, names)?;
            }
            let archive = Archive::of(document)?;
            let new = NewField {
                name: &name,
                value: Some(signature),
                appearance: request.appearance,
                drawings: request.drawings,
                lock: request.lock,
                bare: false,
            };
            new.add(document, archive, update, splices)?;
            Ok(Claimed {
                lock: request.lock.map(FieldLock::entries),
            })
        }
        FieldChoice::Existing(name) => sign_existing(document, update, splices, request, signature, name),
    }
}

/// A signature field to come.
pub(super) struct NewField<'a> {
    pub(super) name: &'a str,
    pub(super) value: Option<ObjectId>,
    pub(super) appearance: Option<&'a appearance::Appearance>,
    pub(super) drawings: Option<&'a Drawings>,
    pub(super) lock: Option<&'a FieldLock>,
    /// Without even an empty appearance, where that is allowed: a document time-stamp's field is to bring nothing that
    /// it does not need into a certified document.
    pub(super) bare: bool,
}

impl NewField<'_> {
    pub(super) fn add<'d>(
        &self,
        document: &Document<'d>,
        archive: Archive,
        update: &mut Update,
        splices: &mut Splices<'d>,
    ) -> Result<(), PadesError> {
        let field = update.reserve();
        let (page, rectangle, form, turned) = match self.appearance {
            Some(appearance) => {
                // A new field has no rectangle of its own.
                if permissions::certification(document)?.is_some() {
                    return Err(AppearanceError::Certified.into());
                }
                let spot = placement::find(document, &appearance.place, None)?;
                let placed = appearance::add(appearance, self.drawings, &spot, archive, update)?;
                let rectangle = spot.corners.map(appearance::number).join(" ");
                (spot.page, rectangle, Some(placed.form), placed.turned)
            }
            None => {
                let form = (!self.bare || archive.needs_appearances()).then(|| empty_form(update, [0.0; 2]));
                (document.page(1)?, "0 0 0 0".to_owned(), form, 0)
            }
        };
        let mut body = b"<< /Type /Annot /Subtype /Widget /FT /Sig /T ".to_vec();
        body.extend_from_slice(&text_string(self.name));
        let mut rest = format!(" /Rect [{rectangle}] /F {FLAGS} /P {} R", page.located.id);
        if let Some(form) = form {
            rest += &format!(" /AP << /N {form} R >>");
        }
        if let Some(value) = self.value {
            rest += &format!(" /V {value} R");
        }
        if turned != 0 {
            rest += &format!(" /MK << /R {turned} >>");
        }
        body.extend_from_slice(rest.as_bytes());
        if let Some(lock) = self.lock {
            let id = update.reserve();
            update.add(
                id,
                &[b"<< /Type /SigFieldLock ".as_slice(), &lock.entries(), b" >>"].concat(),
            );
            body.extend_from_slice(format!(" /Lock {id} R").as_bytes());
        }
        body.extend_from_slice(b" >>");
        update.add(field, &body);
        name_in_page(document, splices, &page.located, field)?;
        name_in_form(document, update, splices, field)?;
        Ok(())
    }
}

/// An appearance that draws nothing: validators of PDF/A-1 want one for every widget.
fn empty_form(update: &mut Update, [width, height]: [f64; 2]) -> ObjectId {
    let form = update.reserve();
    let dictionary = format!(
        "/Type /XObject /Subtype /Form /FormType 1 /BBox [0 0 {} {}] /Resources << >>",
        appearance::number(width),
        appearance::number(height)
    );
    update.add_stream(form, &dictionary, b"");
    form
}

/// The name asked for, or the first of Signature1, Signature2, … that no root field has.
pub(super) fn unused_name(document: &Document<'_>, wanted: Option<&str>) -> Result<String, PadesError> {
    let fields = form::fields(document)?;
    let roots: HashSet<String> = fields
        .into_iter()
        .filter(|field| field.depth == 0)
        .map(|field| field.name)
        .collect();
    let taken = |name: &str| roots.contains(name);
    match wanted {
        Some(name) if taken(name) => Err(PadesError::FieldName),
        Some(name) => Ok(name.to_owned()),
        None => {
            let free = (1..=roots.len() + 1)
                .map(|number| format!("Signature{number}"))
                .find(|name| !taken(name));
            Ok(free.expect("one more name than fields"))
        }
    }
}

/// Signs a field that waits for it: its value, and the appearance of its widget.
fn sign_existing<'d>(
    document: &Document<'d>,
    update: &mut Update,
    splices: &mut Splices<'d>,
    request: &PadesRequest<'_>,
    signature: ObjectId,
    name: &str,
) -> Result<Claimed, PadesError> {
    let fields = form::fields(document)?;
    let mut named = fields
        .iter()
        .filter(|field| field.is_signature() && form::full_name(&fields, field).as_deref() == Some(name));
    let (Some(field), None) = (named.next(), named.next()) else {
        return Err(PadesError::NoSuchField);
    };
    if field.is_signed() {
        return Err(PadesError::FieldSigned);
    }
    let Some(dictionary) = field.located.dictionary() else {
        return Err(PadesError::NoSuchField);
    };
    lock::check(document, name)?;
    seed::check(document, dictionary, request)?;
    if request.lock.is_some() {
        // Its lock is its author's choice.
        return Err(PadesError::FieldLocks);
    }
    let lock = lock::of_field(document, dictionary)?;

    let value = format!("{signature} R");
    splices
        .of(&field.located)
        .set(&field.located.node, b"V", value.as_bytes())?;
    show_in(document, update, splices, request, field)?;
    set_flags(document, splices)?;
    Ok(Claimed { lock })
}

/// Gives the field's widget its appearance. What a field with several widgets or none shows is left as it is.
fn show_in<'d>(
    document: &Document<'d>,
    update: &mut Update,
    splices: &mut Splices<'d>,
    request: &PadesRequest<'_>,
    field: &Field<'d>,
) -> Result<(), PadesError> {
    let [widget] = field.widgets.as_slice() else {
        return Ok(());
    };
    let Some(widget) = document.object(*widget)? else {
        return Ok(());
    };
    let Some(dictionary) = widget.dictionary() else {
        return Ok(());
    };
    let place = placement::widget_place(document, field)?;
    let form = match (request.appearance, place) {
        // One who names another place for a field that has one does not get it silently elsewhere.
        (Some(appearance), _) if appearance.place != Place::Field => {
            return Err(PadesError::FieldPlace);
        }
        (Some(appearance), Some(_)) => {
            let spot = placement::find(document, &Place::Field, Some(field))?;
            let placed = appearance::add(
                appearance,
                request.drawings,
                &spot,
                Archive::of(document)?,
                update,
            )?;
            placed.form
        }
        (_, Some((_, [x1, y1, x2, y2]))) => empty_form(update, [x2 - x1, y2 - y1]),
        (_, None) => empty_form(update, [0.0; 2]),
    };
    let flags = document.get(dictionary, b"F")?.and_then(|value| value.integer());
    let splice = splices.of(&widget);
    splice.set(&widget.node, b"AP", format!("<< /N {form} R >>").as_bytes())?;
    let flags = flags.unwrap_or(0) | LOCKED;
    splice.set(&widget.node, b"F", flags.to_string().as_bytes())?;
    Ok(())
}

/// Appends the widget to the page's `/Annots`, which stands in the page or is an object of its own.
fn name_in_page<'d>(
    document: &Document<'d>,
    splices: &mut Splices<'d>,
    page: &Located<'d>,
    widget: ObjectId,
) -> Result<(), PdfError> {
    let element = format!("{widget} R");
    let annotations = page.dictionary().and_then(|page| page.get(b"Annots"));
    if let Some(Node {
        value: Value::Reference(id),
        ..
    }) = annotations
        && let Some(own) = document.object(*id)?.filter(|own| own.node.value != Value::Null)
    {
        return splices.of(&own).append(&own.node, element.as_bytes());
    }
    match annotations {
        Some(
            node @ Node {
                value: Value::Array(_),
                ..
            },
        ) => splices.of(page).append(node, element.as_bytes()),
        _ => splices
            .of(page)
            .set(&page.node, b"Annots", format!("[{element}]").as_bytes()),
    }
}

/// Says in the form that it has signatures.
fn set_flags<'d>(document: &Document<'d>, splices: &mut Splices<'d>) -> Result<(), PdfError> {
    let Some(form) = Form::of(document)? else {
        return Ok(());
    };
    let flags = document
        .get(form.dictionary(), b"SigFlags")?
        .and_then(|value| value.integer())
        .unwrap_or(0);
    if flags & SIG_FLAGS != SIG_FLAGS {
        let flags = (flags | SIG_FLAGS).to_string();
        splices
            .of(&form.holder)
            .set(&form.node, b"SigFlags", flags.as_bytes())?;
    }
    Ok(())
}

/// Appends the field to the form's `/Fields`, and makes the form if there is none.
fn name_in_form<'d>(
    document: &Document<'d>,
    update: &mut Update,
    splices: &mut Splices<'d>,
    field: ObjectId,
) -> Result<(), PdfError> {
    let element = format!("{field} R");
    let Some(form) = Form::of(document)? else {
        return add_form(document, update, splices, &element);
    };
    set_flags(document, splices)?;
    match form.dictionary().get(b"Fields") {
        Some(
            node @ Node {
                value: Value::Array(_),
                ..
            },
        ) => splices.of(&form.holder).append(node, element.as_bytes()),
        Some(Node {
            value: Value::Reference(id),
            ..
        }) => {
            let own = document
                .object(*id)?
                .ok_or(PdfError::Missing("the fields of the form"))?;
            // Where a page's /Annots is the same array, it has this element already.
            if splices.has(own.id) {
                return Ok(());
            }
            splices.of(&own).append(&own.node, element.as_bytes())
        }
        _ => splices
            .of(&form.holder)
            .set(&form.node, b"Fields", format!("[{element}]").as_bytes()),
    }
}

fn add_form<'d>(
    document: &Document<'d>,
    update: &mut Update,
    splices: &mut Splices<'d>,
    element: &str,
) -> Result<(), PdfError> {
    let form = update.reserve();
    update.add(
        form,
        format!("<< /Fields [{element}] /SigFlags {SIG_FLAGS} >>").as_bytes(),
    );
    let catalog = document.catalog()?;
    splices
        .of(&catalog)
        .set(&catalog.node, b"AcroForm", format!("{form} R").as_bytes())
}
