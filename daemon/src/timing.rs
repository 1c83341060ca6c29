//! What a request spends where, for who measures: one line of the log a request, at the level *debug*, written when its
//! reply is on its way. What is left of the whole, when the parts are taken away, is ours.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// A part of a request that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// From the question to its answer.
    Person,
    /// The token's process at work before a PIN: is it there, how does its PIN stand, a session.
    Opening,
    /// The same for `C_Login`, or VERIFY.
    Login,
    /// The same for finding the key and the signatures.
    Signing,
    /// What was waited for the disk.
    Record,
}

const PARTS: usize = Part::Record as usize + 1;

tokio::task_local! {
    static SPENT: Cell<[Duration; PARTS]>;
}

/// The work of a request, whose times are told.
pub(crate) async fn of_request<T>(work: impl Future<Output = T>) -> T {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return work.await;
    }
    let began = Instant::now();
    let timed = async {
        let outcome = work.await;
        let (total, spent) = (began.elapsed(), SPENT.with(Cell::get));
        // A task of its own: the reply goes first.
        tokio::spawn(async move { tell(total, spent) });
        outcome
    };
    SPENT.scope(Cell::default(), timed).await
}

fn tell(total: Duration, spent: [Duration; PARTS]) {
    let us = |part: Part| spent[part as usize].as_micros();
    tracing::debug!(
        total_us = total.as_micros(),
        person_us = us(Part::Person),
        opening_us = us(Part::Opening),
        login_us = us(Part::Login),
        signing_us = us(Part::Signing),
        record_us = us(Part::Record),
        "time of a request"
    );
}

/// Adds to a part of the request that this task works on, if its times are told.
pub(crate) fn spent(part: Part, time: Duration) {
    let add = |all: &Cell<[Duration; PARTS]>| {
        let mut times = all.get();
        times[part as usize] += time;
        all.set(times);
    };
    // Elsewhere there is no request.
    let _ = SPENT.try_with(add);
}
