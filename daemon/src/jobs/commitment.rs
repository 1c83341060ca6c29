//! The point of a job from which on nobody can take it back: the person or the record is about to hear that something was
//! signed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::task::JoinHandle;

use super::JobError;

const OPEN: u8 = 0;
const COMMITTED: u8 = 1;
const LEFT: u8 = 2;

/// Decides once, whoever comes first: the job that goes on the record, or the page that leaves.
#[derive(Debug, Default)]
pub struct Commitment(AtomicU8);

impl Commitment {
    /// To be called before the person is told, or the record says, that something was signed. Whoever may ask for the
    /// reply again can rely on it from then on.
    ///
    /// # Errors
    /// [`JobError::Cancelled`] if the page has left meanwhile: then nothing that was signed leaves.
    pub(super) fn commit(&self) -> Result<(), JobError> {
        match self.decide(COMMITTED) {
            true => Ok(()),
            false => Err(JobError::Cancelled),
        }
    }

    /// To be called by whoever takes the job back. True if nothing that was signed leaves.
    pub(crate) fn leave(&self) -> bool {
        self.decide(LEFT) || self.0.load(Ordering::SeqCst) == LEFT
    }

    /// Whether it has been decided, one way or the other: the work is about to end.
    pub(super) fn is_decided(&self) -> bool {
        self.0.load(Ordering::SeqCst) != OPEN
    }

    fn decide(&self, outcome: u8) -> bool {
        let decided = self
            .0
            .compare_exchange(OPEN, outcome, Ordering::SeqCst, Ordering::SeqCst);
        decided.is_ok()
    }
}

/// Work in a task of its own that ends when nobody waits for it, unless it is committed.
pub(super) struct Attended<T> {
    work: JoinHandle<Result<T, JobError>>,
    commitment: Arc<Commitment>,
}

impl<T> Attended<T> {
    pub(super) fn new(work: JoinHandle<Result<T, JobError>>, commitment: Arc<Commitment>) -> Self {
        Self { work, commitment }
    }

    /// Waits for its end.
    pub(super) async fn end(mut self) -> Result<T, JobError> {
        let ended = (&mut self.work).await;
        ended.map_err(|error| JobError::Internal(error.to_string()))?
    }
}

impl<T> Drop for Attended<T> {
    fn drop(&mut self) {
        if self.commitment.leave() {
            self.work.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::OffsetDateTime;
    use tokio::sync::oneshot;

    use super::super::{Caller, Holdings, Silent};
    use super::*;
    use crate::policy::grants::{Grant, Grants};
    use crate::policy::origin::Schemes;
    use crate::policy::{GrantBook, Needed, Origin, OriginRules, Scope};
    use crate::transport::Channel;
    use crate::transport::program::Peer;

    /// Work that commits itself when it is told to, and tells when it has come to its end.
    fn work(commitment: &Arc<Commitment>) -> (Attended<()>, oneshot::Sender<()>, oneshot::Receiver<()>) {
        let (go, told) = oneshot::channel::<()>();
        let (tell, ended) = oneshot::channel();
        let own = Arc::clone(commitment);
        let task = tokio::spawn(async move {
            own.commit()?;
            let _ = told.await;
            let _ = tell.send(());
            Ok(())
        });
        (Attended::new(task, Arc::clone(commitment)), go, ended)
    }

    /// The file says so already, and nobody has heard of it yet.
    #[test]
    fn n041_what_is_taken_back_in_the_last_moment_is_not_committed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("origins.toml");
        let origin = Origin::parse("https://a.vn", Schemes::Https).unwrap();
        let grant = || Grant::until(origin.clone(), [Scope::Sign], OffsetDateTime::UNIX_EPOCH, None);
        Grants::edit(&file, |grants| grants.allow(grant())).unwrap();
        let book = Arc::new(GrantBook::new(
            file.clone(),
            OriginRules::default(),
            Schemes::Https,
        ));
        let caller = |scope| {
            let channel = Channel::WebSocket {
                origin: origin.clone(),
                peer: Peer::default(),
            };
            Caller {
                needed: Needed::by(&channel, vec![scope], &book),
                channel,
                holdings: Arc::new(Holdings::with_quota(1)),
                manifest: None,
                report: Box::new(Silent),
                commitment: Arc::default(),
                halt: None,
            }
        };
        caller(Scope::Sign).commit().unwrap();
        assert!(matches!(
            caller(Scope::Batch).commit(),
            Err(JobError::NotAllowed(_))
        ));
        let late = caller(Scope::Sign);
        assert!(Grants::edit(&file, |grants| grants.revoke(&origin)).unwrap());
        assert!(matches!(late.commit(), Err(JobError::NotAllowed(_))));
        assert!(!late.commitment.is_decided());
    }

    #[tokio::test]
    async fn committed_work_goes_on_when_nobody_waits() {
        let commitment = Arc::new(Commitment::default());
        let (attended, go, ended) = work(&commitment);
        while !commitment.is_decided() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(attended);
        go.send(()).unwrap();
        ended.await.unwrap();
    }

    #[tokio::test]
    async fn work_that_was_left_is_never_committed() {
        let commitment = Arc::new(Commitment::default());
        let (attended, _go, ended) = work(&commitment);
        drop(attended);
        assert!(ended.await.is_err());
        assert!(matches!(commitment.commit(), Err(JobError::Cancelled)));
    }
}
