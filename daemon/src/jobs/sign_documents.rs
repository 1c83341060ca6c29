//! `sign_documents`: prepare → approve → log in → sign → finish, for one document or many, with one PIN.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use trien_protocol::call::{DocumentRef, OnError, SignDocuments};
use trien_protocol::event::Stage;
use trien_protocol::limits::{MAX_DOCUMENTS, MAX_NAME};
use trien_protocol::prompt::{DocumentKind, DocumentWarning, LeftOut, Outcome, QuestionKind, ShownDocument};
use trien_protocol::reply::{SignedDocument, SignedDocuments};
use trien_signatures::algorithm::SignatureValue;
use trien_signatures::report::Level;

use super::appearance::Appearance;
use super::batch::{self, Work};
use super::candidates::{self, Found, Wanted};
use super::documents::{Changed, DocumentError, Room, Sealed};
use super::earlier::Seen;
use super::knowledge::Knowledge;
use super::levels::{self, Levels, Reached};
use super::recipe::{self, Data, Made, PreparedDocument, Recipe};
use super::{Caller, Context, Holdings, JobError, blocking, collecting, earlier, present};
use crate::audit::{Intent, Subject, manifest_hash};
use crate::briefly::briefly;
use crate::consent::{self, Approved, Contents, Offer};
use crate::policy::Permitted;
use crate::tokens::{LoginError, RsaSchemes, Signable, TokenId};

/// How long the turn may take to come without the certificates being looked at again.
const STALE: Duration = Duration::from_secs(1);

/// One document of the request on its way.
struct Item {
    name: String,
    document: Sealed,
    /// The page's name for what it is about, where it is a signature that stands alone.
    about: Option<String>,
    /// For its result.
    room: Option<Room>,
    /// What is doubtful about it.
    warnings: Vec<DocumentWarning>,
    /// The signed document, or why there is none.
    outcome: Option<Result<Sealed, JobError>>,
    /// How far it was raised, and whether the rest waits; none if that was not asked for.
    level: Option<(Level, bool)>,
}

/// Signs what the person approves.
///
/// # Errors
/// [`JobError`] when nothing at all was signed; failures of single documents are in the reply.
pub async fn run(
    context: &Context,
    caller: &Caller,
    permitted: Permitted<SignDocuments>,
) -> Result<SignedDocuments, JobError> {
    let call = permitted.call().clone();
    recipe::check(&call)?;
    let template = recipe::template(&call, &context.templates_folder)?;
    let levels = Levels::of(context, caller, &call)?;
    check(caller, &call)?;
    let appearance = appearance(context, &call).await?;
    // Room for every result, before anybody is asked: no PIN is spent on what cannot be held.
    let rooms = make_room(caller, &call)?;
    if collecting::admit(caller)? {
        // What can be known without the documents is told before they are uploaded, and looked at again when they are here.
        context.prompter.considers_asking(permitted.channel())?;
        find(context, &call).await?;
        collecting::collect(caller).await?;
    }
    let mut items = collect(caller, &call, rooms)?;
    let drawings = Arc::clone(&context.drawings);
    let data = Data {
        template,
        appearance,
        drawings,
    };
    // The turn is taken when there is something to ask: others need not wait for the rehearsal of many documents. Who had to
    // wait for it looks at the certificates again.
    context.prompter.considers_asking(permitted.channel())?;
    let mut found = find(context, &call).await?;
    rehearse(context, &mut items, &call, data.clone(), &found).await?;
    let ready = Instant::now();
    let turn = caller.turn(context).await?;
    if ready.elapsed() > STALE {
        found = find(context, &call).await?;
    }

    let mut intent = context.audit.intend(subject(&permitted, &items))?;
    caller.report.stage(Stage::Asking, 0, count(&items));
    let signable = items.iter().filter(|item| item.outcome.is_none());
    let documents = signable.flat_map(Item::shown).collect();
    let offer = Offer {
        left_out: left_out(&items),
        signature: Some(recipe::shown(&call)),
        contents: Some(Arc::new(Shown(shown_of(&items)))),
        ..found.offer(QuestionKind::SignDocuments, documents)
    };
    let question = consent::ask(&*context.prompter, turn, permitted, offer);
    let approved = match intent.settle_during(question).await {
        Ok(approved) => approved,
        Err(error) => return Err(end(intent, error.into())),
    };
    let data = (data, levels);
    carry_out(context, caller, intent, approved, items, data, &found).await
}

