//! The parts under test, run in the test's own process, and what tests ask of them.

use std::sync::Arc;
use std::time::Duration;

use daybook_events::names::PARTITIONS;
use daybook_platform::health::Health;
use daybook_projections::{ProjectorConfig, ProjectorError};
use daybook_relay::{RelayConfig, RelayError};
use daybook_store::port::EventStore;
use daybook_tests::{Postgres, until_async};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::history::History;
use super::naive::{actual_rows, expected_rows};

/// Generous: the machine may be busy with other tests.
pub(crate) const SOON: Duration = Duration::from_secs(60);
pub(crate) const LEDGERS: [&str; 4] = ["acme", "berka", "shop-1", "a"];

/// A part that runs in the test's process, and stops when the test says so.
pub(crate) struct Running<E> {
    token: CancellationToken,
    task: JoinHandle<Result<(), E>>,
    pub(crate) health: Health,
}

impl<E: std::fmt::Debug> Running<E> {
    pub(crate) async fn stop(self) {
        self.token.cancel();
        self.task
            .await
            .expect("the task does not panic")
            .expect("the part ends well");
    }
}

pub(crate) fn start_relay(store: &Arc<dyn EventStore>, nats_url: &str) -> Running<RelayError> {
    let (token, health) = (CancellationToken::new(), Health::new());
    let config = RelayConfig::new(nats_url, PARTITIONS);
    let part = health.part("relay");
    let task = tokio::spawn(daybook_relay::run(
        Arc::clone(store),
        config,
        part,
        token.clone(),
    ));
    Running {
        token,
        task,
        health,
    }
}

pub(crate) fn start_projector(
    store: &Arc<dyn EventStore>,
    database_url: &str,
    nats_url: &str,
) -> Running<ProjectorError> {
    start_projector_of(PARTITIONS, store, database_url, nats_url)
}

pub(crate) fn start_projector_of(
    partitions: u16,
    store: &Arc<dyn EventStore>,
    database_url: &str,
    nats_url: &str,
) -> Running<ProjectorError> {
    let (token, health) = (CancellationToken::new(), Health::new());
    let config = ProjectorConfig {
        database_url: database_url.to_owned(),
        nats_url: nats_url.to_owned(),
        partitions,
        instance: "test".to_owned(),
    };
    let part = health.part("projector");
    let running = daybook_projections::run(Arc::clone(store), config, part, token.clone());
    Running {
        token,
        task: tokio::spawn(running),
        health,
    }
}

pub(crate) fn reader(postgres: &Postgres) -> PgPool {
    PgPoolOptions::new()
        .max_connections(4)
        .connect_lazy(&postgres.url())
        .unwrap()
}

/// Waits until every partition's checkpoint covers the store's head.
pub(crate) async fn caught_up(store: &Arc<dyn EventStore>, pool: &PgPool) {
    caught_up_of(PARTITIONS, store, pool).await;
}

pub(crate) async fn caught_up_of(partitions: u16, store: &Arc<dyn EventStore>, pool: &PgPool) {
    let head = store.head().await.unwrap();
    until_async("the views reach the head", SOON, async || {
        let reached: Result<i64, _> = sqlx::query_scalar(
            "SELECT count(*) FROM engine.checkpoints
             WHERE position >= $1 AND generation = $2 AND partitions = $3",
        )
        .bind(head.position.as_i64())
        .bind(head.generation.uuid())
        .bind(i32::from(partitions))
        .fetch_one(pool)
        .await;
        (reached.ok() == Some(i64::from(partitions))).then_some(())
    })
    .await;
}

pub(crate) async fn assert_views_equal_the_fold(store: &Arc<dyn EventStore>, pool: &PgPool) {
    let (expected, actual) = (expected_rows(&**store).await, actual_rows(pool).await);
    let missing: Vec<_> = expected.difference(&actual).take(5).collect();
    let surplus: Vec<_> = actual.difference(&expected).take(5).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "missing {missing:#?}, surplus {surplus:#?}"
    );
}

/// Which transaction of the database wrote each ledger's first entry: another one, if the rows were
/// made anew meanwhile.
pub(crate) async fn made(pool: &PgPool) -> Vec<(String, String)> {
    sqlx::query_as(
        "SELECT DISTINCT ON (ledger) ledger, xmin::text FROM books_v1.entries
         ORDER BY ledger, revision, entry",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

pub(crate) async fn opened(store: &Arc<dyn EventStore>, seed: u64) -> History {
    let mut history = History::new(Arc::clone(store), seed);
    for ledger in LEDGERS {
        history.open(ledger).await;
    }
    history
}
