//! Tokens of the field that a token here can imitate, as data: one row a profile.
//!
//! A portal's developer seldom has the tokens of all certification authorities on his desk, and a build server has
//! none. A token that is initialised while `TRIEN_TOKEN_PROFILE` names a row behaves as that row says for the rest of
//! its life. Each profile imitates what a program meets and stumbles over, not the chip behind it.

use std::ops::RangeInclusive;
use std::time::Duration;

use cryptoki_sys::*;

use crate::api::general::MANUFACTURER;
use crate::attribute::Value;
use crate::error::{Error, Result};
use crate::mechanism::{self, Fed, Mechanism, Signing};
use crate::object::Object;
use crate::store::{Pin, Profile};

/// What a token of one profile does differently. [`PLAIN`] does nothing differently.
pub(crate) struct Imitation {
    /// In `TRIEN_TOKEN_PROFILE`, and in the token's header.
    pub(crate) name: &'static str,
    /// `CK_TOKEN_INFO.manufacturerID`
    pub(crate) manufacturer: &'static str,
    /// `CK_TOKEN_INFO.model`
    pub(crate) model: &'static str,
    /// So many wrong PINs in a row lock a PIN.
    pub(crate) max_tries: u8,
    /// `ulMinPinLen`, `ulMaxPinLen`; never beyond what the store takes.
    pub(crate) pin_len: RangeInclusive<usize>,
    /// The mechanisms it offers, if not all.
    mechanisms: Option<&'static [CK_MECHANISM_TYPE]>,
    /// The RSA keys it makes.
    rsa_bits: RangeInclusive<CK_ULONG>,
    /// A signature takes at least so long.
    delay: Duration,
    /// What becomes of objects that are put on it.
    shape: &'static [Shape],
}

/// How an object differs from what its template says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Certificates show only after login.
    CertificatesArePrivate,
    /// Every use of a private key wants the PIN.
    KeysAlwaysAuthenticate,
    /// A certificate's `CKA_ID` is not that of its key.
    CertificatesHaveOwnIds,
}

const RSA_PKCS1: &[CK_MECHANISM_TYPE] = &[
    CKM_RSA_PKCS_KEY_PAIR_GEN,
    CKM_RSA_PKCS,
    CKM_SHA256_RSA_PKCS,
    CKM_SHA384_RSA_PKCS,
    CKM_SHA512_RSA_PKCS,
    CKM_SHA256,
    CKM_SHA384,
    CKM_SHA512,
];

const RSA_PSS: &[CK_MECHANISM_TYPE] = &[
    CKM_RSA_PKCS_KEY_PAIR_GEN,
    CKM_RSA_PKCS_PSS,
    CKM_SHA256_RSA_PKCS_PSS,
    CKM_SHA384_RSA_PKCS_PSS,
    CKM_SHA512_RSA_PKCS_PSS,
    CKM_SHA256,
    CKM_SHA384,
    CKM_SHA512,
];

/// It neither pads nor hashes.
const RSA_RAW: &[CK_MECHANISM_TYPE] = &[CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_RSA_X_509];

/// A token that imitates none, and what the rows have in common.
const PLAIN_ROW: Imitation = Imitation {
    name: "",
    manufacturer: MANUFACTURER,
    model: "Trien SoftToken",
    max_tries: Profile::MAX_TRIES,
    pin_len: Pin::MIN_LEN..=Pin::MAX_LEN,
    mechanisms: None,
    rsa_bits: 0..=CK_ULONG::MAX,
    delay: Duration::ZERO,
    shape: &[],
};

static PLAIN: Imitation = PLAIN_ROW;

static IMITATIONS: [Imitation; 9] = [
    // Most Vietnamese authorities hand out this chip under names of their own: longer PINs, RSA and PKCS #1 v1.5
    // alone. It says 255 for the longest PIN; a longer one than ours can keep would be a promise broken.
    Imitation {
        name: "enter-safe",
        manufacturer: "EnterSafe",
        model: "ePass2003",
        pin_len: 8..=Pin::MAX_LEN,
        mechanisms: Some(RSA_PKCS1),
        rsa_bits: 2048..=2048,
        ..PLAIN_ROW
    },
    // Civil servants' tokens.
    Imitation {
        name: "vgca",
        model: "VGCA-like",
        max_tries: 3,
        pin_len: 4..=16,
        mechanisms: Some(RSA_PKCS1),
        rsa_bits: 3072..=3072,
        ..PLAIN_ROW
    },
    Imitation {
        name: "private-certificate",
        shape: &[Shape::CertificatesArePrivate],
        ..PLAIN_ROW
    },
    Imitation {
        name: "always-authenticate",
        shape: &[Shape::KeysAlwaysAuthenticate],
        ..PLAIN_ROW
    },
    Imitation {
        name: "pkcs1-only",
        mechanisms: Some(RSA_PKCS1),
        ..PLAIN_ROW
    },
    Imitation {
        name: "pss-only",
        mechanisms: Some(RSA_PSS),
        ..PLAIN_ROW
    },
    Imitation {
        name: "raw-only",
        mechanisms: Some(RSA_RAW),
        ..PLAIN_ROW
    },
    Imitation {
        name: "slow",
        delay: Duration::from_secs(3),
        ..PLAIN_ROW
    },
    Imitation {
        name: "no-matching-id",
        shape: &[Shape::CertificatesHaveOwnIds],
        ..PLAIN_ROW
    },
];