/// The preset and the picture of what is to be seen, read once for all documents.
async fn appearance(context: &Context, call: &SignDocuments) -> Result<Option<Appearance>, JobError> {
    let Some(wanted) = call.appearance.clone() else {
        return Ok(None);
    };
    let folder = context.appearances_folder.clone();
    blocking(move || Appearance::read(&wanted, &folder).map(Some)).await
}

/// Room for every result, in their order.
fn make_room(caller: &Caller, call: &SignDocuments) -> Result<Vec<Option<Room>>, JobError> {
    let wanted = |document: &DocumentRef| recipe::added(call, document.size);
    let sum = call.documents.iter().map(wanted).fold(0, u64::saturating_add);
    let mut room = caller.holdings.documents().reserve(call.documents.len(), sum)?;
    let rooms = call.documents.iter().map(|document| room.split(wanted(document)));
    Ok(rooms.collect())
}

/// What must be right of a manifest, whether or not its documents are here.
fn check(caller: &Caller, call: &SignDocuments) -> Result<(), JobError> {
    if call.documents.is_empty() {
        return Err(JobError::BadRequest("documents: none".into()));
    }
    if call.documents.len() > MAX_DOCUMENTS {
        return Err(JobError::TooLarge(format!(
            "documents: more than {MAX_DOCUMENTS}"
        )));
    }
    if call
        .documents
        .iter()
        .any(|document| document.name.chars().count() > MAX_NAME)
    {
        return Err(JobError::TooLarge(format!(
            "documents.name: more than {MAX_NAME} characters"
        )));
    }
    // One that the page names, it must have been shown.
    if call
        .certificate
        .as_ref()
        .is_some_and(|name| !caller.holdings.knows(name))
    {
        return Err(JobError::CertificateNotFound);
    }
    Ok(())
}

/// Every document must be here, whole, before anybody is asked.
fn collect(caller: &Caller, call: &SignDocuments, rooms: Vec<Option<Room>>) -> Result<Vec<Item>, JobError> {
    let held = caller.holdings.documents();
    let documents = call.documents.iter().zip(rooms);
    let items = documents.map(|(document, room)| {
        let mut sealed = held.find(&document.sha256, document.size)?;
        if let Some(content) = &call.content {
            sealed = sealed.with_content(&held.find(&content.sha256, content.size)?);
        }
        Ok(Item {
            name: document.name.clone(),
            document: sealed,
            about: call.content.as_ref().map(|content| content.name.clone()),
            room,
            warnings: Vec::new(),
            outcome: None,
            level: None,
        })
    });
    items.collect()
}

/// Certificates that may sign this.
async fn find(context: &Context, call: &SignDocuments) -> Result<Found, JobError> {
    let wanted = Wanted {
        sha256: call.certificate.as_deref(),
        tax_code: None,
        suits: &|certificate| {
            certificate.may_sign_documents()
                && recipe::algorithm(certificate, (None, call.hash), RsaSchemes::default()).is_ok()
        },
        signing: true,
    };
    candidates::find(context, wanted).await
}

/// Prepares every document once and throws the result away: what is wrong with a document is found before the person
/// is asked and before a PIN is spent, and so is what he has to know of the signatures it carries. If nothing is left to sign, that is the request's failure.
async fn rehearse(
    context: &Context,
    items: &mut [Item],
    call: &SignDocuments,
    data: Data,
    found: &Found,
) -> Result<(), JobError> {
    let candidate = &found.candidates[0];
    let signer = &candidate.held.certificate;
    let recipe = Arc::new(Recipe::new(
        call,
        (signer.clone(), candidate.entry().rsa),
        found.chain(signer),
        data,
    )?);
    for item in items.iter_mut() {
        let (recipe, document, now) = (Arc::clone(&recipe), item.document.clone(), found.now);
        let name = item.name.clone();
        let format = call.format;
        let preparing = move || {
            recipe.rehearse(&name, &document, now)?;
            // What is signed with it counts, not the signature beside which it will stand.
            let signed = document.content().unwrap_or(document);
            Ok(earlier::look(&signed, format, now))
        };
        match context.laborious(preparing).await {
            Ok(seen) => item.judge(context, seen),
            Err(error) => item.outcome = Some(Err(error)),
        }
    }
    // Who wants all or nothing is told before the person is asked.
    let failed = items.iter().filter(|item| item.outcome.is_some()).count();
    if failed == items.len() || failed > 0 && call.on_error == OnError::Stop {
        return Err(why_nothing(items));
    }
    Ok(())
}

