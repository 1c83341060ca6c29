//! What others say, the system and the reader of TOML, in the person's language.

use std::io;

use trien_protocol::call::Language;

use super::{Arguments, arguments, plain, text};

/// What the system says, in the person's language: for the kinds that a person meets a word of ours, since the system's
/// own names files that are ours and nobody's business; for others its number, or in English its own word.
#[must_use]
pub fn system_said(error: &io::Error, language: Language) -> String {
    let word = match reader_word(error) {
        Some(key) => Some(plain(language, key)),
        None => system_word(error.kind(), language),
    };
    word.unwrap_or_else(|| match (error.raw_os_error(), language) {
        (Some(number), Language::Vi) => {
            let number = arguments([("number", number.to_string())]);
            text(language, "io-number", &number)
        }
        _ => error.to_string(),
    })
}

/// What no system says, but who reads or names files for it.
fn reader_word(error: &io::Error) -> Option<&'static str> {
    let is_own = error.raw_os_error().is_none() && error.get_ref().is_none();
    match error.kind() {
        io::ErrorKind::InvalidData if is_own => Some("io-no-utf8"),
        _ => None,
    }
}

/// True if what was read as text is none (UTF-8).
#[must_use]
pub fn is_no_text(error: &io::Error) -> bool {
    reader_word(error).is_some()
}

fn system_word(kind: io::ErrorKind, language: Language) -> Option<String> {
    let key = match kind {
        io::ErrorKind::NotFound => "io-not-found",
        io::ErrorKind::PermissionDenied => "io-permission-denied",
        io::ErrorKind::IsADirectory => "io-is-a-folder",
        io::ErrorKind::NotADirectory => "io-not-a-folder",
        io::ErrorKind::AlreadyExists => "io-already-exists",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "io-storage-full",
        io::ErrorKind::ReadOnlyFilesystem => "io-read-only",
        io::ErrorKind::InvalidFilename => "io-name-too-long",
        io::ErrorKind::BrokenPipe => "io-broken-pipe",
        io::ErrorKind::Unsupported => "io-unsupported",
        io::ErrorKind::FileTooLarge => "io-too-large",
        io::ErrorKind::ResourceBusy => "io-busy",
        io::ErrorKind::TimedOut => "io-timed-out",
        io::ErrorKind::AddrInUse => "io-address-in-use",
        io::ErrorKind::ConnectionRefused => "io-connection-refused",
        io::ErrorKind::OutOfMemory => "io-out-of-memory",
        _ => return None,
    };
    Some(text(language, key, &Arguments::new()))
}

/// What the reader of TOML says of a file: English is its own word, Vietnamese what it amounts to. The names that it puts
/// between backquotes are the file's.
#[must_use]
pub fn in_toml(said: &str, language: Language) -> String {
    if language == Language::En {
        return said.to_owned();
    }
    let mut names = said.split('`').skip(1).step_by(2).map(str::to_owned);
    let first = names.next().unwrap_or_default();
    let others: Vec<_> = names.collect();
    let others = others.join(", ");
    let (key, facts) = match () {
        () if said.starts_with("unknown field") && others.is_empty() => {
            ("toml-unknown-key", arguments([("name", first)]))
        }
        () if said.starts_with("unknown field") => (
            "toml-unknown-key-of",
            arguments([("name", first), ("others", others)]),
        ),
        () if said.starts_with("unknown variant") => (
            "toml-unknown-value",
            arguments([("name", first), ("others", others)]),
        ),
        () if said.starts_with("missing field") => ("toml-missing-key", arguments([("name", first)])),
        () if said.starts_with("duplicate") => ("toml-twice", Arguments::new()),
        () if tells_a_value(said) => ("toml-wrong-value", Arguments::new()),
        () => ("toml-syntax", Arguments::new()),
    };
    text(language, key, &facts)
}

/// The same of a file that holds PINs: the reader quotes the value that it cannot use, and forgotten quotes make a PIN such a
/// one. Told instead are the key that the value belongs to, and what is wanted.
#[must_use]
pub fn in_secret_toml(text: &str, error: &toml::de::Error, language: Language) -> String {
    let said = error.message();
    let fault = if said.starts_with("string values must be quoted") || wants_a_text(said) {
        plain(language, "toml-wants-text")
    } else if tells_a_value(said) {
        plain(language, "toml-wrong-value")
    } else {
        return in_toml(said, language);
    };
    match key_of_value(text, error) {
        Some(key) => {
            let facts = [("key", key.to_owned()), ("fault", fault)];
            super::text(language, "toml-at-key", &arguments(facts))
        }
        None => fault,
    }
}

