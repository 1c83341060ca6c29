//! What many objects cost: to make each durable, and to find one among them.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::calls::{Failed, Result, Session};
use crate::contestants::{Contestant, Named, Token};
use crate::signatures::{ok, open};
use crate::table::{Table, head, line, micros, rate};
use crate::turns::{Figures, by_turns, median, tell};

/// Searches are measured when there are so many objects on each token.
const STEPS: [u32; 3] = [10, 1_000, 10_000];

/// Objects are made in so many turns from one step to the next.
const TURNS: u32 = 10;

/// Beyond so many, making all of them would take the slowest by far the longest: up to the last hundred of a step every
/// contestant makes its own while the others do, unmeasured.
const ALL_MEASURED: u32 = 1_000;

/// So many of such a step are measured.
const LAST: u32 = 100;

/// Who is not done with the unmeasured ones by then is out.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How many turns of searches each contestant has.
const ROUNDS: usize = 9;

/// Fills every token, up to `most` objects, and searches in them.
pub(crate) fn compare(modules: &[Named], token: &Token, most: u32) {
    let contestants = Contestant::prepare(modules, token);
    let names: Vec<&str> = modules.iter().map(|named| named.name.as_str()).collect();
    let mut sessions = open(&contestants, token);
    let (mut made, mut created, mut found) = (0, Vec::new(), Vec::new());
    for step in STEPS.into_iter().filter(|step| *step <= most) {
        if step > ALL_MEASURED {
            fill_together(&mut sessions, made..step - LAST);
            made = step - LAST;
        }
        let figures = fill(&mut sessions, made, step);
        created.push((format!("from {made} to {step} objects"), figures));
        made = step;
        let works = sessions
            .iter()
            .map(|session| session.as_ref().map(|session| searching(session, made)));
        found.push((format!("among {made} objects"), by_turns(ROUNDS, works.collect())));
    }
    let table = Table::new(
        "objects made, each durable when the call returns",
        None,
        &names,
        rate,
    );
    // The first ten only warm up.
    created
        .iter()
        .skip(1)
        .for_each(|(what, figures)| table.row(what, figures));
    let table = Table::new(
        "processor time of finding one by class and `CKA_ID`",
        None,
        &names,
        micros,
    );
    found.iter().for_each(|(what, figures)| table.row(what, figures));
    if let [(few, first), .., (many, last)] = &found[..] {
        flatness(&format!("{many} by {few}"), &names, first, last);
    }
}

/// How many times as long a search takes when there are more objects: one where it does not depend on their number.
fn flatness(what: &str, names: &[&str], first: &[Figures], last: &[Figures]) {
    head(&[&["processor time"], names].concat());
    let middle = |figures: &Figures| median(figures.iter().flatten().copied());
    let each = first
        .iter()
        .zip(last)
        .map(|(first, last)| match middle(last) / middle(first) {
            ratio if ratio.is_nan() => "–".into(),
            ratio => format!("{ratio:.2}×"),
        });
    line(&[what.to_owned()].into_iter().chain(each).collect::<Vec<_>>());
}

/// Makes objects of all contestants at once. Who fails is out.
fn fill_together(sessions: &mut [Option<Session<'_>>], numbers: Range<u32>) {
    std::thread::scope(|scope| {
        for session in sessions.iter_mut() {
            let numbers = numbers.clone();
            scope.spawn(move || {
                let filled = session.as_ref().map(|session| fill_one(session, numbers));
                if let Some(Err(error)) = filled {
                    tell(&error);
                    *session = None;
                }
            });
        }
    });
}

fn fill_one(session: &Session<'_>, numbers: Range<u32>) -> Result<()> {
    let started = Instant::now();
    for number in numbers {
        if started.elapsed() > PATIENCE {
            return Err(Failed::Because(format!(
                "{number} objects in {PATIENCE:?} and no more"
            )));
        }
        session.create_secret(number)?;
    }
    Ok(())
}

/// Makes the objects from one number to another, by turns; microseconds of the clock for each. Who fails is out.
fn fill(sessions: &mut [Option<Session<'_>>], from: u32, to: u32) -> Vec<Figures> {
    let mut figures: Vec<Figures> = sessions
        .iter()
        .map(|session| session.as_ref().map(|_| Vec::new()))
        .collect();
    let piece = (to - from) / TURNS;
    for turn in 0..TURNS {
        let numbers = from + turn * piece..if turn + 1 == TURNS {
            to
        } else {
            from + (turn + 1) * piece
        };
        for (session, figures) in sessions.iter_mut().zip(&mut figures) {
            let taken = session
                .as_ref()
                .and_then(|session| ok(create(session, numbers.clone())));
            match (taken, &mut *figures) {
                (Some(taken), Some(figures)) => figures.push(taken),
                _ => (*session, *figures) = (None, None),
            }
        }
    }
    figures
}

/// Microseconds of the clock for one object: most of them go by waiting for the disk.
fn create(session: &Session<'_>, numbers: Range<u32>) -> Result<f64> {
    let (started, count) = (Instant::now(), numbers.len() as f64);
    for number in numbers {
        session.create_secret(number)?;
    }
    Ok(started.elapsed().as_secs_f64() * 1e6 / count)
}

/// Each search is for another object, far from the last one.
fn searching<'a>(session: &'a Session<'a>, count: u32) -> Box<dyn FnMut() -> Result<()> + 'a> {
    const STRIDE: u32 = 7919;
    let mut number = 0;
    Box::new(move || {
        number = (number + STRIDE) % count;
        session.find_secret(number)
    })
}

/// Makes so many objects and no more: what a trace of system calls looks at.
pub(crate) fn create_only(named: &Named, token: &Token, count: u32) -> Result<()> {
    let contestants = Contestant::prepare(std::slice::from_ref(named), token);
    let contestant = contestants[0]
        .as_ref()
        .ok_or_else(|| Failed::Because("not loaded".into()))?;
    // Numbers that the comparison does not use.
    create(&contestant.session(token)?, u32::MAX - count..u32::MAX).map(drop)
}
