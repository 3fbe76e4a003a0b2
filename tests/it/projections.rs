//! Views on a real Postgres, fed by a real nats-server: whatever the feed does, they equal the fold
//! of the store's events (INV-4, INV-5).

mod deliveries;
pub(crate) mod history;
mod layout;
mod live;
mod lives;
mod migrations;
pub(crate) mod naive;
pub(crate) mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use daybook_events::event::{Event, EventType};
use daybook_events::ids::LedgerId;
use daybook_events::names::{JETSTREAM, PARTITIONS, partition_of};
use daybook_store::port::EventStore;
use daybook_tests::{Nats, Postgres, temp_store, until_async};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use naive::all_events;
use support::{
    LEDGERS, SOON, assert_views_equal_the_fold, caught_up, made, opened, reader, start_projector,
    start_relay,
};

#[tokio::test]
async fn the_random_histories_have_events_of_every_type_and_holds_of_every_end() {
    let temp = temp_store();
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 1).await;
    history.write(&LEDGERS, 300).await;
    let mut seen = BTreeSet::new();
    for recorded in all_events(&*store).await {
        seen.insert(recorded.event_type.to_string());
        let event = recorded.event().unwrap();
        if let Event::HoldEnded(ended) = &event {
            let rest = if ended.released.is_empty() { "no" } else { "a" };
            seen.insert(format!("{} with {rest} rest", ended.outcome.as_str()));
        }
        if let Event::TransactionPosted(posted) = &event {
            let captures = posted.captures().map(|_| "capture");
            let reverses = posted.reverses().map(|_| "reversal");
            seen.extend(captures.or(reverses).map(str::to_owned));
        }
    }
    let types = EventType::ALL.iter().map(ToString::to_string);
    let ends = [
        "captured with a",
        "captured with no",
        "voided with a",
        "expired with a",
    ];
    let ends = ends.iter().map(|end| format!("{end} rest"));
    let others = ["capture", "reversal"].map(str::to_owned);
    let all: BTreeSet<String> = types.chain(ends).chain(others).collect();
    assert_eq!(seen, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_equal_a_naive_fold_after_random_histories() {
    let (nats, postgres, temp) = (Nats::start(), Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 1).await;
    history.write(&LEDGERS, 40).await;
    let relay = start_relay(&store, &nats.url());
    let projector = start_projector(&store, &postgres.url(), &nats.url());
    let pool = reader(&postgres);
    caught_up(&store, &pool).await;
    let made_before = made(&pool).await;
    for _ in 0..6 {
        history.write(&LEDGERS, 40).await;
        caught_up(&store, &pool).await;
        assert_views_equal_the_fold(&store, &pool).await;
    }
    // Rows that disagree are made anew: that must not be what makes them right.
    assert_eq!(made(&pool).await, made_before);
    assert!(
        projector.health.snapshot().ready,
        "{:?}",
        projector.health.snapshot()
    );
    projector.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nats_away_from_the_start_the_store_is_read() {
    let (postgres, temp) = (Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 2).await;
    // Port 9 (discard) is not served here.
    let projector = start_projector(&store, &postgres.url(), "nats://127.0.0.1:9");
    let relay = start_relay(&store, "nats://127.0.0.1:9");
    let pool = reader(&postgres);
    for _ in 0..3 {
        history.write(&LEDGERS, 20).await;
        caught_up(&store, &pool).await;
    }
    assert_views_equal_the_fold(&store, &pool).await;
    assert!(projector.health.snapshot().ready);
    assert!(
        !relay.health.snapshot().ready,
        "the relay says that it cannot work, and lives"
    );
    projector.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_server_that_lost_everything_is_healed_and_missed_by_nobody() {
    let (mut nats, postgres, temp) = (Nats::start(), Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 3).await;
    let relay = start_relay(&store, &nats.url());
    let projector = start_projector(&store, &postgres.url(), &nats.url());
    let pool = reader(&postgres);
    history.write(&LEDGERS, 20).await;
    caught_up(&store, &pool).await;
    nats.kill9();
    history.write(&LEDGERS, 20).await;
    nats.delete_storage();
    caught_up(&store, &pool).await;
    nats.restart();
    until_async("the relay publishes again", SOON, async || {
        history.write(&LEDGERS, 1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let client = async_nats::connect(nats.url()).await.ok()?;
        let stream = async_nats::jetstream::new(client)
            .get_stream(JETSTREAM)
            .await
            .ok()?;
        (stream.cached_info().state.messages > 0).then_some(())
    })
    .await;
    history.write(&LEDGERS, 20).await;
    caught_up(&store, &pool).await;
    assert_views_equal_the_fold(&store, &pool).await;
    projector.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_postgres_is_waited_for_and_nothing_is_applied_twice() {
    let (nats, mut postgres, temp) = (Nats::start(), Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 4).await;
    let relay = start_relay(&store, &nats.url());
    let projector = start_projector(&store, &postgres.url(), &nats.url());
    for _ in 0..3 {
        history.write(&LEDGERS, 30).await;
        postgres.kill9();
        history.write(&LEDGERS, 10).await;
        postgres.restart();
    }
    let pool = reader(&postgres);
    caught_up(&store, &pool).await;
    assert_views_equal_the_fold(&store, &pool).await;
    projector.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_projectors_one_writes_and_the_other_stands_by() {
    let (nats, postgres, temp) = (Nats::start(), Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 5).await;
    let relay = start_relay(&store, &nats.url());
    let first = start_projector(&store, &postgres.url(), &nats.url());
    let pool = reader(&postgres);
    history.write(&LEDGERS, 20).await;
    caught_up(&store, &pool).await;
    let second = start_projector(&store, &postgres.url(), &nats.url());
    until_async("the first one notices", SOON, async || {
        history.write(&LEDGERS, 5).await;
        let detail = first.health.snapshot().parts["projector"].detail.clone();
        (detail.matches("on stand-by").count() == 4).then_some(())
    })
    .await;
    caught_up(&store, &pool).await;
    assert_views_equal_the_fold(&store, &pool).await;
    let applied: i64 = sqlx::query_scalar("SELECT sum(events)::bigint FROM engine.checkpoints")
        .fetch_one(&pool)
        .await
        .unwrap();
    let written = all_events(&*store).await.len();
    assert_eq!(
        usize::try_from(applied),
        Ok(written),
        "each event was applied once"
    );
    // The one that writes goes: the other takes over.
    second.stop().await;
    history.write(&LEDGERS, 5).await;
    caught_up(&store, &pool).await;
    assert_views_equal_the_fold(&store, &pool).await;
    first.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_never_sees_half_of_an_atomic_batch() {
    let (nats, postgres, temp) = (Nats::start(), Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 6).await;
    let relay = start_relay(&store, &nats.url());
    let projector = start_projector(&store, &postgres.url(), &nats.url());
    let pool = reader(&postgres);
    caught_up(&store, &pool).await;
    let done = CancellationToken::new();
    let watcher = tokio::spawn({
        let (pool, done) = (pool.clone(), done.clone());
        async move {
            let mut looks = 0_u32;
            while !done.is_cancelled() {
                let seen: i64 = sqlx::query_scalar(
                    "SELECT count(*) FROM books.transactions WHERE ledger = 'a'",
                )
                .fetch_one(&pool)
                .await
                .unwrap();
                assert_eq!(seen % 3_000, 0, "half of a batch was visible");
                looks += 1;
            }
            looks
        }
    });
    // About 1.5 MB each: several messages, cut inside the command.
    for _ in 0..3 {
        history.post("a", 3_000, true).await;
        caught_up(&store, &pool).await;
    }
    // One that is larger than any batch.
    history.post("a", 6_000, true).await;
    caught_up(&store, &pool).await;
    done.cancel();
    assert!(
        watcher.await.unwrap() > 10,
        "the reader looked often enough to see something"
    );
    assert_views_equal_the_fold(&store, &pool).await;
    projector.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_generation_is_an_alarm_and_a_rebuild() {
    let (nats, postgres) = (Nats::start(), Postgres::start());
    let pool = reader(&postgres);
    let (old, new) = (temp_store(), temp_store());
    for (temp, seed) in [(&old, 7), (&new, 8)] {
        let store: Arc<dyn EventStore> = temp.store.clone();
        let mut history = opened(&store, seed).await;
        history.write(&LEDGERS, 30).await;
        let relay = start_relay(&store, &nats.url());
        let projector = start_projector(&store, &postgres.url(), &nats.url());
        caught_up(&store, &pool).await;
        assert_views_equal_the_fold(&store, &pool).await;
        projector.stop().await;
        relay.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_is_not_of_this_history_leads_to_a_rebuild() {
    let (postgres, temp) = (Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 9).await;
    history.write(&LEDGERS, 30).await;
    let pool = reader(&postgres);
    for damage in [
        "SELECT 1",
        "UPDATE engine.checkpoints SET position = 1000000",
        "UPDATE engine.checkpoints SET event_id = gen_random_uuid()",
        "UPDATE engine.checkpoints SET partitions = 8",
        "DELETE FROM engine.checkpoints",
        // Rows of a ledger that the store does not know must not outlive the checkpoint either.
        "DELETE FROM engine.checkpoints;
         INSERT INTO books_v1.balances VALUES ('ghost', 'bank', 'USD', 1, 1, 0, 0, 1)",
        "DELETE FROM engine.checkpoints;
         INSERT INTO books_v1.account_history VALUES ('ghost', 'bank', 1, NULL, 'open', '{}', '{}');
         INSERT INTO books_v1.transaction_history VALUES ('spirit', 1, 1, '{}');
         INSERT INTO books_v1.holds VALUES
             ('phantom', gen_random_uuid(), 1, 'pending', NULL, '[]')",
        // The next entry carries what the balance should be.
        "UPDATE books_v1.balances SET debits = debits + 1, credits = credits + 2",
        "UPDATE books_v1.ledgers SET revision = revision - 1",
        "DELETE FROM books_v1.ledgers",
    ] {
        if damage != "SELECT 1" {
            sqlx::raw_sql(damage).execute(&pool).await.unwrap();
        }
        let projector = start_projector(&store, &postgres.url(), "nats://127.0.0.1:9");
        history.write(&LEDGERS, 8).await;
        for ledger in LEDGERS {
            history.post(ledger, 1, false).await;
        }
        let head = store.head().await.unwrap().position;
        until_async("the views are right again", SOON, async || {
            let reached: i64 =
                sqlx::query_scalar("SELECT count(*) FROM engine.checkpoints WHERE position = $1")
                    .bind(head.as_i64())
                    .fetch_one(&pool)
                    .await
                    .unwrap_or(0);
            (reached == 4).then_some(())
        })
        .await;
        assert_views_equal_the_fold(&store, &pool).await;
        projector.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_breaks_the_books_stops_its_partition_only() {
    for is_unbalanced in [true, false] {
        let (postgres, temp) = (Postgres::start(), temp_store());
        let store: Arc<dyn EventStore> = temp.store.clone();
        let mut history = opened(&store, 10).await;
        let projector = start_projector(&store, &postgres.url(), "nats://127.0.0.1:9");
        let pool = reader(&postgres);
        caught_up(&store, &pool).await;
        if is_unbalanced {
            history.post_unbalanced("berka").await;
        } else {
            history.reverse_a_hold("berka").await;
        }
        history.post("acme", 3, false).await;
        let partition = partition_of(&LedgerId::parse("berka").unwrap(), PARTITIONS);
        let question = "SELECT count(*) FROM books.transactions WHERE ledger = 'acme'";
        until_async(
            "the alarm is given and the others go on",
            SOON,
            async || {
                let detail = projector.health.snapshot().parts["projector"]
                    .detail
                    .clone();
                let posted: i64 = sqlx::query_scalar(question).fetch_one(&pool).await.unwrap();
                let stopped = format!("partition {partition} stopped");
                (detail.starts_with(&stopped) && posted == 3).then_some(())
            },
        )
        .await;
        assert!(!projector.health.snapshot().ready);
        projector.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_at_the_same_time_wait_for_each_other() {
    let postgres = Postgres::start();
    let pools: Vec<PgPool> = (0..6).map(|_| reader(&postgres)).collect();
    let racing = pools.iter().map(daybook_projections::migrate);
    for migrated in futures_util::future::join_all(racing).await {
        migrated.unwrap();
    }
}
