//! `sign_digest`: a bare signature over a digest nobody can look behind. Needs its own permission, and a certificate
//! that the page was shown on this connection.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use trien_protocol::call::{HashAlgorithm, RsaPadding, SignDigest};
use trien_protocol::event::Stage;
use trien_protocol::prompt::{Outcome, QuestionKind, ShownDocument};
use trien_protocol::reply::DigestSignature;
use trien_signatures::algorithm::{Hash, SignatureAlgorithm};

use super::candidates::{self, Found, Wanted};
use super::knowledge::Knowledge;
use super::recipe::{self, rsa_padding};
use super::sign_documents::{end, token_hash, window_outcome};
use super::{Caller, Context, JobError, present, single};
use crate::audit::{Intent, Subject};
use crate::consent::{self, Approved, Turn};
use crate::policy::Permitted;
use crate::tokens::{RsaSchemes, Signable};

/// Signs the digest if the person approves.
///
/// # Errors
/// [`JobError`].
pub async fn run(
    context: &Context,
    caller: &Caller,
    permitted: Permitted<SignDigest>,
) -> Result<DigestSignature, JobError> {
    let call = permitted.call().clone();
    let hash = hash(call.hash);
    let digest = STANDARD
        .decode(&call.digest)
        .map_err(|_| JobError::BadRequest("digest: not base64".into()))?;
    if digest.len() != hash.len() {
        return Err(JobError::BadDigest);
    }
    let key = (call.certificate.as_str(), call.padding, hash);
    let (turn, found, algorithm) = chosen(context, caller, key).await?;

    let subject = Subject {
        format: Some(algorithm.jose_name().to_owned()),
        documents: vec![hex::encode(&digest)],
        ..Subject::of_request(permitted.channel(), "sign_digest")
    };
    let mut intent = context.audit.intend(subject)?;
    caller.report.stage(Stage::Asking, 0, 1);
    let document = ShownDocument {
        name: String::new(),
        size: None,
        kind: None,
        hash: hash.name().to_owned(),
        digest: hex::encode(&digest),
        warnings: Vec::new(),
    };
    let offer = found.offer(QuestionKind::SignDigest, vec![document]);
    let question = consent::ask(&*context.prompter, turn, permitted, offer);
    let approved = match intent.settle_during(question).await {
        Ok(approved) => approved,
        Err(error) => return Err(end(intent, error.into())),
    };
    let signable = Signable {
        algorithm,
        digest,
        message: None,
    };
    carry_out(context, caller, intent, approved, signable, &found).await
}

/// The turn to ask the person, the certificate that the page was shown and names now, and how its key signs.
pub(super) async fn chosen(
    context: &Context,
    caller: &Caller,
    (certificate, padding, hash): (&str, Option<RsaPadding>, Hash),
) -> Result<(Turn, Found, SignatureAlgorithm), JobError> {
    if !caller.holdings.knows(certificate) {
        return Err(JobError::CertificateNotFound);
    }
    let turn = caller.turn(context).await?;
    let found = find(context, certificate).await?;
    let candidate = &found.candidates[0];
    let (key, offered) = (candidate.held.certificate.public_key(), candidate.entry().rsa);
    let algorithm = SignatureAlgorithm::for_key(key, rsa_padding(padding, offered), hash)
        .map_err(|_| JobError::CertificateUnsuitable)?;
    Ok((turn, found, algorithm))
}

/// The certificate of the request, if it may vouch for contents.
async fn find(context: &Context, certificate: &str) -> Result<Found, JobError> {
    let wanted = Wanted {
        sha256: Some(certificate),
        tax_code: None,
        // A digest may be the challenge of a login elsewhere: a key that vouches for contents must be meant.
        suits: &|certificate| {
            certificate.may_commit_to_content()
                && recipe::algorithm(certificate, (None, None), RsaSchemes::default()).is_ok()
        },
        signing: true,
    };
    candidates::find(context, wanted).await
}

async fn carry_out(
    context: &Context,
    caller: &Caller,
    mut intent: Intent,
    mut approved: Approved<SignDigest>,
    signable: Signable,
    found: &Found,
) -> Result<DigestSignature, JobError> {
    let held = &approved.candidate().held;
    intent.know(|subject| {
        subject.certificate = Some(held.certificate.sha256_hex());
        subject.token = Some(token_hash(&held.token));
    });
    intent.approve().await?;
    if !approved.covers(&hex::encode(&signable.digest)) {
        return Err(end(
            intent,
            JobError::Internal("a digest the person has not seen".into()),
        ));
    }
    let made = match single::sign(caller, &mut approved, &signable).await {
        Ok(made) => made,
        Err(error) => {
            approved.finish(window_outcome(&error)).await;
            return Err(end(intent, error));
        }
    };
    let known = Knowledge::of(context, found, &approved.candidate().held.certificate);
    let (value, results) = made.record(caller, intent).await?;
    known.keep_meanwhile(results);
    context.recent.signed(&approved.candidate().held.token);
    let raw = present::raw_signature(&approved.candidate().held.certificate, signable.algorithm, &value)?;
    approved.finish(Outcome::Done).await;
    Ok(DigestSignature {
        signature: STANDARD.encode(value.as_bytes()),
        raw_signature: STANDARD.encode(raw),
        algorithm: signable.algorithm.jose_name().to_owned(),
        signature_algorithm: present::algorithm(signable.algorithm),
    })
}

pub(super) fn hash(name: HashAlgorithm) -> Hash {
    match name {
        HashAlgorithm::Sha256 => Hash::Sha256,
        HashAlgorithm::Sha384 => Hash::Sha384,
        HashAlgorithm::Sha512 => Hash::Sha512,
    }
}
