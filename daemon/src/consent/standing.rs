//! What the person's answers have made of who asks: refused too often, or gone too often before there was an answer.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::AskError;
use crate::policy::Origin;

const MINUTE: Duration = Duration::from_secs(60);

/// So many refusals by the person, one soon after the other, and there are no questions for a while.
const REFUSED: Limit = Limit {
    most: 2,
    within: Duration::from_secs(5 * 60),
    rest: Duration::from_secs(10 * 60),
};

/// The same of all pages together that nobody has decided about: whoever has many domains is no more welcome.
const STRANGERS_REFUSED: Limit = Limit { most: 4, ..REFUSED };

/// So many questions that their page took back before there was an answer: a window that comes and goes takes the focus
/// each time. More than a page has that is reloaded in impatience.
const WITHDRAWN: Limit = Limit {
    most: 10,
    within: MINUTE,
    rest: MINUTE,
};

/// Who is remembered of each kind.
const MAX_REMEMBERED: usize = 1000;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) origin: Origin,
    /// Of a page that nobody has decided about: what somebody registered, so that a site has no more first questions for
    /// having more names.
    domain: Option<String>,
}

impl Who {
    /// A page that has its permissions.
    pub(super) fn known(origin: &Origin) -> Self {
        Self {
            origin: origin.clone(),
            domain: None,
        }
    }

    /// A page that nobody has decided about.
    pub(super) fn stranger(origin: &Origin) -> Self {
        Self {
            origin: origin.clone(),
            domain: Some(registered(origin).to_owned()),
        }
    }

    /// What it is remembered by; an origin has a scheme, and a domain none.
    fn name(&self) -> &str {
        self.domain.as_deref().unwrap_or(self.origin.as_str())
    }
}

/// The domain of an origin that somebody registered, or its whole host.
fn registered(origin: &Origin) -> &str {
    let rest = origin
        .as_str()
        .split_once("://")
        .map_or(origin.as_str(), |(_, rest)| rest);
    if rest.starts_with('[') {
        let end = rest.find(']').map_or(rest.len(), |end| end + 1);
        debug_assert!(rest[1..end - 1].parse::<Ipv6Addr>().is_ok());
        return &rest[..end];
    }
    let host = rest.split(':').next().unwrap_or(rest);
    if host.parse::<Ipv4Addr>().is_ok() {
        return host;
    }
    psl::domain_str(host).unwrap_or(host)
}

/// Of everybody.
#[derive(Debug)]
pub(super) struct Standings(Mutex<Tallies>);

#[derive(Debug)]
struct Tallies {
    refused: Tally<String>,
    withdrawn: Tally<String>,
    strangers: Tally<()>,
}

impl Default for Standings {
    fn default() -> Self {
        Self(Mutex::new(Tallies {
            refused: Tally::new(REFUSED),
            withdrawn: Tally::new(WITHDRAWN),
            strangers: Tally::new(STRANGERS_REFUSED),
        }))
    }
}

impl Standings {
    /// Whether it may ask now.
    ///
    /// # Errors
    /// [`AskError::Muted`] if the person has said no too often; [`AskError::Restless`] if questions were taken back too
    /// often.
    pub(super) fn allow(&self, who: &Who, now: Instant) -> Result<(), AskError> {
        let tallies = self.lock();
        let strangers = who.domain.is_some() && tallies.strangers.is_full(&(), now);
        if strangers || tallies.refused.is_full(who.name(), now) {
            return Err(AskError::Muted);
        }
        if tallies.withdrawn.is_full(who.name(), now) {
            return Err(AskError::Restless);
        }
        Ok(())
    }

    /// The person said no.
    pub(super) fn refused(&self, who: &Who, now: Instant) {
        let mut tallies = self.lock();
        tallies.refused.note(who.name().to_owned(), now);
        if who.domain.is_some() {
            tallies.strangers.note((), now);
        }
    }

    /// What was asked is done: what the person refused before is forgotten.
    pub(super) fn agreed(&self, who: &Who) {
        self.lock().refused.forget(who.name());
    }

    /// The question was taken back.
    pub(super) fn withdrawn(&self, who: &Who, now: Instant) {
        self.lock().withdrawn.note(who.name().to_owned(), now);
    }

    fn lock(&self) -> MutexGuard<'_, Tallies> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often something may happen.
#[derive(Debug, Clone, Copy)]
struct Limit {
    /// So often, and it is enough.
    most: usize,
    /// How soon after each other that counts.
    within: Duration,
    /// How long it is enough, from the last one.
    rest: Duration,
}

/// When it happened, to whom.
#[derive(Debug)]
struct Tally<K> {
    limit: Limit,
    times: HashMap<K, Vec<Instant>>,
}

impl<K: Eq + Hash> Tally<K> {
    fn new(limit: Limit) -> Self {
        Self {
            limit,
            times: HashMap::new(),
        }
    }

