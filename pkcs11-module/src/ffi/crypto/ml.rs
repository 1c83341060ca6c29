//! Keys over module lattices: ML-DSA (FIPS 204) and ML-KEM (FIPS 203).
//!
//! The library has them inside its validated module, behind the C interface that has been stable since its version
//! 1.50; the safe interface still calls its ML-DSA unstable, so that one is not used.

use std::ffi::c_int;
use std::ptr::{NonNull, null_mut};

use aws_lc_sys::*;
use zeroize::Zeroizing;

use super::forget_errors;
use crate::error::{Error, Result};
use crate::mechanism::{MlDsaSet, MlKemSet};

/// A key of either algorithm, private or public, ready for use.
pub(crate) struct MlKey(NonNull<EVP_PKEY>);

// SAFETY: the library counts references atomically and only reads a key while it is used; nothing here changes it
// once it is made.
unsafe impl Send for MlKey {}
// SAFETY: likewise.
unsafe impl Sync for MlKey {}

impl MlKey {
    /// The bytes of `mu`, what ML-DSA signs (FIPS 204, algorithm 7, line 6).
    pub(crate) const MU_LEN: usize = 64;

    /// Makes a new ML-DSA key pair.
    pub(crate) fn generate_dsa(set: MlDsaSet) -> Result<Self> {
        Self::generate(EVP_PKEY_PQDSA, |context| {
            // SAFETY: the context lives.
            unsafe { EVP_PKEY_CTX_pqdsa_set_params(context, dsa_number(set)) }
        })
    }

    /// Makes a new ML-KEM key pair.
    pub(crate) fn generate_kem(set: MlKemSet) -> Result<Self> {
        Self::generate(EVP_PKEY_KEM, |context| {
            // SAFETY: the context lives.
            unsafe { EVP_PKEY_CTX_kem_set_params(context, kem_number(set)) }
        })
    }

    fn generate(kind: c_int, choose: impl FnOnce(*mut EVP_PKEY_CTX) -> c_int) -> Result<Self> {
        let context = KeyContext::of_kind(kind)?;
        let mut key = null_mut();
        // SAFETY: the context lives; the place for the key is ours.
        let made = unsafe {
            EVP_PKEY_keygen_init(context.0.as_ptr()) == 1
                && choose(context.0.as_ptr()) == 1
                && EVP_PKEY_keygen(context.0.as_ptr(), &raw mut key) == 1
        };
        Self::taken(key).filter(|_| made).ok_or(Error::FunctionFailed)
    }

    /// Reads an ML-DSA private key: the seed of 32 bytes, or the expanded key (FIPS 204, algorithm 24).
    pub(crate) fn dsa_private(set: MlDsaSet, bytes: &[u8]) -> Result<Self> {
        // SAFETY: a slice's pointer and length.
        let key = unsafe { EVP_PKEY_pqdsa_new_raw_private_key(dsa_number(set), bytes.as_ptr(), bytes.len()) };
        Self::taken(key).ok_or(Error::AttributeValueInvalid)
    }

    /// Reads an ML-DSA public key (FIPS 204, algorithm 22).
    pub(crate) fn dsa_public(set: MlDsaSet, bytes: &[u8]) -> Result<Self> {
        // SAFETY: a slice's pointer and length.
        let key = unsafe { EVP_PKEY_pqdsa_new_raw_public_key(dsa_number(set), bytes.as_ptr(), bytes.len()) };
        Self::taken(key).ok_or(Error::AttributeValueInvalid)
    }

    /// Expands the seed of an ML-KEM key, d and z of 32 bytes each (FIPS 203, algorithm 16).
    pub(crate) fn kem_from_seed(set: MlKemSet, seed: &[u8]) -> Result<Self> {
        let context = KeyContext::of_kind(EVP_PKEY_KEM)?;
        let (mut key, mut length) = (null_mut(), seed.len());
        // SAFETY: the context lives; the slice gives its own pointer and length; the place for the key is ours.
        let made = unsafe {
            EVP_PKEY_keygen_init(context.0.as_ptr()) == 1
                && EVP_PKEY_CTX_kem_set_params(context.0.as_ptr(), kem_number(set)) == 1
                && EVP_PKEY_keygen_deterministic(
                    context.0.as_ptr(),
                    &raw mut key,
                    seed.as_ptr(),
                    &raw mut length,
                ) == 1
        };
        Self::taken(key)
            .filter(|_| made)
            .ok_or(Error::AttributeValueInvalid)
    }

