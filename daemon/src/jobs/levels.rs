//! Levels above B-B for what a page has signed: raised as far as authorities and what is known of certificates allow,
//! and later, while the connection lasts or its reply may be asked for again, if no authority could be reached.

use std::sync::{Arc, Weak};
use std::time::Duration;

use trien_protocol::call::{self, IdempotencyKey, SignDocuments, SignatureFormat};
use trien_signatures::algorithm::Hash;
use trien_signatures::cades::Digests;
use trien_signatures::report::Level;

use super::augment::{Beside, Containing, Enclosing, Form, PdfEnd, RaiseError, Raiser, Skeleton, Whole};
use super::documents::Sealed;
use super::error::Argument;
use super::{Afterwards, Caller, Context, Holdings, JobError, Memory, Raised, Recall};
use crate::network::Network;
use crate::policy::Origin;
use crate::transport::Halt;
use crate::trust::kept::Kept;
use crate::trust::revocation::Cache;

/// How long it waits before an authority is asked again the first time; then twice as long each time, up to what the
/// configuration says ([`crate::network::NetworkRules::retry`]).
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// How often an authority is asked again: about a day.
const MAX_TRIES: u32 = 300;

/// What raising the documents of a request works with.
#[derive(Clone)]
pub(super) struct Levels {
    level: Level,
    format: SignatureFormat,
    network: Network,
    /// Asked for each step: lists may be imported while something waits.
    trusted: Arc<Kept>,
    cache: Cache,
    remembered: Option<Remembered>,
    /// When it comes no authority is waited for any longer: what was signed goes on the record as far as it has come.
    halt: Option<Halt>,
}

/// What one step made, and the level that is found in it.
type Step = (Sealed, Option<Level>);

/// How far a document came.
pub(super) struct Reached {
    pub(super) document: Sealed,
    pub(super) level: Level,
    /// The rest waits for an authority.
    pub(super) waiting: bool,
}

/// The level above B-B that a request asks for.
pub(super) fn wanted(call: &SignDocuments) -> Option<Level> {
    match call.level {
        None | Some(call::Level::BB) => None,
        Some(call::Level::BT) => Some(Level::BT),
        Some(call::Level::BLt) => Some(Level::BLT),
        Some(call::Level::BLta) => Some(Level::BLTA),
    }
}

impl Levels {
    /// None if level B-B is all that was asked for. The shell raises what it has written itself.
    ///
    /// # Errors
    /// [`JobError::BadRequest`] if the format has no levels or nobody is there who stamps the time.
    pub(super) fn of(
        context: &Context,
        caller: &Caller,
        call: &SignDocuments,
    ) -> Result<Option<Self>, JobError> {
        let Some(level) = wanted(call) else {
            return Ok(None);
        };
        if level > highest(call.format) {
            return Err(Argument::NoSuchLevel.into());
        }
        if caller.channel.origin().is_none() {
            return Ok(None);
        }
        if !context.network.has_authorities() {
            return Err(JobError::BadRequest(
                "level: no time-stamp authority is configured on this computer".into(),
            ));
        }
        Ok(Some(Self {
            level,
            format: call.format,
            network: context.network.clone(),
            trusted: Arc::clone(&context.trusted),
            cache: context.revocation.clone(),
            remembered: Remembered::of(context, caller, call),
            halt: caller.halt.clone(),
        }))
    }

    /// Returns when the daemon ends; never where there is none.
    async fn halted(&self) {
        match &self.halt {
            Some(halt) => halt.come().await,
            None => std::future::pending().await,
        }
    }

    /// Raises one document as far as it can be raised now, and before the daemon ends. `source` is what it is about.
    pub(super) async fn raise(&self, holdings: &Arc<Holdings>, signed: &Sealed, source: &Sealed) -> Reached {
        self.raise_from(holdings, signed, source, Level::BB).await
    }

