//! Keys ready for use, made from an object's attributes, and the attributes made from a key that came from
//! elsewhere: generated, or unwrapped. One file a kind of key; `pkcs8` is the form in which private keys travel.

mod ec;
mod finite_field;
mod ml;
pub(crate) mod names;
pub(crate) mod pkcs8;
mod rsa;

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::ffi::crypto::{DhKey, DsaKey, EcKey, Ed25519Key, KEY_LEN, MlKey, RsaKey};
use crate::mechanism::{Curve, ED448_LEN, MlDsaSet, X448_LEN};
use crate::object::{Attributes, Object};

pub(crate) use finite_field::FiniteField;

/// A parsed key. Processors fetch memory by pairs of lines of 64 bytes: what one thread counts its key in is in none that
/// another thread's key or session is in.
#[repr(align(128))]
pub(crate) enum Key {
    Rsa(RsaKey),
    Dsa(DsaKey),
    Dh(DhKey),
    /// A value known to be one of its group; nothing is done with it alone.
    DhPublic,
    Ec(Curve, EcKey),
    Ed25519(Ed25519Key),
    Ed25519Public([u8; KEY_LEN]),
    X25519(Zeroizing<[u8; KEY_LEN]>),
    Ed448(Zeroizing<[u8; ED448_LEN]>),
    Ed448Public([u8; ED448_LEN]),
    X448(Zeroizing<[u8; X448_LEN]>),
    /// A point known to be one; nothing is done with it alone.
    MontgomeryPublic,
    MlDsa(MlDsaSet, MlKey),
    MlKem(MlKey),
}

impl Key {
    /// Builds the key of a public or private key object whose numbers are known to belong together: see
    /// [`Key::check`].
    pub(crate) fn of(object: &Object) -> Result<Self> {
        match (object.class(), object.ulong(CKA_KEY_TYPE)) {
            (CKO_PRIVATE_KEY, Some(CKK_RSA)) => rsa::private(object),
            (CKO_PUBLIC_KEY, Some(CKK_RSA)) => rsa::public(object),
            (_, Some(CKK_DSA | CKK_DH)) => finite_field::of(object),
            (_, Some(CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY)) => ec::of(object),
            (_, Some(CKK_ML_DSA | CKK_ML_KEM)) => ml::of(object),
            _ => Err(Error::KeyTypeInconsistent),
        }
    }

    /// Whether a key that comes from outside is one. Of most kinds that is known when the key is built; an RSA key's
    /// private numbers are compared here, once in a key's life: what a store gives back is sealed, and what the library
    /// signs with them it verifies.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Rsa(key) if key.is_private() => key.check_private(),
            _ => Ok(()),
        }
    }

    pub(crate) fn rsa(&self) -> Result<&RsaKey> {
        if let Self::Rsa(key) = self {
            Ok(key)
        } else {
            Err(Error::KeyTypeInconsistent)
        }
    }

    pub(crate) fn dsa(&self) -> Result<&DsaKey> {
        if let Self::Dsa(key) = self {
            Ok(key)
        } else {
            Err(Error::KeyTypeInconsistent)
        }
    }

    pub(crate) fn ml_dsa(&self) -> Result<(MlDsaSet, &MlKey)> {
        if let Self::MlDsa(set, key) = self {
            Ok((*set, key))
        } else {
            Err(Error::KeyTypeInconsistent)
        }
    }

    pub(crate) fn ml_kem(&self) -> Result<&MlKey> {
        if let Self::MlKem(key) = self {
            Ok(key)
        } else {
            Err(Error::KeyTypeInconsistent)
        }
    }

    pub(crate) fn ec(&self) -> Result<(Curve, &EcKey)> {
        if let Self::Ec(curve, key) = self {
            Ok((*curve, key))
        } else {
            Err(Error::KeyTypeInconsistent)
        }
    }
}

/// The two halves of a generated key, as attributes.
pub(crate) struct GeneratedPair {
    pub(crate) public: Attributes,
    pub(crate) private: Attributes,
}