fn wants_a_text(said: &str) -> bool {
    said.starts_with("invalid type") && said.ends_with(", expected a string")
}

/// True for what serde says of a value: it quotes it.
fn tells_a_value(said: &str) -> bool {
    let starts = [
        "invalid type",
        "invalid value",
        "invalid length",
        "data did not match",
    ];
    starts.iter().any(|start| said.starts_with(start))
}

/// The key before the value at which the reader stopped, where they share a line.
fn key_of_value<'a>(text: &'a str, error: &toml::de::Error) -> Option<&'a str> {
    let before = text.get(..error.span()?.start)?;
    let line = before.rsplit('\n').next()?;
    let key = line.trim_end().strip_suffix('=')?.trim();
    let plain = |character: char| character.is_ascii_lowercase() || character == '_';
    (!key.is_empty() && key.chars().all(plain)).then_some(key)
}

/// In which line of a text its reader stopped, counted from 1.
#[must_use]
pub fn line_of(text: &str, error: &toml::de::Error) -> Option<usize> {
    error.span().map(|span| 1 + lines_before(text, span.start))
}

/// Line feeds before this byte, which may lie within a character.
fn lines_before(text: &str, byte: usize) -> usize {
    let before = text.bytes().take(byte);
    before.filter(|one| *one == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_told_in_the_persons_language_whatever_it_is() {
        let said = |number, language| system_said(&io::Error::from_raw_os_error(number), language);
        // ENOSPC has a word, EIO a number.
        assert_eq!(said(28, Language::Vi), "hết dung lượng");
        assert_eq!(said(28, Language::En), "there is no room left");
        assert_eq!(said(5, Language::Vi), "lỗi hệ thống số 5");
        assert!(said(5, Language::En).contains("os error 5"));
        let no_text = std::io::read_to_string(&b"\xff"[..]).unwrap_err();
        assert_eq!(system_said(&no_text, Language::En), "it is no text in UTF-8");
        let own = io::Error::new(io::ErrorKind::InvalidData, "ours");
        assert_eq!(system_said(&own, Language::En), "ours");
        for kind in [
            io::ErrorKind::ResourceBusy,
            io::ErrorKind::TimedOut,
            io::ErrorKind::FileTooLarge,
        ] {
            let [vi, en] = [Language::Vi, Language::En].map(|language| system_said(&kind.into(), language));
            assert!(!vi.starts_with("io-") && vi != en, "{vi}");
        }
    }

    #[test]
    fn lines_are_counted_within_characters_too() {
        let text = "một\nhai\nế";
        for (byte, lines) in [(0, 0), (3, 0), (text.len() - 1, 2), (text.len() + 9, 2)] {
            assert_eq!(lines_before(text, byte), lines);
        }
    }

    #[test]
    fn what_the_reader_of_toml_says_is_told_in_vietnamese_with_the_names_of_the_file() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "only what is wrong with it is looked at")]
        struct File {
            port: u16,
            kind: Option<Kind>,
        }
        #[derive(Debug, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Kind {
            One,
            Two,
        }
        for (file, line, said) in [
            (
                "port = 1\nprot = 2\n",
                Some(2),
                "không có khóa \"prot\" ở đây; có thể dùng: port, kind",
            ),
            (
                "port = 1\nkind = \"three\"\n",
                Some(2),
                "không có giá trị \"three\"; có thể dùng: one, two",
            ),
            ("kind = \"one\"\n", Some(1), "thiếu khóa \"port\""),
            (
                "port = 65536\n",
                Some(1),
                "giá trị không đúng kiểu hoặc nằm ngoài khoảng cho phép",
            ),
            ("port = 1\nport = 1\n", Some(2), "một khóa xuất hiện hai lần"),
            ("port\n", Some(1), "không đúng cú pháp TOML"),
        ] {
            let error = toml::from_str::<File>(file).unwrap_err();
            assert_eq!(in_toml(error.message(), Language::Vi), said, "{error}");
            assert_eq!(in_toml(error.message(), Language::En), error.message());
            assert_eq!(line_of(file, &error), line, "{error}");
        }
    }
}
