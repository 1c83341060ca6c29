//! A new signature field, merged with its widget, and everything that has to name it (ISO 32000-1, 12.7.4.5).

use std::collections::HashSet;

use super::appearance;
use super::form::{self, Form};
use super::lock;
use super::{PadesError, PadesRequest};
use crate::pdf::{Document, Node, ObjectId, PdfError, Splice, Update, Value, text_string};

/// Print, and Locked (12.5.3): the field is not moved or deleted.
const FLAGS: u32 = 4 | 128;
/// The form has signatures, and is only ever appended to (table 219).
const SIG_FLAGS: i64 = 3;

/// Adds the field whose value `signature` will be.
pub(super) fn add(
    document: &Document<'_>,
    update: &mut Update,
    request: &PadesRequest<'_>,
    signature: ObjectId,
) -> Result<(), PadesError> {
    let page = document.page(request.appearance.map_or(1, |appearance| appearance.page))?;
    let name = unused_name(document, request.field_name)?;
    lock::check(document, &name)?;
    let field = update.reserve();
    let (rectangle, form, turned) = match request.appearance {
        Some(appearance) => {
            let placed = appearance::add(appearance, &page, update)?;
            (placed.rectangle, placed.form, placed.turned)
        }
        None => ("0 0 0 0".to_owned(), empty_form(update), 0),
    };
    let mut body = b"<< /Type /Annot /Subtype /Widget /FT /Sig /T ".to_vec();
    body.extend_from_slice(&text_string(&name));
    let rest = format!(
        " /V {signature} R /Rect [{rectangle}] /F {FLAGS} /P {} R /AP << /N {form} R >>{} >>",
        page.located.id,
        if turned == 0 {
            String::new()
        } else {
            format!(" /MK << /R {turned} >>")
        },
    );
    body.extend_from_slice(rest.as_bytes());
    update.add(field, &body);
    name_in_page(document, update, &page.located, field)?;
    name_in_form(document, update, field)?;
    Ok(())
}

/// An appearance that draws nothing: validators of PDF/A-1 want one for every widget.
fn empty_form(update: &mut Update) -> ObjectId {
    let form = update.reserve();
    update.add_stream(
        form,
        "/Type /XObject /Subtype /Form /FormType 1 /BBox [0 0 0 0] /Resources << >>",
        b"",
    );
    form
}

/// The name asked for, or the first of Signature1, Signature2, … that no root field has.
fn unused_name(document: &Document<'_>, wanted: Option<&str>) -> Result<String, PadesError> {
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

/// Appends the widget to the page's `/Annots`, which stands in the page or is an object of its own.
fn name_in_page(
    document: &Document<'_>,
    update: &mut Update,
    page: &crate::pdf::Located<'_>,
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
        let mut splice = Splice::new(&own);
        splice.append(&own.node, element.as_bytes())?;
        update.add(own.id, &splice.finish());
        return Ok(());
    }
    let mut splice = Splice::new(page);
    match annotations {
        Some(
            node @ Node {
                value: Value::Array(_),
                ..
            },
        ) => splice.append(node, element.as_bytes())?,
        _ => splice.set(&page.node, b"Annots", format!("[{element}]").as_bytes())?,
    }
    update.add(page.id, &splice.finish());
    Ok(())
}

/// Appends the field to the form's `/Fields`, and makes the form if there is none.
fn name_in_form(document: &Document<'_>, update: &mut Update, field: ObjectId) -> Result<(), PdfError> {
    let element = format!("{field} R");
    let Some(form) = Form::of(document)? else {
        return add_form(document, update, &element);
    };
    let mut splice = Splice::new(&form.holder);
    let flags = document
        .get(form.dictionary(), b"SigFlags")?
        .and_then(|value| value.integer())
        .unwrap_or(0);
    if flags & SIG_FLAGS != SIG_FLAGS {
        splice.set(
            &form.node,
            b"SigFlags",
            (flags | SIG_FLAGS).to_string().as_bytes(),
        )?;
    }
    match form.dictionary().get(b"Fields") {
        Some(
            node @ Node {
                value: Value::Array(_),
                ..
            },
        ) => splice.append(node, element.as_bytes())?,
        Some(Node {
            value: Value::Reference(id),
            ..
        }) => {
            let own = document
                .object(*id)?
                .ok_or(PdfError::Missing("the fields of the form"))?;
            let mut fields = Splice::new(&own);
            fields.append(&own.node, element.as_bytes())?;
            // Where a page's /Annots is the same array, it has been written with this element already.
            if !update.has(own.id) {
                update.add(own.id, &fields.finish());
            }
        }
        _ => splice.set(&form.node, b"Fields", format!("[{element}]").as_bytes())?,
    }
    if !splice.is_empty() {
        update.add(form.holder.id, &splice.finish());
    }
    Ok(())
}

fn add_form(document: &Document<'_>, update: &mut Update, element: &str) -> Result<(), PdfError> {
    let form = update.reserve();
    update.add(
        form,
        format!("<< /Fields [{element}] /SigFlags {SIG_FLAGS} >>").as_bytes(),
    );
    let catalog = document.catalog()?;
    let mut splice = Splice::new(&catalog);
    splice.set(&catalog.node, b"AcroForm", format!("{form} R").as_bytes())?;
    update.add(catalog.id, &splice.finish());
    Ok(())
}
