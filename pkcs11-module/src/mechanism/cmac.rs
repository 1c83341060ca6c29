//! CMAC (SP 800-38B; sections 6.14 and 6.18): `CKM_AES_CMAC` and `CKM_DES3_CMAC`, and `CKM_…_CMAC_GENERAL` with a
//! length of the host's choice.

use cryptoki_sys::*;

use super::blocks::BlockCipher;
use super::mac::{Length, Mac, Tagging};
use super::{Call, Mechanism, Signing, Table, Verifying};
use crate::error::Result;
use crate::ffi::crypto::CmacContext;
use crate::object::Object;

struct Cmac(BlockCipher, Length);

impl Cmac {
    fn begin(&self, call: &Call<'_>, object: &Object) -> Result<Tagging<CmacContext>> {
        let Self(cipher, length) = self;
        let key = cipher.key(object)?;
        Ok(Tagging {
            len: length.read(call, cipher.block_len())?,
            mac: CmacContext::new(key)?,
        })
    }
}

impl Mechanism for Cmac {
    fn info(&self) -> CK_MECHANISM_INFO {
        self.0.info(CKF_SIGN | CKF_VERIFY)
    }

    fn sign(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Signing>> {
        Ok(Box::new(self.begin(call, key)?))
    }

    fn verify(&self, call: &Call<'_>, key: &Object) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(self.begin(call, key)?))
    }
}

impl Mac for CmacContext {
    fn update(&mut self, part: &[u8]) -> Result<()> {
        Self::update(self, part)
    }

    fn finish(self) -> Result<Vec<u8>> {
        Self::finish(self)
    }
}

pub(super) static MECHANISMS: Table = &[
    (CKM_AES_CMAC, &Cmac(BlockCipher::Aes, Length::Whole)),
    (CKM_AES_CMAC_GENERAL, &Cmac(BlockCipher::Aes, Length::Given)),
    (CKM_DES3_CMAC, &Cmac(BlockCipher::TripleDes, Length::Whole)),
    (
        CKM_DES3_CMAC_GENERAL,
        &Cmac(BlockCipher::TripleDes, Length::Given),
    ),
];
