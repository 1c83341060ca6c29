//! One connection's state: whether it was greeted, its requests in flight, its documents.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use trien_protocol::call::{Call, Cancel, Download, Hello, Upload};
use trien_protocol::envelope::{Outgoing, Request, RequestId};
use trien_protocol::error::ErrorObject;
use trien_protocol::event::{Event, Progress, Raised, Stage, TokensChanged};
use trien_protocol::frame;
use trien_protocol::limits::{MAX_CHUNK, MAX_DOCUMENT, MAX_IN_FLIGHT};
use trien_protocol::reply::{CancelReply, DownloadReply, HelloReply, Reply};
use trien_protocol::{CAPABILITIES, MANIFEST, PROTOCOL_VERSION};

use super::permission::withdrawn;
use super::{DocumentBytes, Frame, Halt, Message, Party};
use crate::consent::Expectation;
use crate::jobs::documents::DocumentError;
use crate::jobs::{self, Afterwards, Caller, Commitment, Context, Holdings, Job, JobError, Manifest, Report};
use crate::policy::{Needed, NotAllowed, Scope};

/// What a message was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A request, whatever its reply.
    Good,
    /// No valid request.
    Bad,
    /// No message at all.
    Neutral,
}

/// A request that has ended and waits for its reply.
pub(super) struct Ended(Result<(tokio::task::Id, Result<Reply, JobError>), tokio::task::JoinError>);

pub(super) struct Session {
    party: Party,
    context: Arc<Context>,
    holdings: Arc<Holdings>,
    outbox: mpsc::Sender<Frame>,
    /// For its requests: one that is committed outlives the connection, and the daemon waits for its end.
    halt: Halt,
    greeted: bool,
    /// What both ends have, from `hello` on.
    capabilities: Vec<&'static str>,
    /// From `hello` on.
    expectation: Expectation,
    last_id: Option<RequestId>,
    running: JoinSet<Result<Reply, JobError>>,
    requests: HashMap<tokio::task::Id, RequestId>,
    in_flight: HashMap<RequestId, Running>,
}

/// A request in flight.
struct Running {
    /// Ends it, with this for its reply.
    tell: oneshot::Sender<JobError>,
    /// The documents it may wait for.
    manifest: Option<Arc<Manifest>>,
    /// SHA-256 of each document that it names.
    documents: HashSet<String>,
    commitment: Arc<Commitment>,
}

impl Running {
    /// Ends it. False if it has just ended by itself.
    fn end(self, why: JobError) -> bool {
        // At once, not when its task is gone: what is uploaded next has nothing to do with it.
        if let Some(manifest) = &self.manifest {
            manifest.close();
        }
        self.tell.send(why).is_ok()
    }

    /// True if all documents are here that it names, and this is one of them: the person is asked about it, or was.
    fn has(&self, sha256: &str) -> bool {
        let waits = self
            .manifest
            .as_ref()
            .is_some_and(|manifest| manifest.is_waiting());
        !waits && self.documents.contains(sha256)
    }
}

impl Session {
    pub(super) fn new(party: Party, context: Arc<Context>, outbox: mpsc::Sender<Frame>, halt: Halt) -> Self {
        let origin = party.channel.origin();
        Self {
            holdings: Arc::new(Holdings::of_a_page(&context.memory, origin)),
            party,
            context,
            outbox,
            halt,
            greeted: false,
            capabilities: Vec::new(),
            expectation: Expectation::none(),
            last_id: None,
            running: JoinSet::new(),
            requests: HashMap::new(),
            in_flight: HashMap::new(),
        }
    }

    pub(super) fn is_greeted(&self) -> bool {
        self.greeted
    }

    /// Whether the page has begun to upload something.
    pub(super) fn is_receiving(&self) -> bool {
        self.holdings.documents().is_receiving()
    }

    /// Lets go of what the page began to upload and left.
    pub(super) fn tidy(&self) {
        self.holdings.documents().drop_stale(Instant::now());
    }

    /// Tells the page that tokens came or went. A page that does not read is not waited for.
    pub(super) fn tell_of_tokens(&self) {
        let text = text_of(&Outgoing::event(Event::TokensChanged(TokensChanged {})));
        let _ = self.outbox.try_send(Frame::Text(text));
    }

    /// Waits until a request in flight has ended; for ever if there is none. Loses nothing when it is dropped.
    pub(super) async fn next_ended(&mut self) -> Ended {
        match self.running.join_next_with_id().await {
            Some(ended) => Ended(ended),
            None => std::future::pending().await,
        }
    }

