//! What was typed for a PIN and may be something else: wherever it is typed, that is asked about before a try is spent.

/// Why what was typed may be another thing than the person meant. Only he and the token can tell, and asking the token
/// spends a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// A space at either end: it comes with what is pasted.
    Space,
    /// Something else than ASCII: an input method makes such letters of what is typed.
    Letters,
}

impl Doubt {
    /// What is doubtful about a PIN (UTF-8).
    #[must_use]
    pub fn about(pin: &[u8]) -> Option<Self> {
        if [pin.first(), pin.last()].contains(&Some(&b' ')) {
            Some(Self::Space)
        } else {
            (!pin.is_ascii()).then_some(Self::Letters)
        }
    }
}
