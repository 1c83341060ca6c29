//! What a signature looks like on the page: presets, which are data, filled with what the request says.
//!
//! The presets that come with Triện lie in `daemon/appearances`; the person may put more, or others of the same name,
//! into the folder `appearances` beside the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use base64::Engine;
use serde::Deserialize;
use time::OffsetDateTime;
use trien_protocol::call::{self, Language};
use trien_protocol::limits::{MAX_IMAGE, MAX_TEXT, MAX_VALUES};
use trien_signatures::certificate::Certificate;
use trien_signatures::pades::{
    self, Align, Colour, Corner, Mark, PageChoice, Picture, Place, Side, TextStyle,
};

use super::JobError;
use super::error::{Argument, Fault};
use crate::language::{in_vietnam, line_of, time_in_vietnam};

/// The preset when none is named.
const USUAL: &str = "plain";

/// The presets that come with Triện.
const PRESETS: [(&str, &str); 7] = [
    ("agency", include_str!("../../appearances/agency.toml")),
    ("attachment", include_str!("../../appearances/attachment.toml")),
    ("copy", include_str!("../../appearances/copy.toml")),
    ("incoming", include_str!("../../appearances/incoming.toml")),
    (
        "number-and-date",
        include_str!("../../appearances/number-and-date.toml"),
    ),
    ("person", include_str!("../../appearances/person.toml")),
    ("plain", include_str!("../../appearances/plain.toml")),
];

/// Bytes of a preset's file.
const MAX_PRESET: u64 = 64 << 10;
/// Points of a millimetre.
const MM: f64 = 72.0 / 25.4;

