//! What is wrong with the parameters of a signature, each with words of its own: a person at the shell has written them,
//! and a preset or a template in a file of his. Displays for developers; [`super::words`] has it for people.

use std::io;

/// A parameter that cannot be right.
#[derive(Debug, thiserror::Error)]
pub enum Argument {
    /// For another format than PDF.
    #[error("appearance, location, field, certify, lock: for PAdES only")]
    PdfOnly,
    /// A reason where the format has no place for one.
    #[error("reason: for PAdES and Office documents only")]
    NoReason,
    /// The format has no such level.
    #[error("level: the format has no such level")]
    NoSuchLevel,
    /// A counter-signature, and which of several signatures it is about, no order among them says.
    #[error("documents: more than one signature")]
    SeveralSignatures,
    /// The template.
    #[error("template: {0}")]
    Template(Fault),
    /// The names of the templates that are built in; there is none of the name that was given.
    #[error("template: none of this name; built in are {0}")]
    NoTemplate(String),
    /// The preset.
    #[error("appearance.preset {name}: {fault}")]
    Preset {
        /// Its name.
        name: String,
        /// What is wrong with its file.
        fault: Fault,
    },
    /// There is no preset of this name.
    #[error("appearance.preset: there is no \"{0}\"")]
    NoPreset(String),
    /// What is no name of a preset.
    #[error("appearance.preset: not a name")]
    PresetName,
    /// The preset wants a value that was not given.
    #[error("appearance.values: the preset {preset} needs \"{value}\"")]
    ValueMissing {
        /// The preset.
        preset: String,
        /// The value.
        value: String,
    },
    /// The preset has no place for a value.
    #[error("appearance.values: the preset {preset} has no \"{value}\"; it has: {known}")]
    ValueUnknown {
        /// The preset.
        preset: String,
        /// The value.
        value: String,
        /// Those that it has.
        known: String,
    },
    /// The preset wants a picture.
    #[error("appearance.image: the preset {0} needs a picture (PNG)")]
    PictureMissing(String),
    /// The picture cannot be used.
    #[error("appearance.image: {0}")]
    Picture(String),
    /// The name of the preset's picture is a path.
    #[error("appearance: a picture lies beside its preset")]
    PictureElsewhere,
    /// A file of the person's own: a preset, or its picture.
    #[error("appearance: {file}: {cause}")]
    File {
        /// Its name, without the folder, which is no page's business.
        file: String,
        /// The system's word.
        cause: io::Error,
    },
}

/// What is wrong with a file that holds a preset or a template.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Its name is none.
    #[error("not a name")]
    Name,
    /// Not UTF-8.
    #[error("not UTF-8")]
    Utf8,
    /// No TOML, an unknown key, a wrong type.
    #[error("{}{said}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
    Toml {
        /// Counted from 1, where it is known.
        line: Option<usize>,
        /// The reader's word.
        said: String,
    },
    /// A size or a share of one that no paper has.
    #[error("a size or share that cannot be")]
    Measure,
}
