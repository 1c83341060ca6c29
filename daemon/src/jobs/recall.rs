//! What is remembered of an origin when its connection is gone: the replies it may ask for again by their idempotency
//! keys. Nothing here lets anybody do anything: a request still needs its permission, and a new signature its question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, watch};
use trien_protocol::call::{IdempotencyKey, Level};
use trien_protocol::limits::{MAX_RECALL_SECONDS, MAX_WAITING_SECONDS};
use trien_protocol::reply::{Reply, SignedDocument};

use super::documents::{Remembered, Sealed};
use super::{Caller, Commitment, JobError};
use crate::policy::Origin;

/// How long anything is remembered.
const MEMORY: Duration = Duration::from_secs(MAX_RECALL_SECONDS);

/// How long, if a document waits for its level.
const LONG_MEMORY: Duration = Duration::from_secs(MAX_WAITING_SECONDS);

/// Replies of one origin that are kept; the oldest goes first. Those that are kept for long have places of their own.
const MAX_REPLIES: usize = 16;

/// Replies of one origin that are kept for long. A later one is kept as long as any other, so that what was promised of
/// the first still holds; but those whose documents have their levels by then make way.
const MAX_LONG: usize = 16;

/// Bytes of documents of one origin that wait and are kept longer than others.
const MAX_WAITING: u64 = 64 << 20;

/// What is remembered of all origins.
#[derive(Debug, Default)]
pub struct Recall {
    origins: Mutex<HashMap<Origin, OfOrigin>>,
    /// Rings when a reply was kept.
    kept: Notify,
}

#[derive(Debug, Default)]
struct OfOrigin {
    replies: HashMap<IdempotencyKey, Known>,
}

impl OfOrigin {
    fn forget_what_is_old(&mut self) {
        self.replies
            .retain(|_, known| known.answer.is_none() || known.since.elapsed() < known.memory);
    }

    /// Replies whose documents nobody waits for, and since when they are kept.
    fn shelved(&mut self) -> impl Iterator<Item = (Instant, &mut Answer)> {
        let short = self
            .replies
            .values_mut()
            .filter(|known| known.memory != LONG_MEMORY);
        short.filter_map(|known| Some((known.since, known.answer.as_mut()?)))
    }

    /// Makes room for one more reply that is not kept for long.
    ///
    /// # Errors
    /// [`JobError::Busy`] if all of them are at work.
    fn make_room(&mut self) -> Result<(), JobError> {
        let short = |known: &&Known| known.memory != LONG_MEMORY;
        while self.replies.values().filter(short).count() >= MAX_REPLIES {
            let finished = self
                .replies
                .iter()
                .filter(|(_, known)| short(known) && known.answer.is_some());
            let oldest = finished
                .min_by_key(|(_, known)| known.since)
                .map(|(key, _)| key.clone());
            self.replies.remove(&oldest.ok_or(JobError::Busy)?);
        }
        Ok(())
    }

    /// Whether there is room for one more reply that is kept for long, with documents of so many bytes; the oldest of
    /// those that nothing waits for any more are kept no longer than others if there is none.
    fn has_room_for_long(&mut self, size: u64) -> bool {
        loop {
            let long = self.replies.values().filter(|known| known.memory == LONG_MEMORY);
            if long.count() < MAX_LONG && self.waiting().saturating_add(size) <= MAX_WAITING {
                return true;
            }
            let raised = self.replies.values_mut().filter(|known| {
                known.memory == LONG_MEMORY
                    && !known.answer.as_ref().is_some_and(|answer| waits(&answer.reply))
            });
            match raised.min_by_key(|known| known.since) {
                Some(known) => known.memory = MEMORY,
                None => return false,
            }
        }
    }

    /// When the first of the replies is old.
    fn end(&self) -> Option<Instant> {
        let answered = self.replies.values().filter(|known| known.answer.is_some());
        answered
            .filter_map(|known| known.since.checked_add(known.memory))
            .min()
    }

    /// Bytes of the replies that are kept for long.
    fn waiting(&self) -> u64 {
        let long = self.replies.values().filter(|known| known.memory == LONG_MEMORY);
        let documents = long
            .filter_map(|known| known.answer.as_ref())
            .flat_map(|answer| &answer.documents);
        documents.map(Sealed::size).sum()
    }
}

#[derive(Debug)]
struct Known {
    /// SHA-256 of the request.
    request: [u8; 32],
    since: Instant,
    memory: Duration,
    /// Absent while the first request is at work.
    answer: Option<Answer>,
    first: AtWork,
}

/// A first request, seen from those that come after it.
#[derive(Debug, Clone)]
struct AtWork {
    commitment: Arc<Commitment>,
    /// Closed when it has ended.
    end: watch::Receiver<()>,
}

