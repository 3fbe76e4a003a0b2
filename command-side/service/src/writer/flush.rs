//! The index's way to disk, in the background.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Writer, joined};
use crate::index::{Disk, Flush, IndexError, LedgerIndex, blocking};

/// Index entries that are worth a write of their own.
const FLUSH_ENTRIES: usize = 8_192;
/// How long fewer entries may wait.
pub(super) const FLUSH_AFTER: Duration = Duration::from_secs(1);

impl Writer {
    /// Begins to write index entries of durable events to disk if it is time.
    pub(super) fn start_flush(&mut self) {
        let waiting = self.index.unflushed();
        let waited = self.last_flush.elapsed() >= FLUSH_AFTER;
        let due = waiting > 0 && (waited || waiting >= FLUSH_ENTRIES);
        if !due || self.flushing.is_some() || self.index_failed {
            return;
        }
        let Some(flush) = self.index.take_flush(self.durable) else {
            return;
        };
        let disk = Arc::clone(self.index.disk());
        let ledger = self.index.ledger().clone();
        self.flushing = Some(tokio::spawn(async move {
            let write =
                move |disk: &Disk| LedgerIndex::write(disk, &ledger, &flush).map(|()| flush);
            blocking(&disk, write).await
        }));
    }

    /// Notes what became of a flush. After a failure the ledger is let go: those who wait are still
    /// answered, what memory knows is enough for that, and the next load has another index.
    pub(super) fn flushed(&mut self, done: Option<Result<Flush, IndexError>>) {
        self.flushing = None;
        self.last_flush = Instant::now();
        match done {
            Some(Ok(flush)) => self.index.flush_done(&flush),
            Some(Err(error)) => {
                self.index_failed = true;
                tracing::error!(
                    ledger = %self.state.id(),
                    error = &error as &dyn std::error::Error,
                    "the ledger's index cannot be written; the ledger is let go"
                );
            }
            None => self.index_failed = true,
        }
    }

    /// Leaves behind what the next load needs: the index as far as the log goes, and a snapshot.
    pub(super) async fn finish(&mut self) {
        loop {
            self.end_flush().await;
            self.last_flush = self
                .last_flush
                .checked_sub(FLUSH_AFTER)
                .unwrap_or(self.last_flush);
            // An index that failed is rebuilt from the log.
            self.start_flush();
            if self.flushing.is_none() {
                break;
            }
        }
        self.finish_snapshot().await;
    }

    /// Waits for a flush that is under way.
    pub(super) async fn end_flush(&mut self) {
        if let Some(write) = &mut self.flushing {
            let done = joined(Some(write)).await;
            self.flushed(done);
        }
    }
}
