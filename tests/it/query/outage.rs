//! Postgres away, stuck or not there yet: 503 within the bounds, never a 500, then back by itself.

use std::time::{Duration, Instant};

use daybook_tests::{Answer, until_async};

use super::fixture::Fixture;

/// Acquiring takes 2 s at most, a whole read 6 s.
const ANSWER_BOUND: Duration = Duration::from_secs(9);

fn away(answer: &Answer, started: Instant) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "view_behind"),
        "{answer}"
    );
    assert!(answer.header("Retry-After").is_some());
    assert!(started.elapsed() < ANSWER_BOUND, "{:?}", started.elapsed());
    for internal in ["sqlx", "postgres", "connection", "Postgres", "socket"] {
        assert!(!answer.to_string().contains(internal), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_postgres_is_503_within_the_bounds_and_answers_come_back() {
    let (mut fixture, book) = Fixture::with_acme().await;
    fixture.stop_projecting().await;
    fixture.postgres.kill9();
    for path in [
        "/v1/ledgers",
        "/v1/ledgers/acme",
        "/v1/ledgers/acme/accounts/users:1",
        "/v1/ledgers/acme/transactions?min_revision=1",
        "/v1/ledgers/acme/reports/trial-balance",
    ] {
        let started = Instant::now();
        away(&fixture.client.get(path).await, started);
    }
    // By now it is known to be away: nobody waits for it any more.
    let started = Instant::now();
    for _ in 0..50 {
        away(&fixture.client.get("/v1/ledgers/acme").await, started);
    }
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    // The history does not need Postgres.
    fixture
        .client
        .get("/v1/ledgers/acme/events")
        .await
        .expect(200);
    tokio::task::block_in_place(|| fixture.postgres.restart());
    let bound = Duration::from_secs(20);
    let ledger = until_async("the views answer again", bound, async || {
        let answer = fixture.client.get("/v1/ledgers/acme").await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    assert_eq!(ledger["revision"], book.revision("acme"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_says_nothing_is_503_within_the_bounds() {
    let (mut fixture, _) = Fixture::with_acme().await;
    fixture.stop_projecting().await;
    fixture.client.get("/v1/ledgers/acme").await.expect(200);
    fixture.postgres.pause();
    let started = Instant::now();
    let answer = fixture.client.get("/v1/ledgers/acme").await;
    fixture.postgres.unpause();
    away(&answer, started);
    until_async(
        "the views answer again",
        Duration::from_secs(20),
        async || (fixture.client.get("/v1/ledgers/acme").await.status == 200).then_some(()),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_are_not_there_yet_are_503() {
    let fixture = Fixture::start().await;
    let pool = fixture.pool().await;
    sqlx::raw_sql("DROP SCHEMA books CASCADE")
        .execute(&pool)
        .await
        .unwrap();
    let started = Instant::now();
    away(&fixture.client.get("/v1/ledgers/acme").await, started);
}
