//! The ledger's state on its way to disk, in the background.
//!
//! A snapshot is of a durable revision: the writer lets the append in flight come back without
//! deciding on top of it, copies its state, and goes on; what takes long, laying the copy out and
//! writing it, is done on a thread of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_events::ids::{EventId, GenerationId, LedgerId, Revision};
use daybook_store::ReadError;
use tokio::task::JoinHandle;

use super::load::Loaded;
use super::{Decided, Writer, joined};
use crate::measure;
use crate::service::Shared;
use crate::snapshot::{At, SnapshotError};

pub(super) type Written = Result<Done, SnapshotError>;

pub(super) struct Done {
    revision: Revision,
    bytes: usize,
    took: Duration,
}

/// How far the ledger is written down.
pub(super) struct Progress {
    /// The last durable event.
    last_id: Option<EventId>,
    /// The revision of the newest snapshot, or of the last attempt at one.
    tried: Option<Revision>,
    writing: Option<JoinHandle<Written>>,
}

impl Progress {
    pub(super) fn new(last_id: Option<EventId>, snapshot: Option<Revision>) -> Self {
        Self {
            last_id,
            tried: snapshot,
            writing: None,
        }
    }

    pub(super) fn writing(&mut self) -> Option<&mut JoinHandle<Written>> {
        self.writing.as_mut()
    }

    /// Notes a unit that is durable.
    pub(super) fn applied(&mut self, decided: &Decided) {
        self.last_id = decided.last_id.or(self.last_id);
    }

    /// Notes the last event of a state that was loaded again.
    pub(super) fn loaded(&mut self, last_id: Option<EventId>) {
        self.last_id = last_id;
    }
}

impl Writer {
    /// Whether deciding waits for the append in flight, so that a durable state can be copied.
    pub(super) fn makes_way(&self) -> bool {
        self.in_flight.is_some() && self.snapshot_is_due()
    }

    fn snapshot_is_due(&self) -> bool {
        let accounts = u64::try_from(self.state.accounts_count()).unwrap_or(u64::MAX);
        self.is_worth_a_snapshot(self.shared.config.snapshot_events.max(accounts))
    }

    /// Whether so many durable events came after the last snapshot.
    fn is_worth_a_snapshot(&self, events: u64) -> bool {
        let Some(durable) = self.durable else {
            return false;
        };
        let written = self.snapshot.tried.map_or(0, |tried| tried.get() + 1);
        self.snapshot.writing.is_none() && durable.get() + 1 >= written.saturating_add(events)
    }

    /// Begins to write the state down if it is time and the state is durable.
    pub(super) fn start_snapshot(&mut self) {
        if self.snapshot_is_due() {
            self.write_snapshot();
        }
    }

    fn write_snapshot(&mut self) {
        let is_durable = self.in_flight.is_none() && self.open.is_untouched();
        let (Some(revision), Some(event_id)) = (self.durable, self.snapshot.last_id) else {
            return;
        };
        if !is_durable || self.state.revision() != Some(revision) {
            return;
        }
        let at = At {
            generation: self.index.generation(),
            ledger: self.state.id().clone(),
            revision,
            event_id,
        };
        self.snapshot.tried = Some(revision);
        let (state, snapshots) = (self.state.clone(), Arc::clone(&self.shared.snapshots));
        self.snapshot.writing = Some(tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let bytes = snapshots.write(&at, &state)?;
            Ok(Done {
                revision,
                bytes,
                took: began.elapsed(),
            })
        }));
    }

    /// Notes what became of a snapshot. After a failure the older one stays, and the next is tried
    /// when it is due.
    pub(super) fn snapshot_written(&mut self, done: Option<Written>) {
        self.snapshot.writing = None;
        let ledger = self.state.id();
        match done {
            Some(Ok(done)) => {
                measure::snapshot_written(done.bytes, done.took);
                tracing::info!(
                    %ledger,
                    snapshot.revision = %done.revision,
                    snapshot.bytes = done.bytes,
                    took_ms = done.took.as_millis(),
                    "the ledger's state was written down"
                );
            }
            Some(Err(error)) => {
                measure::snapshot("failed");
                tracing::warn!(
                    %ledger,
                    error = &error as &dyn std::error::Error,
                    "the ledger's state was not written down; a load replays more"
                );
            }
            None => measure::snapshot("failed"),
        }
    }

    /// Waits for a snapshot that is being written.
    pub(super) async fn end_snapshot(&mut self) {
        if let Some(writing) = self.snapshot.writing() {
            let done = joined(Some(writing)).await;
            self.snapshot_written(done);
        }
    }

    /// Leaves a snapshot behind if the next load would have much to replay.
    pub(super) async fn finish_snapshot(&mut self) {
        self.end_snapshot().await;
        let events = self.shared.config.snapshot_events_at_stop;
        if self.is_worth_a_snapshot(events) {
            self.write_snapshot();
            self.end_snapshot().await;
        }
    }
}

/// The state that a load begins with: the newest snapshot, if the log has its event.
pub(super) async fn newest(
    shared: &Shared,
    ledger: &LedgerId,
    generation: GenerationId,
) -> Result<Option<Loaded>, ReadError> {
    let (snapshots, of) = (Arc::clone(&shared.snapshots), ledger.clone());
    let read = tokio::task::spawn_blocking(move || snapshots.read(&of, generation));
    let (at, state) = match joined(Some(&mut { read })).await {
        Some(Ok(Some(found))) => found,
        Some(Ok(None)) | None => return Ok(None),
        Some(Err(error)) => {
            refused(ledger, &error);
            return Ok(None);
        }
    };
    let there = shared.store.read_ledger(ledger, at.revision, 1).await?;
    let is_true = there
        .first()
        .is_some_and(|event| event.id == at.event_id && event.revision == at.revision);
    if !is_true {
        refused(
            ledger,
            &SnapshotError::Refused("the log has another event there"),
        );
        return Ok(None);
    }
    measure::snapshot("used");
    Ok(Some(Loaded {
        state,
        last_id: Some(at.event_id),
        snapshot: Some(at.revision),
    }))
}

/// Says that a snapshot was not believed.
pub(super) fn refused(ledger: &LedgerId, why: &(dyn std::error::Error + 'static)) {
    measure::snapshot("refused");
    tracing::warn!(
        %ledger,
        error = why,
        "the ledger's snapshot is not believed; its whole history is replayed"
    );
}