    async fn raise_from(
        &self,
        holdings: &Arc<Holdings>,
        signed: &Sealed,
        source: &Sealed,
        from: Level,
    ) -> Reached {
        let mut reached = Reached {
            document: signed.clone(),
            level: from,
            waiting: false,
        };
        let steps = [Level::BT, Level::BLT, Level::BLTA];
        for level in steps
            .into_iter()
            .filter(|level| from < *level && *level <= self.level)
        {
            match self.step(holdings, &reached.document, source, level).await {
                Ok((document, found)) => {
                    reached.document = document;
                    // What our own validation does not find is not claimed.
                    if found.is_none_or(|found| found < level) {
                        tracing::warn!(?found, ?level, "a level is not found");
                        break;
                    }
                    reached.level = level;
                }
                Err(error) => {
                    tracing::warn!(%error, ?level, "a level is not reached");
                    reached.waiting = error.may_pass();
                    break;
                }
            }
        }
        reached
    }

    async fn step(
        &self,
        holdings: &Arc<Holdings>,
        signed: &Sealed,
        source: &Sealed,
        level: Level,
    ) -> Result<Step, Failure> {
        let (own, holdings) = (self.clone(), Arc::clone(holdings));
        let (signed, source) = (signed.clone(), source.clone());
        let runtime = tokio::runtime::Handle::current();
        // Documents are hashed and read between what the network says.
        let work = move || {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = own.halted() => Err(Failure::Halt),
                    made = own.step_here(&holdings, &signed, &source, level) => made,
                }
            })
        };
        tokio::select! {
            biased;
            // Who reads a large document does not look up.
            () = self.halted() => Err(Failure::Halt),
            made = tokio::task::spawn_blocking(work) => made.unwrap_or_else(|error| Err(Failure::Internal(error.to_string()))),
        }
    }

    async fn step_here(
        &self,
        holdings: &Holdings,
        signed: &Sealed,
        source: &Sealed,
        level: Level,
    ) -> Result<Step, Failure> {
        let mut trust = self.trusted.now().as_ref().clone();
        let mut raiser = Raiser {
            network: &self.network,
            trust: &mut trust,
            cache: Some(&self.cache),
        };
        let documents = holdings.documents();
        let unreadable = |error: std::io::Error| Failure::Internal(error.to_string());
        if self.format == SignatureFormat::Pades
            && let Some((base, tail)) = signed.appended()
        {
            let form = PdfEnd {
                base: Arc::new(base.clone()),
            };
            let raised = raiser.raise(tail.to_vec(), level, &form).await?;
            let sealed = documents.seal_around(Vec::new(), base, raised.document, None);
            let sealed = sealed.map_err(|error| Failure::Internal(error.to_string()))?;
            return Ok((sealed, raised.level));
        }
        if let Some(enclosing) = Enclosing::of(signed).map_err(unreadable)? {
            let (skeleton, form) = enclosing.parts();
            let raised = raiser.raise(skeleton, level, form).await?;
            let sealed = enclosing.seal(&raised.document, documents);
            return Ok((sealed.map_err(unreadable)?, raised.level));
        }
        if let Some(containing) = Containing::of(signed).map_err(unreadable)? {
            let (end, form) = containing.parts();
            let raised = raiser.raise(end, level, form).await?;
            let sealed = containing.seal(raised.document, documents);
            return Ok((sealed.map_err(unreadable)?, raised.level));
        }
        let bytes = signed.bytes().map_err(unreadable)?;
        let form: Box<dyn Form> = match self.format {
            SignatureFormat::CadesDetached => Box::new(Skeleton {
                digests: Some(Digests::of(&mut source.reader(), &Hash::ALL).map_err(unreadable)?),
                detached: true,
            }),
            SignatureFormat::CadesParallel if source.content().is_some() => {
                let content = source.content().unwrap_or_else(|| source.clone());
                Box::new(Skeleton {
                    digests: Some(Digests::of(&mut content.reader(), &Hash::ALL).map_err(unreadable)?),
                    detached: true,
                })
            }
            SignatureFormat::XadesDetached => Box::new(Beside {
                content: source.bytes().map_err(unreadable)?,
            }),
            _ => Box::new(Whole { content: None }),
        };
        let raised = raiser.raise(bytes, level, &*form).await?;
        let sealed = documents.seal(&raised.document, None);
        let sealed = sealed.map_err(|error| Failure::Internal(error.to_string()))?;
        Ok((sealed, raised.level))
    }

    /// Goes on trying while the connection lasts, or while its reply may be asked for again, and tells the page when the
    /// level is reached, or when no more can be.
    pub(super) fn go_on(
        self,
        connection: Weak<Holdings>,
        tell: Option<Afterwards>,
        reached: Reached,
        source: Sealed,
    ) {
        let work = async move {
            tokio::select! {
                biased;
                () = self.halted() => {}
                () = self.try_on(connection, tell, reached, source) => {}
            }
        };
        drop(tokio::spawn(work));
    }

    async fn try_on(
        &self,
        connection: Weak<Holdings>,
        tell: Option<Afterwards>,
        mut reached: Reached,
        source: Sealed,
    ) {
        let from = (reached.document.sha256().to_owned(), reached.level);
        // As the reply names it that may be asked for again.
        let mut named = from.0.clone();
        let longest = self.network.rules().retry;
        let mut pause = FIRST_PAUSE.min(longest);
        for tries in 1..=MAX_TRIES {
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(longest);
            let remembered = || self.remembered.as_ref()?.holdings(&named);
            let Some(holdings) = connection.upgrade().or_else(remembered) else {
                return;
            };
            reached = self
                .raise_from(&holdings, &reached.document, &source, reached.level)
                .await;
            let is_over = reached.level == self.level || !reached.waiting || tries == MAX_TRIES;
            if let Some(remembered) = &self.remembered {
                remembered.keep(&named, &reached, !is_over);
                reached.document.sha256().clone_into(&mut named);
            }
            if is_over {
                // What has come no further is what the page has.
                if reached.level > from.1 {
                    hand_over(&from.0, &reached, &connection, tell);
                }
                return;
            }
        }
    }
}

