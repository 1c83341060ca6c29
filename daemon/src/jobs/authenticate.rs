//! `authenticate`: the person signs in to a portal with a token in Web eID's format. The key signs
//! H(H(origin) ‖ H(nonce)), where the origin is the browser's word and never the page's: a token that another site had
//! made is worth nothing to it here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use trien_protocol::call::Authenticate;
use trien_protocol::event::Stage;
use trien_protocol::limits::NONCE_LENGTH;
use trien_protocol::prompt::{Outcome, QuestionKind};
use trien_protocol::reply::{AuthenticationToken, SigningCertificate};
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};
use trien_signatures::certificate::Certificate;

use super::candidates::{self, Found, Wanted};
use super::sign_documents::{end, token_hash, window_outcome};
use super::{Caller, Context, JobError, present, recipe, single};
use crate::audit::{Intent, Subject};
use crate::consent::{self, Approved};
use crate::policy::{NotAllowed, Origin, Permitted};
use crate::tokens::{RsaSchemes, Signable};

/// Names program and version to the portal, once the person has signed in.
const APP_VERSION: &str = concat!("https://trien.vn/releases/", env!("CARGO_PKG_VERSION"));

/// Bits a challenge must have, so that nobody guesses or repeats it.
const MIN_NONCE: usize = 256 / 8;

/// Makes a token if the person approves.
///
/// # Errors
/// [`JobError`].
pub async fn run(
    context: &Context,
    caller: &Caller,
    permitted: Permitted<Authenticate>,
) -> Result<AuthenticationToken, JobError> {
    check_nonce(&permitted.call().nonce)?;
    // What protects a sign-in from others on the network is the page's own https.
    let origin = permitted.channel().origin().filter(|origin| origin.is_https());
    let origin = origin.cloned().ok_or(NotAllowed)?;
    let turn = caller.turn(context).await?;
    let wanted = Wanted {
        sha256: None,
        tax_code: None,
        suits: &|certificate| {
            certificate.may_authenticate()
                && recipe::algorithm(certificate, (None, None), RsaSchemes::default()).is_ok()
        },
        signing: true,
    };
    let found = candidates::find(context, wanted).await?;

    let subject = Subject {
        documents: vec![hex::encode(
            Hash::Sha256.digest(permitted.call().nonce.as_bytes()),
        )],
        ..Subject::of_request(permitted.channel(), "authenticate")
    };
    let mut intent = context.audit.intend(subject)?;
    caller.report.stage(Stage::Asking, 0, 1);
    let offer = found.offer(QuestionKind::SignIn, Vec::new());
    let question = consent::ask(&*context.prompter, turn, permitted, offer);
    let approved = match intent.settle_during(question).await {
        Ok(approved) => approved,
        Err(error) => return Err(end(intent, error.into())),
    };
    carry_out(caller, intent, approved, &origin, &found).await
}

/// Base64 of at least 256 bits, and no longer than a challenge has reason to be.
fn check_nonce(nonce: &str) -> Result<(), JobError> {
    let long_enough = |bytes: Vec<u8>| bytes.len() >= MIN_NONCE && bytes.iter().any(|byte| *byte != bytes[0]);
    if NONCE_LENGTH.contains(&nonce.len()) && STANDARD.decode(nonce).is_ok_and(long_enough) {
        Ok(())
    } else {
        Err(JobError::BadNonce)
    }
}

async fn carry_out(
    caller: &Caller,
    mut intent: Intent,
    mut approved: Approved<Authenticate>,
    origin: &Origin,
    found: &Found,
) -> Result<AuthenticationToken, JobError> {
    let held = &approved.candidate().held;
    let certificate = held.certificate.clone();
    intent.know(|subject| {
        subject.certificate = Some(certificate.sha256_hex());
        subject.token = Some(token_hash(&held.token));
    });
    intent.approve().await?;
    let signed = sign(caller, &mut approved, origin, &certificate).await;
    let (algorithm, made) = match signed {
        Ok(signed) => signed,
        Err(error) => {
            approved.finish(window_outcome(&error)).await;
            return Err(end(intent, error));
        }
    };
    let signing = signing_certificates(&approved, &certificate, found);
    let (value, _) = made.record(caller, intent).await?;
    approved.finish(Outcome::Done).await;
    Ok(AuthenticationToken {
        unverified_certificate: STANDARD.encode(certificate.as_der()),
        algorithm: algorithm.jose_name().to_owned(),
        signature: STANDARD.encode(present::raw_signature(&certificate, algorithm, &value)?),
        format: if signing.is_some() {
            "web-eid:1.1"
        } else {
            "web-eid:1.0"
        }
        .to_owned(),
        app_version: APP_VERSION.to_owned(),
        unverified_signing_certificates: signing,
    })
}

/// Signs the origin and the nonce, as the Web eID format has them.
async fn sign(
    caller: &Caller,
    approved: &mut Approved<Authenticate>,
    origin: &Origin,
    certificate: &Certificate,
) -> Result<(SignatureAlgorithm, single::Made), JobError> {
    let offered = approved.candidate().entry().rsa;
    let algorithm = recipe::algorithm(certificate, (None, None), offered)?;
    let hash = algorithm.hash();
    let message = [origin.as_str(), &approved.call().nonce]
        .map(|part| hash.digest(part.as_bytes()))
        .concat();
    let signable = Signable {
        algorithm,
        digest: hash.digest(&message),
        message: Some(message),
    };
    let made = single::sign(caller, approved, &signable).await?;
    Ok((algorithm, made))
}

/// The person's certificate for contents, if the page asked for it: of the same token, subject and issuer, as the
/// portals' libraries want it. Often it is the one he signed in with.
fn signing_certificates(
    approved: &Approved<Authenticate>,
    certificate: &Certificate,
    found: &Found,
) -> Option<Vec<SigningCertificate>> {
    if !approved.call().signing_certificate {
        return None;
    }
    let same_person = |other: &&Certificate| {
        other.may_commit_to_content()
            && !other.is_ca()
            && other.is_valid_at(found.now)
            && other.subject().rfc4514 == certificate.subject().rfc4514
            && other.issuer().rfc4514 == certificate.issuer().rfc4514
    };
    let own = std::iter::once(certificate);
    let signing = own.chain(found.beside.iter()).find(same_person)?;
    Some(vec![SigningCertificate {
        certificate: STANDARD.encode(signing.as_der()),
        supported_signature_algorithms: present::algorithms(signing, approved.candidate().entry().rsa),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n039_a_nonce_is_base64_of_256_bits_in_44_to_128_characters() {
        let of = |bytes: usize| STANDARD.encode((0..bytes).map(|n| n as u8).collect::<Vec<_>>());
        for good in [of(32), of(33), of(48), of(96)] {
            assert!(check_nonce(&good).is_ok(), "{good}");
        }
        let spaced = format!("{} ", &of(32)[..43]);
        for bad in [
            String::new(),
            of(31),
            of(32)[..43].to_owned(),
            format!("{}A", of(96)),
            of(97),
            spaced,
            format!("\n{}", of(32)),
            "_".repeat(44),
            STANDARD.encode([0; 32]),
            "ế".repeat(22),
        ] {
            assert!(matches!(check_nonce(&bad), Err(JobError::BadNonce)), "{bad:?}");
        }
    }
}
