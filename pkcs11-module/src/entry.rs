//! What every entry point does before and after its work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use cryptoki_sys::{CK_RV, CK_SESSION_HANDLE, CKR_OK};

use crate::error::{Error, Result};
use crate::library::Library;
use crate::trace;

/// Runs the body of an entry point: traces it, turns a panic into `CKR_GENERAL_ERROR` (unwinding into a host
/// written in another language would end it) and an error into its return value.
///
/// `AssertUnwindSafe` holds because everything shared is behind a lock, which a panic poisons: see
/// `From<PoisonError<_>> for Error`.
pub(crate) fn enter(name: &'static str, body: impl FnOnce() -> Result<()>) -> CK_RV {
    let started = trace::enabled().then(Instant::now);
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or(Err(Error::General));
    if let Some(started) = started {
        let micros = started.elapsed().as_micros();
        let answer = outcome.map_or_else(Error::name, |()| "CKR_OK");
        tracing::debug!(micros, "{name} {answer}");
    }
    match outcome {
        Ok(()) => CKR_OK,
        Err(error) => error.return_value(),
    }
}

/// The same for the functions that need `C_Initialize` first: all but it, `C_GetFunctionList` and the two
/// functions of the parallel sessions that no longer exist.
pub(crate) fn enter_initialized(name: &'static str, body: impl FnOnce(&Library) -> Result<()>) -> CK_RV {
    enter(name, || {
        let library = Library::current()?;
        let _turn = library.take_turn()?;
        body(&library)
    })
}

/// The same for the functions that use a session. That there is none goes before whatever else is wrong with the call,
/// but for the failures of section 5.1.1 (section 5.1.7).
pub(crate) fn enter_session(
    name: &'static str,
    session: CK_SESSION_HANDLE,
    body: impl FnOnce(&Library) -> Result<()>,
) -> CK_RV {
    enter_initialized(name, |library| {
        body(library).map_err(|error| match error {
            Error::General | Error::HostMemory | Error::FunctionFailed => error,
            other => library.session(session).err().unwrap_or(other),
        })
    })
}
