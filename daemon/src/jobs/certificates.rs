//! `certificates`: the person shares one certificate with a page. What else is on the tokens, the page never learns.

use std::time::Instant;

use trien_protocol::call::Certificates;
use trien_protocol::event::Stage;
use trien_protocol::prompt::{Outcome, QuestionKind};
use trien_protocol::reply::Certificate;

use super::candidates::{self, Found, Wanted};
use super::{Caller, Context, JobError, present};
use crate::audit::{Action, Subject};
use crate::consent;
use crate::policy::Permitted;
use crate::transport::Channel;

/// Asks the person for a certificate.
///
/// # Errors
/// [`JobError`].
pub async fn run(
    context: &Context,
    caller: &Caller,
    permitted: Permitted<Certificates>,
) -> Result<Certificate, JobError> {
    let turn = caller.turn(context).await?;
    let tax_code = permitted.call().tax_code.clone();
    let found = match &tax_code {
        None => find(context, None).await?,
        Some(code) => find_of(context, permitted.channel(), code).await?,
    };
    let mut intent = context
        .audit
        .intend(Subject::of_request(permitted.channel(), "certificates"))?;
    caller.report.stage(Stage::Asking, 0, 0);
    let offer = found.offer(QuestionKind::ShareCertificate, Vec::new());
    let question = consent::ask(&*context.prompter, turn, permitted, offer);
    let approved = match intent.settle_during(question).await {
        Ok(approved) => approved,
        Err(error) => {
            let error = JobError::from(error);
            intent.conclude(&error.action())?;
            return Err(error);
        }
    };
    let certificate = &approved.candidate().held.certificate;
    let offered = approved.candidate().entry().rsa;
    let shown = present::certificate(certificate, &found.chain(certificate), offered);
    intent.know(|subject| subject.certificate = Some(shown.sha256.clone()));
    intent.conclude(&Action::Shared)?;
    approved.finish(Outcome::Done).await;
    caller.holdings.share(&shown.sha256);
    Ok(shown)
}

async fn find(context: &Context, tax_code: Option<&str>) -> Result<Found, JobError> {
    let wanted = Wanted {
        sha256: None,
        tax_code,
        suits: &trien_signatures::certificate::Certificate::may_sign_documents,
        signing: false,
    };
    candidates::find(context, wanted).await
}

/// The same with a tax code. Where no certificate carries it the page has its answer without the person, who can read in
/// the record that it asked; and it may not ask so for many.
async fn find_of(context: &Context, channel: &Channel, code: &str) -> Result<Found, JobError> {
    let Some(origin) = channel.origin() else {
        return find(context, Some(code)).await;
    };
    let is_new = context.guesses.count(origin, code, Instant::now())?;
    let found = find(context, Some(code)).await;
    match &found {
        Ok(_) => context.guesses.found(origin, code),
        Err(error) if is_new => {
            let subject = Subject::of_request(channel, "certificates");
            context.audit.append(&subject, &error.action())?;
        }
        Err(_) => {}
    }
    found
}
