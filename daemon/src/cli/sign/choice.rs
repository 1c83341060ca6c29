//! Several certificates fit: the person at the terminal says which by its number.

use async_trait::async_trait;
use trien_protocol::call::Language;

use crate::cli::pin;
use crate::cli::report::printable;
use crate::consent::AskError;
use crate::consent::shell::Chooser;
use crate::language::{arguments, text};

/// How often a number is asked for.
const TRIES: usize = 3;

/// The person at the terminal.
pub(super) struct AtTerminal {
    pub(super) language: Language,
}

#[async_trait]
impl Chooser for AtTerminal {
    async fn choose(&self, choices: &[String]) -> Result<Option<usize>, AskError> {
        let numbered = (1..)
            .zip(choices)
            .map(|(number, choice): (u32, _)| format!("\n  {number}. {}", printable(choice)));
        let listed = arguments([("choices", numbered.collect())]);
        let count = arguments([("count", choices.len().to_string())]);
        let number = text(self.language, "sign-choose-number", &count) + " ";
        let mut question = text(self.language, "sign-choose", &listed) + "\n" + &number;
        for _ in 0..TRIES {
            match pin::line(question).await {
                Ok(answer) => match answer.trim().parse::<usize>() {
                    Ok(chosen) if (1..=choices.len()).contains(&chosen) => return Ok(Some(chosen - 1)),
                    _ => {
                        let answer = arguments([("answer", printable(answer.trim()))]);
                        question = text(self.language, "sign-choose-none", &answer) + "\n" + &number;
                    }
                },
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {
                    return Err(AskError::Refused);
                }
                // Without a terminal there is nobody who could say it.
                Err(_) => return Ok(None),
            }
        }
        Err(AskError::Refused)
    }
}
