//! Mechanisms: one file an algorithm, each with a table of the mechanisms it answers for.
//!
//! A mechanism refuses by default: each kind of use it does not define is `CKR_MECHANISM_INVALID`.

mod aes;
mod blocks;
mod cbc_mac;
mod cmac;
mod curve;
mod curve448;
mod derivation;
mod des;
mod dh;
mod digest;
mod dsa;
mod ec_key_pair;
mod ecdh;
mod ecdsa;
mod eddsa;
mod encrypt_data;
mod hkdf;
mod hmac;
mod input;
mod kbkdf;
mod mac;
mod message;
mod ml_dsa;
mod ml_dsa_deterministic;
mod ml_kem;
mod parameter;
mod pbkdf2;
mod rsa;
mod rsa_key_wrap;
mod rsa_oaep;
mod rsa_pkcs;
mod rsa_pss;
mod rsa_raw;
mod secret;
mod sha1;
mod simple_derivation;

use std::mem::MaybeUninit;
use std::sync::LazyLock;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::draft::Draft;
use crate::error::{Error, Result};
use crate::key::GeneratedPair;
use crate::object::{Attributes, Object};

pub(crate) use curve::{Curve, Edwards, Montgomery};
pub(crate) use curve448::{ED448_LEN, X448_LEN, ed448_public, x448_public};
pub(crate) use derivation::{Derived, Inheritance, Wanted};
pub(crate) use des::{natural_len, set_parity};
pub(crate) use digest::Hash;
pub(crate) use eddsa::Variant;
pub(crate) use message::{MessageCipher, MessageParameter, NonceSource, WrapParameter};
pub(crate) use ml_dsa::MlDsaSet;
pub(crate) use ml_kem::MlKemSet;
pub(crate) use parameter::{Call, Field, Hkdf, Kbkdf, KeptCall, Number, Oaep, Parameter, Pbkdf2};

/// What a mechanism can do. The keys it is given are known to allow the use.
pub(crate) trait Mechanism: Sync {
    /// Key sizes and uses (`C_GetMechanismInfo`).
    fn info(&self) -> CK_MECHANISM_INFO;

    /// Begins a digest.
    fn digest(&self, _call: &Call<'_>) -> Result<Box<dyn Digesting>> {
        Err(Error::MechanismInvalid)
    }

    /// Goes on with a digest from where [`Digesting::saved`] left it. Only what that gave may come here.
    fn resume_digest(&self, _saved: &[u8]) -> Result<Box<dyn Digesting>> {
        Err(Error::SavedStateInvalid)
    }

    /// Begins a signature.
    fn sign(&self, _call: &Call<'_>, _key: &Object) -> Result<Box<dyn Signing>> {
        Err(Error::MechanismInvalid)
    }

    /// Begins a verification.
    fn verify(&self, _call: &Call<'_>, _key: &Object) -> Result<Box<dyn Verifying>> {
        Err(Error::MechanismInvalid)
    }

    /// Begins a signature that the data can be recovered from.
    fn sign_recover(&self, _call: &Call<'_>, _key: &Object) -> Result<Box<dyn Cipher>> {
        Err(Error::MechanismInvalid)
    }

    /// Begins the recovery of data from a signature.
    fn verify_recover(&self, _call: &Call<'_>, _key: &Object) -> Result<Box<dyn Cipher>> {
        Err(Error::MechanismInvalid)
    }

    /// Begins an encryption.
    fn encrypt(&self, _call: &Call<'_>, _key: &Object) -> Result<Box<dyn Cipher>> {
        Err(Error::MechanismInvalid)
    }

    /// Begins a decryption.
    fn decrypt(&self, _call: &Call<'_>, _key: &Object) -> Result<Box<dyn Cipher>> {
        Err(Error::MechanismInvalid)
    }

    /// What `C_GenerateKey` makes: a secret key, or the numbers that many key pairs share.
    fn generated_class(&self) -> CK_OBJECT_CLASS {
        CKO_SECRET_KEY
    }

