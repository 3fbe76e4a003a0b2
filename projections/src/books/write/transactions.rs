//! Transactions, what becomes of them, and what they were.

use rustc_hash::FxHashSet;
use sqlx::PgConnection;

use super::{GONE, json};
use crate::books::copy::CopyText;
use crate::books::decode::corrupt;
use crate::books::rows::{Source, TransactionChange, TransactionHistoryRow, TransactionRow};
use crate::books::{BooksError, Rule, column};

pub(super) async fn write_recorded(
    connection: &mut PgConnection,
    transactions: &[TransactionRow<'_>],
) -> Result<(), BooksError> {
    let mut rows = CopyText::default();
    for row in transactions {
        let facts = row.source.facts();
        let (posted, placed) = match row.source {
            Source::Posted(posted) => (Some(posted), None),
            Source::Held(placed) => (None, Some(placed)),
        };
        rows.plain(row.key.ledger)
            .plain(row.revision)
            .plain(row.key.id)
            .plain(if placed.is_some() {
                "pending"
            } else {
                "posted"
            });
        rows.text_or_null(facts.reference.map(|text| text.as_str()));
        rows.text_or_null(facts.code.map(|text| text.as_str()));
        rows.text_or_null(facts.description.map(|text| text.as_str()));
        rows.plain(row.effective.instant).plain(row.effective.date);
        rows.plain_or_null(facts.effective_at)
            .plain(row.recorded_at);
        rows.plain_or_null(facts.related_to)
            .plain_or_null(posted.and_then(|posted| posted.reverses()))
            .plain_or_null(posted.and_then(|posted| posted.captures()));
        let reason = posted.and_then(|posted| posted.reason());
        rows.text_or_null(reason.map(|text| text.as_str()));
        rows.text_or_null(row.idempotency_key.map(|key| key.as_str()));
        rows.text(row.entries_json).text(&json(facts.metadata));
        rows.plain(if placed.is_some() { "t" } else { "f" })
            .plain_or_null(placed.and_then(|placed| placed.expires_at))
            .end();
    }
    rows.send(
        connection,
        "COPY books_v1.transactions (ledger, revision, id, status, reference, code, description,
             effective_at, effective_date, effective_given, recorded_at, related_to, reverses,
             captures, reason, key, entries, metadata, is_hold, expires_at) FROM STDIN",
    )
    .await?;
    Ok(())
}

/// Changes transactions that are in the rows, or were added just now in the same transaction. A
/// reversal links both ways.
pub(super) async fn write_changes(
    connection: &mut PgConnection,
    changes: &[TransactionChange<'_>],
) -> Result<(), BooksError> {
    if changes.is_empty() {
        return Ok(());
    }
    let changed = sqlx::query_scalar::<_, i64>(
        "UPDATE books_v1.transactions t
         SET metadata = coalesce(d.metadata::jsonb, t.metadata),
             metadata_revision = coalesce(d.metadata_revision, t.metadata_revision),
             reversed_by = coalesce(d.reversed_by, t.reversed_by)
         FROM unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[], $5::uuid[])
              WITH ORDINALITY AS d(ledger, id, metadata, metadata_revision, reversed_by, n)
         WHERE t.ledger = d.ledger AND t.id = d.id
           AND (d.reversed_by IS NULL OR (t.reversed_by IS NULL AND NOT t.is_hold))
         RETURNING d.n",
    )
    .bind(column(changes, |row| row.key.ledger.as_str()))
    .bind(column(changes, |row| row.key.id.uuid()))
    .bind(column(changes, |row| Some(json(row.metadata?.0))))
    .bind(column(changes, |row| Some(row.metadata?.1.as_i64())))
    .bind(column(changes, |row| {
        row.reversed_by.map(|event| event.id.uuid())
    }))
    .fetch_all(connection)
    .await?;
    let changed: FxHashSet<i64> = changed.into_iter().collect();
    let numbered = (1..).zip(changes);
    let mut lost = numbered.filter_map(|(n, row)| (!changed.contains(&n)).then_some(row));
    match lost.next() {
        None => Ok(()),
        Some(TransactionChange {
            reversed_by: Some(reversal),
            ..
        }) => Err(corrupt(reversal, Rule::Reversal).into()),
        Some(_) => Err(BooksError::Row(GONE)),
    }
}

pub(super) async fn write_history(
    connection: &mut PgConnection,
    history: &[TransactionHistoryRow<'_>],
) -> Result<(), BooksError> {
    let mut rows = CopyText::default();
    for row in history {
        rows.plain(row.ledger)
            .plain(row.transaction_revision)
            .plain(row.revision)
            .text(&json(row.metadata))
            .end();
    }
    rows.send(
        connection,
        "COPY books_v1.transaction_history (ledger, transaction_revision, revision, metadata)
         FROM STDIN",
    )
    .await?;
    Ok(())
}
