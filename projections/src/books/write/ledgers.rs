//! Ledgers and their assets.

use daybook_events::ids::GenerationId;
use sqlx::PgConnection;

use super::json;
use crate::books::copy::CopyText;
use crate::books::rows::{AssetRow, LedgerRow};
use crate::books::{BooksError, column};

pub(super) async fn write_ledgers(
    connection: &mut PgConnection,
    generation: GenerationId,
    rows: &[LedgerRow<'_>],
) -> Result<(), BooksError> {
    write_opened(connection, generation, rows).await?;
    let changed: Vec<&LedgerRow<'_>> = rows.iter().filter(|row| row.opened.is_none()).collect();
    if changed.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE books_v1.ledgers l
         SET revision = d.revision, last_recorded_at = d.last_recorded_at,
             accounts = d.accounts, transactions = d.transactions,
             closed_through = d.closed_through,
             name = CASE WHEN d.metadata IS NULL THEN l.name ELSE d.name END,
             metadata = coalesce(d.metadata::jsonb, l.metadata)
         FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::bigint[], $5::bigint[],
                     $6::date[], $7::text[], $8::text[])
              AS d(ledger, revision, last_recorded_at, accounts, transactions, closed_through,
                   name, metadata)
         WHERE l.ledger = d.ledger",
    )
    .bind(column(&changed, |row| row.ledger.as_str()))
    .bind(column(&changed, |row| row.state.revision.as_i64()))
    .bind(column(&changed, |row| row.last_recorded_at.to_utc()))
    .bind(column(&changed, |row| bigint(row.state.accounts)))
    .bind(column(&changed, |row| bigint(row.state.transactions)))
    .bind(column(&changed, |row| {
        row.state.closed_through.map(|day| day.date())
    }))
    .bind(column(&changed, |row| Some(row.values?.name?.as_str())))
    .bind(column(&changed, |row| Some(json(row.values?.metadata))))
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_opened(
    connection: &mut PgConnection,
    generation: GenerationId,
    ledgers: &[LedgerRow<'_>],
) -> Result<(), BooksError> {
    let mut rows = CopyText::default();
    for row in ledgers {
        let (Some((time_zone, opened_at)), Some(values)) = (row.opened, row.values) else {
            continue;
        };
        rows.plain(row.ledger)
            .text_or_null(values.name.map(|name| name.as_str()));
        rows.plain(time_zone.name())
            .text(&json(values.metadata))
            .plain(opened_at);
        rows.plain(row.state.revision).plain(row.last_recorded_at);
        rows.plain(row.state.accounts)
            .plain(row.state.transactions)
            .plain_or_null(row.state.closed_through)
            .plain(generation)
            .end();
    }
    rows.send(
        connection,
        "COPY books_v1.ledgers (ledger, name, time_zone, metadata, opened_at, revision,
             last_recorded_at, accounts, transactions, closed_through, generation) FROM STDIN",
    )
    .await?;
    Ok(())
}

pub(super) async fn write_assets(
    connection: &mut PgConnection,
    assets: &[AssetRow<'_>],
) -> Result<(), BooksError> {
    let mut rows = CopyText::default();
    for row in assets {
        let name = row.registered.name.as_ref().map(|name| name.as_str());
        rows.plain(row.ledger)
            .plain(&row.registered.asset)
            .plain(row.registered.scale);
        rows.text_or_null(name).plain(row.revision).end();
    }
    rows.send(
        connection,
        "COPY books_v1.assets (ledger, asset, scale, name, revision) FROM STDIN",
    )
    .await?;
    Ok(())
}

fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
