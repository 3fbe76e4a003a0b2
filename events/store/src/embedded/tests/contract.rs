//! The contract suite on the embedded store: reading from memory, from the disk, and through a
//! read-only log beside the writer.
#![expect(
    clippy::unused_async,
    reason = "the suite's stores may need to be waited for"
)]

use std::sync::Arc;

use async_trait::async_trait;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{EventId, LedgerId, Position, Revision};
use tempfile::TempDir;

use crate::contract::Subject;
use crate::embedded::{EmbeddedStore, Options, ReadOnlyLog};
use crate::port::{AppendError, Appended, EventStore, Head, ReadError, Subscription};
use crate::unit::Unit;

fn open(options: Options) -> (EmbeddedStore, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (EmbeddedStore::open(dir.path(), options).unwrap(), dir)
}

mod from_memory {
    use super::*;

    async fn subject() -> (Subject, TempDir) {
        let (store, dir) = open(Options::default());
        (Subject::new(Arc::new(store), "t"), dir)
    }

    crate::contract_tests!(subject);
}

/// Several segments, and nothing kept in memory.
fn small() -> Options {
    Options {
        segment_bytes: 4 << 10,
        recent_bytes_max: 0,
        ..Options::default()
    }
}

mod from_disk {
    use super::*;

    async fn subject() -> (Subject, TempDir) {
        let (store, dir) = open(small());
        (Subject::new(Arc::new(store), "t"), dir)
    }

    crate::contract_tests!(subject);
}

mod beside_the_writer {
    use super::*;

    async fn subject() -> (Subject, TempDir) {
        let (writer, dir) = open(small());
        let reader = ReadOnlyLog::open(dir.path()).unwrap();
        (Subject::new(Arc::new(Beside { writer, reader }), "t"), dir)
    }

    crate::contract_tests!(subject);
}

/// Appends through the writer, reads through a read-only log.
struct Beside {
    writer: EmbeddedStore,
    reader: ReadOnlyLog,
}

#[async_trait]
impl EventStore for Beside {
    async fn append(&self, unit: Unit) -> Result<Appended, AppendError> {
        self.writer.append(unit).await
    }

    async fn read_ledger(
        &self,
        ledger: &LedgerId,
        from: Revision,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.reader.read_ledger(ledger, from, limit).await
    }

    async fn last_revision(&self, ledger: &LedgerId) -> Result<Option<Revision>, ReadError> {
        self.reader.last_revision(ledger).await
    }

    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.reader.read_all(after, limit).await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, ReadError> {
        self.reader.event_id_at(position).await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.reader.head().await
    }

    fn subscribe(&self, after: Position) -> Box<dyn Subscription> {
        self.reader.subscribe(after)
    }
}
