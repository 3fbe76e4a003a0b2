//! How a partition begins: it takes its checkpoint, and catches up in bounded transactions.

use std::collections::BTreeSet;
use std::sync::Arc;

use daybook_events::ids::LedgerId;
use daybook_events::names::{PARTITIONS, partition_of};
use daybook_store::port::EventStore;
use daybook_tests::{Postgres, temp_store, until_async};
use sqlx::PgPool;

use super::support::{
    LEDGERS, SOON, assert_views_equal_the_fold, caught_up, opened, reader, start_projector,
};

/// Notes, per statement that adds transactions, how much it adds and what it is allowed, and makes
/// it slow enough to be watched.
const WATCH: &str = "
    CREATE TABLE public.seen (events bigint, bytes bigint, allowed interval);
    CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.seen
        SELECT count(*), coalesce(sum(length(entries::text)), 0),
               current_setting('statement_timeout')::interval
        FROM added;
        PERFORM pg_sleep(0.5);
        RETURN NULL;
    END $$;
    CREATE TRIGGER note AFTER INSERT ON books_v1.transactions
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.note();
";

/// How many connections wait for a lock.
async fn waiting(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        .fetch_one(pool)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catch_up_is_made_of_bounded_transactions_and_is_not_ready_before_its_end() {
    let (postgres, temp) = (Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 23).await;
    history.post_wide("acme", 20, false).await;
    // One command that is larger than any batch.
    history.post_wide("acme", 10, true).await;
    let pool = reader(&postgres);
    daybook_projections::migrate(&pool).await.unwrap();
    sqlx::raw_sql(WATCH).execute(&pool).await.unwrap();
    let mut locks = pool.begin().await.unwrap();
    // Rows can be read, and not written.
    sqlx::query("LOCK TABLE books_v1.ledgers IN EXCLUSIVE MODE")
        .execute(&mut *locks)
        .await
        .unwrap();
    let projector = start_projector(&store, &postgres.url(), "nats://127.0.0.1:9");
    let partitions: BTreeSet<u16> = LEDGERS
        .iter()
        .map(|ledger| partition_of(&LedgerId::parse(ledger).unwrap(), PARTITIONS))
        .collect();
    until_async("every partition has something to write", SOON, async || {
        (usize::try_from(waiting(&pool).await) == Ok(partitions.len())).then_some(())
    })
    .await;
    let snapshot = projector.health.snapshot();
    assert!(!snapshot.ready, "{snapshot:?}");
    let detail = &snapshot.parts["projector"].detail;
    assert!(detail.contains("catching up: at 0 of"), "{detail}");
    locks.rollback().await.unwrap();
    until_async("it says how far it is", SOON, async || {
        let snapshot = projector.health.snapshot();
        let detail = &snapshot.parts["projector"].detail;
        let moved = detail.contains("catching up") && !detail.contains("at 0 of");
        assert!(!snapshot.ready, "ready before the end: {detail}");
        moved.then_some(())
    })
    .await;
    caught_up(&store, &pool).await;
    until_async("it is ready", SOON, async || {
        projector.health.snapshot().ready.then_some(())
    })
    .await;
    assert_views_equal_the_fold(&store, &pool).await;
    let seen: Vec<(i64, i64, bool)> = sqlx::query_as(
        "SELECT events, bytes, allowed > interval '30 s' FROM public.seen WHERE events > 0",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let events: i64 = seen.iter().map(|(events, ..)| events).sum();
    assert_eq!(events, 30);
    for (events, bytes, has_more_time) in &seen {
        let one_command = *events == 10 && *bytes > 8 << 20;
        assert!(*bytes <= 8 << 20 || one_command, "{seen:?}");
        assert!(*has_more_time || *bytes < 1 << 20, "{seen:?}");
    }
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_moved_while_it_was_waited_for_is_not_beyond_the_head() {
    let (postgres, temp) = (Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 24).await;
    let pool = reader(&postgres);
    let first = start_projector(&store, &postgres.url(), "nats://127.0.0.1:9");
    caught_up(&store, &pool).await;
    first.stop().await;
    // A rebuild would set this right.
    sqlx::query("UPDATE books_v1.ledgers SET name = 'not made anew'")
        .execute(&pool)
        .await
        .unwrap();
    // The owner of all partitions but that of `acme` is in the middle of a commit …
    let acme = partition_of(&LedgerId::parse("acme").unwrap(), PARTITIONS);
    let mut owner = pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM engine.checkpoints WHERE partition <> $1 FOR UPDATE")
        .bind(i32::from(acme))
        .execute(&mut *owner)
        .await
        .unwrap();
    let second = start_projector(&store, &postgres.url(), "nats://127.0.0.1:9");
    until_async("the partitions are waited for", SOON, async || {
        (waiting(&pool).await == i64::from(PARTITIONS) - 1).then_some(())
    })
    .await;
    // … that covers what was written after the other one looked at the store.
    history.post("acme", 3, false).await;
    let head = store.head().await.unwrap().position;
    sqlx::query("UPDATE engine.checkpoints SET position = $1 WHERE partition <> $2")
        .bind(head.as_i64())
        .bind(i32::from(acme))
        .execute(&mut *owner)
        .await
        .unwrap();
    owner.commit().await.unwrap();
    caught_up(&store, &pool).await;
    until_async("it is ready", SOON, async || {
        second.health.snapshot().ready.then_some(())
    })
    .await;
    let untouched: i64 =
        sqlx::query_scalar("SELECT count(*) FROM books.ledgers WHERE name = 'not made anew'")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(usize::try_from(untouched), Ok(LEDGERS.len()));
    second.stop().await;
}
