//! A subscription to a log that this process writes.

use std::sync::Arc;

use async_trait::async_trait;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::Position;
use tokio::sync::watch;

use super::read::Log;
use super::store::fetch;
use crate::port::{ReadError, Subscription};

/// Reads on from a position, and waits for the durable head where there is nothing more.
#[derive(Debug)]
pub(super) struct Follow {
    log: Arc<Log>,
    head: watch::Receiver<u64>,
    after: Position,
}

impl Follow {
    pub(super) fn new(log: Arc<Log>, head: watch::Receiver<u64>, after: Position) -> Self {
        Self { log, head, after }
    }
}

#[async_trait]
impl Subscription for Follow {
    async fn next(&mut self, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        let limit = limit.max(1);
        loop {
            // Marked as seen before the read: what becomes durable during it wakes the wait below.
            self.head.borrow_and_update();
            let after = self.after;
            let plan = fetch(self.log.plan_all(after, limit)).await?;
            let events = plan.events(limit, |position, _| position > after)?;
            if let Some(last) = events.last() {
                // The only change, and nothing is awaited after it: a dropped wait loses nothing.
                self.after = last.position;
                return Ok(events);
            }
            // Ends with the next group or with the store; the caller may drop it at any time.
            if self.head.changed().await.is_err() {
                let reason = "log is closed".to_owned();
                return Err(ReadError::Unavailable { reason });
            }
        }
    }
}
