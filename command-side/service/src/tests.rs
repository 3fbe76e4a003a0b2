//! What only the inside can bring about or look at: an index whose disk is full, the states in
//! snapshots.

mod due;
mod snapshots;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use daybook_events::ids::{IdempotencyKey, LedgerId, Revision};
use daybook_platform::clock::Clock;
use daybook_store::EventStore as _;
use daybook_store::embedded::{EmbeddedStore, Options};
use daybook_store::testing::{Fault, FaultyStore};

use crate::wire::request;
use crate::work::{Answer, Detail, Failure, Outcome, Work};
use crate::{CommandConfig, CommandService};

struct Bench {
    service: Arc<CommandService>,
    store: FaultyStore,
    ledger: LedgerId,
    dir: tempfile::TempDir,
}

impl Bench {
    async fn start() -> Self {
        Self::start_with(Clock::system(), |_| {}).await
    }

    async fn start_with(clock: Clock, change: impl FnOnce(&mut CommandConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(&dir.path().join("log"), Options::default()).unwrap();
        let store = FaultyStore::new(Arc::new(store));
        let mut config = CommandConfig::new(dir.path().join("index"), dir.path().join("snapshots"));
        change(&mut config);
        let over = Arc::new(store.clone());
        let service = CommandService::open(over, config, clock).unwrap();
        let bench = Self {
            service,
            store,
            ledger: LedgerId::parse("acme").unwrap(),
            dir,
        };
        let (_, open) = request::open_ledger(false, r#"{"ledger":"acme"}"#).unwrap();
        let opened = bench.submit(open, "open").await.unwrap();
        assert!(matches!(opened, Answer::Applied(_)), "{opened:?}");
        bench
    }

    /// Opens an account, which needs no other.
    async fn account(&self, name: &str) -> Result<Answer, Failure> {
        let text = format!(r#"{{"account":"{name}","type":"asset"}}"#);
        let request = self.scope().open_account(&text).unwrap();
        self.submit(request, name).await
    }

    fn scope(&self) -> request::Scope<'_> {
        request::Scope {
            ledger: &self.ledger,
            record_rejection: false,
        }
    }

    async fn submit(&self, request: request::Request, key: &str) -> Result<Answer, Failure> {
        let work = Work {
            key: Some(IdempotencyKey::parse(key).unwrap()),
            if_match: None,
            dry_run: false,
            record_rejection: false,
            shared: Arc::from(&br#""request_id":"r""#[..]),
            event_id: match request.id {
                Some(id) => id.into(),
                None => self.service.new_event_id(),
            },
            ending_id: Some(self.service.new_event_id()),
            request,
        };
        let room = self.service.reserve(100)?;
        let groups = vec![vec![work]];
        let submitted = self
            .service
            .submit(&self.ledger, groups, Detail::Whole, room);
        let outcomes: Vec<Outcome> = submitted.await?;
        Ok(outcomes[0].answers[0].clone())
    }

    fn fill_the_disk(&self, full: bool) {
        let disk = self.service.index_in_use();
        disk.full.store(full, Ordering::Release);
    }

    async fn until_let_go(&self) {
        for _ in 0..500 {
            if self.service.ledgers_loaded() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the ledger was not let go within five seconds");
    }
}

#[tokio::test]
async fn a_full_disk_under_the_index_heals_when_it_has_room_again() {
    let bench = Bench::start().await;
    bench.fill_the_disk(true);
    let first = bench.account("a").await.unwrap();
    assert!(matches!(first, Answer::Applied(_)), "{first:?}");
    bench.until_let_go().await;
    let meanwhile = bench.account("b").await.unwrap();
    assert!(
        matches!(meanwhile, Answer::Failed(Failure::StoreUnavailable)),
        "{meanwhile:?}"
    );
    bench.fill_the_disk(false);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let replayed = bench.account("a").await.unwrap();
    assert!(matches!(replayed, Answer::Replayed(_)), "{replayed:?}");
    let applied = bench.account("b").await.unwrap();
    assert!(matches!(applied, Answer::Applied(_)), "{applied:?}");
    // Written down, let go and found again.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert!(bench.service.index_in_use().failure().is_none());
}

#[tokio::test]
async fn a_stop_comes_to_its_end_over_a_full_disk() {
    let bench = Bench::start().await;
    bench.fill_the_disk(true);
    bench.account("a").await.unwrap();
    let stopped = tokio::time::timeout(Duration::from_secs(5), bench.service.shutdown()).await;
    assert!(stopped.is_ok());
}

/// Whoever looks after ledgers that are not loaded would do it too, but later.
#[tokio::test]
async fn a_loaded_ledger_ends_its_due_holds_by_itself_and_tries_again() {
    const START: i64 = 1_795_176_000_000_000;
    let (clock, hand) = Clock::manual(START);
    let bench = Bench::start_with(clock, |_| {}).await;
    bench.service.stop_watching();
    for name in ["a", "b"] {
        bench.account(name).await.unwrap();
    }
    let hold = r#"{"status":"pending","expires_at":"2026-11-20T12:00:10Z","postings":
        [{"debit":"a","credit":"b","amount":1,"asset":"USD"}]}"#;
    let hold = bench.scope().post_transaction(hold).unwrap();
    let placed = bench.submit(hold, "hold").await.unwrap();
    assert!(matches!(placed, Answer::Applied(_)), "{placed:?}");
    bench.store.fail_appends(Fault::Unavailable, 2);
    bench.store.fail_appends(Fault::UnknownWithoutWriting, 1);
    hand.set_micros(START + 10_000_000);
    for _ in 0..500 {
        if bench.store.last_revision(&bench.ledger).await.unwrap() == Some(Revision::new(4)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the hold did not end within five seconds");
}
