//! Another number of partitions: the ledgers are divided otherwise, and nothing old stays.

use std::sync::Arc;

use daybook_store::port::EventStore;
use daybook_tests::{Postgres, temp_store, until_async};
use sqlx::PgPool;

use super::support::{
    LEDGERS, SOON, assert_views_equal_the_fold, caught_up_of, opened, reader, start_projector_of,
};

async fn checkpoints(pool: &PgPool) -> Vec<i32> {
    sqlx::query_scalar("SELECT partition FROM engine.checkpoints ORDER BY partition")
        .fetch_all(pool)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_number_of_partitions_leaves_no_row_and_no_checkpoint_of_the_old_one() {
    let (postgres, temp) = (Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 21).await;
    let pool = reader(&postgres);
    for partitions in [4, 8, 4] {
        history.write(&LEDGERS, 10).await;
        let projector =
            start_projector_of(partitions, &store, &postgres.url(), "nats://127.0.0.1:9");
        caught_up_of(partitions, &store, &pool).await;
        assert_views_equal_the_fold(&store, &pool).await;
        let expected: Vec<i32> = (0..i32::from(partitions)).collect();
        assert_eq!(checkpoints(&pool).await, expected);
        projector.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_disagree_again_after_they_were_right_are_made_anew_again() {
    let (postgres, temp) = (Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 22).await;
    let pool = reader(&postgres);
    let projector = start_projector_of(4, &store, &postgres.url(), "nats://127.0.0.1:9");
    for _ in 0..3 {
        caught_up_of(4, &store, &pool).await;
        until_async("the projector is ready", SOON, async || {
            projector.health.snapshot().ready.then_some(())
        })
        .await;
        sqlx::query("UPDATE books_v1.ledgers SET revision = revision - 1")
            .execute(&pool)
            .await
            .unwrap();
        for ledger in LEDGERS {
            history.post(ledger, 1, false).await;
        }
        caught_up_of(4, &store, &pool).await;
        assert_views_equal_the_fold(&store, &pool).await;
    }
    projector.stop().await;
}
