//! Ledgers whose due holds could not be ended: each waits for itself, so that one that cannot be
//! loaded holds no other up.

use std::collections::HashMap;
use std::time::Duration;

use daybook_events::ids::LedgerId;
use tokio::time::Instant;

/// The pause after something failed; it doubles from there.
const RETRY_FIRST: Duration = Duration::from_millis(200);
/// Where that ends.
pub(super) const RETRY_MAX: Duration = Duration::from_secs(30);
/// Ledgers that wait each for itself. Where there are more, something is wrong that they have in
/// common.
const LEDGERS_MAX: usize = 10_000;

/// How often something failed in a row.
#[derive(Default)]
pub(super) struct Retry {
    failures: u32,
}

impl Retry {
    /// Counts one more and gives the pause before the next attempt.
    pub(super) fn failed(&mut self) -> Duration {
        let pause = RETRY_FIRST.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        pause.min(RETRY_MAX)
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

/// The ledgers that wait.
pub(super) struct Backoff {
    ledgers: HashMap<LedgerId, Waits>,
    /// When the round began in which due ledgers are woken.
    began: Instant,
    round: u64,
}

struct Waits {
    retry: Retry,
    until: Instant,
    /// The last round after which it still had due holds.
    round: u64,
}

impl Backoff {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            ledgers: HashMap::new(),
            began: now,
            round: 0,
        }
    }

    pub(super) fn begin_round(&mut self, now: Instant) {
        self.began = now;
        self.round += 1;
    }

    /// Whether a ledger is left out of this round.
    pub(super) fn waits(&self, ledger: &LedgerId) -> bool {
        let waits = self.ledgers.get(ledger);
        waits.is_some_and(|waits| waits.until > self.began)
    }

    /// Notes that a ledger has due holds after this round as well, whatever the reason; `false`:
    /// there is no room for it.
    pub(super) fn still_due(&mut self, ledger: LedgerId) -> bool {
        let room = self.ledgers.len() < LEDGERS_MAX;
        if !room && !self.ledgers.contains_key(&ledger) {
            return false;
        }
        let waits = self.ledgers.entry(ledger).or_insert_with(|| Waits {
            retry: Retry::default(),
            until: self.began,
            round: 0,
        });
        if waits.until <= self.began {
            waits.until = self.began + waits.retry.failed();
        }
        waits.round = self.round;
        true
    }

    /// Forgets the ledgers that have no due holds after this round; says how many still do.
    pub(super) fn end_round(&mut self) -> usize {
        let round = self.round;
        self.ledgers.retain(|_, waits| waits.round == round);
        self.ledgers.len()
    }

    /// When the first of them is tried again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.ledgers.values().map(|waits| waits.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(name: &str) -> LedgerId {
        LedgerId::parse(name).unwrap()
    }

    #[test]
    fn a_ledger_waits_longer_each_time_until_it_has_no_due_holds() {
        let mut backoff = Backoff::new(Instant::now());
        let (bad, good) = (ledger("bad"), ledger("good"));
        let mut pause = RETRY_FIRST;
        for _ in 0..12 {
            let now = backoff.next().unwrap_or(backoff.began);
            backoff.begin_round(now);
            assert!(!backoff.waits(&bad));
            // Each of its holds says so.
            assert!(backoff.still_due(bad.clone()) && backoff.still_due(bad.clone()));
            assert_eq!(backoff.end_round(), 1);
            assert_eq!(backoff.next(), Some(now + pause));
            assert!(backoff.waits(&bad) && !backoff.waits(&good));
            pause = (pause * 2).min(RETRY_MAX);
        }
        // A round in which it is left out makes it wait no longer.
        let until = backoff.next().unwrap();
        backoff.begin_round(until - RETRY_FIRST);
        assert!(backoff.waits(&bad) && backoff.still_due(bad.clone()));
        assert_eq!((backoff.end_round(), backoff.next()), (1, Some(until)));
        backoff.begin_round(until);
        assert_eq!((backoff.end_round(), backoff.next()), (0, None));
        backoff.begin_round(until);
        backoff.still_due(bad);
        assert_eq!(backoff.next(), Some(until + RETRY_FIRST));
    }

    #[test]
    fn there_is_room_for_so_many_and_for_those_again() {
        let mut backoff = Backoff::new(Instant::now());
        for n in 0..LEDGERS_MAX {
            assert!(backoff.still_due(ledger(&format!("l{n}"))));
        }
        assert!(!backoff.still_due(ledger("more")));
        assert!(backoff.still_due(ledger("l7")));
    }
}