impl Imitation {
    /// The row of that name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        match name {
            "" => Some(&PLAIN),
            name => IMITATIONS.iter().find(|row| row.name == name),
        }
    }

    /// What a token's header says. A name that is not known here, from a later version, imitates nothing.
    pub(crate) fn of(profile: &Profile) -> &'static Self {
        Self::named(profile.name()).unwrap_or(&PLAIN)
    }

    /// What a token would imitate that were made now.
    pub(crate) fn of_the_next_token() -> Result<&'static Self> {
        let profile = Profile::from_environment()?;
        Ok(profile.map_or(&PLAIN, |profile| Self::of(&profile)))
    }

    /// Whether the token offers a mechanism: `CKR_MECHANISM_INVALID` if not.
    pub(crate) fn check_offered(&self, kind: CK_MECHANISM_TYPE) -> Result<()> {
        if self.offers(kind) {
            Ok(())
        } else {
            Err(Error::MechanismInvalid)
        }
    }

    /// Finds a mechanism, if the token offers it.
    pub(crate) fn mechanism(&self, kind: CK_MECHANISM_TYPE) -> Result<&'static dyn Mechanism> {
        self.check_offered(kind)?;
        mechanism::find(kind)
    }

    /// The mechanisms that the token offers, in ascending order.
    pub(crate) fn mechanisms(&self) -> Vec<CK_MECHANISM_TYPE> {
        let mut kinds = mechanism::kinds();
        kinds.retain(|kind| self.offers(*kind));
        kinds
    }

    fn offers(&self, kind: CK_MECHANISM_TYPE) -> bool {
        self.mechanisms.is_none_or(|offered| offered.contains(&kind))
    }

    /// `CK_MECHANISM_INFO`, with the key sizes of the imitated chip.
    pub(crate) fn mechanism_info(&self, kind: CK_MECHANISM_TYPE) -> Result<CK_MECHANISM_INFO> {
        let mut info = self.mechanism(kind)?.info();
        if kind == CKM_RSA_PKCS_KEY_PAIR_GEN {
            info.ulMinKeySize = info.ulMinKeySize.max(*self.rsa_bits.start());
            info.ulMaxKeySize = info.ulMaxKeySize.min(*self.rsa_bits.end());
        }
        Ok(info)
    }

    /// Whether the token makes RSA keys of that size: `CKR_KEY_SIZE_RANGE` if not.
    pub(crate) fn check_rsa_bits(&self, bits: Option<u64>) -> Result<()> {
        match bits.map(CK_ULONG::try_from) {
            Some(Ok(bits)) if !self.rsa_bits.contains(&bits) => Err(Error::KeySizeRange),
            // Whether it is a size at all is the mechanism's to say.
            _ => Ok(()),
        }
    }

    /// Whether a PIN that is to be set has a length that the token takes: `CKR_PIN_LEN_RANGE` if not.
    pub(crate) fn check_pin_len(&self, pin: &[u8]) -> Result<()> {
        if self.pin_len.contains(&pin.len()) {
            Ok(())
        } else {
            Err(Error::PinLenRange)
        }
    }

    /// The signature, at the pace of the imitated chip. The waiting holds nothing but the session's own operation.
    pub(crate) fn paced(&self, work: Box<dyn Signing>) -> Box<dyn Signing> {
        if self.delay.is_zero() {
            work
        } else {
            Box::new(Slow {
                work,
                delay: self.delay,
            })
        }
    }

    /// A new object as the imitated token would keep it.
    pub(crate) fn shaped(&self, object: Object) -> Object {
        if self.shape.is_empty() {
            return object;
        }
        let mut attributes = object.attributes().clone();
        for shape in self.shape {
            match (shape, object.class()) {
                (Shape::CertificatesArePrivate, CKO_CERTIFICATE) => {
                    attributes.insert(CKA_PRIVATE, Value::Bool(true));
                }
                (Shape::KeysAlwaysAuthenticate, CKO_PRIVATE_KEY) if object.is_private() => {
                    attributes.insert(CKA_ALWAYS_AUTHENTICATE, Value::Bool(true));
                }
                (Shape::CertificatesHaveOwnIds, CKO_CERTIFICATE) => {
                    let mut id = object.bytes(CKA_ID).unwrap_or_default().to_vec();
                    id.extend(b"-certificate");
                    attributes.insert(CKA_ID, Value::bytes(id));
                }
                _ => {}
            }
        }
        Object::new(attributes)
    }
}

/// A signature that takes its time.
struct Slow {
    work: Box<dyn Signing>,
    delay: Duration,
}

impl Fed for Slow {
    fn takes_parts(&self) -> bool {
        self.work.takes_parts()
    }

    fn update(&mut self, part: &[u8]) -> Result<()> {
        self.work.update(part)
    }
}

impl Signing for Slow {
    fn signature_len(&self) -> usize {
        self.work.signature_len()
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        std::thread::sleep(self.delay);
        self.work.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_kept_in_a_token() {
        for row in &IMITATIONS {
            let profile = Profile::new(row.name, row.max_tries).unwrap();
            assert_eq!(Imitation::of(&profile).name, row.name);
            assert!(*row.pin_len.start() >= Pin::MIN_LEN && *row.pin_len.end() <= Pin::MAX_LEN);
            assert!(row.mechanisms().iter().all(|kind| row.mechanism(*kind).is_ok()));
        }
        assert!(Imitation::named("unknown").is_none());
    }
}
