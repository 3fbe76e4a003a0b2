//! What only the inside can bring about: an index whose disk is full.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use daybook_events::ids::{IdempotencyKey, LedgerId};
use daybook_platform::clock::Clock;
use daybook_store::embedded::{EmbeddedStore, Options};

use crate::wire::request;
use crate::work::{Answer, Detail, Failure, Outcome, Work};
use crate::{CommandConfig, CommandService};

struct Bench {
    service: Arc<CommandService>,
    ledger: LedgerId,
    _dir: tempfile::TempDir,
}

impl Bench {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(&dir.path().join("log"), Options::default()).unwrap();
        let config = CommandConfig::new(dir.path().join("index"));
        let service = CommandService::open(Arc::new(store), config, Clock::system()).unwrap();
        let bench = Self {
            service,
            ledger: LedgerId::parse("acme").unwrap(),
            _dir: dir,
        };
        let (_, open) = request::open_ledger(r#"{"ledger":"acme"}"#).unwrap();
        let opened = bench.submit(open, "open").await.unwrap();
        assert!(matches!(opened, Answer::Applied(_)), "{opened:?}");
        bench
    }

    /// Opens an account, which needs no other.
    async fn account(&self, name: &str) -> Result<Answer, Failure> {
        let text = format!(r#"{{"account":"{name}","type":"asset"}}"#);
        let request = request::open_account(&self.ledger, &text).unwrap();
        self.submit(request, name).await
    }

    async fn submit(&self, request: request::Request, key: &str) -> Result<Answer, Failure> {
        let work = Work {
            request,
            key: Some(IdempotencyKey::parse(key).unwrap()),
            if_match: None,
            dry_run: false,
            shared: Arc::from(&br#""request_id":"r""#[..]),
            event_id: self.service.new_event_id(),
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