/// The first failure, with the name of its document among several; with the names of all that have failed so, where it
/// has a place for them.
fn why_nothing(items: &mut [Item]) -> JobError {
    let several = items.len() > 1;
    let failures = items.iter_mut().filter_map(|item| {
        let error = item.outcome.take()?.err()?;
        Some(match error {
            JobError::Altered(_) | JobError::Forbidden(..) => error,
            _ if several => JobError::OfDocument(item.name.clone(), Box::new(error)),
            _ => error,
        })
    });
    let first = failures.reduce(|first, failure| match (first, failure) {
        (JobError::Altered(mut names), JobError::Altered(more)) => {
            names.extend(more);
            JobError::Altered(names)
        }
        (JobError::Forbidden(mut names, mut refused), JobError::Forbidden(more, why)) => {
            names.extend(more);
            refused.add(&why);
            JobError::Forbidden(names, refused)
        }
        (first, _) => first,
    });
    first.unwrap_or_else(|| JobError::Internal("nothing to sign".into()))
}

/// From the approval to the reply. The record has the result before the page can have it.
async fn carry_out(
    context: &Context,
    caller: &Caller,
    mut intent: Intent,
    mut approved: Approved<SignDocuments>,
    mut items: Vec<Item>,
    (data, levels): (Data, Option<Levels>),
    found: &Found,
) -> Result<SignedDocuments, JobError> {
    let held = &approved.candidate().held;
    let certificate = held.certificate.clone();
    intent.know(|subject| {
        subject.certificate = Some(certificate.sha256_hex());
        subject.token = Some(token_hash(&held.token));
    });
    let chain = found.chain(&certificate);
    let offered = approved.candidate().entry().rsa;
    let shown = present::certificate(&certificate, &chain, offered);
    intent.approve().await?;
    let signer = certificate.clone();
    let recipe = Recipe::new(approved.call(), (certificate, offered), chain, data)?;
    if let Err(error) = sign_all(context, caller, &mut approved, &mut items, recipe).await {
        approved.finish(window_outcome(&error)).await;
        return Err(end(intent, error));
    }
    let mut window = Some(approved);
    if let Some(levels) = &levels {
        // The person is done, and is told so: that must stay true however long authorities take, and whoever leaves.
        caller.commit()?;
        if let Some(window) = window.take() {
            window.finish(outcome(signed(&items), items.len())).await;
        }
        raise(caller, &mut items, levels).await;
    }
    let results: Vec<String> = items
        .iter()
        .map(|item| {
            item.result()
                .map_or_else(String::new, |sealed| sealed.sha256().to_owned())
        })
        .collect();
    let known = Knowledge::of(context, found, &signer);
    if levels.is_none() {
        caller.commit()?;
    }
    let receipt = intent.receipt(results.clone())?;
    briefly(|| known.keep(results));
    for sealed in items.iter().filter_map(Item::result) {
        caller.holdings.documents().publish(sealed.clone());
    }
    if let Some(window) = window {
        window.finish(outcome(signed(&items), items.len())).await;
    }
    if let Some(levels) = levels {
        wait(caller, &items, &levels);
    }
    caller.holdings.share(&shown.sha256);
    Ok(SignedDocuments {
        documents: items.into_iter().map(Item::into_reply).collect(),
        certificate: shown,
        receipt,
    })
}

/// Raises what was signed as far as it can be raised now.
async fn raise(caller: &Caller, items: &mut [Item], levels: &Levels) {
    let total = count(items);
    for (done, item) in (0..).zip(items) {
        caller.report.stage(Stage::Stamping, done, total);
        if let Some(Ok(signed)) = &item.outcome {
            let reached = levels.raise(&caller.holdings, signed, &item.document).await;
            item.level = Some((reached.level, reached.waiting));
            item.outcome = Some(Ok(reached.document));
        }
    }
}

/// What an authority could not be reached for is tried again later.
fn wait(caller: &Caller, items: &[Item], levels: &Levels) {
    for item in items {
        if let (Some(signed), Some((level, true))) = (item.result(), item.level) {
            let reached = Reached {
                document: signed.clone(),
                level,
                waiting: true,
            };
            let (connection, tell) = (Arc::downgrade(&caller.holdings), caller.report.afterwards());
            levels
                .clone()
                .go_on(connection, tell, reached, item.document.clone());
        }
    }
}

