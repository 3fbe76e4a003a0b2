//! What a writer waits for.

use std::time::{Duration, Instant};

use daybook_events::time::Timestamp;
use daybook_platform::clock::Clock;
use daybook_store::{AppendError, Appended};
use tokio::sync::{Notify, mpsc};

use super::flush::FLUSH_AFTER;
use super::{Writer, joined, snapshot};
use crate::index::{Flush, IndexError};
use crate::work::Task;

pub(super) enum Wake {
    Appended(Box<Result<Appended, AppendError>>),
    Mail(Option<Vec<Task>>),
    Flushed(Box<Option<Result<Flush, IndexError>>>),
    Retire,
    FlushTime,
    Due,
    Snapshot(Box<Option<snapshot::Written>>),
    Idle,
}

impl Writer {
    /// Waits for whatever comes first. Finished appends go before new work, so that those who wait
    /// longest are answered first.
    pub(super) async fn next(
        &mut self,
        mailbox: &mut mpsc::Receiver<Vec<Task>>,
        retire: &Notify,
        ended: bool,
    ) -> Wake {
        // While the open unit is full, the mailbox fills up and its bound is felt (INV-9).
        let takes = !ended && self.pending.is_empty() && !self.is_full();
        let quiet = self.is_quiet();
        let idle = Duration::from_secs(self.shared.config.idle_s);
        let flushes = self.flushing.is_none() && !self.index_failed;
        let unflushed = flushes && self.index.unflushed() > 0;
        let due = self.state.next_due().filter(|_| quiet && !ended);
        let (clock, expiry) = (self.shared.clock.clone(), self.expiry.at());
        tokio::select! {
            biased;
            result = joined(self.in_flight.as_mut().map(|f| &mut f.append)) => {
                let result = result.unwrap_or_else(|| Err(AppendError::Unknown {
                    reason: "the append ended without an outcome".to_owned(),
                }));
                Wake::Appended(Box::new(result))
            }
            done = joined(self.flushing.as_mut()) => {
                Wake::Flushed(Box::new(done))
            }
            done = joined(self.snapshot.writing()) => Wake::Snapshot(Box::new(done)),
            tasks = mailbox.recv(), if takes => Wake::Mail(tasks),
            () = when_due(&clock, due, expiry), if due.is_some() => Wake::Due,
            () = retire.notified(), if !ended && quiet => Wake::Retire,
            () = tokio::time::sleep(FLUSH_AFTER), if unflushed => Wake::FlushTime,
            () = tokio::time::sleep(idle), if !ended && quiet && !unflushed => Wake::Idle,
        }
    }
}

/// Waits until a hold is due, and for the pause that a failure asked for.
async fn when_due(clock: &Clock, due: Option<Timestamp>, not_before: Option<Instant>) {
    if let Some(due) = due {
        clock.sleep_until(due.micros()).await;
    }
    if let Some(not_before) = not_before {
        tokio::time::sleep_until(not_before.into()).await;
    }
}
