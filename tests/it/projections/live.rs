//! While the feed lives, it carries everything: the store is not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{EventId, LedgerId, Position, Revision};
use daybook_store::port::{AppendError, Appended, EventStore, Head, ReadError, Subscription};
use daybook_store::unit::Unit;
use daybook_tests::{Nats, Postgres, temp_store, until_async};

use super::support::{
    LEDGERS, SOON, assert_views_equal_the_fold, caught_up, opened, reader, start_projector,
    start_relay,
};

/// Counts the pages that are read. The relay follows a subscription, so these are the projector's.
struct Counting {
    inner: Arc<dyn EventStore>,
    pages: AtomicUsize,
}

#[async_trait]
impl EventStore for Counting {
    async fn append(&self, unit: Unit) -> Result<Appended, AppendError> {
        self.inner.append(unit).await
    }
    async fn read_ledger(
        &self,
        ledger: &LedgerId,
        from: Revision,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.inner.read_ledger(ledger, from, limit).await
    }
    async fn last_revision(&self, ledger: &LedgerId) -> Result<Option<Revision>, ReadError> {
        self.inner.last_revision(ledger).await
    }
    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.pages.fetch_add(1, Ordering::Relaxed);
        self.inner.read_all(after, limit).await
    }
    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, ReadError> {
        self.inner.event_id_at(position).await
    }
    async fn head(&self) -> Result<Head, ReadError> {
        self.inner.head().await
    }
    fn subscribe(&self, after: Position) -> Box<dyn Subscription> {
        self.inner.subscribe(after)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_feed_lives_the_store_is_not_read() {
    let (nats, postgres, temp) = (Nats::start(), Postgres::start(), temp_store());
    let inner: Arc<dyn EventStore> = temp.store.clone();
    let counting = Arc::new(Counting {
        inner: Arc::clone(&inner),
        pages: AtomicUsize::new(0),
    });
    let store: Arc<dyn EventStore> = counting.clone();
    let mut history = opened(&inner, 14).await;
    let relay = start_relay(&store, &nats.url());
    let projector = start_projector(&store, &postgres.url(), &nats.url());
    let pool = reader(&postgres);
    caught_up(&inner, &pool).await;
    // At the start the store is read, until heartbeat and consumers are there.
    until_async("the feed carries everything", SOON, async || {
        let before = counting.pages.load(Ordering::Relaxed);
        for ledger in LEDGERS {
            history.post(ledger, 2, false).await;
        }
        caught_up(&inner, &pool).await;
        (counting.pages.load(Ordering::Relaxed) == before).then_some(())
    })
    .await;
    let before = counting.pages.load(Ordering::Relaxed);
    for _ in 0..30 {
        history.write(&LEDGERS, 4).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    caught_up(&inner, &pool).await;
    assert_views_equal_the_fold(&inner, &pool).await;
    let read = counting.pages.load(Ordering::Relaxed) - before;
    // A machine that stalls for half a second makes a message late, and the store is read.
    assert!(read <= 8, "{read} pages were read while the feed was alive");
    projector.stop().await;
    relay.stop().await;
}