/// A preset as its file has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Preset {
    place: PresetPlace,
    #[serde(default)]
    look: Look,
    #[serde(default)]
    text: Text,
    /// Values that the request need not give.
    #[serde(default)]
    defaults: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PresetPlace {
    #[serde(default)]
    page: PresetPage,
    #[serde(default)]
    corner: PresetCorner,
    size_mm: [f64; 2],
    #[serde(default)]
    margin_mm: [f64; 2],
    /// On which side of a keyword.
    #[serde(default)]
    side: PresetSide,
    /// Over so much of the newest visible signature's width, at its left.
    over_signature: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PresetPage {
    #[default]
    First,
    Last,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PresetCorner {
    TopLeft,
    TopRight,
    BottomLeft,
    #[default]
    BottomRight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PresetSide {
    Above,
    #[default]
    Below,
    Right,
    Over,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Look {
    #[serde(default)]
    frame: bool,
    #[serde(default)]
    mark: PresetMark,
    /// A PNG file beside the preset's.
    picture: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PresetMark {
    #[default]
    None,
    Seal,
    Picture,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Text {
    /// Lines with `{name}` where a value goes; a line without its value is left out.
    #[serde(default)]
    vi: Vec<String>,
    #[serde(default)]
    en: Vec<String>,
    size: Option<f64>,
    #[serde(default)]
    align: PresetAlign,
    colour: Option<[u8; 3]>,
    /// Values that the request has to give.
    #[serde(default)]
    required: Vec<String>,
}

impl Text {
    /// The values that it has a place for, in either language.
    fn names(&self) -> BTreeSet<&str> {
        let lines = self.vi.iter().chain(&self.en);
        let placed = lines.flat_map(|line| line.split('{').skip(1));
        let placed = placed.filter_map(|rest| Some(rest.split_once('}')?.0));
        placed.chain(self.required.iter().map(String::as_str)).collect()
    }
}

/// What the signer, the clock and the request itself say, each in its place.
const OWN: [&str; 7] = ["signer", "organization", "reason", "time", "day", "month", "year"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PresetAlign {
    #[default]
    Left,
    Centre,
    Right,
}

/// A request's appearance with its preset and its picture read, for all its documents.
#[derive(Debug, Clone)]
pub(super) struct Appearance {
    preset: Preset,
    picture: Option<Picture>,
    wanted: call::Appearance,
}

impl Appearance {
    /// Reads what the request names.
    ///
    /// # Errors
    /// [`JobError::BadRequest`], [`JobError::TooLarge`]: what is wrong with it.
    pub(super) fn read(wanted: &call::Appearance, folder: &Path) -> Result<Self, JobError> {
        check(wanted)?;
        let name = wanted.preset.as_deref().unwrap_or(USUAL);
        let (text, is_own) = find(name, folder)?;
        let preset: Preset = toml::from_str(&text).map_err(|error| {
            let line = line_of(&text, &error);
            let said = error.message().to_owned();
            of_preset(name, Fault::Toml { line, said })
        })?;
        if !preset.is_sane() {
            return Err(of_preset(name, Fault::Measure).into());
        }
        let missing =
            |value: &&String| !wanted.values.contains_key(*value) && !preset.defaults.contains_key(*value);
        if let Some(value) = preset.text.required.iter().find(missing) {
            let (preset, value) = (name.to_owned(), value.clone());
            return Err(Argument::ValueMissing { preset, value }.into());
        }
        // What is left out for a slip of the pen would be missing in what is signed.
        let own = |name: &String| OWN.contains(&name.as_str());
        let known = preset.text.names();
        if let Some(value) = wanted
            .values
            .keys()
            .find(|name| !own(name) && !known.contains(name.as_str()))
        {
            let known: Vec<_> = known.into_iter().filter(|name| !OWN.contains(name)).collect();
            let (preset, value, known) = (name.to_owned(), value.clone(), known.join(", "));
            return Err(Argument::ValueUnknown { preset, value, known }.into());
        }
        let own_picture = preset.look.picture.as_ref().filter(|_| is_own);
        let png = match (&wanted.image, own_picture) {
            (Some(text), _) => Some(decode(text)?),
            (None, Some(file)) => Some(read_bounded(&beside(folder, file)?, MAX_IMAGE as u64)?),
            (None, None) => None,
        };
        let picture = png.map(|png| Picture::from_png(&png)).transpose();
        let picture = picture.map_err(|error| Argument::Picture(error.to_string()))?;
        if preset.look.mark == PresetMark::Picture && picture.is_none() {
            return Err(Argument::PictureMissing(name.to_owned()).into());
        }
        Ok(Self {
            preset,
            picture,
            wanted: wanted.clone(),
        })
    }

    /// The field's own place is meant.
    pub(super) fn for_field(
        &self,
        signer: &Certificate,
        reason: Option<&str>,
        at: OffsetDateTime,
    ) -> pades::Appearance {
        pades::Appearance {
            place: Place::Field,
            ..self.of(signer, reason, at)
        }
    }

    /// What is shown of one signature.
    pub(super) fn of(
        &self,
        signer: &Certificate,
        reason: Option<&str>,
        at: OffsetDateTime,
    ) -> pades::Appearance {
        let Preset { look, text, .. } = &self.preset;
        let values = self.values(signer, reason, at);
        let lines = match self.wanted.language {
            Language::Vi => &text.vi,
            Language::En => &text.en,
        };
        let mark = match (&self.picture, look.mark) {
            (Some(picture), _) => Mark::Picture(picture.clone()),
            (None, PresetMark::Seal) => Mark::Seal,
            (None, _) => Mark::None,
        };
        let usual = TextStyle::default();
        pades::Appearance {
            place: self.place(),
            frame: look.frame,
            mark,
            lines: lines.iter().filter_map(|line| fill(line, &values)).collect(),
            style: TextStyle {
                size: text.size.unwrap_or(usual.size),
                align: match text.align {
                    PresetAlign::Left => Align::Left,
                    PresetAlign::Centre => Align::Centre,
                    PresetAlign::Right => Align::Right,
                },
                colour: text
                    .colour
                    .map_or(usual.colour, |[red, green, blue]| Colour::Rgb(red, green, blue)),
            },
            code: self.wanted.qr.clone(),
        }
    }

    fn place(&self) -> Place {
        let (place, wanted) = (&self.preset.place, &self.wanted);
        let size = place.size_mm.map(|side| side * MM);
        let page = match (wanted.page, place.page) {
            (Some(0), _) | (None, PresetPage::Last) => PageChoice::Last,
            (Some(page), _) => PageChoice::Number(page),
            (None, PresetPage::First) => PageChoice::Number(1),
        };
        if let Some(rectangle) = wanted.rectangle {
            let rectangle = rectangle.map(f64::from);
            return Place::Rectangle { page, rectangle };
        }
        if let Some(text) = &wanted.keyword {
            return Place::Keyword {
                text: text.clone(),
                page: wanted.page.map(|_| page),
                backwards: place.page == PresetPage::Last,
                side: match place.side {
                    PresetSide::Above => Side::Above,
                    PresetSide::Below => Side::Below,
                    PresetSide::Right => Side::Right,
                    PresetSide::Over => Side::Over,
                },
                size,
            };
        }
        if let Some(share) = place.over_signature {
            return Place::OverSignature {
                field: None,
                share,
                size,
            };
        }
        Place::Corner {
            page,
            corner: match place.corner {
                PresetCorner::TopLeft => Corner::TopLeft,
                PresetCorner::TopRight => Corner::TopRight,
                PresetCorner::BottomLeft => Corner::BottomLeft,
                PresetCorner::BottomRight => Corner::BottomRight,
            },
            size,
            margin: place.margin_mm.map(|side| side * MM),
        }
    }

    /// Times are those of Việt Nam, whatever zone this computer is in.
    fn values(
        &self,
        signer: &Certificate,
        reason: Option<&str>,
        at: OffsetDateTime,
    ) -> BTreeMap<String, String> {
        let subject = signer.subject();
        let local = in_vietnam(at);
        let own = OWN.into_iter().zip([
            Some(subject.common_name.unwrap_or(subject.rfc4514)),
            subject.organization,
            reason.map(str::to_owned),
            Some(time_in_vietnam(at)),
            Some(format!("{:02}", local.day())),
            Some(format!("{:02}", u8::from(local.month()))),
            Some(local.year().to_string()),
        ]);
        // Who signs and when is not for the request to say, nor what the certificate does not.
        let given = self.wanted.values.clone().into_iter();
        let given = given.filter(|(name, _)| !OWN.contains(&name.as_str()));
        let mut values = self.preset.defaults.clone();
        values.extend(given);
        values.extend(own.filter_map(|(name, value)| Some((name.to_owned(), value?))));
        values
    }
}

impl Preset {
    /// Sizes of paper, and shares of one.
    fn is_sane(&self) -> bool {
        let measures = self
            .place
            .size_mm
            .iter()
            .all(|side| (1.0..=2_000.0).contains(side))
            && self
                .place
                .margin_mm
                .iter()
                .all(|side| (0.0..=2_000.0).contains(side));
        let share = self
            .place
            .over_signature
            .is_none_or(|share| (0.0..=1.0).contains(&share));
        let size = self.text.size.is_none_or(|size| (4.0..=72.0).contains(&size));
        measures && share && size
    }
}

fn bad(what: String) -> JobError {
    JobError::BadRequest(what)
}

fn of_preset(name: &str, fault: Fault) -> Argument {
    let name = name.to_owned();
    Argument::Preset { name, fault }
}

/// Refuses what cannot be right whatever the preset says.
fn check(wanted: &call::Appearance) -> Result<(), JobError> {
    let long = |text: &String| text.chars().count() > MAX_TEXT;
    if [&wanted.keyword, &wanted.qr, &wanted.preset]
        .into_iter()
        .flatten()
        .any(long)
    {
        return Err(JobError::TooLarge(format!(
            "appearance: more than {MAX_TEXT} characters"
        )));
    }
    if wanted.values.len() > MAX_VALUES
        || wanted
            .values
            .iter()
            .any(|(name, value)| long(name) || long(value))
    {
        return Err(JobError::TooLarge("appearance.values".into()));
    }
    if let Some(rectangle) = wanted.rectangle
        && !rectangle.iter().all(|number| number.is_finite())
    {
        return Err(bad("appearance.rectangle: not a number".into()));
    }
    if wanted.rectangle.is_some() && wanted.keyword.is_some() {
        return Err(bad("appearance: a rectangle or a keyword, not both".into()));
    }
    Ok(())
}

/// The preset's text, and whether it is the person's own.
fn find(name: &str, folder: &Path) -> Result<(String, bool), JobError> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(Argument::PresetName.into());
    }
    let file = folder.join(format!("{name}.toml"));
    if file.is_file() {
        let bytes = read_bounded(&file, MAX_PRESET)?;
        let text = String::from_utf8(bytes).map_err(|_| of_preset(name, Fault::Utf8))?;
        return Ok((text, true));
    }
    let found = PRESETS.iter().find(|(known, _)| *known == name);
    let (_, text) = found.ok_or_else(|| Argument::NoPreset(name.to_owned()))?;
    Ok(((*text).to_owned(), false))
}

/// A file in the folder itself: presets name no paths.
fn beside(folder: &Path, file: &str) -> Result<std::path::PathBuf, JobError> {
    if file.is_empty() || file.contains(['/', '\0']) || file.starts_with('.') {
        return Err(Argument::PictureElsewhere.into());
    }
    Ok(folder.join(file))
}

fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, JobError> {
    let failed = |cause: std::io::Error| Argument::File {
        file: path.file_name().unwrap_or_default().to_string_lossy().into(),
        cause,
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(JobError::TooLarge(format!("appearance: {}", path.display())));
    }
    Ok(bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, JobError> {
    if text.len() > MAX_IMAGE.div_ceil(3) * 4 {
        return Err(JobError::TooLarge("appearance.image".into()));
    }
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .map_err(|_| bad("appearance.image: not base64".into()))
}

/// A line with its values; none if one of them is missing.
fn fill(line: &str, values: &BTreeMap<String, String>) -> Option<String> {
    let mut filled = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}')?;
        filled.push_str(before);
        filled.push_str(values.get(name)?);
        rest = behind;
    }
    filled.push_str(rest);
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(preset: &str) -> call::Appearance {
        call::Appearance {
            preset: Some(preset.to_owned()),
            page: None,
            rectangle: None,
            keyword: None,
            image: None,
            qr: None,
            values: BTreeMap::new(),
            language: Language::Vi,
        }
    }

    fn refusal(wanted: &call::Appearance, folder: &Path) -> String {
        Appearance::read(wanted, folder).unwrap_err().to_string()
    }

    #[test]
    fn every_preset_that_comes_with_it_can_be_read() {
        for (name, text) in PRESETS {
            let preset: Preset = toml::from_str(text).unwrap();
            assert!(preset.is_sane(), "{name}");
            assert_eq!(preset.text.vi.len(), preset.text.en.len(), "{name}");
        }
    }

    #[test]
    fn a_preset_says_what_it_needs() {
        let nowhere = Path::new("/nowhere");
        assert!(refusal(&wanted("attachment"), nowhere).contains("number"));
        assert!(refusal(&wanted("agency"), nowhere).contains("picture"));
        assert!(refusal(&wanted("stamp"), nowhere).contains("stamp"));
        assert!(refusal(&wanted("../plain"), nowhere).contains("not a name"));
        let mut copy = wanted("copy");
        assert!(Appearance::read(&copy, nowhere).is_ok());
        copy.values.insert("form".to_owned(), "SAO LỤC".to_owned());
        copy.values.insert("organization".to_owned(), "x".to_owned());
        assert!(Appearance::read(&copy, nowhere).is_ok());
        copy.values.insert("Form".to_owned(), "SAO LỤC".to_owned());
        assert!(refusal(&copy, nowhere).contains("no \"Form\"; it has: form"));
        copy.values.clear();
        copy.rectangle = Some([0.0, 0.0, f32::NAN, 1.0]);
        assert!(refusal(&copy, nowhere).contains("rectangle"));
    }

    #[test]
    fn own_presets_come_first_and_name_no_paths() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(folder.path().join("plain.toml"), text).unwrap();
        write("[place]\nsize-mm = [40, 20]\n[text]\nvi = [\"{signer}\", \"{unknown}\"]\nen = []\n");
        let own = Appearance::read(&wanted("plain"), folder.path()).unwrap();
        assert_eq!(own.preset.text.vi.len(), 2);
        write("[place]\nsize-mm = [40, 20]\n[look]\npicture = \"../secret.png\"\n");
        assert!(refusal(&wanted("plain"), folder.path()).contains("beside"));
        write("[place]\nsize-mm = [40, 20]\ncolour = \"red\"\n");
        assert!(refusal(&wanted("plain"), folder.path()).contains("colour"));
        write("[place]\nsize-mm = [0, 20]\n");
        assert!(refusal(&wanted("plain"), folder.path()).contains("size"));
    }

    #[test]
    fn a_line_without_its_value_is_left_out() {
        let values = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        assert_eq!(fill("x {a} y", &values).as_deref(), Some("x 1 y"));
        assert_eq!(fill("x {b}", &values), None);
        assert_eq!(fill("x", &values).as_deref(), Some("x"));
        assert_eq!(fill("x {a", &values), None);
    }
}