    /// Reads an ML-KEM decapsulation key together with the encapsulation key inside it; the library checks that one
    /// belongs to the other (FIPS 203, 7.3).
    pub(crate) fn kem_private(set: MlKemSet, public: &[u8], private: &[u8]) -> Result<Self> {
        // SAFETY: two slices' pointers and lengths.
        let key = unsafe {
            EVP_PKEY_kem_new_raw_key(
                kem_number(set),
                public.as_ptr(),
                public.len(),
                private.as_ptr(),
                private.len(),
            )
        };
        let key = Self::taken(key).ok_or(Error::AttributeValueInvalid)?;
        // SAFETY: the key lives.
        let sound = unsafe { EVP_PKEY_kem_check_key(key.0.as_ptr()) } == 1;
        forget_errors();
        if sound {
            Ok(key)
        } else {
            Err(Error::AttributeValueInvalid)
        }
    }

    /// Reads an ML-KEM encapsulation key.
    pub(crate) fn kem_public(set: MlKemSet, bytes: &[u8]) -> Result<Self> {
        // SAFETY: a slice's pointer and length.
        let key = unsafe { EVP_PKEY_kem_new_raw_public_key(kem_number(set), bytes.as_ptr(), bytes.len()) };
        Self::taken(key).ok_or(Error::AttributeValueInvalid)
    }

    fn taken(key: *mut EVP_PKEY) -> Option<Self> {
        let key = NonNull::new(key).map(Self);
        forget_errors();
        key
    }

    /// The public key's bytes.
    pub(crate) fn public_bytes(&self) -> Result<Vec<u8>> {
        // SAFETY: the key lives; `filled` gives a buffer of the length that is said beside it, or NULL.
        let bytes =
            filled(|out, length| unsafe { EVP_PKEY_get_raw_public_key(self.0.as_ptr(), out, length) });
        bytes.map(|bytes| bytes.to_vec())
    }

    /// The private key's bytes, expanded.
    pub(crate) fn private_bytes(&self) -> Result<Zeroizing<Vec<u8>>> {
        // SAFETY: as above.
        filled(|out, length| unsafe { EVP_PKEY_get_raw_private_key(self.0.as_ptr(), out, length) })
    }

    /// The seed, if the key was made from one.
    pub(crate) fn seed(&self) -> Option<Zeroizing<Vec<u8>>> {
        // SAFETY: as above.
        filled(|out, length| unsafe { EVP_PKEY_get_private_seed(self.0.as_ptr(), out, length) }).ok()
    }

    /// Signs `mu` by ML-DSA, hedged with fresh random bytes (FIPS 204, 3.4).
    pub(crate) fn sign(&self, mu: &[u8; Self::MU_LEN], len: usize) -> Result<Vec<u8>> {
        let context = KeyContext::of_key(self)?;
        let (mut out, mut length) = (vec![0; len], len);
        // SAFETY: the context lives and holds the key; the buffers have the lengths that are said beside them.
        let signed = unsafe {
            EVP_PKEY_sign_init(context.0.as_ptr()) == 1
                && EVP_PKEY_sign(
                    context.0.as_ptr(),
                    out.as_mut_ptr(),
                    &raw mut length,
                    mu.as_ptr(),
                    mu.len(),
                ) == 1
        };
        forget_errors();
        if signed && length == len {
            Ok(out)
        } else {
            Err(Error::FunctionFailed)
        }
    }

    /// Whether this is an ML-DSA signature of `mu`.
    pub(crate) fn verify(&self, mu: &[u8; Self::MU_LEN], signature: &[u8]) -> Result<bool> {
        let context = KeyContext::of_key(self)?;
        // SAFETY: as in `sign`.
        let right = unsafe {
            EVP_PKEY_verify_init(context.0.as_ptr()) == 1
                && EVP_PKEY_verify(
                    context.0.as_ptr(),
                    signature.as_ptr(),
                    signature.len(),
                    mu.as_ptr(),
                    mu.len(),
                ) == 1
        };
        forget_errors();
        Ok(right)
    }

