//! The certificate that stands for a new key until an authority has made one: by the key itself.

use time::OffsetDateTime;
use trien_signatures::algorithm::RsaPadding;
use trien_signatures::certificate::Certificate;

use crate::tokens::distinguished_name;
use crate::tokens::issue::{Issuer, PreparedCertificate, Wanted};
use crate::tokens::pcsc::failure::CardError;
use crate::tokens::pcsc::piv::slot::Slot;

/// How long it lasts.
const DAYS: u32 = 365;

pub(super) fn prepare(slot: Slot, public_key: &[u8]) -> Result<PreparedCertificate, CardError> {
    let unsuitable = CardError::Unsupported("a certificate for such a key");
    let name = distinguished_name::parse(&format!("CN=PIV {slot}")).map_err(|_| unsuitable.clone())?;
    let wanted = Wanted {
        subject: name.clone(),
        public_key: public_key.to_vec(),
        days: DAYS,
        is_ca: false,
        sign_in: false,
    };
    let issuer = Issuer {
        name,
        public_key: public_key.to_vec(),
        padding: RsaPadding::Pkcs1,
    };
    PreparedCertificate::new(wanted, issuer, OffsetDateTime::now_utc()).map_err(|_| unsuitable)
}

pub(super) fn finish(prepared: PreparedCertificate, signature: &[u8]) -> Result<Certificate, CardError> {
    prepared
        .finish(signature)
        .map_err(|_| CardError::Unsupported("a signature by the new key"))
}
