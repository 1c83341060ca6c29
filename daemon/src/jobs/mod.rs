//! What can be asked for: one file an operation, each reading like the story of a request.
//!
//! | file | what |
//! |---|---|
//! | [`certificates`] | the person shares one certificate with a page |
//! | [`introduce`] | the first use: the person allows a page something |
//! | [`authenticate`] | a Web eID token for the portal's nonce |
//! | [`sign_documents`] | prepare → approve → log in → sign → finish, for one document or many |
//! | [`sign_digest`] | a bare signature over a digest nobody can look behind |
//! | [`sign_digests`] | the same over several digests, with one PIN |
//! | [`augment`] | raising the level of what is signed |
//! | `earlier` | what a document says of itself before it is signed: do its signatures hold, would it act |
//! | `guesses` | the tax codes that a page has named in vain |
//! | `knowledge` | what was known of a certificate when it signed, kept as evidence |
//! | `levels` | the same for what a page has signed, at once or later |
//! | [`verify_documents`] | EN 319 102-1 on documents of the connection |
//! | `commitment` | from where on a request goes to its end, whether or not the page still listens |
//! | `collecting` | documents that come after their request |
//! | `recent` | what the tokens showed a moment ago |
//! | `single` | one signature: log in, sign, check, and the record while the token logs out |
//! | `batch` | the token signs while the next is prepared and the last is checked |
//! | [`login`] | the one loop that asks for PINs |
//! | [`documents`] | the bytes a connection holds, sealed |
//! | [`error`] | every failure → one code, in one match |

pub mod augment;
pub mod authenticate;
mod batch;
pub mod candidates;
pub mod certificates;
pub mod documents;
pub mod error;
pub mod introduce;
pub mod login;
pub mod recall;
pub mod sign_digest;
pub mod sign_digests;
pub mod sign_documents;
pub mod verify_documents;

mod appearance;
mod collecting;
mod commitment;
mod earlier;
mod guesses;
mod knowledge;
mod levels;
mod present;
mod read_back;
mod recent;
mod recipe;
mod single;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use time::OffsetDateTime;
use tokio::sync::{Semaphore, watch};
use trien_protocol::call::{
    Authenticate, Certificates, DocumentRef, IdempotencyKey, Level, SignDigest, SignDigests, SignDocuments,
    VerifyDocuments,
};
use trien_protocol::event::Stage;
use trien_protocol::limits::{MAX_DOCUMENTS, MAX_HELD};
use trien_protocol::prompt::DocumentWarning;
use trien_protocol::reply::{Reply, SignedDigest, SignedDocument};
use trien_signatures::pades::Drawings;

use crate::audit::Audit;
use crate::briefly::briefly;
use crate::consent::{AskError, Prompter, Turn};
use crate::network::Network;
use crate::policy::{GrantBook, Needed, NotAllowed, Origin, Scope, Scoped, judge};
use crate::timing;
use crate::tokens::TokenSource;
use crate::transport::rate::Rates;
use crate::transport::seats::Seats;
use crate::transport::{Channel, Halt};
use crate::trust::evidence::EvidenceStore;
use crate::trust::kept::Kept;
use crate::trust::revocation::Cache;
use crate::trust::{Rules, Trust};
use commitment::Attended;
pub use commitment::Commitment;
use documents::Sealed;
pub use documents::{Documents, Manifest, Memory};
pub use error::{JobError, error_object};
pub use guesses::Guesses;
use recall::{Begun, Ticket};
pub use recall::{Recall, forget_in_time};
pub use recent::Recent;

/// What every job works with.
pub struct Context {
    /// The tokens in reach.
    pub tokens: Arc<dyn TokenSource>,
    /// The record.
    pub audit: Arc<Audit>,
    /// The anchors and intermediate certificates, and what is known of revocations. What an administrator puts there
    /// counts at once.
    pub trusted: Arc<Kept>,
    /// Where the user's own templates for XML signatures lie.
    pub templates_folder: PathBuf,
    /// Where the person's own presets for appearances lie.
    pub appearances_folder: PathBuf,
    /// What was drawn of appearances lately.
    pub drawings: Arc<Drawings>,
    /// Lists and answers that were fetched or imported.
    pub revocation: Cache,
    /// What was known of certificates when they signed.
    pub evidence: EvidenceStore,
    /// What may be fetched.
    pub network: Network,
    /// How strictly certificates are judged.
    pub rules: Rules,
    /// Documents with any of this are not signed, whatever the person says.
    pub refuse_documents: Vec<DocumentWarning>,
    /// What they showed a moment ago.
    pub recent: Recent,
    /// Grows whenever tokens come or go.
    pub changes: watch::Receiver<u64>,
    /// Who asks the person.
    pub prompter: Arc<dyn Prompter>,
    /// What origins may do.
    pub grants: Arc<GrantBook>,
    /// What all connections together may hold.
    pub memory: Arc<Memory>,
    /// Places for work on whole documents: [`MAX_LABOUR`].
    pub labour: Arc<Semaphore>,
    /// How many requests each origin has made lately.
    pub rates: Arc<Rates>,
    /// The tax codes that each origin has asked for in vain lately.
    pub guesses: Guesses,
    /// How many connections each origin has.
    pub seats: Seats,
    /// What is remembered of origins whose connections are gone.
    pub recall: Arc<Recall>,
}