    /// Replies to a request that has ended. Must run to its end: nobody else has the reply.
    pub(super) async fn answer(&mut self, Ended(ended): Ended) {
        let (task, result) = match ended {
            Ok((task, result)) => (task, result),
            Err(error) => {
                tracing::error!(%error, "a request broke");
                (error.id(), Err(JobError::Internal("a request broke".into())))
            }
        };
        if let Some(id) = self.requests.remove(&task) {
            self.in_flight.remove(&id);
            self.reply(id, result).await;
        }
    }

    /// Ends what is still in flight, and returns when its end is on the record.
    pub(super) async fn end(&mut self) {
        self.running.shutdown().await;
    }

    /// Tells a page that has lost its permission that it has, and that it need not come back for that. One that does not
    /// read hears nothing.
    pub(super) fn dismiss(&self) {
        let error = JobError::NotAllowed(NotAllowed).object();
        let _ = self
            .outbox
            .try_send(Frame::Text(text_of(&Outgoing::error(None, error))));
    }

    /// Takes a message that came: answers it, or sets a job to work on it.
    pub(super) async fn take(&mut self, message: Message) -> Step {
        let (text, bytes) = match &message {
            Message::Text(text) => (text.as_str(), None),
            Message::Binary(binary) => match frame::split_binary(binary) {
                Ok((text, bytes)) => (text, Some(bytes)),
                Err(error) => {
                    return self
                        .complain(None, JobError::BadRequest(error.to_string()).object())
                        .await;
                }
            },
        };
        let request = match Request::parse(text) {
            Ok(request) => request,
            Err(malformed) => {
                let object = jobs::error_object(malformed.code, Some(malformed.detail));
                return self.complain(malformed.id, object).await;
            }
        };
        if self.last_id.is_some_and(|last| request.id <= last) {
            let error = JobError::BadRequest("id: not greater than the one before".into());
            return self.complain(Some(request.id), error.object()).await;
        }
        self.last_id = Some(request.id);
        if bytes.is_some() && !matches!(request.call, Call::Upload(_)) {
            let error = JobError::BadRequest("bytes: only an upload has them".into());
            return self.complain(Some(request.id), error.object()).await;
        }
        self.serve(request, bytes).await;
        Step::Good
    }

    async fn serve(&mut self, request: Request, bytes: Option<&[u8]>) {
        let id = request.id;
        if !self.greeted && !matches!(request.call, Call::Hello(_)) {
            return self.reply(id, Err(JobError::HelloExpected)).await;
        }
        let counts = !matches!(
            request.call,
            Call::Upload(_) | Call::Download(_) | Call::Cancel(_)
        );
        if counts && !self.may_ask() {
            return self.reply(id, Err(JobError::RateLimited)).await;
        }
        match request.call {
            Call::Hello(hello) => {
                let greeting = self.greet(&hello);
                self.reply(id, greeting).await;
            }
            Call::Upload(upload) => {
                let uploaded = self.upload(&upload, bytes);
                self.reply(id, uploaded).await;
            }
            Call::Download(download) => self.download(id, &download).await,
            Call::Cancel(Cancel { request }) => {
                let cancelled = self.cancel(&request);
                // One that ends a request was paid for by that request, and must never fail.
                let reply = match cancelled || self.may_ask() {
                    true => Ok(Reply::Cancel(CancelReply { cancelled })),
                    false => Err(JobError::RateLimited),
                };
                self.reply(id, reply).await;
            }
            Call::Certificates(call) => self.start(id, Job::Certificates(call)).await,
            Call::Authenticate(call) => self.start(id, Job::Authenticate(call)).await,
            Call::SignDigest(call) => self.start(id, Job::SignDigest(call)).await,
            Call::SignDigests(call) => self.start(id, Job::SignDigests(call)).await,
            Call::SignDocuments(call) => self.start(id, Job::SignDocuments(call)).await,
            Call::VerifyDocuments(call) => self.start(id, Job::VerifyDocuments(call)).await,
        }
    }

    fn greet(&mut self, hello: &Hello) -> Result<Reply, JobError> {
        if self.greeted {
            return Err(JobError::HelloExpected);
        }
        if !hello.versions.contains(&PROTOCOL_VERSION) {
            return Err(JobError::VersionMismatch);
        }
        let client: String = hello.client.chars().take(80).collect();
        if self.may_log() {
            tracing::info!(channel = self.party.channel.name(), origin = ?self.party.channel.origin(), ?client, "hello");
        }
        self.greeted = true;
        let wanted = |name: &&str| hello.capabilities.iter().any(|wanted| wanted == name);
        self.capabilities = CAPABILITIES.iter().copied().filter(wanted).collect();
        self.expectation = self.context.prompter.expect();
        let (scopes, expires) = self.scopes();
        Ok(Reply::Hello(HelloReply {
            version: PROTOCOL_VERSION,
            session: mint_session()?,
            capabilities: self.capabilities.iter().map(|name| (*name).to_owned()).collect(),
            scopes,
            expires,
            max_chunk: MAX_CHUNK as u32,
            max_document: MAX_DOCUMENT,
        }))
    }

