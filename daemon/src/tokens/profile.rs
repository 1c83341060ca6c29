//! The tokens in the field that a software token can imitate.

/// Which one. What each means is the software token's matter; it keeps the name in the token when it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenProfile {
    /// The chip that most Vietnamese CAs hand out under names of their own.
    EnterSafe,
    /// Civil servants' tokens: RSA-3072, locked after three wrong PINs.
    Vgca,
    /// The certificate shows only after login.
    PrivateCertificate,
    /// Each signature asks for the PIN.
    AlwaysAuthenticate,
    /// No PSS, no elliptic curves.
    Pkcs1Only,
    /// PSS alone, as FIPS-minded modules have it: no PKCS #1 v1.5, no elliptic curves.
    PssOnly,
    /// RSA without a padding: the host pads.
    RawOnly,
    /// Some three seconds a signature.
    Slow,
    /// Certificate and key have different `CKA_ID`s.
    NoMatchingId,
}

impl TokenProfile {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::EnterSafe,
        Self::Vgca,
        Self::PrivateCertificate,
        Self::AlwaysAuthenticate,
        Self::Pkcs1Only,
        Self::PssOnly,
        Self::RawOnly,
        Self::Slow,
        Self::NoMatchingId,
    ];

    /// Its name on the command line and in the token.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EnterSafe => "enter-safe",
            Self::Vgca => "vgca",
            Self::PrivateCertificate => "private-certificate",
            Self::AlwaysAuthenticate => "always-authenticate",
            Self::Pkcs1Only => "pkcs1-only",
            Self::PssOnly => "pss-only",
            Self::RawOnly => "raw-only",
            Self::Slow => "slow",
            Self::NoMatchingId => "no-matching-id",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }
}
