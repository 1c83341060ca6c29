//! `sign_digests`: bare signatures over several digests, with one question and one PIN. Needs the permissions for blind
//! signing and for batches, and a certificate that the page was shown.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use trien_protocol::call::{DocumentRef, NamedDigest, SignDigests};
use trien_protocol::event::Stage;
use trien_protocol::limits::{MAX_DOCUMENTS, MAX_NAME};
use trien_protocol::prompt::{QuestionKind, ShownDocument};
use trien_protocol::reply::{DigestSignatures, SignedDigest};
use trien_signatures::algorithm::{Hash, SignatureAlgorithm, SignatureValue};
use trien_signatures::certificate::Certificate;

use super::batch::{self, Work};
use super::candidates::Found;
use super::knowledge::Knowledge;
use super::sign_digest::{chosen, hash};
use super::sign_documents::{end, outcome, token_hash, window_outcome};
use super::{Caller, Context, JobError, present};
use crate::audit::{Intent, Subject, manifest_hash};
use crate::consent::{self, Approved};
use crate::policy::Permitted;
use crate::tokens::Signable;

/// Signs the digests if the person approves.
///
/// # Errors
/// [`JobError`] when nothing at all was signed; failures of single digests are in the reply.
pub async fn run(
    context: &Context,
    caller: &Caller,
    permitted: Permitted<SignDigests>,
) -> Result<DigestSignatures, JobError> {
    let call = permitted.call().clone();
    let hash = hash(call.hash);
    let digests = decode(&call.digests, hash)?;
    let key = (call.certificate.as_str(), call.padding, hash);
    let (turn, found, algorithm) = chosen(context, caller, key).await?;

    let subject = Subject {
        format: Some(algorithm.jose_name().to_owned()),
        documents: digests.iter().map(hex::encode).collect(),
        manifest: Some(manifest_hash(&manifest(&call.digests, &digests))),
        ..Subject::of_request(permitted.channel(), "sign_digests")
    };
    let mut intent = context.audit.intend(subject)?;
    caller
        .report
        .stage(Stage::Asking, 0, u32::try_from(digests.len()).unwrap_or(u32::MAX));
    let shown = |(named, digest): (&NamedDigest, &Vec<u8>)| ShownDocument {
        name: named.name.clone(),
        size: None,
        kind: None,
        hash: hash.name().to_owned(),
        digest: hex::encode(digest),
        warnings: Vec::new(),
    };
    let documents = call.digests.iter().zip(&digests).map(shown).collect();
    let offer = found.offer(QuestionKind::SignDigest, documents);
    let question = consent::ask(&*context.prompter, turn, permitted, offer);
    let approved = match intent.settle_during(question).await {
        Ok(approved) => approved,
        Err(error) => return Err(end(intent, error.into())),
    };
    let blind = (digests, algorithm);
    carry_out(context, caller, intent, approved, blind, &found).await
}

fn decode(named: &[NamedDigest], hash: Hash) -> Result<Vec<Vec<u8>>, JobError> {
    if named.is_empty() {
        return Err(JobError::BadRequest("digests: none".into()));
    }
    if named.len() > MAX_DOCUMENTS {
        return Err(JobError::TooLarge(format!("digests: more than {MAX_DOCUMENTS}")));
    }
    let decode = |one: &NamedDigest| {
        if one.name.chars().count() > MAX_NAME {
            let what = format!("digests.name: more than {MAX_NAME} characters");
            return Err(JobError::TooLarge(what));
        }
        let digest = STANDARD
            .decode(&one.digest)
            .map_err(|_| JobError::BadRequest("digests.digest: not base64".into()))?;
        match digest.len() == hash.len() {
            true => Ok(digest),
            false => Err(JobError::BadDigest),
        }
    };
    named.iter().map(decode).collect()
}

/// As a receipt's manifest has it: without a size.
fn manifest(named: &[NamedDigest], digests: &[Vec<u8>]) -> Vec<DocumentRef> {
    let entry = |(named, digest): (&NamedDigest, &Vec<u8>)| DocumentRef {
        name: named.name.clone(),
        sha256: hex::encode(digest),
        size: 0,
    };
    named.iter().zip(digests).map(entry).collect()
}

