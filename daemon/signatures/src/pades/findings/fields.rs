//! Fields that show something other than what they hold (ISO 32000-1, 12.7.3 and 12.7.4).

use unicode_normalization::UnicodeNormalization;

use super::Found;
use super::annotations::appearance;
use crate::pades::form::Field;
use crate::pdf::{Dictionary, Document, Located, ObjectId, PageText, PdfError, Value, decode_text_string};
use crate::report::FindingKind;

/// Flags of fields (tables 226, 228 and 230).
const PASSWORD: i64 = 1 << 13;
const PUSH_BUTTON: i64 = 1 << 16;
const COMBO: i64 = 1 << 17;

/// Compares what each field holds with what its widgets show, one finding a field.
pub(super) fn search(document: &Document<'_>, form: &[Field<'_>], found: &mut Found) -> Result<(), PdfError> {
    for field in form {
        let number = field.located.id.number;
        let other = shows_something_else(document, form, field, &mut found.operators)
            .map(|other| other.then_some(()));
        if found.unless_too_many(number, other)?.is_some() {
            found.add(FindingKind::FieldAppearance, Some(number));
        }
    }
    Ok(())
}

fn shows_something_else(
    document: &Document<'_>,
    form: &[Field<'_>],
    field: &Field<'_>,
    operators: &mut usize,
) -> Result<bool, PdfError> {
    let flags = inherited(document, form, field, b"Ff")?;
    let flags = flags.and_then(|flags| flags.integer()).unwrap_or(0);
    let Some(value) = inherited(document, form, field, b"V")? else {
        return Ok(false);
    };
    let has = |flag: i64| flags & flag != 0;
    match field.kind.as_deref() {
        Some(b"Btn") if !has(PUSH_BUTTON) => marks_another(document, field, &value),
        // What is written as something else on purpose, by stars or by a script that is listed, says nothing.
        Some(b"Tx") if !has(PASSWORD) && !is_formatted(document, field)? => {
            let text = value.string().map(decode_text_string);
            text.map_or(Ok(false), |text| {
                writes_another(document, field, &[text], operators)
            })
        }
        Some(b"Ch") if has(COMBO) && !is_formatted(document, field)? => {
            let Some(text) = value.string().map(decode_text_string) else {
                return Ok(false);
            };
            let options = inherited(document, form, field, b"Opt")?;
            let mut texts = displayed(document, options.as_ref(), &text)?;
            texts.push(text);
            writes_another(document, field, &texts, operators)
        }
        _ => Ok(false),
    }
}

/// The value of a key that a field has of its own or from above (12.7.3.1).
fn inherited(
    document: &Document<'_>,
    form: &[Field<'_>],
    field: &Field<'_>,
    key: &[u8],
) -> Result<Option<Value>, PdfError> {
    let mut next = Some(field);
    while let Some(field) = next {
        let dictionary = field.located.dictionary();
        let value = dictionary
            .map(|field| document.get(field, key))
            .transpose()?
            .flatten();
        if let Some(value) = value {
            return Ok(Some(value.into_owned()));
        }
        // Parents stand before their children.
        next = field.parent.and_then(|parent| form.get(parent));
    }
    Ok(None)
}

/// How the options of a choice call this value (12.7.4.4).
fn displayed(document: &Document<'_>, options: Option<&Value>, value: &str) -> Result<Vec<String>, PdfError> {
    let mut displayed = Vec::new();
    for option in options.and_then(Value::array).unwrap_or_default() {
        let option = document.resolve(option)?;
        if let Some([export, display]) = option.array() {
            let (export, display) = (document.resolve(export)?, document.resolve(display)?);
            if let (Some(export), Some(display)) = (export.string(), display.string())
                && decode_text_string(export) == value
            {
                displayed.push(decode_text_string(display));
            }
        }
    }
    Ok(displayed)
}

/// Whether a script writes the value in its way (12.6.3, `/F`).
fn is_formatted(document: &Document<'_>, field: &Field<'_>) -> Result<bool, PdfError> {
    let Some(dictionary) = field.located.dictionary() else {
        return Ok(false);
    };
    let actions = document.get(dictionary, b"AA")?;
    let actions = actions.as_deref().and_then(Value::dictionary);
    Ok(actions.is_some_and(|actions| actions.get(b"F").is_some()))
}

/// The widgets of a field that have an appearance.
fn widgets<'a, 'd>(
    document: &'a Document<'d>,
    field: &'a Field<'_>,
) -> impl Iterator<Item = Result<Located<'d>, PdfError>> {
    let objects = field.widgets.iter().map(|id: &ObjectId| document.object(*id));
    objects.filter_map(Result::transpose)
}

/// Whether a widget shows text that is none of these.
fn writes_another(
    document: &Document<'_>,
    field: &Field<'_>,
    texts: &[String],
    operators: &mut usize,
) -> Result<bool, PdfError> {
    let texts: Vec<_> = texts.iter().map(|text| folded(text)).collect();
    if texts.iter().all(String::is_empty) {
        return Ok(false);
    }
    for widget in widgets(document, field) {
        let widget = widget?;
        let Some(appearance) = widget.dictionary().map(|widget| appearance(document, widget)) else {
            continue;
        };
        let Some(appearance) = appearance? else { continue };
        // Fonts of the form itself would have to be guessed.
        let Some(shown) = PageText::of_form(document, &appearance, operators)? else {
            continue;
        };
        let shown = folded(&shown.text());
        // One that is empty is not drawn yet; right to left, letters stand in the order they are drawn in.
        if !shown.is_empty() && !runs_left(&shown) && !texts.contains(&shown) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Compatibly composed, without white space and what is not seen.
fn folded(text: &str) -> String {
    let is_seen = |letter: &char| !letter.is_whitespace() && !letter.is_control();
    text.nfkc().filter(is_seen).collect()
}

fn runs_left(text: &str) -> bool {
    text.chars()
        .any(|letter| matches!(letter, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fefc}'))
}

/// Whether a check box or a radio button is marked that the value does not say, or the other way round (12.7.4.2).
fn marks_another(document: &Document<'_>, field: &Field<'_>, value: &Value) -> Result<bool, PdfError> {
    const OFF: &[u8] = b"Off";
    let Some(value) = value.name() else {
        return Ok(false);
    };
    let (mut marked, mut unmarked) = (false, false);
    for widget in widgets(document, field) {
        let widget = widget?;
        let Some(dictionary) = widget.dictionary() else {
            continue;
        };
        let state = document.get(dictionary, b"AS")?;
        let Some(state) = state.as_deref().and_then(Value::name) else {
            continue;
        };
        if state != OFF && state != value {
            // A state that is drawn by nothing marks nothing.
            if appearance(document, dictionary)?.is_some() {
                return Ok(true);
            }
        }
        marked |= state == value;
        unmarked |= state == OFF && has_state(document, dictionary, value)?;
    }
    Ok(value != OFF && unmarked && !marked)
}

/// Whether a widget could be drawn in this state.
fn has_state(document: &Document<'_>, widget: &Dictionary, state: &[u8]) -> Result<bool, PdfError> {
    let appearances = document.get(widget, b"AP")?;
    let Some(appearances) = appearances.as_deref().and_then(Value::dictionary) else {
        return Ok(false);
    };
    let states = document.get(appearances, b"N")?;
    let states = states.as_deref().and_then(Value::dictionary);
    Ok(states.is_some_and(|states| states.get(state).is_some()))
}
