//! A log that is read while it may be written by another process. Takes no lock, changes nothing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{EventId, GenerationId, LedgerId, Position, Revision};

use super::error::OpenError;
use super::format::Kind;
use super::index::Index;
use super::options::RECENT_BYTES_MAX;
use super::read::Log;
use super::scan::{End, Scanner};
use super::segment::Access;
use crate::port::{AppendError, Appended, EventStore, Head, ReadError, Subscription};
use crate::unit::Unit;

/// How a log ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// With a seal: it was closed, or nothing was appended for a while.
    Sealed,
    /// With a whole group that no seal follows yet.
    Unsealed,
    /// With bytes that are no whole group: a writer is at work, or died at work.
    Torn {
        /// The segment.
        file: PathBuf,
        /// Where the bytes begin.
        offset: u64,
    },
}

/// A log, read-only. Every read sees the whole groups that are there when it is asked for; the
/// last of them may not be synced yet by its writer.
#[derive(Debug, Clone)]
pub struct ReadOnlyLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    log: Log,
    reader: Mutex<Reader>,
}

#[derive(Debug)]
struct Reader {
    scanner: Scanner,
    end: End,
}

/// How often a subscription looks for growth: no later than a person notices.
const POLL: Duration = Duration::from_millis(50);

impl ReadOnlyLog {
    /// Opens the log in a directory. Blocks while it reads and checks the log.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let index = Index::new(RECENT_BYTES_MAX);
        let (scanner, index, end) = Scanner::open(dir, Access::Read, index)?;
        Ok(Self(Arc::new(Shared {
            log: Log::new(scanner.header.identity.generation, index),
            reader: Mutex::new(Reader { scanner, end }),
        })))
    }

    /// Which life of the log this is.
    pub fn generation(&self) -> GenerationId {
        self.0.log.generation
    }

    /// How the log ended when it was last read.
    pub fn tail(&self) -> Tail {
        let reader = self.0.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let last = reader.scanner.last.as_ref();
        match reader.end {
            End::Torn => Tail::Torn {
                file: reader.scanner.segment.path.clone(),
                offset: reader.scanner.offset,
            },
            End::Whole if last.is_some_and(|last| last.kind == Kind::Seal) => Tail::Sealed,
            End::Whole | End::RollUnfinished => Tail::Unsealed,
        }
    }

    /// Reads what has grown, then answers from the log; all of it on a thread for blocking work.
    async fn read<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&Log) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let shared = Arc::clone(&self.0);
        let read = tokio::task::spawn_blocking(move || {
            shared.refresh()?;
            answer(&shared.log)
        });
        read.await.unwrap_or_else(|error| {
            Err(ReadError::Unavailable {
                reason: format!("read was given up: {error}"),
            })
        })
    }
}

impl Shared {
    fn refresh(&self) -> Result<(), ReadError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut index = self.log.index_mut();
        let end = reader.scanner.advance_beside_writer(&mut index);
        reader.end = end.map_err(|error| {
            let reason = error.to_string();
            match error {
                OpenError::Damaged { .. } | OpenError::Version { .. } => {
                    ReadError::Damaged { reason }
                }
                OpenError::Io { .. } | OpenError::Locked { .. } | OpenError::NoLog { .. } => {
                    ReadError::Unavailable { reason }
                }
            }
        })?;
        Ok(())
    }
}

#[async_trait]
impl EventStore for ReadOnlyLog {
    async fn append(&self, _unit: Unit) -> Result<Appended, AppendError> {
        let reason = "log is open for reading only".to_owned();
        Err(AppendError::Unavailable { reason })
    }

    async fn read_ledger(
        &self,
        ledger: &LedgerId,
        from: Revision,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let ledger = ledger.clone();
        self.read(move |log| {
            let mut plan = log.plan_ledger(&ledger, from, limit);
            plan.load()?;
            plan.events(limit, |_, revision| revision >= from)
        })
        .await
    }

    async fn last_revision(&self, ledger: &LedgerId) -> Result<Option<Revision>, ReadError> {
        let ledger = ledger.clone();
        self.read(move |log| Ok(log.last_revision(&ledger))).await
    }

    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.read(move |log| {
            let mut plan = log.plan_all(after, limit);
            plan.load()?;
            plan.events(limit, |position, _| position > after)
        })
        .await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, ReadError> {
        self.read(move |log| {
            let Some(before) = position.get().checked_sub(1) else {
                return Ok(None);
            };
            let mut plan = log.plan_all(Position::new(before), 1);
            plan.load()?;
            plan.id_at(position)
        })
        .await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.read(|log| {
            Ok(Head {
                generation: log.generation,
                position: log.head(),
            })
        })
        .await
    }

    fn subscribe(&self, after: Position) -> Box<dyn Subscription> {
        Box::new(Poll {
            log: self.clone(),
            after,
        })
    }
}

/// Looks for growth again and again: no other process tells.
struct Poll {
    log: ReadOnlyLog,
    after: Position,
}

#[async_trait]
impl Subscription for Poll {
    async fn next(&mut self, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        loop {
            let events = self.log.read_all(self.after, limit.max(1)).await?;
            if let Some(last) = events.last() {
                self.after = last.position;
                return Ok(events);
            }
            tokio::time::sleep(POLL).await;
        }
    }
}
