//! A store that fails on demand, around any other: for the tests of whoever appends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{EventId, LedgerId, Position, Revision};
use tokio::sync::watch;

use crate::port::{AppendError, Appended, EventStore, Head, ReadError, Subscription};
use crate::unit::Unit;

/// What happens to an append instead of succeeding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// [`AppendError::Unavailable`], and nothing is written.
    Unavailable,
    /// [`AppendError::Unknown`], although everything was written.
    UnknownAfterWriting,
    /// [`AppendError::Unknown`], and nothing is written.
    UnknownWithoutWriting,
    /// [`AppendError::Unknown`]; it is written late, just before the next append is.
    UnknownThenLate,
}

/// A decorator whose appends can be made to fail, or be held.
///
/// Faults are taken in the order in which they were asked for, one per append, when the append is
/// no longer held: hold, fill the mailbox, ask for a fault, release.
#[derive(Clone)]
pub struct FaultyStore {
    inner: Arc<dyn EventStore>,
    faults: Arc<Mutex<Faults>>,
    held: Arc<watch::Sender<Held>>,
}

#[derive(Default)]
struct Faults {
    appends: VecDeque<Fault>,
    reads: usize,
    late: Option<Unit>,
    events_read: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Held {
    closed: bool,
    waiting: usize,
}

impl FaultyStore {
    /// Decorates a store; without further calls it behaves as that store.
    pub fn new(inner: Arc<dyn EventStore>) -> Self {
        Self {
            inner,
            faults: Arc::default(),
            held: Arc::new(watch::Sender::new(Held::default())),
        }
    }

    /// The next `appends` appends end in `fault`, after those that were asked for before.
    pub fn fail_appends(&self, fault: Fault, appends: usize) {
        let mut faults = self.faults();
        faults.appends.extend(std::iter::repeat_n(fault, appends));
    }

    /// The next `reads` reads of any kind answer [`ReadError::Unavailable`].
    pub fn fail_reads(&self, reads: usize) {
        self.faults().reads += reads;
    }

    /// How many events were read ledger by ledger so far.
    pub fn events_read(&self) -> usize {
        self.faults().events_read
    }

    /// Appends from now on wait until [`Self::release`]; nothing of them reaches the store before.
    pub fn hold(&self) {
        self.held.send_modify(|held| held.closed = true);
    }

    /// Lets all held appends go, and those to come.
    pub fn release(&self) {
        self.held.send_modify(|held| held.closed = false);
    }

    /// Returns when at least `appends` appends are being held. The caller bounds the wait.
    pub async fn wait_held(&self, appends: usize) {
        let mut held = self.held.subscribe();
        // The sender lives in `self`, so the wait can end only by the condition.
        if held.wait_for(|held| held.waiting >= appends).await.is_err() {
            tracing::warn!("store under test was dropped while somebody waited on it");
        }
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        // Nothing panics while it holds this lock; a poisoned one holds a valid value.
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass(&self) -> Option<Fault> {
        let waiting = Waiting::new(&self.held);
        let mut held = self.held.subscribe();
        let closed = held.wait_for(|held| !held.closed).await.is_err();
        drop(waiting);
        debug_assert!(!closed, "the sender lives as long as this call's store");
        self.faults().appends.pop_front()
    }

    fn readable(&self) -> Result<(), ReadError> {
        let mut faults = self.faults();
        if faults.reads == 0 {
            return Ok(());
        }
        faults.reads -= 1;
        let reason = "injected".to_owned();
        Err(ReadError::Unavailable { reason })
    }
}

/// Counts an append as waiting for as long as it lives, also when its future is dropped.
struct Waiting<'a>(&'a watch::Sender<Held>);

impl<'a> Waiting<'a> {
    fn new(held: &'a watch::Sender<Held>) -> Self {
        held.send_modify(|held| held.waiting += 1);
        Self(held)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|held| held.waiting -= 1);
    }
}

#[async_trait]
impl EventStore for FaultyStore {
    async fn append(&self, unit: Unit) -> Result<Appended, AppendError> {
        let reason = "injected".to_owned();
        let fault = self.pass().await;
        let late = self.faults().late.take();
        if let Some(late) = late {
            self.inner.append(late).await?;
        }
        match fault {
            None => self.inner.append(unit).await,
            Some(Fault::Unavailable) => Err(AppendError::Unavailable { reason }),
            Some(Fault::UnknownWithoutWriting) => Err(AppendError::Unknown { reason }),
            Some(Fault::UnknownThenLate) => {
                self.faults().late = Some(unit);
                Err(AppendError::Unknown { reason })
            }
            Some(Fault::UnknownAfterWriting) => {
                self.inner.append(unit).await?;
                Err(AppendError::Unknown { reason })
            }
        }
    }

    async fn read_ledger(
        &self,
        ledger: &LedgerId,
        from: Revision,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.readable()?;
        let events = self.inner.read_ledger(ledger, from, limit).await?;
        self.faults().events_read += events.len();
        Ok(events)
    }

    async fn last_revision(&self, ledger: &LedgerId) -> Result<Option<Revision>, ReadError> {
        self.readable()?;
        self.inner.last_revision(ledger).await
    }

    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.readable()?;
        self.inner.read_all(after, limit).await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, ReadError> {
        self.readable()?;
        self.inner.event_id_at(position).await
    }

    async fn head(&self) -> Result<Head, ReadError> {
        self.readable()?;
        self.inner.head().await
    }

    fn subscribe(&self, after: Position) -> Box<dyn Subscription> {
        self.inner.subscribe(after)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::contract::unit;
    use crate::embedded::{EmbeddedStore, Options};
    use crate::port::ExpectedRevision::NoStream;

    #[tokio::test]
    async fn appends_are_held_and_fail_as_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let inner = EmbeddedStore::open(dir.path(), Options::default()).unwrap();
        let store = FaultyStore::new(Arc::new(inner));
        let ledger = |name: &str| LedgerId::parse(name).unwrap();
        let append = |name: &str| {
            let (store, unit) = (store.clone(), unit(&ledger(name), NoStream, [1]));
            tokio::spawn(async move { store.append(unit).await })
        };
        store.hold();
        let dropped = append("dropped");
        store.wait_held(1).await;
        dropped.abort();
        assert!(dropped.await.unwrap_err().is_cancelled());
        let held = append("held");
        store.wait_held(1).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!held.is_finished());
        store.fail_appends(Fault::Unavailable, 1);
        store.fail_appends(Fault::UnknownAfterWriting, 1);
        store.fail_appends(Fault::UnknownWithoutWriting, 1);
        store.release();
        let refused = held.await.unwrap();
        assert!(
            matches!(refused, Err(AppendError::Unavailable { .. })),
            "{refused:?}"
        );
        for name in ["written", "lost"] {
            let unknown = append(name).await.unwrap();
            assert!(
                matches!(unknown, Err(AppendError::Unknown { .. })),
                "{unknown:?}"
            );
        }
        append("fine").await.unwrap().unwrap();
        for (name, there) in [
            ("dropped", false),
            ("held", false),
            ("written", true),
            ("lost", false),
            ("fine", true),
        ] {
            let last = store.last_revision(&ledger(name)).await.unwrap();
            assert_eq!(last.is_some(), there, "{name}");
        }
        store.fail_reads(1);
        assert!(store.head().await.is_err());
        assert!(store.head().await.is_ok());
    }
}
