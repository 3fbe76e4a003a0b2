//! Holds: what remains of them, and how they ended.

use sqlx::PgConnection;

use super::{all_there, json};
use crate::books::copy::CopyText;
use crate::books::rows::HoldRow;
use crate::books::{BooksError, column};

pub(super) async fn write_placed(
    connection: &mut PgConnection,
    holds: &[HoldRow<'_>],
) -> Result<(), BooksError> {
    let mut rows = CopyText::default();
    for row in holds {
        let Some(revision) = row.placed_at else {
            continue;
        };
        let ended = row.ended;
        rows.plain(row.key.ledger).plain(row.key.id).plain(revision);
        rows.plain(row.status().as_str())
            .plain_or_null(row.expires_at)
            .text(&json(&row.remaining));
        rows.plain_or_null(ended.map(|ended| ended.revision))
            .plain_or_null(ended.map(|ended| ended.at));
        let reason = ended.and_then(|ended| ended.reason);
        rows.text_or_null(reason.map(|text| text.as_str()))
            .plain_or_null(ended.map(|ended| ended.outcome.as_str()))
            .text_or_null(ended.map(|ended| ended.released_json))
            .end();
    }
    rows.send(
        connection,
        "COPY books_v1.holds (ledger, id, revision, status, expires_at, remaining, ended_revision,
             ended_at, ended_reason, outcome, released) FROM STDIN",
    )
    .await?;
    Ok(())
}

pub(super) async fn write_changed(
    connection: &mut PgConnection,
    holds: &[HoldRow<'_>],
) -> Result<(), BooksError> {
    let changed: Vec<&HoldRow<'_>> = holds.iter().filter(|row| row.placed_at.is_none()).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let done = sqlx::query(
        "UPDATE books_v1.holds h
         SET status = d.status, remaining = d.remaining::jsonb,
             ended_revision = d.ended_revision, ended_at = d.ended_at,
             ended_reason = d.ended_reason, outcome = d.outcome, released = d.released::json
         FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::bigint[],
                     $6::timestamptz[], $7::text[], $8::text[], $9::text[])
              AS d(ledger, id, status, remaining, ended_revision, ended_at, ended_reason, outcome,
                   released)
         WHERE h.ledger = d.ledger AND h.id = d.id",
    )
    .bind(column(&changed, |row| row.key.ledger.as_str()))
    .bind(column(&changed, |row| row.key.id.uuid()))
    .bind(column(&changed, |row| row.status().as_str()))
    .bind(column(&changed, |row| json(&row.remaining)))
    .bind(column(&changed, |row| Some(row.ended?.revision.as_i64())))
    .bind(column(&changed, |row| Some(row.ended?.at.to_utc())))
    .bind(column(&changed, |row| Some(row.ended?.reason?.as_str())))
    .bind(column(&changed, |row| Some(row.ended?.outcome.as_str())))
    .bind(column(&changed, |row| Some(row.ended?.released_json)))
    .execute(connection)
    .await?;
    all_there(done.rows_affected(), changed.len())
}
