//! `certificates`: the person shares one certificate with a page. What else is on the tokens, the page never learns.

use trien_protocol::call::Certificates;
use trien_protocol::event::Stage;
use trien_protocol::prompt::{Outcome, QuestionKind};
use trien_protocol::reply::Certificate;

use super::candidates::{self, Wanted};
use super::{Caller, Context, JobError, present};
use crate::audit::{Action, Subject};
use crate::consent;
use crate::policy::Permitted;

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
    let wanted = Wanted {
        sha256: None,
        tax_code: tax_code.as_deref(),
        suits: &trien_signatures::certificate::Certificate::may_sign_documents,
        signing: false,
    };
    let found = candidates::find(context, wanted).await?;

    let mut intent = context
        .audit
        .intend(Subject::of_request(permitted.channel(), "certificates"))?;
    caller.report.stage(Stage::Asking, 0, 0);
    let offer = found.offer(QuestionKind::ShareCertificate, Vec::new());
    let approved = match consent::ask(&*context.prompter, turn, permitted, offer).await {
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