    /// The types of the secret keys that it makes; the first is meant when a template says nothing.
    fn secret_types(&self) -> Result<&'static [CK_KEY_TYPE]> {
        Err(Error::MechanismInvalid)
    }

    /// Makes the object's own attributes, a secret key's `CKA_VALUE`, as the template asks.
    fn generate_secret(&self, _call: &Call<'_>, _template: &Draft) -> Result<Attributes> {
        Err(Error::MechanismInvalid)
    }

    /// The type of the key pairs that it makes.
    fn pair_type(&self) -> Result<CK_KEY_TYPE> {
        Err(Error::MechanismInvalid)
    }

    /// Makes a key pair as the templates of its halves ask; nearly all is in that of the public one.
    fn generate_pair(&self, _call: &Call<'_>, _public: &Draft, _private: &Draft) -> Result<GeneratedPair> {
        Err(Error::MechanismInvalid)
    }

    /// Whether it wraps keys of this class, which is that of secret or private keys.
    fn wraps(&self, _class: CK_OBJECT_CLASS) -> bool {
        true
    }

    /// What [`Self::unwrap`] leaves around a secret key's value.
    fn filling(&self) -> Filling {
        Filling::None
    }

    /// Wraps another key's bytes: a secret key's value, or a private key's `PrivateKeyInfo`.
    fn wrap(&self, _call: &Call<'_>, _wrapping: &Object, _plain: &[u8]) -> Result<Vec<u8>> {
        Err(Error::MechanismInvalid)
    }

    /// Unwraps what [`Self::wrap`] made.
    fn unwrap(&self, _call: &Call<'_>, _unwrapping: &Object, _wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        Err(Error::MechanismInvalid)
    }

    /// What a derivation makes: a secret key, but for one mechanism.
    fn derived_class(&self) -> CK_OBJECT_CLASS {
        CKO_SECRET_KEY
    }

    /// How the new key is protected.
    fn inheritance(&self) -> Inheritance {
        Inheritance::History
    }

    /// Derives the values of keys from a base key.
    fn derive(&self, _call: &Call<'_>, _base: &Object, _wanted: &Wanted<'_>) -> Result<Derived> {
        Err(Error::MechanismInvalid)
    }

    /// Whether it works on messages that are authenticated (3.0), and with this key.
    fn check_message_key(&self, _key: &Object) -> Result<()> {
        Err(Error::MechanismInvalid)
    }

    /// Begins to encrypt a message.
    fn seal_message(
        &self,
        _key: &Object,
        _parameter: &MessageParameter<'_>,
        _nonce: &[u8],
        _additional: &[u8],
    ) -> Result<Box<dyn MessageCipher>> {
        Err(Error::MechanismInvalid)
    }

    /// Begins to decrypt a message.
    fn open_message(
        &self,
        _key: &Object,
        _parameter: &MessageParameter<'_>,
        _nonce: &[u8],
        _additional: &[u8],
    ) -> Result<Box<dyn MessageCipher>> {
        Err(Error::MechanismInvalid)
    }

    /// Makes a shared secret for the holder of the private key, and the ciphertext that carries it (3.2).
    fn encapsulate(&self, _call: &Call<'_>, _public: &Object) -> Result<Encapsulated> {
        Err(Error::MechanismInvalid)
    }

    /// Opens the ciphertext of [`Self::encapsulate`].
    fn decapsulate(
        &self,
        _call: &Call<'_>,
        _private: &Object,
        _ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        Err(Error::MechanismInvalid)
    }
}

/// The zeros that a mechanism which pads nothing by itself needs around a secret key's value, and gives back with it;
/// `CKA_VALUE_LEN` tells the value from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filling {
    /// The mechanism knows the length.
    None,
    Before,
    After,
}

/// Data that arrives in one piece or in many.
pub(crate) trait Fed: Send {
    /// Whether the mechanism is defined for data in many pieces.
    fn takes_parts(&self) -> bool;

    /// Takes the next piece.
    fn update(&mut self, part: &[u8]) -> Result<()>;
}

/// A digest in the making.
pub(crate) trait Digesting: Send {
    /// The length of the digest.
    fn digest_len(&self) -> usize;

    /// Takes the next piece.
    fn update(&mut self, part: &[u8]) -> Result<()>;

    /// The digest of all that was fed.
    fn finish(self: Box<Self>) -> Result<Vec<u8>>;

