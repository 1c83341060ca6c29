//! CMAC (SP 800-38B; section 6.14): `CKM_AES_CMAC`, and `CKM_AES_CMAC_GENERAL` with a length of the host's choice.

use cryptoki_sys::*;

use super::{info, key};
use crate::error::Result;
use crate::ffi::crypto::{BLOCK, CmacContext};
use crate::mechanism::mac::{Length, Mac, Tagging};
use crate::mechanism::{Call, Mechanism, Signing, Table, Verifying};
use crate::object::Object;

struct Cmac(Length);

impl Cmac {
    fn begin(&self, call: &Call<'_>, object: &Object) -> Result<Tagging<CmacContext>> {
        let key = key(object)?;
        Ok(Tagging {
            len: self.0.read(call, BLOCK)?,
            mac: CmacContext::new(key)?,
        })
    }
}

impl Mechanism for Cmac {
    fn info(&self) -> CK_MECHANISM_INFO {
        info(CKF_SIGN | CKF_VERIFY)
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
    (CKM_AES_CMAC, &Cmac(Length::Whole)),
    (CKM_AES_CMAC_GENERAL, &Cmac(Length::Given)),
];
