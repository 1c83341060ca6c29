//! Deterministic signatures of ML-DSA (FIPS 204, section 3.4): the same key, context and message give the same
//! signature.
//!
//! AWS-LC makes hedged ones only. These come from the crate `ml-dsa`; AWS-LC has read and checked the key before.

use ml_dsa::{ExpandedSigningKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams};

use super::MlDsaSet;
use crate::error::{Error, Result};
use crate::ffi::crypto::MlKey;

/// Signs `mu` without fresh random bytes.
pub(super) fn sign(set: MlDsaSet, key: &MlKey, mu: &[u8; MlKey::MU_LEN]) -> Result<Vec<u8>> {
    match set {
        MlDsaSet::Dsa44 => sign_by::<MlDsa44>(key, mu),
        MlDsaSet::Dsa65 => sign_by::<MlDsa65>(key, mu),
        MlDsaSet::Dsa87 => sign_by::<MlDsa87>(key, mu),
    }
}

fn sign_by<P: MlDsaParams>(key: &MlKey, mu: &[u8; MlKey::MU_LEN]) -> Result<Vec<u8>> {
    let key = match key.seed() {
        Some(seed) => {
            let seed = seed.as_slice().try_into().map_err(|_| Error::General)?;
            ExpandedSigningKey::<P>::from_seed(seed)
        }
        None => expanded(key)?,
    };
    Ok(key.sign_mu_deterministic(&(*mu).into()).encode().to_vec())
}

/// A key whose seed nobody has told (FIPS 204, algorithm 25).
fn expanded<P: MlDsaParams>(key: &MlKey) -> Result<ExpandedSigningKey<P>> {
    let bytes = key.private_bytes()?;
    let bytes = bytes.as_slice().try_into().map_err(|_| Error::General)?;
    // Advised against because it takes the bytes for sound, which those of a key that AWS-LC has read are.
    #[allow(deprecated)]
    Ok(ExpandedSigningKey::from_expanded(bytes))
}
