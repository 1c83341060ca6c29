//! What is remembered of an origin when its connection is gone: the replies it may ask for again by their idempotency
//! keys. Nothing here lets anybody do anything: a request still needs its permission, and a new signature its question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use sha2::{Digest, Sha256};
use trien_protocol::call::IdempotencyKey;
use trien_protocol::limits::MAX_RECALL_SECONDS;
use trien_protocol::reply::Reply;

use super::documents::Sealed;
use super::{Caller, JobError};
use crate::policy::Origin;

/// How long anything is remembered.
const MEMORY: Duration = Duration::from_secs(MAX_RECALL_SECONDS);

/// Replies of one origin that are kept; the oldest goes first.
const MAX_REPLIES: usize = 16;

/// What is remembered of all origins.
#[derive(Debug, Default)]
pub struct Recall(Mutex<HashMap<Origin, OfOrigin>>);

#[derive(Debug, Default)]
struct OfOrigin {
    replies: HashMap<IdempotencyKey, Known>,
}

#[derive(Debug)]
struct Known {
    /// SHA-256 of the request.
    request: [u8; 32],
    since: Instant,
    /// Absent while the first request is at work.
    answer: Option<Answer>,
}

/// A reply, and the documents it speaks of.
#[derive(Debug, Clone)]
struct Answer {
    reply: Reply,
    documents: Vec<Sealed>,
}

/// What becomes of a request with a key.
pub(super) enum Begun {
    /// It is the first: carry it out, and let the ticket keep the reply.
    First(Ticket),
    /// It was answered before.
    Again(Box<Reply>),
}

/// The right to answer under a key; a request that ends without an answer may be made again.
pub(super) struct Ticket {
    recall: Arc<Recall>,
    origin: Origin,
    key: IdempotencyKey,
    kept: bool,
}

impl Recall {
    /// Looks whether a request was answered before. Its documents are on the caller's connection then.
    ///
    /// # Errors
    /// [`JobError::KeyReused`] if the key is another request's, [`JobError::Busy`] while the first is at work.
    pub(super) fn begin(
        self: &Arc<Self>,
        caller: &Caller,
        origin: &Origin,
        key: &IdempotencyKey,
        request: &impl Serialize,
    ) -> Result<Begun, JobError> {
        let request = fingerprint(request)?;
        let mut all = self.lock();
        let replies = &mut all.entry(origin.clone()).or_default().replies;
        replies.retain(|_, known| known.answer.is_none() || known.since.elapsed() < MEMORY);
        match replies.get(key) {
            None => {}
            Some(known) if known.request != request => return Err(JobError::KeyReused),
            Some(Known { answer: None, .. }) => return Err(JobError::Busy),
            Some(Known {
                answer: Some(answer), ..
            }) => {
                let Answer { reply, documents } = answer.clone();
                drop(all);
                for document in documents {
                    caller.holdings.documents().publish(document);
                }
                return Ok(Begun::Again(Box::new(reply)));
            }
        }
        if replies.len() >= MAX_REPLIES {
            let finished = replies.iter().filter(|(_, known)| known.answer.is_some());
            let oldest = finished
                .min_by_key(|(_, known)| known.since)
                .map(|(key, _)| key.clone());
            replies.remove(&oldest.ok_or(JobError::Busy)?);
        }
        let known = Known {
            request,
            since: Instant::now(),
            answer: None,
        };
        replies.insert(key.clone(), known);
        Ok(Begun::First(Ticket {
            recall: Arc::clone(self),
            origin: origin.clone(),
            key: key.clone(),
            kept: false,
        }))
    }

    /// Lets go of what nobody may ask for any more.
    pub fn tidy(&self) {
        self.lock().retain(|_, known| {
            known
                .replies
                .retain(|_, known| known.answer.is_none() || known.since.elapsed() < MEMORY);
            !known.replies.is_empty()
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Origin, OfOrigin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Keeps the reply, and the documents on the caller's connection that it speaks of.
    pub(super) fn keep(mut self, reply: &Reply, caller: &Caller) {
        let documents = match reply {
            Reply::Documents(signed) => signed
                .documents
                .iter()
                .filter_map(|one| caller.holdings.result(one))
                .collect(),
            _ => Vec::new(),
        };
        let mut all = self.recall.lock();
        let replies = all.get_mut(&self.origin).map(|known| &mut known.replies);
        if let Some(known) = replies.and_then(|replies| replies.get_mut(&self.key)) {
            known.since = Instant::now();
            known.answer = Some(Answer {
                reply: reply.clone(),
                documents,
            });
            self.kept = true;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.kept
            && let Some(known) = self.recall.lock().get_mut(&self.origin)
        {
            known.replies.remove(&self.key);
        }
    }
}

fn fingerprint(request: &impl Serialize) -> Result<[u8; 32], JobError> {
    let text = serde_json::to_vec(request).map_err(|error| JobError::Internal(error.to_string()))?;
    Ok(Sha256::digest(text).into())
}