/// Signs what can be signed. Fails if nothing was, or if the person closed the window meanwhile: then what was signed
/// stays here.
async fn sign_all(
    context: &Context,
    caller: &Caller,
    approved: &mut Approved<SignDocuments>,
    items: &mut [Item],
    recipe: Recipe,
) -> Result<(), JobError> {
    let todo: Vec<usize> = (0..items.len())
        .filter(|index| items[*index].outcome.is_none())
        .collect();
    if todo
        .iter()
        .any(|index| !approved.covers(items[*index].document.sha256()))
    {
        return Err(JobError::Internal("a document the person has not seen".into()));
    }
    let work = Arc::new(Documents {
        recipe,
        sources: items
            .iter()
            .map(|item| (item.name.clone(), item.document.clone()))
            .collect(),
        rooms: Mutex::new(items.iter_mut().map(|item| item.room.take()).collect()),
        holdings: Arc::clone(&caller.holdings),
    });
    let on_error = approved.call().on_error;
    let outcomes = batch::sign_all(context, caller, approved, &work, &todo, on_error).await?;
    // Only of those that were tried: what was refused before the question is not why nothing was signed.
    let outcomes = batch::complete(outcomes, items.len())?;
    for (item, outcome) in items.iter_mut().zip(outcomes) {
        item.outcome.get_or_insert(outcome);
    }
    Ok(())
}

/// The documents of a batch: prepare and finish, the token's part between them.
struct Documents {
    recipe: Recipe,
    /// With the page's names for them, which some formats have signed, too.
    sources: Vec<(String, Sealed)>,
    /// For each result; taken when it is there.
    rooms: Mutex<Vec<Option<Room>>>,
    holdings: Arc<Holdings>,
}

impl Work for Documents {
    const LIGHT: bool = false;
    type Prepared = PreparedDocument;
    type Signed = Sealed;

    fn prepare(&self, index: usize) -> Result<(Signable, PreparedDocument), JobError> {
        let (name, source) = &self.sources[index];
        let prepared = self.recipe.prepare_now(name, source);
        // What is half the old and half the new is broken, and says not why.
        let prepared = prepared.map_err(|error| match source.is_changed() {
            true => JobError::Changed(Changed),
            false => error,
        })?;
        let algorithm = prepared.algorithm();
        let message = prepared.to_be_signed().to_vec();
        let signable = Signable {
            algorithm,
            digest: algorithm.hash().digest(&message),
            message: Some(message),
        };
        Ok((signable, prepared))
    }

    fn finish(&self, index: usize, prepared: PreparedDocument, raw: &[u8]) -> Result<Sealed, JobError> {
        let value =
            SignatureValue::from_token(prepared.algorithm(), raw).map_err(|_| JobError::BadSignature)?;
        let room = self.rooms.lock().unwrap_or_else(PoisonError::into_inner)[index].take();
        let documents = self.holdings.documents();
        let around = |head, inner: &Sealed, tail, room| {
            let sealed = documents.seal_around(head, inner, tail, room);
            sealed.map_err(|error| match error {
                DocumentError::Io(error) if Changed::is_in(&error) => JobError::Changed(Changed),
                error => error.into(),
            })
        };
        match prepared.finish(value)? {
            Made::Whole(bytes) => Ok(documents.seal(&bytes, room)?),
            Made::Around { head, tail } => around(head, &self.sources[index].1, tail, room),
            Made::Anew { head, content, tail } => around(head, &content, tail, room),
        }
    }
}

/// What will not be signed whatever the person decides; none if everything can be.
fn left_out(items: &[Item]) -> Option<LeftOut> {
    let refused = items.iter().filter(|item| item.outcome.is_some());
    let names: Vec<_> = refused.map(|item| item.name.clone()).collect();
    (!names.is_empty()).then(|| LeftOut {
        names,
        total: count(items),
    })
}

/// What the person is shown, in that order: see [`Offer::documents`].
fn shown_of(items: &[Item]) -> Vec<Sealed> {
    let shown = items.iter().filter(|item| item.outcome.is_none());
    let with_content = |item: &Item| std::iter::once(item.document.clone()).chain(item.document.content());
    shown.flat_map(with_content).collect()
}

/// The documents of a question, for the person to look at.
struct Shown(Vec<Sealed>);

impl Contents for Shown {
    fn copy(&self, document: usize, to: &mut dyn io::Write) -> io::Result<()> {
        let source = self.0.get(document).ok_or(io::ErrorKind::NotFound)?;
        let mut piece = vec![0; 64 * 1024];
        let mut offset = 0;
        while offset < source.size() {
            let length =
                usize::try_from(source.size() - offset).map_or(piece.len(), |rest| rest.min(piece.len()));
            source.read_exact_at(&mut piece[..length], offset)?;
            to.write_all(&piece[..length])?;
            offset += length as u64;
        }
        Ok(())
    }