async fn carry_out(
    context: &Context,
    caller: &Caller,
    mut intent: Intent,
    mut approved: Approved<SignDigests>,
    (digests, algorithm): (Vec<Vec<u8>>, SignatureAlgorithm),
    found: &Found,
) -> Result<DigestSignatures, JobError> {
    let held = &approved.candidate().held;
    let certificate = held.certificate.clone();
    intent.know(|subject| {
        subject.certificate = Some(certificate.sha256_hex());
        subject.token = Some(token_hash(&held.token));
    });
    intent.approve().await?;
    let values = match sign((context, caller), &mut approved, &certificate, digests, algorithm).await {
        Ok(values) => values,
        Err(error) => {
            approved.finish(window_outcome(&error)).await;
            return Err(end(intent, error));
        }
    };
    let result = |value: &Result<SignatureValue, JobError>| match value {
        Ok(value) => hex::encode(Hash::Sha256.digest(value.as_bytes())),
        Err(_) => String::new(),
    };
    let results: Vec<String> = values.iter().map(result).collect();
    let known = Knowledge::of(context, found, &certificate);
    caller.commit()?;
    let receipt = intent.receipt(results.clone())?;
    known.keep_meanwhile(results);
    let signed = values.iter().filter(|value| value.is_ok()).count();
    approved.finish(outcome(signed, values.len())).await;
    let signed = |value: Result<SignatureValue, JobError>| {
        let made = value.and_then(|value| {
            Ok(SignedDigest::Signed {
                raw_signature: STANDARD.encode(present::raw_signature(&certificate, algorithm, &value)?),
                signature: STANDARD.encode(value.as_bytes()),
            })
        });
        made.unwrap_or_else(|error| SignedDigest::Failed {
            error: error.object_of_item(),
        })
    };
    Ok(DigestSignatures {
        signatures: values.into_iter().map(signed).collect(),
        algorithm: algorithm.jose_name().to_owned(),
        signature_algorithm: present::algorithm(algorithm),
        receipt,
    })
}

async fn sign(
    (context, caller): (&Context, &Caller),
    approved: &mut Approved<SignDigests>,
    certificate: &Certificate,
    digests: Vec<Vec<u8>>,
    algorithm: SignatureAlgorithm,
) -> Result<Vec<Result<SignatureValue, JobError>>, JobError> {
    if digests
        .iter()
        .any(|digest| !approved.covers(&hex::encode(digest)))
    {
        return Err(JobError::Internal("a digest the person has not seen".into()));
    }
    let count = digests.len();
    let work = Arc::new(Digests {
        digests,
        algorithm,
        certificate: certificate.clone(),
    });
    let all: Vec<usize> = (0..count).collect();
    let on_error = approved.call().on_error;
    let outcomes = batch::sign_all(context, caller, approved, &work, &all, on_error).await?;
    batch::complete(outcomes, count)
}

/// The digests of a batch.
struct Digests {
    digests: Vec<Vec<u8>>,
    algorithm: SignatureAlgorithm,
    certificate: Certificate,
}

impl Work for Digests {
    const LIGHT: bool = true;
    type Prepared = ();
    type Signed = SignatureValue;

    fn prepare(&self, index: usize) -> Result<(Signable, ()), JobError> {
        let signable = Signable {
            algorithm: self.algorithm,
            digest: self.digests[index].clone(),
            message: None,
        };
        Ok((signable, ()))
    }

    fn finish(&self, index: usize, (): (), raw: &[u8]) -> Result<SignatureValue, JobError> {
        let value = SignatureValue::from_token(self.algorithm, raw).map_err(|_| JobError::BadSignature)?;
        self.certificate
            .verify_digest(self.algorithm, &self.digests[index], &value)
            .map_err(|_| JobError::BadSignature)?;
        Ok(value)
    }
}
