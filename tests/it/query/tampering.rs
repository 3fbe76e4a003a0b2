//! The audit finds every change behind the projector's back, and names it.

use daybook_query::audit::Kind;
use sqlx::{AssertSqlSafe, PgPool};

use super::audit::verify;
use super::fixture::Fixture;

/// A change by hand, the kind of row it concerns, and what the report must say of it.
const TAMPERINGS: &[(&str, Kind, &str)] = &[
    (
        "UPDATE books_v1.balances SET credits = credits + 1 WHERE account = 'users:12'",
        Kind::Balance,
        "of account users:12 in USD has credits 8 in the views, 7 by replay",
    ),
    (
        "DELETE FROM books_v1.entries WHERE account = 'users:12'",
        Kind::Entry,
        "account users:12, is missing from the views",
    ),
    (
        "UPDATE books_v1.entries SET debits_after = 2 WHERE revision = 6 AND entry = 0",
        Kind::Entry,
        "has debits_after 2 in the views, 1057 by replay",
    ),
    (
        "INSERT INTO books_v1.transactions SELECT ledger, 1, gen_random_uuid(), status, \
             reference, code, description, effective_at, effective_date, effective_given, \
             recorded_at, related_to, reverses, NULL, captures, reason, key, entries, metadata \
             FROM books_v1.transactions WHERE revision = 5",
        Kind::Transaction,
        "at revision 1 is in the views and not in the history",
    ),
    (
        "UPDATE books_v1.transactions SET reversed_by = NULL WHERE revision = 7",
        Kind::Transaction,
        "has reversed_by null in the views",
    ),
    (
        "UPDATE books_v1.transactions SET entries = '[]' WHERE revision = 6",
        Kind::Transaction,
        "at revision 6 has entries [] in the views",
    ),
    (
        "UPDATE books_v1.accounts SET metadata = '{\"vip\": \"1\"}' WHERE account = 'users:1'",
        Kind::Account,
        "users:1 has metadata {\"vip\":\"1\"} in the views, {} by replay",
    ),
    (
        "UPDATE books_v1.ledgers SET transactions = 5",
        Kind::Ledger,
        "has transactions 5 in the views, 4 by replay",
    ),
    (
        "INSERT INTO books_v1.ledgers SELECT 'ghost', name, time_zone, metadata, opened_at, \
             revision, last_recorded_at, accounts, transactions, closed_through, generation \
             FROM books_v1.ledgers",
        Kind::Ledger,
        "of ledger ghost is not in the event store",
    ),
    (
        "INSERT INTO books_v1.balances VALUES ('ghost', 'a', 'USD', 0, 0, 0, 0, 0)",
        Kind::Balance,
        "of ledger ghost is not in the event store",
    ),
    (
        "UPDATE engine.checkpoints SET event_id = gen_random_uuid() WHERE partition = 3",
        Kind::Checkpoint,
        "of partition 3 names event",
    ),
    (
        "DELETE FROM engine.checkpoints WHERE partition = 3",
        Kind::Checkpoint,
        "of partition 3 is missing",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_tampering_is_found_and_named() {
    let (mut fixture, _) = Fixture::with_acme().await;
    assert!(verify(&fixture).await.is_clean());
    fixture.stop_projecting().await;
    for (change, kind, says) in TAMPERINGS {
        restored(&fixture, change, *kind, says).await;
    }
    // What an earlier layout left behind says nothing.
    fixture
        .tamper(
            "INSERT INTO engine.checkpoints SELECT projection, version, 99, gen_random_uuid(), \
             9999, 9999, event_id, epoch, digest, events, updated_at, 100 \
             FROM engine.checkpoints WHERE partition = 0",
        )
        .await;
    let report = verify(&fixture).await;
    assert!(report.is_clean(), "{report}");
}

/// The same on the views of every kind of event.
const LATER_TAMPERINGS: &[(&str, Kind, &str)] = &[
    (
        "UPDATE books_v1.holds SET remaining = '[]' WHERE status = 'pending'",
        Kind::Hold,
        "has remaining [] in the views, [{\"account\":\"users:1\",\"amount\":\"200\",",
    ),
    (
        "UPDATE books_v1.holds SET outcome = NULL WHERE status = 'voided'",
        Kind::Hold,
        "has outcome null in the views, voided by replay",
    ),
    (
        "UPDATE books_v1.holds SET ended_reason = 'because' WHERE status = 'voided'",
        Kind::Hold,
        "has ended_reason because in the views, changed my mind by replay",
    ),
    (
        "DELETE FROM books_v1.holds WHERE status = 'pending'",
        Kind::Hold,
        "is missing from the views",
    ),
    (
        "UPDATE books_v1.transactions SET status = 'posted' WHERE id = \
             (SELECT id FROM books_v1.holds WHERE status = 'expired')",
        Kind::Transaction,
        "has status posted in the views, expired by replay",
    ),
    (
        "UPDATE books_v1.transactions SET status = 'expired' WHERE id = \
             (SELECT id FROM books_v1.holds WHERE status = 'pending')",
        Kind::Transaction,
        "has status expired in the views, pending by replay",
    ),
    (
        "UPDATE books_v1.transactions SET status = 'voided' WHERE revision = 5",
        Kind::Transaction,
        "at revision 5 has status voided in the views, posted by replay",
    ),
    (
        "UPDATE books_v1.transactions SET captures = NULL WHERE reversed_by IS NOT NULL \
             AND captures IS NOT NULL",
        Kind::Transaction,
        "has captures null in the views",
    ),
    (
        "UPDATE books_v1.transactions SET metadata_revision = NULL WHERE is_hold \
             AND metadata_revision IS NOT NULL",
        Kind::Transaction,
        "has metadata_revision null in the views",
    ),
    (
        "UPDATE books_v1.entries SET kind = 'posted' WHERE kind = 'held' AND amount = 300 \
             AND account = 'users:1'",
        Kind::Entry,
        "has kind posted in the views, held by replay",
    ),
    (
        "DELETE FROM books_v1.entries WHERE kind = 'released' AND amount = 13 \
             AND account = 'users:12'",
        Kind::Entry,
        "account users:12, is missing from the views",
    ),
    (
        "UPDATE books_v1.accounts SET status = 'open' WHERE account = 'users:12'",
        Kind::Account,
        "users:12 has status open in the views, frozen by replay",
    ),
    (
        "UPDATE books_v1.account_history SET name = 'third' WHERE name = 'first' \
             AND metadata ->> 'vip' IS NULL",
        Kind::AccountHistory,
        "has name third in the views, first by replay",
    ),
    (
        "DELETE FROM books_v1.account_history WHERE account = 'users:1:wallet' AND revision < 9",
        Kind::AccountHistory,
        "of account users:1:wallet from revision 3 on is missing from the views",
    ),
    (
        "UPDATE books_v1.transaction_history SET metadata = '{}' \
             WHERE metadata = '{\"channel\": \"web\"}'",
        Kind::TransactionHistory,
        "has metadata {} in the views, {\"channel\":\"web\"} by replay",
    ),
    (
        "INSERT INTO books_v1.transaction_history VALUES ('acme', 5, 5, '{}')",
        Kind::TransactionHistory,
        "of the transaction at revision 5 from revision 5 on is in the views and not in the",
    ),
    (
        "UPDATE books_v1.ledgers SET closed_through = NULL",
        Kind::Ledger,
        "has closed_through null in the views, 2000-01-15 by replay",
    ),
    (
        "INSERT INTO books_v1.account_history VALUES ('ghost', 'a', 1, NULL, 'open', '{}', '{}')",
        Kind::AccountHistory,
        "of ledger ghost is not in the event store",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_tampering_with_what_changed_later_is_found_and_named() {
    let (mut fixture, ..) = Fixture::with_all().await;
    let report = verify(&fixture).await;
    assert!(report.is_clean(), "{report}");
    for (kind, compared) in [
        (Kind::Hold, 5),
        (Kind::AccountHistory, 4 + 4 + 2),
        (Kind::TransactionHistory, 3 + 2),
        (Kind::Asset, 1),
    ] {
        assert_eq!(report.compared[&kind], compared, "{report}");
    }
    fixture.stop_projecting().await;
    for (change, kind, says) in LATER_TAMPERINGS {
        restored(&fixture, change, *kind, says).await;
    }
}

/// The tables of the views; the engine's own is kept apart.
const TABLES: &[&str] = &[
    "ledgers",
    "assets",
    "accounts",
    "account_history",
    "balances",
    "transactions",
    "transaction_history",
    "holds",
    "entries",
];

async fn execute(pool: &PgPool, statement: String) -> u64 {
    let done = sqlx::query(AssertSqlSafe(statement.clone()))
        .execute(pool)
        .await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"))
        .rows_affected()
}

/// Keeps the views as they are, to be put back.
async fn keep(pool: &PgPool) {
    execute(pool, "DROP SCHEMA IF EXISTS kept CASCADE".to_owned()).await;
    execute(pool, "CREATE SCHEMA kept".to_owned()).await;
    for table in TABLES {
        let kept = format!("CREATE TABLE kept.{table} AS TABLE books_v1.{table}");
        execute(pool, kept).await;
    }
    let checkpoints = "CREATE TABLE kept.checkpoints AS TABLE engine.checkpoints";
    execute(pool, checkpoints.to_owned()).await;
}

async fn put_back(pool: &PgPool, schema: &str, table: &str) {
    execute(pool, format!("TRUNCATE {schema}.{table}")).await;
    let rows = format!("INSERT INTO {schema}.{table} TABLE kept.{table}");
    execute(pool, rows).await;
}

/// Changes the views, audits, and puts everything back.
async fn restored(fixture: &Fixture, change: &'static str, kind: Kind, says: &str) {
    let pool = fixture.pool().await;
    keep(&pool).await;
    fixture.tamper(change).await;
    let report = verify(fixture).await;
    assert!(!report.is_clean(), "{change}");
    let finding = report
        .findings
        .get(&kind)
        .unwrap_or_else(|| panic!("{change}: {report}"));
    assert!(
        finding.first.to_string().contains(says),
        "{change}: {report}"
    );
    assert_eq!(report.differences(), 1, "{change}: {report}");
    for table in TABLES {
        put_back(&pool, "books_v1", table).await;
    }
    put_back(&pool, "engine", "checkpoints").await;
}

/// Another value of a column of this type.
fn other(column: &str, data_type: &str) -> String {
    match data_type {
        "text" => format!("coalesce({column}, '') || 'x'"),
        // Far enough to be no other row's key.
        "smallint" | "bigint" | "numeric" | "date" => format!("{column} + 10000"),
        "timestamp with time zone" => format!("{column} + interval '1 second'"),
        "boolean" => format!("NOT {column}"),
        "uuid" => "gen_random_uuid()".to_owned(),
        "json" | "jsonb" => "'{\"other\": \"1\"}'".to_owned(),
        "ARRAY" => "ARRAY['OTHER']".to_owned(),
        unknown => panic!("no other value of {column} {unknown}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_value_is_found_in_every_column_of_every_table() {
    let (mut fixture, ..) = Fixture::with_all().await;
    fixture.stop_projecting().await;
    let pool = fixture.pool().await;
    keep(&pool).await;
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT c.table_name::text, c.column_name::text, c.data_type::text, EXISTS (
             SELECT 1 FROM information_schema.key_column_usage k
             WHERE k.table_schema = c.table_schema AND k.table_name = c.table_name
               AND k.column_name = c.column_name AND k.constraint_name LIKE '%_pkey')
         FROM information_schema.columns c WHERE c.table_schema = 'books_v1'
         ORDER BY c.table_name, c.ordinal_position",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert!(columns.len() > 90, "{}", columns.len());
    for (table, column, data_type, is_key) in columns {
        assert!(TABLES.contains(&table.as_str()), "{table}");
        let value = other(&column, &data_type);
        // A row that has a value, if there is one.
        let changed = execute(
            &pool,
            format!(
                "UPDATE books_v1.{table} SET {column} = {value} WHERE ctid = (SELECT ctid \
                 FROM books_v1.{table} ORDER BY {column} IS NULL, ctid DESC LIMIT 1)"
            ),
        )
        .await;
        assert_eq!(changed, 1, "{table}.{column}");
        let report = verify(&fixture).await;
        assert!(!report.is_clean(), "{table}.{column}");
        // What is a key, or is looked up by, makes another row of it.
        let is_named = report.to_string().contains(&format!(" has {column} "));
        let is_place = matches!(
            (table.as_str(), column.as_str()),
            ("ledgers" | "holds", "revision")
        );
        assert!(is_named || is_key || is_place, "{table}.{column}: {report}");
        put_back(&pool, "books_v1", &table).await;
    }
    let report = verify(&fixture).await;
    assert!(report.is_clean(), "{report}");
}
