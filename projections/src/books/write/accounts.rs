//! Accounts, and what they were.

use sqlx::PgConnection;

use super::{all_there, json};
use crate::books::copy::CopyText;
use crate::books::rows::{AccountHistoryRow, AccountRow};
use crate::books::{BooksError, column};

pub(super) async fn write_opened(
    connection: &mut PgConnection,
    accounts: &[AccountRow<'_>],
) -> Result<(), BooksError> {
    let mut rows = CopyText::default();
    for row in accounts {
        let Some((opened, opened_at)) = row.opened else {
            continue;
        };
        let values = row.values;
        // Asset codes hold no character that an array's text form gives a meaning to.
        let assets = opened.assets.as_ref().map(|assets| {
            let codes: Vec<&str> = assets.iter().map(|asset| asset.as_str()).collect();
            format!("{{{}}}", codes.join(","))
        });
        rows.plain(row.key.ledger)
            .plain(row.key.account)
            .plain(opened.account_type.as_str());
        rows.plain(opened.normal_balance.as_str());
        rows.text_or_null(values.name.map(|name| name.as_str()))
            .plain(values.status);
        rows.plain_or_null(assets)
            .text(&json(values.limits))
            .text(&json(values.metadata));
        rows.plain(opened_at)
            .plain(row.revision)
            .plain(row.opened_revision)
            .end();
    }
    rows.send(
        connection,
        "COPY books_v1.accounts (ledger, account, type, normal_balance, name, status, assets,
             limits, metadata, opened_at, revision, opened_revision) FROM STDIN",
    )
    .await?;
    Ok(())
}

pub(super) async fn write_changed(
    connection: &mut PgConnection,
    accounts: &[AccountRow<'_>],
) -> Result<(), BooksError> {
    let changed: Vec<&AccountRow<'_>> =
        accounts.iter().filter(|row| row.opened.is_none()).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let done = sqlx::query(
        "UPDATE books_v1.accounts a
         SET name = d.name, status = d.status, limits = d.limits::jsonb,
             metadata = d.metadata::jsonb, revision = d.revision,
             opened_revision = d.opened_revision
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::bigint[], $8::bigint[])
              AS d(ledger, account, name, status, limits, metadata, revision, opened_revision)
         WHERE a.ledger = d.ledger AND a.account = d.account",
    )
    .bind(column(&changed, |row| row.key.ledger.as_str()))
    .bind(column(&changed, |row| row.key.account.as_str()))
    .bind(column(&changed, |row| {
        row.values.name.map(|name| name.as_str())
    }))
    .bind(column(&changed, |row| row.values.status.as_str()))
    .bind(column(&changed, |row| json(row.values.limits)))
    .bind(column(&changed, |row| json(row.values.metadata)))
    .bind(column(&changed, |row| row.revision.as_i64()))
    .bind(column(&changed, |row| row.opened_revision.as_i64()))
    .execute(connection)
    .await?;
    all_there(done.rows_affected(), changed.len())
}

pub(super) async fn write_history(
    connection: &mut PgConnection,
    history: &[AccountHistoryRow<'_>],
) -> Result<(), BooksError> {
    let mut rows = CopyText::default();
    for row in history {
        let values = row.values;
        rows.plain(row.key.ledger)
            .plain(row.key.account)
            .plain(row.revision);
        rows.text_or_null(values.name.map(|name| name.as_str()))
            .plain(values.status);
        rows.text(&json(values.limits))
            .text(&json(values.metadata))
            .end();
    }
    rows.send(
        connection,
        "COPY books_v1.account_history (ledger, account, revision, name, status, limits, metadata)
         FROM STDIN",
    )
    .await?;
    Ok(())
}
