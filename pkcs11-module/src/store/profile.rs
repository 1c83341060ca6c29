//! What a token imitates: the name of a profile, and how many wrong PINs lock it.

use super::{Result, StoreError};
use crate::profile::Imitation;

/// Fixed when the token is initialised; told in its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Profile {
    name: [u8; Self::NAME_LEN],
    max_tries: u8,
}

impl Profile {
    /// So many wrong PINs in a row lock a PIN, unless the profile locks earlier.
    pub(crate) const MAX_TRIES: u8 = 10;

    const NAME_LEN: usize = 32;
    /// The length of [`Self::encode`].
    pub(super) const LEN: usize = Self::NAME_LEN + 1;

    /// A profile of this name, at most 32 characters of ASCII without blanks, which locks a PIN after so many wrong
    /// ones, 1 to 10.
    pub(crate) fn new(name: &str, max_tries: u8) -> Option<Self> {
        let is_name = name.len() <= Self::NAME_LEN && name.bytes().all(|byte| byte.is_ascii_graphic());
        let is_sane = is_name && (1..=Self::MAX_TRIES).contains(&max_tries);
        let mut padded = [0; Self::NAME_LEN];
        padded.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        is_sane.then_some(Self {
            name: padded,
            max_tries,
        })
    }

    /// What the host's environment asks for: `TRIEN_TOKEN_PROFILE`, the name of one that is known here, and
    /// `TRIEN_TOKEN_TRIES`, 1 to 10, if not as many as the profile has. `None` if it asks for nothing.
    pub(crate) fn from_environment() -> Result<Option<Self>> {
        let variable = |name| std::env::var_os(name).map(|value| value.into_string());
        let (name, tries) = match (variable("TRIEN_TOKEN_PROFILE"), variable("TRIEN_TOKEN_TRIES")) {
            (None, None) => return Ok(None),
            (name, tries) => (name.transpose(), tries.transpose()),
        };
        let profile = name.ok().zip(tries.ok()).and_then(|(name, tries)| {
            let imitation = Imitation::named(&name.unwrap_or_default())?;
            let tries = tries.map_or(Ok(imitation.max_tries), |tries| tries.parse());
            Self::new(imitation.name, tries.ok()?)
        });
        profile.map(Some).ok_or(StoreError::Profile)
    }

    /// The name; empty for a token that imitates none.
    pub(crate) fn name(&self) -> &str {
        let length = self.name.iter().position(|&byte| byte == 0);
        let name = &self.name[..length.unwrap_or(Self::NAME_LEN)];
        // Only ASCII gets in.
        std::str::from_utf8(name).unwrap_or_default()
    }

    /// So many wrong PINs in a row lock a PIN.
    pub(crate) fn max_tries(&self) -> u8 {
        self.max_tries
    }

    pub(super) fn encode(&self) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        out[..Self::NAME_LEN].copy_from_slice(&self.name);
        out[Self::NAME_LEN] = self.max_tries;
        out
    }

    pub(super) fn decode(raw: &[u8; Self::LEN]) -> Option<Self> {
        let (name, max_tries) = raw.split_at(Self::NAME_LEN);
        let length = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        let profile = Self::new(std::str::from_utf8(&name[..length]).ok()?, max_tries[0])?;
        // One way of writing each: no bytes behind the name.
        (profile.name == *name).then_some(profile)
    }
}

impl Default for Profile {
    /// A token that imitates none.
    fn default() -> Self {
        Self {
            name: [0; Self::NAME_LEN],
            max_tries: Self::MAX_TRIES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_reads_back_and_nothing_else_does() {
        for profile in [
            Profile::default(),
            Profile::new("vgca", 3).unwrap(),
            Profile::new(&"x".repeat(32), 1).unwrap(),
        ] {
            assert_eq!(Profile::decode(&profile.encode()), Some(profile));
        }
        for (name, tries) in [("two words", 3), ("tên", 3), ("x", 0), ("x", 11)] {
            assert_eq!(Profile::new(name, tries), None);
        }
        assert_eq!(Profile::new(&"x".repeat(33), 3), None);
        let mut behind = Profile::new("vgca", 3).unwrap().encode();
        behind[6] = b'x';
        assert_eq!(Profile::decode(&behind), None);
    }
}
