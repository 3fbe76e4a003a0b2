//! The store as its users see it.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{EventId, GenerationId, LedgerId, Position, Revision};
use daybook_events::names::STREAM_PREFIX;
use tokio::sync::{oneshot, watch};

use super::error::{CloseError, OpenError};
use super::follow::Follow;
use super::index::Index;
use super::options::Options;
use super::queue::{Queue, Request};
use super::read::{Log, Plan};
use super::record::record_len_max;
use super::recover::recover;
use super::segment;
use super::writer::{Setup, Writer};
use crate::port::{AppendError, Appended, EventStore, Head, ReadError, Subscription};
use crate::unit::Unit;

/// The event store of one machine. The only writer of its directory while it lives.
#[derive(Debug)]
pub struct EmbeddedStore {
    log: Arc<Log>,
    queue: Arc<Queue>,
    head: watch::Receiver<u64>,
    unit_bytes_max: usize,
    append_wait: Duration,
    /// Until the store is closed.
    writer: Option<JoinHandle<Result<(), String>>>,
    /// Released after the writer's thread has ended.
    _lock: File,
}

impl EmbeddedStore {
    /// Opens the log in a directory, or begins one. Blocks while it reads and checks the log.
    ///
    /// What an unclean stop left is put right first: a torn last write is cut, the last group is
    /// written and synced again. Anything else that does not check is refused.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        segment::create_dir(dir, &*options.disk)?;
        let lock = segment::lock(dir)?;
        let (scanner, index) = recover(dir, &*options.disk, Index::new(options.recent_bytes_max))?;
        let log = Arc::new(Log::new(scanner.header.identity.generation, index));
        let queue = Arc::new(Queue::new(&options));
        let (sender, head) = watch::channel(log.head().get());
        let writer = Writer::new(Setup {
            dir,
            log: Arc::clone(&log),
            queue: Arc::clone(&queue),
            head: sender,
            scanner,
            options: &options,
        });
        let writer = thread::Builder::new()
            .name("daybook-log".to_owned())
            .spawn(move || writer.run())
            .map_err(OpenError::io("start the writer of", dir))?;
        Ok(Self {
            log,
            queue,
            head,
            unit_bytes_max: options.unit_bytes_max,
            append_wait: options.append_wait,
            writer: Some(writer),
            _lock: lock,
        })
    }

    /// Which life of the log this is.
    pub fn generation(&self) -> GenerationId {
        self.log.generation
    }

    /// Writes what still waits, seals the log and lets go of it. Blocks; dropping does the same.
    pub fn close(mut self) -> Result<(), CloseError> {
        self.stop()
    }

    fn stop(&mut self) -> Result<(), CloseError> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        self.queue.close();
        // The thread ends after the groups that wait and a seal: bounded by the queue and the disk.
        match writer.join() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(CloseError { reason }),
            Err(_) => Err(CloseError {
                reason: "the log's writer panicked".to_owned(),
            }),
        }
    }

    fn check(&self, unit: &Unit) -> Result<usize, AppendError> {
        let stream = STREAM_PREFIX.len() + unit.ledger().as_str().len();
        let bytes = record_len_max(unit.bytes_len(), unit.len(), unit.shared().len(), stream);
        if bytes > self.unit_bytes_max {
            return Err(AppendError::TooLarge {
                bytes,
                bytes_max: self.unit_bytes_max,
            });
        }
        let mut ids = HashSet::with_capacity(unit.len());
        match unit.events().find(|event| !ids.insert(event.id)) {
            None => Ok(bytes),
            Some(twice) => Err(AppendError::Refused {
                reason: format!("event id {} stands in it twice", twice.id),
            }),
        }
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!("{error}");
        }
    }
}

/// Fetches what a plan needs: on a thread for blocking work if that is the disk.
pub(super) async fn fetch(mut plan: Plan) -> Result<Plan, ReadError> {
    if !plan.needs_disk() {
        return Ok(plan);
    }
    let fetched = tokio::task::spawn_blocking(move || plan.load().map(|()| plan)).await;
    fetched.unwrap_or_else(|error| {
        Err(ReadError::Unavailable {
            reason: format!("read was given up: {error}"),
        })
    })
}

#[async_trait]
impl EventStore for EmbeddedStore {
    async fn append(&self, unit: Unit) -> Result<Appended, AppendError> {
        let bytes = self.check(&unit)?;
        let (answer, outcome) = oneshot::channel();
        self.queue.push(Request {
            unit,
            bytes,
            answer,
        })?;
        let unknown = |reason: &str| {
            let reason = reason.to_owned();
            Err(AppendError::Unknown { reason })
        };
        match tokio::time::timeout(self.append_wait, outcome).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(_)) => unknown("the log's writer ended before it answered"),
            Err(_) => unknown("the disk did not answer in time"),
        }
    }

    async fn read_ledger(
        &self,
        ledger: &LedgerId,
        from: Revision,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let plan = fetch(self.log.plan_ledger(ledger, from, limit)).await?;
        plan.events(limit, |_, revision| revision >= from)
    }

    async fn last_revision(&self, ledger: &LedgerId) -> Result<Option<Revision>, ReadError> {
        Ok(self.log.last_revision(ledger))
    }

    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let plan = fetch(self.log.plan_all(after, limit)).await?;
        plan.events(limit, |position, _| position > after)
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, ReadError> {
        let Some(before) = position.get().checked_sub(1) else {
            return Ok(None);
        };
        fetch(self.log.plan_all(Position::new(before), 1))
            .await?
            .id_at(position)
    }

    async fn head(&self) -> Result<Head, ReadError> {
        Ok(Head {
            generation: self.log.generation,
            position: self.log.head(),
        })
    }

    fn subscribe(&self, after: Position) -> Box<dyn Subscription> {
        Box::new(Follow::new(Arc::clone(&self.log), self.head.clone(), after))
    }
}