    /// The mechanism, and what [`Mechanism::resume_digest`] needs to go on from here; `None` if it cannot be had.
    fn saved(&self) -> Option<(CK_MECHANISM_TYPE, Zeroizing<Vec<u8>>)>;
}

/// A signature in the making.
pub(crate) trait Signing: Fed {
    /// The length of the signature, known before it is made: a length query must not sign.
    fn signature_len(&self) -> usize;

    /// Signs all that was fed.
    fn finish(self: Box<Self>) -> Result<Vec<u8>>;
}

/// A verification in the making.
pub(crate) trait Verifying: Fed {
    /// Whether it is a signature of all that was fed: `CKR_SIGNATURE_INVALID` or `CKR_SIGNATURE_LEN_RANGE` if not.
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()>;
}

/// An encryption or decryption in the making; also a signature with recovery, which is one with the private key.
pub(crate) trait Cipher: Send {
    /// Whether the mechanism is defined for data in many pieces.
    fn takes_parts(&self) -> bool;

    /// The most bytes that [`Self::update`] gives for so many, before anything is known of their values.
    fn most_of_part(&self, len: usize) -> usize;

    /// The most bytes that [`Self::finish`] gives after so many more have been fed.
    fn most_of_rest(&self, len: usize) -> usize;

    /// Takes the next piece and appends what it gives.
    fn update(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<()>;

    /// Appends what is left.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()>;

    /// As [`Self::update`], into the host's memory, which has room for [`Self::most_of_part`] and shares no byte with
    /// the part: how much was written there. For bulk data; other mechanisms leave it to a copy.
    fn update_into(&mut self, _part: &[u8], _out: &mut [MaybeUninit<u8>]) -> Option<Result<usize>> {
        None
    }

    /// As [`Self::update`] and [`Self::finish`], likewise, with room for [`Self::most_of_rest`].
    fn whole_into(&mut self, _data: &[u8], _out: &mut [MaybeUninit<u8>]) -> Option<Result<usize>> {
        None
    }
}

/// A shared secret and what carries it.
pub(crate) struct Encapsulated {
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) secret: Zeroizing<Vec<u8>>,
}

/// Finds a mechanism by its type.
pub(crate) fn find(kind: CK_MECHANISM_TYPE) -> Result<&'static dyn Mechanism> {
    let found = SORTED.binary_search_by_key(&kind, |(known, _)| *known);
    found.map(|i| SORTED[i].1).map_err(|_| Error::MechanismInvalid)
}

/// Every mechanism's type, in ascending order.
pub(crate) fn kinds() -> Vec<CK_MECHANISM_TYPE> {
    SORTED.iter().map(|(kind, _)| *kind).collect()
}

/// The mechanisms of one algorithm.
type Table = &'static [(CK_MECHANISM_TYPE, &'static dyn Mechanism)];

static TABLES: &[Table] = &[
    cbc_mac::MECHANISMS,
    cmac::MECHANISMS,
    des::MECHANISMS,
    dh::MECHANISMS,
    digest::MECHANISMS,
    dsa::MECHANISMS,
    ec_key_pair::MECHANISMS,
    ecdh::MECHANISMS,
    ecdsa::MECHANISMS,
    eddsa::MECHANISMS,
    encrypt_data::MECHANISMS,
    hkdf::MECHANISMS,
    hmac::MECHANISMS,
    kbkdf::MECHANISMS,
    ml_dsa::MECHANISMS,
    ml_kem::MECHANISMS,
    pbkdf2::MECHANISMS,
    rsa::MECHANISMS,
    rsa_key_wrap::MECHANISMS,
    rsa_oaep::MECHANISMS,
    rsa_pkcs::MECHANISMS,
    rsa_pss::MECHANISMS,
    rsa_raw::MECHANISMS,
    secret::MECHANISMS,
    simple_derivation::MECHANISMS,
];

/// All of them by type: a look-up is part of every signature.
static SORTED: LazyLock<Vec<(CK_MECHANISM_TYPE, &dyn Mechanism)>> = LazyLock::new(|| {
    let tables = TABLES.iter().chain(aes::TABLES);
    let mut all: Vec<_> = tables.flat_map(|table| table.iter().copied()).collect();
    all.sort_unstable_by_key(|(kind, _)| *kind);
    all
});