/// A reply, and the documents it speaks of.
#[derive(Debug, Clone)]
struct Answer {
    reply: Reply,
    documents: Vec<Sealed>,
}

impl Answer {
    /// The entry of a document that waits: SHA-256, size, level, and that it waits.
    fn waiting(&mut self, sha256: &str) -> Option<(&mut String, &mut u64, &mut Option<Level>, &mut bool)> {
        let Reply::Documents(signed) = &mut self.reply else {
            return None;
        };
        signed.documents.iter_mut().find_map(|one| match one {
            SignedDocument::Signed {
                sha256: own,
                size,
                level,
                waiting,
                ..
            } if *waiting && own == sha256 => Some((own, size, level, waiting)),
            _ => None,
        })
    }
}

/// What becomes of a request with a key.
pub(super) enum Begun {
    /// It is the first: carry it out, and let the ticket keep the reply.
    First(Ticket),
    /// It was answered before.
    Again(Box<Reply>),
    /// The first is about to end, with a reply or without: then look once more.
    Ending(End),
}

/// The end of a request.
pub(super) struct End(watch::Receiver<()>);

impl End {
    /// Waits for it. What is left to do by then is the record and the disk's.
    pub(super) async fn come(mut self) {
        // Nothing is ever sent; it comes with the ticket's end.
        let _ = self.0.changed().await;
    }
}

/// The right to answer under a key; a request that ends without an answer may be made again.
pub(super) struct Ticket {
    recall: Arc<Recall>,
    origin: Origin,
    key: IdempotencyKey,
    kept: bool,
    /// Dropped last, when whoever waits for the end finds what has become of the request.
    _end: watch::Sender<()>,
}