    /// Ends a request. False if there is nothing left to end: one whose signature is on the record goes on to its reply.
    fn cancel(&mut self, request: &RequestId) -> bool {
        let ends = |running: &Running| running.commitment.leave();
        self.in_flight.get(request).is_some_and(ends)
            && (self.in_flight.remove(request)).is_some_and(|running| running.end(JobError::Cancelled))
    }

    /// False if the origin has asked too much in a short time.
    fn may_ask(&self) -> bool {
        let origin = self.party.channel.origin();
        origin.is_none_or(|origin| self.context.rates.take(origin, Instant::now()))
    }

    /// False if the log says enough about the origin: a page must not fill the disk.
    fn may_log(&self) -> bool {
        let origin = self.party.channel.origin();
        origin.is_none_or(|origin| self.context.rates.may_log(origin, Instant::now()))
    }

    /// What the origin may ask for now, by name, and when that ends.
    fn scopes(&self) -> (Vec<String>, BTreeMap<String, String>) {
        let Some(origin) = self.party.channel.origin() else {
            return Default::default();
        };
        let (grants, name) = (&self.context.grants, |scope: &Scope| scope.name().to_owned());
        let scopes = grants.scopes(origin, OffsetDateTime::now_utc());
        let mut ends = grants.ends(origin);
        ends.retain(|scope, _| scopes.contains(scope));
        let ends = ends
            .iter()
            .filter_map(|(scope, end)| Some((name(scope), end.format(&Rfc3339).ok()?)));
        (scopes.iter().map(name).collect(), ends.collect())
    }

    fn upload(&mut self, upload: &Upload, bytes: Option<&[u8]>) -> Result<Reply, JobError> {
        let decoded;
        let bytes = match (&upload.data, bytes) {
            (Some(text), None) => {
                decoded = STANDARD
                    .decode(text)
                    .map_err(|_| JobError::BadRequest("data: not base64".into()))?;
                &decoded
            }
            (None, Some(bytes)) => bytes,
            (Some(_), Some(_)) => {
                let twice = "data: is in the message and behind it: it must come once";
                return Err(JobError::BadRequest(twice.into()));
            }
            (None, None) => {
                let missing =
                    "data: is missing: base64 in the message, or the bytes behind it in one binary frame";
                return Err(JobError::BadRequest(missing.into()));
            }
        };
        let uploaded = self.holdings.documents().upload(upload, bytes);
        if let Err(DocumentError::Mismatch(what)) = uploaded {
            self.end_contradicted(&upload.sha256, what);
        }
        Ok(Reply::Upload(uploaded?))
    }

    /// What is sent under a document's name is not that document: the requests that name it end. Those that wait for
    /// documents are ended by their manifests; one whose signatures are on the record already stays what it is.
    fn end_contradicted(&mut self, sha256: &str, what: &'static str) {
        let ends = |_: &RequestId, running: &mut Running| running.has(sha256) && running.commitment.leave();
        for (_, running) in self.in_flight.extract_if(ends) {
            running.end(JobError::Document(DocumentError::Deviation(what)));
        }
    }

    async fn download(&self, id: RequestId, download: &Download) {
        let read = self.holdings.documents().read(download);
        let (size, bytes) = match read {
            Ok(read) => read,
            Err(error) => return self.reply(id, Err(error.into())).await,
        };
        match self.party.bytes {
            DocumentBytes::Base64 => {
                let data = Some(STANDARD.encode(bytes));
                self.reply(id, Ok(Reply::Download(DownloadReply { size, data })))
                    .await;
            }
            DocumentBytes::Binary => {
                let reply = Outgoing::result(id, Reply::Download(DownloadReply { size, data: None }));
                match frame::join_binary(&text_of(&reply), &bytes) {
                    Ok(frame) => self.send(Frame::Binary(frame)).await,
                    Err(error) => self.reply(id, Err(JobError::Internal(error.to_string()))).await,
                }
            }
        }
    }

