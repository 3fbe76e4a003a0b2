//! Balances, and the entries that moved them.

use daybook_events::event::Turnover;
use daybook_events::money::Minor;
use sqlx::PgConnection;

use super::json;
use crate::books::copy::CopyText;
use crate::books::rows::{BalanceRow, EntryRow};
use crate::books::{BooksError, column};

pub(super) async fn write_balances(
    connection: &mut PgConnection,
    rows: &[BalanceRow<'_>],
) -> Result<(), BooksError> {
    if rows.is_empty() {
        return Ok(());
    }
    let numbers = |pick: fn(&Turnover) -> Minor| -> Vec<String> {
        rows.iter()
            .map(|row| pick(&row.turnover).to_string())
            .collect()
    };
    sqlx::query(
        "INSERT INTO books_v1.balances
             (ledger, account, asset, debits, credits, pending_debits, pending_credits, revision)
         SELECT ledger, account, asset, debits::numeric, credits::numeric,
                pending_debits::numeric, pending_credits::numeric, revision
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::text[], $8::bigint[])
              AS d(ledger, account, asset, debits, credits, pending_debits, pending_credits,
                   revision)
         ON CONFLICT (ledger, account, asset) DO UPDATE
         SET debits = EXCLUDED.debits, credits = EXCLUDED.credits,
             pending_debits = EXCLUDED.pending_debits,
             pending_credits = EXCLUDED.pending_credits, revision = EXCLUDED.revision",
    )
    .bind(column(rows, |row| row.key.ledger.as_str()))
    .bind(column(rows, |row| row.key.account.as_str()))
    .bind(column(rows, |row| row.key.asset.as_str()))
    .bind(numbers(|turnover| turnover.debits))
    .bind(numbers(|turnover| turnover.credits))
    .bind(numbers(|turnover| turnover.pending_debits))
    .bind(numbers(|turnover| turnover.pending_credits))
    .bind(column(rows, |row| row.revision.as_i64()))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn write_entries(
    connection: &mut PgConnection,
    entries: &[EntryRow<'_>],
) -> Result<(), BooksError> {
    let mut rows = CopyText::default();
    for row in entries {
        let (entry, after) = (row.entry, row.after);
        rows.plain(row.ledger)
            .plain(&entry.account)
            .plain(row.revision)
            .plain(row.index);
        rows.plain(row.transaction)
            .plain(&entry.asset)
            .plain(entry.direction.as_str());
        rows.plain(entry.amount)
            .plain(after.debits)
            .plain(after.credits);
        rows.plain(after.pending_debits)
            .plain(after.pending_credits);
        rows.plain(row.effective.instant)
            .plain(row.effective.date)
            .plain(row.recorded_at);
        rows.text_or_null(entry.description.as_ref().map(|text| text.as_str()));
        rows.text(&json(&entry.metadata))
            .plain(row.effect.kind())
            .end();
    }
    rows.send(
        connection,
        "COPY books_v1.entries (ledger, account, revision, entry, transaction_id, asset, direction,
             amount, debits_after, credits_after, pending_debits_after, pending_credits_after,
             effective_at, effective_date, recorded_at, description, metadata, kind) FROM STDIN",
    )
    .await?;
    Ok(())
}