/// Tells the page of a document that waits no longer.
fn hand_over(from: &str, reached: &Reached, connection: &Weak<Holdings>, tell: Option<Afterwards>) {
    let Some(connection) = connection.upgrade() else {
        return;
    };
    connection.documents().publish(reached.document.clone());
    if let Some(tell) = tell {
        tell(Raised {
            from: from.to_owned(),
            sha256: reached.document.sha256().to_owned(),
            size: reached.document.size(),
            level: on_wire(reached.level),
        });
    }
}

/// By what a reply may be asked for again, when its connection is gone.
#[derive(Clone)]
struct Remembered {
    recall: Arc<Recall>,
    memory: Arc<Memory>,
    origin: Origin,
    key: IdempotencyKey,
}

impl Remembered {
    fn of(context: &Context, caller: &Caller, call: &SignDocuments) -> Option<Self> {
        Some(Self {
            recall: Arc::clone(&context.recall),
            memory: Arc::clone(&context.memory),
            origin: caller.channel.origin()?.clone(),
            key: call.idempotency_key.clone()?,
        })
    }

    /// Puts a document in the place of the one that waited, which may wait further.
    fn keep(&self, from: &str, reached: &Reached, waiting: bool) {
        let (document, level) = (&reached.document, on_wire(reached.level));
        self.recall
            .raised(&self.origin, &self.key, from, (document, level, waiting));
    }

    /// Where a document that waits is to be held; none once nobody can ask for it.
    fn holdings(&self, from: &str) -> Option<Arc<Holdings>> {
        let waits = self.recall.waits(&self.origin, &self.key, from);
        waits.then(|| Arc::new(Holdings::of_a_page(&self.memory, Some(&self.origin))))
    }
}

/// The highest level that a format has: XML-DSig has none, nor has a counter-signature here, and why Office documents
/// have no archive time-stamps is said in `trien_signatures::ooxml`.
const fn highest(format: SignatureFormat) -> Level {
    match format {
        SignatureFormat::Xmldsig | SignatureFormat::CadesCounter => Level::BB,
        SignatureFormat::Ooxml => Level::BLT,
        _ => Level::BLTA,
    }
}

/// Why one step was not made.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Raise(#[from] RaiseError),
    #[error("the daemon ends")]
    Halt,
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    /// Whether the same may succeed later.
    const fn may_pass(&self) -> bool {
        match self {
            Self::Raise(error) => error.may_pass(),
            Self::Halt => true,
            Self::Internal(_) => false,
        }
    }
}

/// As the protocol names it.
pub(super) fn on_wire(level: Level) -> call::Level {
    match level {
        Level::BB => call::Level::BB,
        Level::BT => call::Level::BT,
        Level::BLT => call::Level::BLt,
        Level::BLTA => call::Level::BLta,
    }
}