    async fn start(&mut self, id: RequestId, job: Job) {
        if self.requests.len() >= MAX_IN_FLIGHT {
            return self.reply(id, Err(JobError::Busy)).await;
        }
        let (tell, told) = oneshot::channel();
        let needs = job.needs();
        // Here, before the next message is read: that may be the first of its documents.
        let manifest = self
            .capabilities
            .contains(&MANIFEST)
            .then(|| job.manifest(&self.holdings));
        let manifest = manifest.flatten().map(Arc::new);
        let documents = job.documents().map(|document| document.sha256.clone()).collect();
        let commitment = Arc::<Commitment>::default();
        let context = Arc::clone(&self.context);
        let needed = Needed::by(&self.party.channel, needs, &context.grants);
        let caller = Caller {
            channel: self.party.channel.clone(),
            holdings: Arc::clone(&self.holdings),
            manifest: manifest.clone(),
            report: Box::new(ProgressNotes {
                request: id,
                outbox: self.outbox.clone(),
            }),
            commitment: Arc::clone(&commitment),
            needed: needed.clone(),
            halt: Some(self.halt.clone()),
        };
        let (waiting, decision) = (manifest.clone(), Arc::clone(&commitment));
        let task = self.running.spawn(async move {
            let mut work = std::pin::pin!(jobs::run(&context, caller, job));
            // What may end it is watched once it waits for something: it has its permission, and whoever it waits for
            // works meanwhile.
            if let Poll::Ready(result) = futures_util::poll!(&mut work) {
                return result;
            }
            tokio::select! {
                biased;
                Ok(why) = told => Err(why),
                () = withdrawn(needed, &decision) => {
                    if let Some(manifest) = waiting {
                        manifest.close();
                    }
                    Err(JobError::NotAllowed(NotAllowed))
                }
                result = work => result,
            }
        });
        self.requests.insert(task.id(), id);
        let running = Running {
            tell,
            manifest,
            documents,
            commitment,
        };
        self.in_flight.insert(id, running);
    }

    async fn complain(&self, id: Option<RequestId>, error: ErrorObject) -> Step {
        if self.may_log() {
            tracing::info!(origin = ?self.party.channel.origin(), code = error.data.code.name(), "a bad message");
        }
        self.send(Frame::Text(text_of(&Outgoing::error(id, error)))).await;
        Step::Bad
    }

    async fn reply(&self, id: RequestId, result: Result<Reply, JobError>) {
        let outgoing = match result {
            Ok(reply) => Outgoing::result(id, reply),
            Err(error) => {
                if self.may_log() {
                    tracing::info!(origin = ?self.party.channel.origin(), request = id, %error, "a request failed");
                }
                Outgoing::error(Some(id), error.object())
            }
        };
        let mut text = text_of(&outgoing);
        if text.len() > self.party.longest_reply {
            let error = JobError::TooLarge("the reply".into());
            text = text_of(&Outgoing::error(Some(id), error.object()));
        }
        self.send(Frame::Text(text)).await;
    }

    async fn send(&self, frame: Frame) {
        // A writer that is gone ends the conversation by itself.
        let _ = self.outbox.send(frame).await;
    }
}

/// Tells the page how far its request has come. What cannot be said at once is left out.
struct ProgressNotes {
    request: RequestId,
    outbox: mpsc::Sender<Frame>,
}

impl Report for ProgressNotes {
    fn stage(&self, stage: Stage, done: u32, total: u32) {
        let progress = Progress {
            request: self.request,
            stage,
            done,
            total,
        };
        let text = text_of(&Outgoing::event(Event::Progress(progress)));
        let _ = self.outbox.try_send(Frame::Text(text));
    }

    fn afterwards(&self) -> Option<Afterwards> {
        let (request, outbox) = (self.request, self.outbox.downgrade());
        Some(Box::new(move |raised| {
            let note = Raised {
                request,
                from: raised.from,
                sha256: raised.sha256,
                size: raised.size,
                level: raised.level,
            };
            if let Some(outbox) = outbox.upgrade() {
                let text = text_of(&Outgoing::event(Event::Raised(note)));
                let _ = outbox.try_send(Frame::Text(text));
            }
        }))
    }
}

/// 128 random bits of our own, hexadecimal.
fn mint_session() -> Result<String, JobError> {
    let mut bytes = [0u8; 16];
    let filled = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty());
    if filled == Ok(bytes.len()) {
        Ok(hex::encode(bytes))
    } else {
        Err(JobError::Internal("no randomness".into()))
    }
}

fn text_of(outgoing: &Outgoing) -> String {
    serde_json::to_string(outgoing).expect("messages are maps with string keys, and numbers that JSON has")
}
