//! What becomes of an append: answers, or the same commands decided again on what the store has.

use std::collections::VecDeque;
use std::time::Duration;

use daybook_store::{AppendError, Appended};

use super::unit::{Decided, OpenUnit};
use super::{InFlight, Writer, answer, load, now};
use crate::measure;
use crate::work::{Failure, Outcome, Task};

/// How often the commands of a unit are decided again before their callers are told that the store
/// does not take them.
const ATTEMPTS_MAX: u32 = 5;
/// The pause before the second attempt; it doubles from there.
const BACKOFF: Duration = Duration::from_millis(10);

impl Writer {
    pub(super) async fn settle(
        &mut self,
        result: Result<Appended, AppendError>,
    ) -> Result<(), Failure> {
        let Some(flight) = self.in_flight.take() else {
            return Ok(());
        };
        let InFlight { decided, began, .. } = flight;
        match result {
            Ok(appended) => {
                assert!(
                    decided.events() == 0 || appended.last_revision == decided.last,
                    "INV-8: the store gave the unit other revisions than it was decided at"
                );
                measure::appended(decided.events(), decided.commands, began.elapsed());
                self.applied(decided);
                Ok(())
            }
            Err(error) => self.recover(decided, error).await,
        }
    }

    fn applied(&mut self, decided: Decided) {
        self.durable = decided.last.or(self.durable);
        self.snapshot.applied(&decided);
        if decided.expired > 0 {
            measure::expired(decided.expired);
        }
        self.attempts = 0;
        self.fenced = true;
        self.expiry.succeeded();
        self.shared.store_answers();
        decided.answer();
    }

    /// An append did not succeed, or nobody knows.
    async fn recover(&mut self, decided: Decided, error: AppendError) -> Result<(), Failure> {
        tracing::warn!(
            ledger = %self.state.id(),
            error = &error as &dyn std::error::Error,
            "an append did not succeed; its commands are decided again"
        );
        let mut decided = Some(decided);
        match error {
            AppendError::Unknown { .. } => {
                // It may take effect later: no answer is given before the store has overtaken it.
                self.fenced = false;
                let records = decided.as_ref().map_or(&[][..], Decided::records);
                match load::is_applied(&self.shared, self.state.id(), records).await {
                    Ok(true) => {
                        if let Some(decided) = decided.take() {
                            self.applied(decided);
                        }
                        return Ok(());
                    }
                    Ok(false) => {}
                    Err(error) => {
                        error.log(self.state.id());
                        decided
                            .into_iter()
                            .for_each(|d| d.fail(Failure::StoreUnavailable));
                        return self.unreadable();
                    }
                }
            }
            AppendError::TooLarge { bytes_max, .. } => {
                // A unit is closed after the command that fills it: leave that one some room.
                self.unit_bytes_max = self.unit_bytes_max.min(bytes_max / 2);
                self.batch_bytes_max = self.batch_bytes_max.min(bytes_max);
                let single = decided
                    .as_ref()
                    .is_some_and(|decided| decided.tasks() == 1 && decided.expired == 0);
                if single && let Some(decided) = decided.take() {
                    decided.fail(Failure::BatchTooLarge);
                } else {
                    self.alone = decided.as_ref().map_or(0, Decided::tasks);
                }
            }
            AppendError::Unavailable { .. } => {
                self.shared.store_fails("the event store takes no appends");
                let waited_for = decided.as_ref().is_some_and(|decided| decided.tasks() > 0);
                if waited_for || !self.pending.is_empty() {
                    self.pause().await;
                }
            }
            AppendError::Refused { .. } => {
                // A bug of this crate: the same unit would be refused again.
                decided
                    .take()
                    .into_iter()
                    .for_each(|d| d.fail(Failure::Internal));
            }
            AppendError::WrongExpectedRevision { .. } => {}
        }
        self.decide_again(decided).await
    }

    /// Throws away everything that was decided and not written, and puts its commands back.
    async fn decide_again(&mut self, decided: Option<Decided>) -> Result<(), Failure> {
        measure::redecided();
        self.attempts += 1;
        let (_, on_top) = self.open.close(&self.state);
        let thrown: Vec<Task> = decided
            .into_iter()
            .chain([on_top])
            .flat_map(Decided::into_tasks)
            .collect();
        if thrown.is_empty() && self.pending.is_empty() {
            // Ends of due holds that nobody waits for.
            self.attempts = 0;
            self.expiry.failed();
        } else if self.attempts >= ATTEMPTS_MAX {
            self.attempts = 0;
            // Where only due holds were ended, what waits is what waits for them.
            let waiting = if thrown.is_empty() {
                std::mem::take(&mut self.pending)
            } else {
                VecDeque::new()
            };
            for task in thrown.into_iter().chain(waiting) {
                answer(task, Outcome::failure(Failure::StoreUnavailable));
            }
        } else {
            for mut task in thrown.into_iter().rev() {
                task.again = true;
                self.pending.push_front(task);
            }
        }
        // The replay writes to the index as well: one at a time.
        self.end_flush().await;
        self.index.forget_after(self.durable);
        self.forget_found();
        match load::again(&self.shared, &mut self.index, self.durable).await {
            Ok(loaded) => {
                let state = loaded.state;
                self.durable = state.revision();
                self.snapshot.loaded(loaded.last_id);
                self.open = OpenUnit::new(&state, now(&self.shared, state.last_recorded_at()));
                self.state = state;
                Ok(())
            }
            Err(error) => {
                error.log(self.state.id());
                self.unreadable()
            }
        }
    }

    fn unreadable(&self) -> Result<(), Failure> {
        self.shared.store_fails("the event store cannot be read");
        Err(Failure::StoreUnavailable)
    }

    async fn pause(&self) {
        tokio::time::sleep(BACKOFF * 2_u32.saturating_pow(self.attempts)).await;
    }
}
