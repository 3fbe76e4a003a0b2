//! What the views must say, folded from the stored JSON as simply as can be, and what they say.

mod ledger;

use std::collections::{BTreeMap, BTreeSet};

use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::Position;
use daybook_store::port::EventStore;
use serde_json::Value;

use ledger::Ledger;

/// All events of a store.
pub(crate) async fn all_events(store: &dyn EventStore) -> Vec<RecordedEvent> {
    let mut events: Vec<RecordedEvent> = Vec::new();
    loop {
        let after = events.last().map_or(Position::new(0), |last| last.position);
        let page = store.read_all(after, 1_000).await.unwrap();
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

/// What the views must say, one line a row.
pub(crate) async fn expected_rows(store: &dyn EventStore) -> BTreeSet<String> {
    let mut ledgers: BTreeMap<String, Ledger> = BTreeMap::new();
    for recorded in &all_events(store).await {
        let ledger = ledgers.entry(recorded.ledger.to_string()).or_default();
        ledger.take(recorded);
    }
    let mut rows = BTreeSet::new();
    for (name, ledger) in ledgers {
        ledger.rows(&mut |table, row| {
            assert!(rows.insert(format!("{table} {name} {row}")), "{row} twice");
        });
    }
    rows
}

/// Every column of every table but the ledger, as JSON: numbers beyond 2^53 as text, times in
/// microseconds.
const TABLES: [(&str, &str); 9] = [
    (
        "ledgers",
        "revision, micros(last_recorded_at), accounts, transactions, name, time_zone, metadata,
         micros(opened_at), closed_through",
    ),
    ("assets", "asset, scale, name, revision"),
    (
        "accounts",
        "account, type, normal_balance, name, status, assets, limits, metadata, micros(opened_at),
         revision, opened_revision",
    ),
    (
        "account_history",
        "account, revision, name, status, limits, metadata",
    ),
    (
        "balances",
        "account, asset, debits::text, credits::text, pending_debits::text, pending_credits::text,
         revision",
    ),
    (
        "transactions",
        "revision, id, status, reference, code, description, micros(effective_at), effective_date,
         effective_given, micros(recorded_at), related_to, reverses, reversed_by, captures, reason,
         key, entries, metadata, is_hold, micros(expires_at), metadata_revision",
    ),
    (
        "transaction_history",
        "transaction_revision, revision, metadata",
    ),
    (
        "holds",
        "id, revision, status, micros(expires_at), remaining, ended_revision, micros(ended_at),
         ended_reason, outcome, released",
    ),
    (
        "movements",
        "kind, account, revision, entry, transaction_id, asset, direction, amount::text,
         debits_after::text, credits_after::text, pending_debits_after::text,
         pending_credits_after::text, micros(effective_at), effective_date, micros(recorded_at),
         description, metadata",
    ),
];

/// What the views say, in the same form.
pub(crate) async fn actual_rows(pool: &sqlx::PgPool) -> BTreeSet<String> {
    let mut connection = pool.acquire().await.unwrap();
    sqlx::raw_sql(
        "CREATE OR REPLACE FUNCTION pg_temp.micros(timestamptz) RETURNS bigint LANGUAGE sql
         AS 'SELECT (extract(epoch FROM $1) * 1000000)::bigint'",
    )
    .execute(&mut *connection)
    .await
    .unwrap();
    let mut rows = BTreeSet::new();
    for (table, columns) in TABLES {
        let columns = columns.replace("micros(", "pg_temp.micros(");
        let statement = format!("SELECT ledger, jsonb_build_array({columns}) FROM books.{table}");
        let lines: Vec<(String, Value)> = sqlx::query_as(sqlx::AssertSqlSafe(statement))
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        rows.extend(
            lines
                .iter()
                .map(|(ledger, row)| format!("{table} {ledger} {row}")),
        );
    }
    rows
}
