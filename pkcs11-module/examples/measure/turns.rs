//! Figures that others can trust on a busy machine: contestants take turns in short slices, and what counts is the
//! median of the ratios within a round, not the ratio of two averages.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::calls::Result;

/// One operation of one contestant; `None` where it cannot do it.
pub(crate) type Work<'a> = Option<Box<dyn FnMut() -> Result<()> + 'a>>;

/// Microseconds of processor time an operation, one for each round; `None` where there are none.
pub(crate) type Figures = Option<Vec<f64>>;

/// How long one contestant goes on before it is the next one's turn.
const SLICE: Duration = Duration::from_millis(40);

/// Lets every contestant work for a slice in every round, each round beginning with another one.
pub(crate) fn by_turns(rounds: usize, mut works: Vec<Work<'_>>) -> Vec<Figures> {
    let counts: Vec<Option<usize>> = works.iter_mut().map(rehearse).collect();
    let mut figures: Vec<Figures> = counts.iter().map(|count| count.map(|_| Vec::new())).collect();
    for round in 0..rounds {
        for turn in 0..works.len() {
            let who = (round + turn) % works.len();
            if let (Some(work), Some(count), Some(figures)) =
                (&mut works[who], counts[who], &mut figures[who])
            {
                figures.push(processor_time(count, work).unwrap_or(f64::NAN));
            }
        }
    }
    figures
}

/// How often the work fits into a slice; `None` if it fails.
fn rehearse(work: &mut Work<'_>) -> Option<usize> {
    let work = work.as_mut()?;
    let (started, mut count) = (Instant::now(), 0);
    while count < 3 || started.elapsed() < SLICE / 2 {
        if let Err(error) = work() {
            tell(&error);
            return None;
        }
        count += 1;
    }
    Some((count as f64 * SLICE.as_secs_f64() / started.elapsed().as_secs_f64()).ceil() as usize)
}

/// Microseconds of the processor's time, in all threads of this process, that one of `count` operations takes.
fn processor_time(count: usize, work: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    let before = clock();
    for _ in 0..count {
        work()?;
    }
    Ok((clock() - before) / count as f64)
}

/// Microseconds of processor time that this process has taken.
pub(crate) fn clock() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

/// Says on standard error why a field of a table stays empty.
pub(crate) fn tell(why: &dyn std::fmt::Display) {
    eprintln!("measure: {why}");
}

/// The middle one; NaN of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median of `other / ours` in the same round: how many times as long the other takes.
pub(crate) fn ratio(other: &Figures, ours: &Figures) -> f64 {
    match (other, ours) {
        (Some(other), Some(ours)) => median(other.iter().zip(ours).map(|(other, ours)| other / ours)),
        _ => f64::NAN,
    }
}