    fn note(&mut self, key: K, now: Instant) {
        let Limit { most, within, rest } = self.limit;
        self.times
            .retain(|_, times| times.last().is_some_and(|last| now.duration_since(*last) < rest));
        if self.times.len() < MAX_REMEMBERED || self.times.contains_key(&key) {
            let times = self.times.entry(key).or_default();
            times.retain(|time| now.duration_since(*time) < within);
            // Those that were under way already may come after the last that counts.
            if times.len() >= most {
                times.remove(0);
            }
            times.push(now);
        }
    }

    fn is_full<Q>(&self, key: &Q, now: Instant) -> bool
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.times.get(key).is_some_and(|times| {
            let recent = times
                .last()
                .is_some_and(|last| now.duration_since(*last) < self.limit.rest);
            recent && times.len() >= self.limit.most
        })
    }

    fn forget<Q>(&mut self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.times.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::origin::Schemes;

    fn origin(text: &str) -> Origin {
        Origin::parse(text, Schemes::HttpsAndLoopbackHttp).unwrap()
    }

    fn is_muted(standings: &Standings, who: &Who, now: Instant) -> bool {
        matches!(standings.allow(who, now), Err(AskError::Muted))
    }

    #[test]
    fn n047_an_origin_refused_twice_within_five_minutes_is_muted_for_ten() {
        let standings = Standings::default();
        let [a, b] = ["https://a.vn", "https://b.vn"].map(|text| Who::known(&origin(text)));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        standings.refused(&a, at(0));
        assert!(!is_muted(&standings, &a, at(1)));
        standings.refused(&a, at(299));
        assert!(is_muted(&standings, &a, at(300)) && !is_muted(&standings, &b, at(300)));
        assert!(is_muted(&standings, &a, at(898)) && !is_muted(&standings, &a, at(900)));
        standings.refused(&b, at(0));
        standings.refused(&b, at(301));
        assert!(!is_muted(&standings, &b, at(302)), "not soon after each other");
        standings.refused(&b, at(303));
        assert!(is_muted(&standings, &b, at(304)));
        standings.agreed(&b);
        assert!(!is_muted(&standings, &b, at(304)));
    }

    /// A window that comes and goes, again and again, is no less of a nuisance for nobody having had the time to refuse.
    #[test]
    fn an_origin_that_takes_ten_questions_back_within_a_minute_waits_for_one() {
        let standings = Standings::default();
        let [a, b] = ["https://a.vn", "https://b.vn"].map(|text| Who::known(&origin(text)));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for second in 0..9 {
            standings.withdrawn(&a, at(second));
        }
        standings.allow(&a, at(9)).unwrap();
        standings.withdrawn(&a, at(10));
        assert!(matches!(standings.allow(&a, at(11)), Err(AskError::Restless)));
        // No yes ends that.
        standings.agreed(&a);
        assert!(matches!(standings.allow(&a, at(69)), Err(AskError::Restless)));
        standings.allow(&a, at(70)).unwrap();
        for tens in 10..20 {
            standings.withdrawn(&b, at(tens * 10));
        }
        standings.allow(&b, at(191)).unwrap();
    }

    #[test]
    fn n047_a_site_has_no_more_first_questions_for_having_more_names() {
        let standings = Standings::default();
        let stranger = |text| Who::stranger(&origin(text));
        let now = Instant::now();
        standings.refused(&stranger("https://a.evil.com.vn"), now);
        standings.refused(&stranger("https://b.evil.com.vn:8443"), now);
        assert!(is_muted(&standings, &stranger("https://evil.com.vn"), now));
        assert!(!is_muted(&standings, &stranger("https://good.com.vn"), now));
        // One that has its permissions is heard.
        assert!(!is_muted(
            &standings,
            &Who::known(&origin("https://c.evil.com.vn")),
            now
        ));
        standings.refused(&stranger("https://one.example"), now);
        standings.refused(&stranger("https://two.example"), now);
        let nobody = stranger("https://good.com.vn");
        assert!(is_muted(&standings, &nobody, now), "four strangers");
        let known = Who::known(&origin("https://good.com.vn"));
        assert!(!is_muted(&standings, &known, now));
        standings.agreed(&nobody);
        assert!(is_muted(&standings, &nobody, now + Duration::from_secs(599)));
        assert!(!is_muted(&standings, &nobody, now + Duration::from_secs(600)));
    }

    #[test]
    fn what_somebody_registered_is_told_from_what_he_made_up() {
        for (text, domain) in [
            ("https://a.b.evil.com.vn", "evil.com.vn"),
            ("https://evil.vn:444", "evil.vn"),
            ("https://somebody.github.io", "somebody.github.io"),
            ("https://intranet", "intranet"),
            ("https://192.0.2.7:8443", "192.0.2.7"),
            ("https://[2001:db8::1]:444", "[2001:db8::1]"),
            ("http://localhost:8080", "localhost"),
        ] {
            assert_eq!(registered(&origin(text)), domain, "{text}");
        }
    }
}