/// Documents that are checked, or rehearsed before a question, at one time.
pub const MAX_LABOUR: usize = 2;

impl Context {
    /// The anchors and intermediate certificates as they are now.
    #[must_use]
    pub fn trust(&self) -> Arc<Trust> {
        briefly(|| self.trusted.now())
    }

    /// As [`blocking`], for work on whole documents that a page can ask for without the person: a few at a time. The
    /// place is given back when the work ends, whether or not the page still waits.
    async fn laborious<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, JobError> + Send + 'static,
    ) -> Result<T, JobError> {
        let place = Arc::clone(&self.labour).acquire_owned().await;
        let place = place.map_err(|error| JobError::Internal(error.to_string()))?;
        blocking(move || {
            let _place = place;
            work()
        })
        .await
    }
}

/// An operation and its parameters.
#[allow(clippy::large_enum_variant, reason = "one is made, moved once and gone")]
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Job {
    /// `certificates`
    Certificates(Certificates),
    /// `authenticate`
    Authenticate(Authenticate),
    /// `sign_digest`
    SignDigest(SignDigest),
    /// `sign_digests`
    SignDigests(SignDigests),
    /// `sign_documents`
    SignDocuments(SignDocuments),
    /// `verify_documents`
    VerifyDocuments(VerifyDocuments),
}

/// Whose job it is.
pub struct Caller {
    /// Who asks and how we know.
    pub channel: Channel,
    /// What his connection holds.
    pub holdings: Arc<Holdings>,
    /// The documents of the job, which may still be to come; none if all of them must be here.
    pub manifest: Option<Arc<Manifest>>,
    /// Whom to tell how far it has come.
    pub report: Box<dyn Report>,
    /// Whether it can still be taken back.
    pub commitment: Arc<Commitment>,
    /// What he must be allowed as long as it is at work; none for who needs no permission.
    pub needed: Option<Needed>,
    /// Held until the job is done, which may be after its connection: the daemon that ends waits for it. None where no
    /// daemon does.
    pub halt: Option<Halt>,
}

impl Caller {
    /// Waits until nobody else is being asked; see [`Prompter::turn`].
    async fn turn(&self, context: &Context) -> Result<Turn, AskError> {
        let turn = context.prompter.turn(&self.channel).await?;
        Ok(turn.while_there_is(self.needed.clone()))
    }

    /// The point from which on nobody can take the job back: see [`Commitment::commit`]. Who takes a permission back takes
    /// with it what is not on the record, however soon his file is heard of here.
    ///
    /// # Errors
    /// [`JobError::NotAllowed`] if what it needs has gone; [`JobError::Cancelled`] if the page has left.
    fn commit(&self) -> Result<(), JobError> {
        match self.needed.as_ref().is_none_or(Needed::is_there) {
            true => self.commitment.commit(),
            false => Err(NotAllowed.into()),
        }
    }
}

/// Is told how far a job has come.
pub trait Report: Send + Sync {
    /// So many documents of so many are done.
    fn stage(&self, stage: Stage, done: u32, total: u32);

    /// How to tell what happens after the reply; none if nobody listens then. Does not keep the connection.
    fn afterwards(&self) -> Option<Afterwards> {
        None
    }
}

/// Tells that a document has the level it waited for.
pub type Afterwards = Box<dyn Fn(Raised) + Send + Sync>;

/// A document that has the level it waited for.
#[derive(Debug, Clone)]
pub struct Raised {
    /// SHA-256 of what the reply named.
    pub from: String,
    /// SHA-256 of the document.
    pub sha256: String,
    /// In bytes.
    pub size: u64,
    /// Its level.
    pub level: Level,
}

/// Tells nobody.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Report for Silent {
    fn stage(&self, _stage: Stage, _done: u32, _total: u32) {}
}