    /// Makes a shared secret and its ciphertext (FIPS 203, algorithm 20).
    pub(crate) fn encapsulate(&self) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>)> {
        let context = KeyContext::of_key(self)?;
        let (mut ciphertext_len, mut secret_len) = (0, 0);
        // SAFETY: the context lives and holds the key; NULL asks for the lengths.
        let known = unsafe {
            EVP_PKEY_encapsulate(
                context.0.as_ptr(),
                null_mut(),
                &raw mut ciphertext_len,
                null_mut(),
                &raw mut secret_len,
            )
        };
        if known != 1 {
            forget_errors();
            return Err(Error::FunctionFailed);
        }
        let mut ciphertext = vec![0; ciphertext_len];
        let mut secret = Zeroizing::new(vec![0; secret_len]);
        // SAFETY: the buffers have the lengths that the library asked for.
        let made = unsafe {
            EVP_PKEY_encapsulate(
                context.0.as_ptr(),
                ciphertext.as_mut_ptr(),
                &raw mut ciphertext_len,
                secret.as_mut_ptr(),
                &raw mut secret_len,
            )
        };
        forget_errors();
        if made == 1 {
            Ok((ciphertext, secret))
        } else {
            Err(Error::FunctionFailed)
        }
    }

    /// Opens a ciphertext. One that was made for another key, or changed, gives another secret (implicit rejection:
    /// FIPS 203, algorithm 18, line 9); one of another length is refused.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let context = KeyContext::of_key(self)?;
        // SAFETY: the context lives and holds the key; the slice gives its own pointer and length; `filled` gives a
        // buffer of the length that is said beside it, or NULL.
        let secret = filled(|out, length| unsafe {
            EVP_PKEY_decapsulate(
                context.0.as_ptr(),
                out,
                length,
                ciphertext.as_ptr(),
                ciphertext.len(),
            )
        });
        secret.map_err(|_| Error::EncryptedDataLenRange)
    }
}

impl Drop for MlKey {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone; the library wipes what it frees.
        unsafe { EVP_PKEY_free(self.0.as_ptr()) };
    }
}

/// One use of a key.
struct KeyContext(NonNull<EVP_PKEY_CTX>);

impl KeyContext {
    fn of_kind(kind: c_int) -> Result<Self> {
        // SAFETY: takes a number and gives a new context or NULL.
        let context = NonNull::new(unsafe { EVP_PKEY_CTX_new_id(kind, null_mut()) });
        context.map(Self).ok_or(Error::HostMemory)
    }

    fn of_key(key: &MlKey) -> Result<Self> {
        // SAFETY: the key lives, and the context holds a reference of its own.
        let context = NonNull::new(unsafe { EVP_PKEY_CTX_new(key.0.as_ptr(), null_mut()) });
        context.map(Self).ok_or(Error::HostMemory)
    }
}

impl Drop for KeyContext {
    fn drop(&mut self) {
        // SAFETY: made by the library, owned by this value alone.
        unsafe { EVP_PKEY_CTX_free(self.0.as_ptr()) };
    }
}

/// Asks for a length, then for as many bytes.
fn filled(get: impl Fn(*mut u8, *mut usize) -> c_int) -> Result<Zeroizing<Vec<u8>>> {
    let mut length = 0;
    let known = get(null_mut(), &raw mut length) == 1;
    let mut out = Zeroizing::new(vec![0; if known { length } else { 0 }]);
    let got = known && get(out.as_mut_ptr(), &raw mut length) == 1;
    forget_errors();
    if got && length == out.len() {
        Ok(out)
    } else {
        Err(Error::FunctionFailed)
    }
}

fn dsa_number(set: MlDsaSet) -> c_int {
    match set {
        MlDsaSet::Dsa44 => NID_MLDSA44,
        MlDsaSet::Dsa65 => NID_MLDSA65,
        MlDsaSet::Dsa87 => NID_MLDSA87,
    }
}

fn kem_number(set: MlKemSet) -> c_int {
    match set {
        MlKemSet::Kem512 => NID_MLKEM512,
        MlKemSet::Kem768 => NID_MLKEM768,
        MlKemSet::Kem1024 => NID_MLKEM1024,
    }
}
