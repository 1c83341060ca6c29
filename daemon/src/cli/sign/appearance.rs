//! How a signature shows, by the arguments.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use trien_protocol::call::Appearance;
use trien_protocol::limits::MAX_IMAGE;

use super::SignArguments;
use crate::cli::{CliError, Shell};

/// What the arguments say of it. A field that is there shows who signed it unless another look is asked for.
pub(super) fn appearance(arguments: &SignArguments, shell: &Shell) -> Result<Option<Appearance>, CliError> {
    if arguments.appearance.is_none() && arguments.field.is_none() {
        return Ok(None);
    }
    let rectangle = arguments.rectangle.as_ref().map(|text| {
        rectangle(text).ok_or_else(|| {
            CliError::misuse(
                "sign-bad-rectangle",
                crate::language::arguments([("value", text.clone())]),
            )
        })
    });
    let mut values = BTreeMap::new();
    for text in &arguments.value {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            CliError::misuse(
                "sign-bad-value",
                crate::language::arguments([("value", text.clone())]),
            )
        })?;
        values.insert(name.trim().to_owned(), value.to_owned());
    }
    let image = arguments.image.as_deref().map(picture).transpose()?;
    Ok(Some(Appearance {
        preset: arguments.appearance.clone(),
        page: arguments.page.map(|page| page.0),
        rectangle: rectangle.transpose()?,
        keyword: arguments.at_keyword.clone(),
        image,
        qr: arguments.qr.clone(),
        values,
        language: shell.language,
    }))
}

/// A picture's file as the call wants it.
fn picture(path: &Path) -> Result<String, CliError> {
    let failed = |error: std::io::Error| CliError::file("cli-unreadable", path, &error);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_IMAGE as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
}

fn rectangle(text: &str) -> Option<[f32; 4]> {
    let numbers: Vec<f32> = text
        .split(',')
        .map(|part| part.trim().parse().ok())
        .collect::<Option<_>>()?;
    let corners: [f32; 4] = numbers.try_into().ok()?;
    let [x1, y1, x2, y2] = corners;
    (corners.iter().all(|number| number.is_finite()) && x1 < x2 && y1 < y2).then_some(corners)
}

#[cfg(test)]
mod tests {
    use super::rectangle;

    #[test]
    fn a_rectangle_has_four_numbers_in_order() {
        assert_eq!(rectangle("1, 2,3.5,4"), Some([1.0, 2.0, 3.5, 4.0]));
        for bad in [
            "",
            "1,2,3",
            "1,2,3,4,5",
            "a,2,3,4",
            "3,2,1,4",
            "1,4,3,2",
            "1,2,inf,4",
            "NaN,2,3,4",
        ] {
            assert_eq!(rectangle(bad), None, "{bad}");
        }
    }
}