/// What a connection holds between its requests; gone when it closes.
#[derive(Debug)]
pub struct Holdings {
    documents: Documents,
    shared: Mutex<BTreeSet<String>>,
}

impl Holdings {
    /// Of the connection of a page of this origin, which shares this memory with all others.
    #[must_use]
    pub fn of_a_page(memory: &Arc<Memory>, origin: Option<&Origin>) -> Self {
        let origin = origin.map(Origin::as_str);
        Self::with(Documents::new(MAX_HELD, Arc::clone(memory)).of_origin(origin))
    }

    /// With room for so many bytes of documents.
    #[must_use]
    pub fn with_quota(bytes: u64) -> Self {
        Self::with(Documents::new(bytes, Memory::of(bytes)))
    }

    fn with(documents: Documents) -> Self {
        Self {
            documents,
            shared: Mutex::default(),
        }
    }

    /// Remembers that the page has been shown this certificate (SHA-256, lower-case hexadecimal).
    fn share(&self, certificate: &str) {
        self.shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(certificate.to_owned());
    }

    /// True if the page has been shown this certificate on this connection.
    fn knows(&self, certificate: &str) -> bool {
        self.shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(certificate)
    }

    /// Its documents.
    #[must_use]
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    /// A signed document of a reply, if it is here.
    fn result(&self, document: &SignedDocument) -> Option<Sealed> {
        match document {
            SignedDocument::Signed { sha256, size, .. } => self.documents.find(sha256, *size).ok(),
            SignedDocument::Failed { .. } => None,
        }
    }
}

/// Work of many milliseconds goes where it keeps nobody waiting.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JobError> + Send + 'static,
) -> Result<T, JobError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| JobError::Internal(error.to_string()))?
}

/// Carries a job out: policy first, and then the operation's own story. One that was carried out before under the same
/// idempotency key gets the same reply.
///
/// # Errors
/// [`JobError`].
pub async fn run(context: &Arc<Context>, caller: Caller, job: Job) -> Result<Reply, JobError> {
    let Some((origin, key)) = caller.channel.origin().cloned().zip(job.key().cloned()) else {
        return match job.outlasts_its_window() {
            true => attended(context, caller, job, None).await,
            false => carry_out(context, &caller, job).await,
        };
    };
    // Who may not ask may not ask again either.
    job.judge(&caller.channel, &context.grants)?;
    loop {
        match context.recall.begin(&caller, &origin, &key, &job)? {
            Begun::Again(reply) => {
                // Of the certificate that was shown on the connection that is gone, this one may speak as well.
                if let Some(certificate) = job.shows(&reply) {
                    caller.holdings.share(certificate);
                }
                return Ok(*reply);
            }
            Begun::Ending(end) => end.come().await,
            Begun::First(ticket) => return attended(context, caller, job, Some(ticket)).await,
        }
    }
}

/// Carries a job out in a task of its own: one whose reply may be asked for again, which the ticket is for, or one that
/// goes on when the person has been told that it is done. When the page leaves it is withdrawn, unless it is committed.
async fn attended(
    context: &Arc<Context>,
    caller: Caller,
    job: Job,
    ticket: Option<Ticket>,
) -> Result<Reply, JobError> {
    let (context, commitment) = (Arc::clone(context), Arc::clone(&caller.commitment));
    let work = tokio::spawn(async move {
        let reply = carry_out(&context, &caller, job).await?;
        if let Some(ticket) = ticket {
            ticket.keep(&reply, &caller);
        }
        Ok(reply)
    });
    Attended::new(work, commitment).end().await
}

impl Job {
    fn key(&self) -> Option<&IdempotencyKey> {
        match self {
            Self::Authenticate(call) => call.idempotency_key.as_ref(),
            Self::SignDigest(call) => call.idempotency_key.as_ref(),
            Self::SignDigests(call) => call.idempotency_key.as_ref(),
            Self::SignDocuments(call) => call.idempotency_key.as_ref(),
            Self::Certificates(_) | Self::VerifyDocuments(_) => None,
        }
    }

    /// Whether the person is told that it is done while it is still at work: authorities raise what he signed.
    fn outlasts_its_window(&self) -> bool {
        matches!(self, Self::SignDocuments(call) if levels::wanted(call).is_some())
    }

    /// The certificate that the page has been shown when it has this reply.
    fn shows<'a>(&'a self, reply: &'a Reply) -> Option<&'a str> {
        match (self, reply) {
            (Self::SignDigest(call), _) => Some(&call.certificate),
            (Self::SignDigests(call), _) => Some(&call.certificate),
            (_, Reply::Documents(made)) => Some(&made.certificate.sha256),
            _ => None,
        }
    }