impl Recall {
    /// Looks whether a request was answered before. Its documents are on the caller's connection then.
    ///
    /// # Errors
    /// [`JobError::KeyReused`] if the key is another request's, [`JobError::Busy`] while the first is at work and may
    /// still be taken back.
    pub(super) fn begin(
        self: &Arc<Self>,
        caller: &Caller,
        origin: &Origin,
        key: &IdempotencyKey,
        request: &impl Serialize,
    ) -> Result<Begun, JobError> {
        let request = fingerprint(request)?;
        let mut all = self.lock();
        let of_origin = all.entry(origin.clone()).or_default();
        of_origin.forget_what_is_old();
        match of_origin.replies.get(key) {
            None => {}
            Some(known) if known.request != request => return Err(JobError::KeyReused),
            Some(Known {
                answer: None, first, ..
            }) => {
                return match first.commitment.is_decided() {
                    true => Ok(Begun::Ending(End(first.end.clone()))),
                    false => Err(JobError::Busy),
                };
            }
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
        of_origin.make_room()?;
        let (end_of_first, end) = watch::channel(());
        let known = Known {
            request,
            since: Instant::now(),
            memory: MEMORY,
            answer: None,
            first: AtWork {
                commitment: Arc::clone(&caller.commitment),
                end,
            },
        };
        of_origin.replies.insert(key.clone(), known);
        Ok(Begun::First(Ticket {
            recall: Arc::clone(self),
            origin: origin.clone(),
            key: key.clone(),
            kept: false,
            _end: end_of_first,
        }))
    }

    /// Lets go of what nobody may ask for any more.
    fn tidy(&self) {
        self.lock().retain(|_, known| {
            known.forget_what_is_old();
            !known.replies.is_empty()
        });
    }

    /// Whether the reply under a key is still remembered and names this document (SHA-256) as one that waits.
    pub(super) fn waits(&self, origin: &Origin, key: &IdempotencyKey, sha256: &str) -> bool {
        let mut all = self.lock();
        let Some(of_origin) = all.get_mut(origin) else {
            return false;
        };
        of_origin.forget_what_is_old();
        let known = of_origin.replies.get_mut(key);
        let long = known.filter(|known| known.memory == LONG_MEMORY);
        let answer = long.and_then(|known| known.answer.as_mut());
        answer.is_some_and(|answer| answer.waiting(sha256).is_some())
    }

    /// Puts a document in the place of the one that waited: who asks again gets it, at this level, and learns whether it
    /// waits for more.
    pub(super) fn raised(
        &self,
        origin: &Origin,
        key: &IdempotencyKey,
        from: &str,
        (document, at, waits): (&Sealed, Level, bool),
    ) {
        let mut all = self.lock();
        let known = all.get_mut(origin).and_then(|known| known.replies.get_mut(key));
        let Some(answer) = known.and_then(|known| known.answer.as_mut()) else {
            return;
        };
        if let Some((sha256, size, level, waiting)) = answer.waiting(from) {
            let is_another = sha256 != document.sha256();
            *sha256 = document.sha256().to_owned();
            *size = document.size();
            *level = Some(at);
            *waiting = waits;
            if is_another {
                answer.documents.push(document.clone());
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Origin, OfOrigin>> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reply stays, so that nothing is signed twice; its documents are not to be had any more. Those that wait for their
/// level are few, and stay too.
impl Remembered for Recall {
    fn forget(&self, origin: &str, sha256: &str) {
        let mut all = self.lock();
        let own = all.iter_mut().find(|(known, _)| known.as_str() == origin);
        let gone: Vec<Sealed> = own
            .into_iter()
            .flat_map(|(_, known)| known.shelved())
            .flat_map(|(_, answer)| {
                answer
                    .documents
                    .extract_if(.., |document| document.sha256() == sha256)
            })
            .collect();
        drop(all);
        drop(gone);
    }

    fn forget_oldest(&self, origin: Option<&str>) -> bool {
        let mut all = self.lock();
        let whose = all
            .iter_mut()
            .filter(|(known, _)| origin.is_none_or(|origin| known.as_str() == origin));
        let oldest = whose
            .flat_map(|(_, known)| known.shelved())
            .filter(|(_, answer)| !answer.documents.is_empty())
            .min_by_key(|(since, _)| *since);
        let gone = oldest.map(|(_, answer)| std::mem::take(&mut answer.documents));
        drop(all);
        gone.is_some()
    }
}

impl Ticket {
    /// Keeps the reply, and the documents on the caller's connection that it speaks of.
    pub(super) fn keep(mut self, reply: &Reply, caller: &Caller) {
        let documents: Vec<Sealed> = match reply {
            Reply::Documents(signed) => signed
                .documents
                .iter()
                .filter_map(|one| caller.holdings.result(one))
                .collect(),
            _ => Vec::new(),
        };
        let size: u64 = documents.iter().map(Sealed::size).sum();
        let mut all = self.recall.lock();
        let Some(of_origin) = all.get_mut(&self.origin) else {
            return;
        };
        let long = waits(reply) && of_origin.has_room_for_long(size);
        if let Some(known) = of_origin.replies.get_mut(&self.key) {
            known.since = Instant::now();
            known.memory = if long { LONG_MEMORY } else { MEMORY };
            known.answer = Some(Answer {
                reply: reply.clone(),
                documents,
            });
            self.kept = true;
            self.recall.kept.notify_one();
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

/// Lets go of every reply when nobody may ask for it any more. Never returns.
pub async fn forget_in_time(recall: Arc<Recall>) {
    loop {
        let next = recall.lock().values().filter_map(OfOrigin::end).min();
        let old = async {
            match next {
                Some(end) => tokio::time::sleep_until(end.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = recall.kept.notified() => {}
            () = old => recall.tidy(),
        }
    }
}

/// Whether a document of the reply waits for its level.
fn waits(reply: &Reply) -> bool {
    let waits = |one: &SignedDocument| matches!(one, SignedDocument::Signed { waiting: true, .. });
    matches!(reply, Reply::Documents(signed) if signed.documents.iter().any(waits))
}

fn fingerprint(request: &impl Serialize) -> Result<[u8; 32], JobError> {
    let text = serde_json::to_vec(request).map_err(|error| JobError::Internal(error.to_string()))?;
    Ok(Sha256::digest(text).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trien_protocol::reply::UploadReply;

    use super::super::documents::{Documents, Memory};
    use super::super::{Holdings, Silent};
    use super::*;
    use crate::policy::origin::Schemes;
    use crate::transport::Channel;
    use crate::transport::program::Peer;

    /// A reply with one document.
    fn reply(waiting: bool) -> Reply {
        let documents =
            json!([{ "status": "signed", "name": "a", "sha256": "aa", "size": 1, "waiting": waiting }]);
        let certificate = json!({
            "sha256": "", "certificate": "", "chain": [], "subject": {}, "issuer": "", "serial": "",
            "not_before": "", "not_after": "", "supported_algorithms": [],
        });
        let receipt = json!({
            "manifest": "", "entry": 1, "hash": "", "time": "", "certificate": "", "results": [],
        });
        let signed = json!({ "documents": documents, "certificate": certificate, "receipt": receipt });
        Reply::Documents(serde_json::from_value(signed).unwrap())
    }

    #[test]
    fn what_waits_for_its_level_does_not_make_way_for_what_does_not() {
        let recall = Arc::new(Recall::default());
        let origin = Origin::parse("https://a.vn", Schemes::Https).unwrap();
        let caller = Caller {
            channel: Channel::WebSocket {
                origin: origin.clone(),
                peer: Peer::default(),
            },
            holdings: Arc::new(Holdings::with_quota(1 << 20)),
            manifest: None,
            report: Box::new(Silent),
            commitment: Arc::default(),
            needed: None,
            halt: None,
        };
        let key = |name: &str, number: usize| -> IdempotencyKey {
            serde_json::from_value(json!(format!("0123456789-{name}-{number}"))).unwrap()
        };
        let answer = |name: &str, number: usize, waiting: bool| {
            let begun = recall.begin(&caller, &origin, &key(name, number), &"a request");
            match begun.unwrap() {
                Begun::First(ticket) => ticket.keep(&reply(waiting), &caller),
                Begun::Again(_) | Begun::Ending(_) => panic!("{name} {number} was asked before"),
            }
        };
        let known = |name: &str, numbers: std::ops::Range<usize>| -> Vec<usize> {
            let all = recall.lock();
            let replies = &all[&origin].replies;
            numbers
                .filter(|number| replies.contains_key(&key(name, *number)))
                .collect()
        };
        let first: Vec<usize> = (0..16).collect();
        (0..16).for_each(|number| answer("wait", number, true));
        (0..40).for_each(|number| answer("short", number, false));
        assert_eq!(known("wait", 0..16), first);
        assert_eq!(known("short", 0..40), (24..40).collect::<Vec<_>>());

        // One more than there are places for is kept no longer than what does not wait.
        answer("wait", 16, true);
        assert_eq!(known("wait", 16..17), [16]);
        (40..56).for_each(|number| answer("short", number, false));
        assert_eq!(known("wait", 0..17), first);

        // One that has its level gives its place away.
        let raised = Documents::new(30, Memory::of(30)).seal(b"raised", None).unwrap();
        recall.raised(&origin, &key("wait", 3), "aa", (&raised, Level::BT, false));
        answer("wait", 17, true);
        (56..72).for_each(|number| answer("short", number, false));
        let rest: Vec<usize> = (0..18).filter(|number| ![3, 16].contains(number)).collect();
        assert_eq!(known("wait", 0..18), rest);
        assert_eq!(known("short", 0..72), (56..72).collect::<Vec<_>>());
    }

    /// What is only remembered makes way for what is asked for now, the oldest first; the replies stay.
    #[test]
    fn documents_that_are_only_remembered_make_way() {
        let memory = Memory::of(30);
        let recall = Arc::new(Recall::default());
        memory.is_shared_with(&recall);
        let origin = |text: &str| Origin::parse(text, Schemes::Https).unwrap();
        let remember = |origin: &Origin, key: &str, documents: Vec<Sealed>| {
            let known = Known {
                request: [0; 32],
                since: Instant::now(),
                memory: MEMORY,
                answer: Some(Answer {
                    reply: Reply::Upload(UploadReply {
                        received: 0,
                        sealed: true,
                    }),
                    documents,
                }),
                first: AtWork {
                    commitment: Arc::default(),
                    end: watch::channel(()).1,
                },
            };
            let mut all = recall.lock();
            let replies = &mut all.entry(origin.clone()).or_default().replies;
            replies.insert(serde_json::from_value(json!(key)).unwrap(), known);
        };
        let [a, b] = ["https://a.vn", "https://b.vn"].map(origin);
        // The connections on which these were made are gone.
        for (origin, key) in [
            (&a, "0123456789abcdef-1"),
            (&b, "0123456789abcdef-2"),
            (&a, "0123456789abcdef-3"),
        ] {
            let made = Documents::new(30, Arc::clone(&memory)).of_origin(Some(origin.as_str()));
            remember(origin, key, vec![made.seal(&[7; 10], None).unwrap()]);
        }
        let kept = |origin: &Origin| {
            let all = recall.lock();
            let answers = all[origin]
                .replies
                .values()
                .map(|known| known.answer.as_ref().unwrap());
            let documents = answers
                .clone()
                .map(|answer| answer.documents.len())
                .sum::<usize>();
            (answers.count(), documents)
        };
        assert_eq!((kept(&a), kept(&b)), ((2, 2), (1, 1)));
        let now = Documents::new(30, Arc::clone(&memory)).of_origin(Some(a.as_str()));
        let first = now.reserve(1, 5).unwrap();
        assert_eq!((kept(&a), kept(&b)), ((2, 1), (1, 1)));
        let _second = now.reserve(1, 25).unwrap();
        assert_eq!((kept(&a), kept(&b)), ((2, 0), (1, 0)));
        assert!(now.reserve(1, 1).is_err());
        drop(first);
        now.reserve(1, 1).unwrap();
    }
}
