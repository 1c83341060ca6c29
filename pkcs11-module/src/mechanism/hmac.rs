//! HMAC (FIPS 198-1; section 6.20 and those of the other hash functions): `CKM_SHA…_HMAC`, and
//! `CKM_SHA…_HMAC_GENERAL` with a length of the host's choice.

use cryptoki_sys::*;

use super::mac::{Length, Mac, Tagging};
use super::{Call, Hash, Mechanism, Signing, Table, Verifying, secret};
use crate::error::{Error, Result};
use crate::ffi::crypto::HmacContext;
use crate::object::Object;

struct Hmac {
    hash: Hash,
    /// The type of the keys that are for this hash function alone; generic secrets are for all.
    key_type: CK_KEY_TYPE,
    length: Length,
}

impl Hmac {
    fn begin(&self, call: &Call<'_>, object: &Object) -> Result<Tagging<HmacContext>> {
        let key = secret::value(object, &[CKK_GENERIC_SECRET, self.key_type])?;
        let len = self.length.read(call, self.hash.len())?;
        if !(1..=secret::MAX_LEN).contains(&key.len()) {
            return Err(Error::KeySizeRange);
        }
        let mac = HmacContext::new(self.hash, key)?;
        Ok(Tagging { mac, len })
    }
}

impl Mechanism for Hmac {
    /// The key sizes are counted in bytes.
    fn info(&self) -> CK_MECHANISM_INFO {
        CK_MECHANISM_INFO {
            ulMinKeySize: 1,
            ulMaxKeySize: secret::MAX_LEN as CK_ULONG,
            flags: CKF_SIGN | CKF_VERIFY,
        }
    }

    fn sign(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Signing>> {
        Ok(Box::new(self.begin(call, key)?))
    }

    fn verify(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(self.begin(call, key)?))
    }
}

impl Mac for HmacContext {
    fn update(&mut self, part: &[u8]) -> Result<()> {
        Self::update(self, part)
    }

    fn finish(self) -> Result<Vec<u8>> {
        Self::finish(self)
    }
}

const fn whole(hash: Hash, key_type: CK_KEY_TYPE) -> Hmac {
    Hmac {
        hash,
        key_type,
        length: Length::Whole,
    }
}

const fn general(hash: Hash, key_type: CK_KEY_TYPE) -> Hmac {
    Hmac {
        hash,
        key_type,
        length: Length::Given,
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_SHA_1_HMAC, &whole(Hash::Sha1, CKK_SHA_1_HMAC)),
    (CKM_SHA_1_HMAC_GENERAL, &general(Hash::Sha1, CKK_SHA_1_HMAC)),
    (CKM_SHA224_HMAC, &whole(Hash::Sha224, CKK_SHA224_HMAC)),
    (CKM_SHA224_HMAC_GENERAL, &general(Hash::Sha224, CKK_SHA224_HMAC)),
    (CKM_SHA256_HMAC, &whole(Hash::Sha256, CKK_SHA256_HMAC)),
    (CKM_SHA256_HMAC_GENERAL, &general(Hash::Sha256, CKK_SHA256_HMAC)),
    (CKM_SHA384_HMAC, &whole(Hash::Sha384, CKK_SHA384_HMAC)),
    (CKM_SHA384_HMAC_GENERAL, &general(Hash::Sha384, CKK_SHA384_HMAC)),
    (CKM_SHA512_HMAC, &whole(Hash::Sha512, CKK_SHA512_HMAC)),
    (CKM_SHA512_HMAC_GENERAL, &general(Hash::Sha512, CKK_SHA512_HMAC)),
    (CKM_SHA512_224_HMAC, &whole(Hash::Sha512_224, CKK_SHA512_224_HMAC)),
    (
        CKM_SHA512_224_HMAC_GENERAL,
        &general(Hash::Sha512_224, CKK_SHA512_224_HMAC),
    ),
    (CKM_SHA512_256_HMAC, &whole(Hash::Sha512_256, CKK_SHA512_256_HMAC)),
    (
        CKM_SHA512_256_HMAC_GENERAL,
        &general(Hash::Sha512_256, CKK_SHA512_256_HMAC),
    ),
    (CKM_SHA3_224_HMAC, &whole(Hash::Sha3_224, CKK_SHA3_224_HMAC)),
    (
        CKM_SHA3_224_HMAC_GENERAL,
        &general(Hash::Sha3_224, CKK_SHA3_224_HMAC),
    ),
    (CKM_SHA3_256_HMAC, &whole(Hash::Sha3_256, CKK_SHA3_256_HMAC)),
    (
        CKM_SHA3_256_HMAC_GENERAL,
        &general(Hash::Sha3_256, CKK_SHA3_256_HMAC),
    ),
    (CKM_SHA3_384_HMAC, &whole(Hash::Sha3_384, CKK_SHA3_384_HMAC)),
    (
        CKM_SHA3_384_HMAC_GENERAL,
        &general(Hash::Sha3_384, CKK_SHA3_384_HMAC),
    ),
    (CKM_SHA3_512_HMAC, &whole(Hash::Sha3_512, CKK_SHA3_512_HMAC)),
    (
        CKM_SHA3_512_HMAC_GENERAL,
        &general(Hash::Sha3_512, CKK_SHA3_512_HMAC),
    ),
];
