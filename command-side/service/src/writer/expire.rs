//! Holds whose time is over: the ledger's own doing, before anything else is decided.
//!
//! Whenever a unit is begun, the first events of it end every hold that is due at the unit's time,
//! so no decision ever sees one. Where they are more than a unit takes, it takes nothing else, and
//! the next goes on. A unit that is open while a hold becomes due takes no more commands: they would
//! be decided at a time that has passed. When nothing else happens, the writer wakes by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_domain::expire;
use daybook_events::event::Event;
use daybook_events::time::Timestamp;

use super::{Writer, now};

/// Due holds that one unit ends: as many as commands, nearly, and the unit's bytes bound them too.
const ENDS_MAX: usize = 1_000;
/// The pause after an append of ends alone failed; it doubles from there. Commands do not wait for
/// it.
const RETRY_FIRST: Duration = Duration::from_millis(50);
/// Where that ends.
const RETRY_MAX: Duration = Duration::from_secs(10);

/// When ends that nobody waits for are tried again.
#[derive(Debug, Default)]
pub(super) struct Retry {
    failures: u32,
    at: Option<Instant>,
}

impl Retry {
    pub(super) fn failed(&mut self) {
        let pause = RETRY_FIRST.saturating_mul(2_u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        self.at = Instant::now().checked_add(pause.min(RETRY_MAX));
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// When; `None`: at once.
    pub(super) fn at(&self) -> Option<Instant> {
        self.at.filter(|at| *at > Instant::now())
    }
}

impl Writer {
    /// "Now" of a unit is when its first command is decided (D11), or the first due hold is ended.
    pub(super) fn begin_unit(&mut self) {
        if self.open.is_untouched() {
            let now = now(&self.shared, self.state.last_recorded_at());
            self.open.begin(now);
            self.end_due_holds(now);
        }
    }

    /// Begins a unit for due holds alone, if nothing else waits or is under way.
    pub(super) fn end_holds_when_due(&mut self) {
        if self.is_quiet() && self.expiry.at().is_none() && self.has_due_holds() {
            self.begin_unit();
        }
    }

    /// Whether a hold is due for the next unit.
    pub(super) fn has_due_holds(&self) -> bool {
        let next = self.state.next_due();
        next.is_some_and(|next| next <= now(&self.shared, self.state.last_recorded_at()))
    }

    fn end_due_holds(&mut self, now: Timestamp) {
        loop {
            // Each that is ended is no longer among them.
            let next = self.state.due(now).next();
            let Some(hold) = next else { break };
            if self.open.expired() >= ENDS_MAX || self.open.bytes() >= self.unit_bytes_max {
                self.open.fill();
                break;
            }
            let ended = expire(&self.state, hold);
            assert!(ended.is_some(), "a hold that is due is open");
            let Some(ended) = ended else { break };
            let record = self.record_of(self.new_event_id(), None, Event::HoldEnded(ended), 0);
            let nobody = Arc::clone(&self.nobody);
            self.expire(&record, &nobody);
        }
        if self.alone > 0 && self.open.expired() > 0 {
            // The store takes less than it was given: one thing at a time.
            self.open.fill();
        }
    }
}