    /// The documents it names.
    pub fn documents(&self) -> impl Iterator<Item = &DocumentRef> {
        let (documents, content): (&[DocumentRef], _) = match self {
            Self::SignDocuments(call) => (&call.documents, call.content.as_ref()),
            Self::VerifyDocuments(call) => (&call.documents, call.content.as_ref()),
            Self::Certificates(_) | Self::Authenticate(_) | Self::SignDigest(_) | Self::SignDigests(_) => {
                (&[], None)
            }
        };
        documents.iter().chain(content)
    }

    /// These documents, if it may wait for them on this connection. More than a request may name are none.
    #[must_use]
    pub fn manifest(&self, holdings: &Holdings) -> Option<Manifest> {
        let named = match self {
            Self::SignDocuments(call) => call.documents.len(),
            Self::VerifyDocuments(call) => call.documents.len(),
            Self::Certificates(_) | Self::Authenticate(_) | Self::SignDigest(_) | Self::SignDigests(_) => {
                return None;
            }
        };
        (named <= MAX_DOCUMENTS).then(|| holdings.documents().expect(self.documents()))
    }

    /// The permissions it takes, from its beginning to its end.
    #[must_use]
    pub fn needs(&self) -> Vec<Scope> {
        match self {
            Self::Certificates(call) => call.needs(),
            Self::Authenticate(call) => call.needs(),
            Self::SignDigest(call) => call.needs(),
            Self::SignDigests(call) => call.needs(),
            Self::SignDocuments(call) => call.needs(),
            Self::VerifyDocuments(call) => call.needs(),
        }
    }

    fn judge(&self, channel: &Channel, grants: &GrantBook) -> Result<(), JobError> {
        let now = OffsetDateTime::now_utc();
        match self.clone() {
            Self::Certificates(call) => judge(channel, call, grants, now).map(drop)?,
            Self::Authenticate(call) => judge(channel, call, grants, now).map(drop)?,
            Self::SignDigest(call) => judge(channel, call, grants, now).map(drop)?,
            Self::SignDigests(call) => judge(channel, call, grants, now).map(drop)?,
            Self::SignDocuments(call) => judge(channel, call, grants, now).map(drop)?,
            Self::VerifyDocuments(call) => judge(channel, call, grants, now).map(drop)?,
        }
        Ok(())
    }
}

async fn carry_out(context: &Context, caller: &Caller, job: Job) -> Result<Reply, JobError> {
    let outcome = timing::of_request(perform(context, caller, job)).await;
    if !outcome.as_ref().is_ok_and(is_whole) {
        context.recent.forget();
    }
    outcome
}

/// Everything that was asked for was done.
fn is_whole(reply: &Reply) -> bool {
    let is_signed = |digest: &SignedDigest| matches!(digest, SignedDigest::Signed { .. });
    match reply {
        Reply::Documents(made) => made
            .documents
            .iter()
            .all(|document| matches!(document, SignedDocument::Signed { .. })),
        Reply::Digests(made) => made.signatures.iter().all(is_signed),
        _ => true,
    }
}

async fn perform(context: &Context, caller: &Caller, job: Job) -> Result<Reply, JobError> {
    let (channel, grants) = (&caller.channel, &*context.grants);
    let now = OffsetDateTime::now_utc();
    Ok(match job {
        Job::Certificates(call) => {
            let permitted = judge(channel, call, grants, now)?;
            Reply::Certificate(certificates::run(context, caller, permitted).await?)
        }
        Job::Authenticate(call) => {
            let permitted = judge(channel, call, grants, now)?;
            Reply::Token(Box::new(authenticate::run(context, caller, permitted).await?))
        }
        Job::SignDigest(call) => {
            let permitted = judge(channel, call, grants, now)?;
            Reply::Digest(sign_digest::run(context, caller, permitted).await?)
        }
        Job::SignDigests(call) => {
            let permitted = judge(channel, call, grants, now)?;
            Reply::Digests(sign_digests::run(context, caller, permitted).await?)
        }
        Job::SignDocuments(call) => {
            let permitted = judge(channel, call, grants, now)?;
            Reply::Documents(sign_documents::run(context, caller, permitted).await?)
        }
        Job::VerifyDocuments(call) => {
            let permitted = judge(channel, call, grants, now)?;
            Reply::Verified(verify_documents::run(context, caller, permitted).await?)
        }
    })
}
