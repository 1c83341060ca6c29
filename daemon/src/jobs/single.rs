//! One signature for one request: log in, sign, check; then the token logs out while the disk takes the record.

use trien_protocol::event::Stage;
use trien_signatures::algorithm::{Hash, SignatureValue};

use super::login::{Unlocked, login};
use super::{Caller, JobError};
use crate::audit::Intent;
use crate::consent::Approved;
use crate::tokens::Signable;

/// A signature that is right. Its token is still logged in.
pub(super) struct Made {
    unlocked: Unlocked,
    value: SignatureValue,
}

/// Logs in, signs, and checks with the certificate's public key what the token says is a signature.
///
/// # Errors
/// [`JobError`]; the token is logged out then.
pub(super) async fn sign<C>(
    caller: &Caller,
    approved: &mut Approved<C>,
    signable: &Signable,
) -> Result<Made, JobError> {
    let mut unlocked = login(approved).await?;
    caller.report.stage(Stage::Signing, 0, 1);
    let raw = sign_once(approved, &mut unlocked, signable).await;
    match raw.and_then(|raw| checked(approved, signable, &raw)) {
        Ok(value) => Ok(Made { unlocked, value }),
        Err(error) => {
            unlocked.close().await;
            Err(error)
        }
    }
}

/// The token's signature, unless the person closes the window before it is there.
async fn sign_once<C>(
    approved: &mut Approved<C>,
    unlocked: &mut Unlocked,
    signable: &Signable,
) -> Result<Vec<u8>, JobError> {
    let window = approved.window();
    window.look()?;
    // The person is told while the token works, and looked at again before anything leaves.
    let (first, told) = tokio::join!(biased; unlocked.try_to_sign(signable), window.progress(0, 1));
    let raw = unlocked.go_on(first, signable, window, (0, 1)).await?;
    told?;
    window.look()?;
    Ok(raw)
}

fn checked<C>(approved: &Approved<C>, signable: &Signable, raw: &[u8]) -> Result<SignatureValue, JobError> {
    let value = SignatureValue::from_token(signable.algorithm, raw).map_err(|_| JobError::BadSignature)?;
    let certificate = &approved.candidate().held.certificate;
    certificate
        .verify_digest(signable.algorithm, &signable.digest, &value)
        .map_err(|_| JobError::BadSignature)?;
    Ok(value)
}

impl Made {
    /// Puts it on the record, and gives what the record has of it. It may leave when this returns, and the token is logged
    /// out then.
    ///
    /// # Errors
    /// [`JobError`].
    pub(super) async fn record(
        self,
        caller: &Caller,
        intent: Intent,
    ) -> Result<(SignatureValue, Vec<String>), JobError> {
        let Self { unlocked, value } = self;
        let results = vec![hex::encode(Hash::Sha256.digest(value.as_bytes()))];
        let recording = async {
            caller.commit()?;
            intent.signed(results.clone()).await?;
            Ok::<(), JobError>(())
        };
        let ((), recorded) = tokio::join!(unlocked.close(), recording);
        recorded?;
        Ok((value, results))
    }
}
