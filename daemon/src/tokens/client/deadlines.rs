//! How long a module may take for what.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long a module may take. Past it, its process is ended.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Loading the module.
    pub start: Duration,
    /// Looking at tokens and certificates, opening and closing.
    pub enumerate: Duration,
    /// A login with a PIN from the pipe.
    pub login: Duration,
    /// A signature.
    pub sign: Duration,
    /// A login at the reader, where a person types.
    pub reader: Duration,
    /// Generating a key pair, making a token.
    pub generate: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(15),
            enumerate: Duration::from_secs(5),
            login: Duration::from_secs(30),
            sign: Duration::from_secs(30),
            reader: Duration::from_secs(120),
            generate: Duration::from_secs(120),
        }
    }
}

/// Milliseconds, as they stand on a card worker's command line: start, enumerate, login, sign, reader, generate.
impl fmt::Display for Deadlines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            start,
            enumerate,
            login,
            sign,
            reader,
            generate,
        } = self;
        let all = [start, enumerate, login, sign, reader, generate];
        f.write_str(&all.map(|deadline| deadline.as_millis().to_string()).join(","))
    }
}

/// No list of six numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("six numbers of milliseconds are needed")]
pub struct BadDeadlines;

impl FromStr for Deadlines {
    type Err = BadDeadlines;

    fn from_str(text: &str) -> Result<Self, BadDeadlines> {
        let numbers: Result<Vec<u64>, _> = text.split(',').map(str::parse).collect();
        let numbers = numbers.map_err(|_| BadDeadlines)?;
        let [start, enumerate, login, sign, reader, generate] = <[u64; 6]>::try_from(numbers)
            .map_err(|_| BadDeadlines)?
            .map(Duration::from_millis);
        Ok(Self {
            start,
            enumerate,
            login,
            sign,
            reader,
            generate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_has_five_seconds_to_look_thirty_to_sign_and_two_minutes_while_a_person_types() {
        let usual = Deadlines::default();
        let seconds = [usual.enumerate, usual.sign, usual.login, usual.reader].map(|one| one.as_secs());
        assert_eq!(seconds, [5, 30, 30, 120]);
        assert_eq!(
            usual.to_string().parse::<Deadlines>().map(|read| read.reader),
            Ok(usual.reader)
        );
    }
}