    fn kind(&self, document: usize) -> DocumentKind {
        self.0.get(document).map_or(DocumentKind::Other, kind)
    }
}

fn kind(document: &Sealed) -> DocumentKind {
    let mut head = [0; 512];
    let length = usize::try_from(document.size()).map_or(head.len(), |size| size.min(head.len()));
    match document.read_exact_at(&mut head[..length], 0) {
        Ok(()) => DocumentKind::of(&head[..length]),
        Err(_) => DocumentKind::Other,
    }
}

impl Item {
    /// What becomes of it, for what was seen of it: the rules of this computer come before what the person says.
    fn judge(&mut self, context: &Context, seen: Seen) {
        let name = || vec![self.name.clone()];
        self.outcome = match seen.refused_by(&context.refuse_documents) {
            Some(refused) => Some(Err(JobError::Forbidden(name(), refused))),
            None if context.prompter.passes_over(&seen.warnings) => Some(Err(JobError::Altered(name()))),
            None => None,
        };
        self.warnings = seen.warnings;
    }

    /// The document, and what it is about if that stands outside of it.
    fn shown(&self) -> Vec<ShownDocument> {
        let shown = |name: &str, document: &Sealed, warnings: &[DocumentWarning]| ShownDocument {
            name: name.to_owned(),
            size: Some(document.size()),
            kind: Some(kind(document)),
            hash: "SHA-256".to_owned(),
            digest: document.sha256().to_owned(),
            warnings: warnings.to_vec(),
        };
        match self.document.content() {
            Some(content) => vec![
                shown(&self.name, &self.document, &[]),
                shown(
                    self.about.as_deref().unwrap_or_default(),
                    &content,
                    &self.warnings,
                ),
            ],
            None => vec![shown(&self.name, &self.document, &self.warnings)],
        }
    }

    fn result(&self) -> Option<&Sealed> {
        self.outcome.as_ref()?.as_ref().ok()
    }

    fn into_reply(self) -> SignedDocument {
        match self.outcome {
            Some(Ok(sealed)) => SignedDocument::Signed {
                name: self.name,
                sha256: sealed.sha256().to_owned(),
                size: sealed.size(),
                level: self.level.map(|(level, _)| levels::on_wire(level)),
                waiting: self.level.is_some_and(|(_, waiting)| waiting),
            },
            Some(Err(error)) => {
                tracing::info!(document = ?self.document.sha256(), %error, "a document was not signed");
                SignedDocument::Failed {
                    name: self.name,
                    error: error.object_of_item(),
                }
            }
            None => {
                let error = JobError::Internal("a document was passed over".into());
                SignedDocument::Failed {
                    name: self.name,
                    error: error.object(),
                }
            }
        }
    }
}

/// Records how a request ended without a signature. That it is not on the record matters less than the error itself.
pub(super) fn end(intent: Intent, error: JobError) -> JobError {
    if let Err(fault) = intent.conclude(&error.action()) {
        tracing::error!(%fault, "a failure is not on the record");
    }
    error
}

fn signed(items: &[Item]) -> usize {
    items.iter().filter(|item| item.result().is_some()).count()
}

/// What the person is told where so many of all were signed.
pub(super) fn outcome(signed: usize, all: usize) -> Outcome {
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    match all.saturating_sub(signed) {
        0 => Outcome::Done,
        failed => Outcome::Partly {
            signed: number(signed),
            failed: number(failed),
        },
    }
}

/// What the person is told of a failure.
pub(super) fn window_outcome(error: &JobError) -> Outcome {
    match error {
        JobError::Login(LoginError::Locked) => Outcome::PinLocked,
        other => Outcome::Failed(other.code()),
    }
}

/// How a token is named in the record.
pub(super) fn token_hash(token: &TokenId) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(
        Sha256::new()
            .chain_update(&token.module)
            .chain_update("\n")
            .chain_update(&token.serial)
            .finalize(),
    )
}

fn subject(permitted: &Permitted<SignDocuments>, items: &[Item]) -> Subject {
    let call = permitted.call();
    Subject {
        format: serde_json::to_value(call.format)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned)),
        documents: items
            .iter()
            .map(|item| item.document.sha256().to_owned())
            .collect(),
        manifest: Some(manifest_hash(call.documents.iter().chain(&call.content))),
        ..Subject::of_request(permitted.channel(), "sign_documents")
    }
}

fn count(items: &[Item]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}
