//! Work that takes less than it takes to wake another thread for it, but may have to wait for a disk or a lock.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does it on this thread. What else the runtime has to do on it goes on elsewhere if this takes longer than usual: a
/// thread that sleeps is woken for that, and nobody waits until it is awake.
pub(crate) fn briefly<T>(work: impl FnOnce() -> T) -> T {
    let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
    match flavor {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        // There is nobody else on this thread, or nobody who could take over.
        _ => work(),
    }
}
