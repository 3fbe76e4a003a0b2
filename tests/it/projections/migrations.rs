//! A database that a former build filled is brought up to date, and goes on.

use std::path::Path;
use std::sync::Arc;

use daybook_store::port::EventStore;
use daybook_tests::{Postgres, temp_store};
use sqlx::PgPool;
use sqlx::migrate::Migrator;

use super::support::{
    LEDGERS, assert_views_equal_the_fold, caught_up, made, opened, reader, start_projector,
};

/// The tables of the first migration; what it left out is filled by their defaults.
const FIRST: [&str; 7] = [
    "engine.checkpoints",
    "books_v1.ledgers",
    "books_v1.assets",
    "books_v1.accounts",
    "books_v1.balances",
    "books_v1.transactions",
    "books_v1.entries",
];

async fn run(pool: &PgPool, statements: &str) {
    let statements = sqlx::AssertSqlSafe(statements.to_owned());
    sqlx::raw_sql(statements).execute(pool).await.unwrap();
}

async fn number(pool: &PgPool, question: &'static str) -> i64 {
    sqlx::query_scalar(question).fetch_one(pool).await.unwrap()
}

/// Makes the schema anew as the first migration made it, and puts the rows that are there into it.
async fn go_back_to_the_first(pool: &PgPool) {
    let keep = |table: &str| format!("keep.{}", table.replace('.', "_"));
    run(pool, "CREATE SCHEMA keep").await;
    for table in FIRST {
        let copy = format!("CREATE TABLE {} AS SELECT * FROM {table}", keep(table));
        run(pool, &copy).await;
    }
    run(
        pool,
        "DROP SCHEMA books, books_v1, engine CASCADE; DROP TABLE _sqlx_migrations",
    )
    .await;
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../projections/migrations");
    let first = tempfile::tempdir().unwrap();
    let name = "0001_books.sql";
    std::fs::copy(all.join(name), first.path().join(name)).unwrap();
    let migrator = Migrator::new(first.path()).await.unwrap();
    migrator.run(pool).await.unwrap();
    for table in FIRST {
        let columns: String = sqlx::query_scalar(
            "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
             WHERE attrelid = $1::regclass AND attnum > 0",
        )
        .bind(table)
        .fetch_one(pool)
        .await
        .unwrap();
        let fill = format!(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM {}",
            keep(table)
        );
        run(pool, &fill).await;
    }
    run(pool, "DROP SCHEMA keep CASCADE").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_the_first_migration_keeps_its_rows_and_goes_on() {
    let (postgres, temp) = (Postgres::start(), temp_store());
    let store: Arc<dyn EventStore> = temp.store.clone();
    let mut history = opened(&store, 31).await;
    for ledger in LEDGERS {
        history.post(ledger, 40, false).await;
        history.reverse(ledger).await;
    }
    let pool = reader(&postgres);
    let projector = start_projector(&store, &postgres.url(), "nats://127.0.0.1:9");
    caught_up(&store, &pool).await;
    projector.stop().await;
    go_back_to_the_first(&pool).await;
    let old = "SELECT count(*) FROM information_schema.columns
               WHERE table_schema = 'books_v1' AND column_name IN ('is_hold', 'kind')";
    assert_eq!(number(&pool, old).await, 0, "the schema of before");
    let made_before = made(&pool).await;

    // Who reads for long is not waited for, so that others do not queue behind the migration.
    let mut reading = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE books_v1.accounts IN ACCESS SHARE MODE")
        .execute(&mut *reading)
        .await
        .unwrap();
    let refused = daybook_projections::migrate(&pool).await.unwrap_err();
    assert!(refused.to_string().contains("lock timeout"), "{refused}");
    reading.rollback().await.unwrap();
    daybook_projections::migrate(&pool).await.unwrap();
    // No row of before is rewritten.
    let filled = "SELECT count(opened_revision) FROM books_v1.accounts";
    assert_eq!(number(&pool, filled).await, 0);
    assert_views_equal_the_fold(&store, &pool).await;
    let projector = start_projector(&store, &postgres.url(), "nats://127.0.0.1:9");
    for _ in 0..4 {
        history.write(&LEDGERS, 30).await;
        caught_up(&store, &pool).await;
    }
    assert_views_equal_the_fold(&store, &pool).await;
    assert_eq!(made(&pool).await, made_before, "nothing was made anew");
    let both = "SELECT count(*) FROM books_v1.account_history h
                JOIN books_v1.accounts a USING (ledger, account)
                WHERE h.revision = coalesce(a.opened_revision, a.revision)";
    assert!(number(&pool, both).await > 0, "accounts of before changed");
    // Who reads the entries of posted transactions reads the same as before.
    let others = "SELECT count(*) FROM books.entries e JOIN books.movements m
                  USING (ledger, account, revision, entry) WHERE m.kind <> 'posted'";
    assert_eq!(number(&pool, others).await, 0);
    let held = "SELECT count(*) FROM books.movements WHERE kind = 'held'";
    assert!(number(&pool, held).await > 0, "holds were placed");
    projector.stop().await;
}
