//! The statements that write: one a table and batch, COPY where rows are only added, UNNEST where
//! they change.

use daybook_events::ids::GenerationId;
use daybook_events::money::Minor;
use rustc_hash::FxHashSet;
use sqlx::PgConnection;
use uuid::Uuid;

use super::copy::CopyText;
use super::decode::corrupt;
use super::rows::{Delta, LedgerRow, Reversal, Turnover};
use super::{BooksError, Rule};

/// Writes what a batch does to the rows.
pub(super) async fn write(
    connection: &mut PgConnection,
    generation: GenerationId,
    delta: &Delta<'_>,
) -> Result<(), BooksError> {
    write_ledgers(connection, generation, delta).await?;
    write_assets(connection, delta).await?;
    write_accounts(connection, delta).await?;
    write_balances(connection, delta).await?;
    write_transactions(connection, delta).await?;
    write_entries(connection, delta).await?;
    write_reversals(connection, &delta.reversals).await
}

async fn write_ledgers(
    connection: &mut PgConnection,
    generation: GenerationId,
    delta: &Delta<'_>,
) -> Result<(), BooksError> {
    write_opened_ledgers(connection, generation, delta).await?;
    let changed: Vec<&LedgerRow<'_>> = delta
        .ledgers
        .iter()
        .filter(|row| row.opened.is_none())
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let bigint = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    sqlx::query(
        "UPDATE books_v1.ledgers l
         SET revision = d.revision, last_recorded_at = d.last_recorded_at,
             accounts = d.accounts, transactions = d.transactions
         FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::bigint[], $5::bigint[])
              AS d(ledger, revision, last_recorded_at, accounts, transactions)
         WHERE l.ledger = d.ledger",
    )
    .bind(
        changed
            .iter()
            .map(|row| row.ledger.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        changed
            .iter()
            .map(|row| row.state.revision.as_i64())
            .collect::<Vec<_>>(),
    )
    .bind(
        changed
            .iter()
            .map(|row| row.last_recorded_at.to_utc())
            .collect::<Vec<_>>(),
    )
    .bind(
        changed
            .iter()
            .map(|row| bigint(row.state.accounts))
            .collect::<Vec<_>>(),
    )
    .bind(
        changed
            .iter()
            .map(|row| bigint(row.state.transactions))
            .collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_opened_ledgers(
    connection: &mut PgConnection,
    generation: GenerationId,
    delta: &Delta<'_>,
) -> Result<(), BooksError> {
    let mut rows = CopyText::default();
    for row in &delta.ledgers {
        let Some((event, opened_at)) = row.opened else {
            continue;
        };
        rows.plain(row.ledger)
            .text_or_null(event.name.as_ref().map(|name| name.as_str()));
        rows.plain(event.time_zone.name())
            .text(&json(&event.metadata))
            .plain(opened_at);
        rows.plain(row.state.revision).plain(row.last_recorded_at);
        rows.plain(row.state.accounts)
            .plain(row.state.transactions)
            .plain(generation)
            .end();
    }
    rows.send(
        connection,
        "COPY books_v1.ledgers (ledger, name, time_zone, metadata, opened_at, revision,
             last_recorded_at, accounts, transactions, generation) FROM STDIN",
    )
    .await?;
    Ok(())
}

async fn write_assets(connection: &mut PgConnection, delta: &Delta<'_>) -> Result<(), BooksError> {
    let mut rows = CopyText::default();
    for row in &delta.assets {
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

async fn write_accounts(
    connection: &mut PgConnection,
    delta: &Delta<'_>,
) -> Result<(), BooksError> {
    let mut rows = CopyText::default();
    for row in &delta.accounts {
        let opened = row.opened;
        // Asset codes hold no character that an array's text form gives a meaning to.
        let assets = opened.assets.as_ref().map(|assets| {
            let codes: Vec<&str> = assets.iter().map(|asset| asset.as_str()).collect();
            format!("{{{}}}", codes.join(","))
        });
        rows.plain(row.ledger)
            .plain(&opened.account)
            .plain(opened.account_type.as_str());
        rows.plain(opened.normal_balance.as_str());
        rows.text_or_null(opened.name.as_ref().map(|name| name.as_str()))
            .plain("open");
        rows.plain_or_null(assets)
            .text(&json(&opened.limits))
            .text(&json(&opened.metadata));
        rows.plain(row.opened_at).plain(row.revision).end();
    }
    rows.send(
        connection,
        "COPY books_v1.accounts (ledger, account, type, normal_balance, name, status, assets,
             limits, metadata, opened_at, revision) FROM STDIN",
    )
    .await?;
    Ok(())
}

async fn write_balances(
    connection: &mut PgConnection,
    delta: &Delta<'_>,
) -> Result<(), BooksError> {
    if delta.balances.is_empty() {
        return Ok(());
    }
    let rows = &delta.balances;
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
    .bind(
        rows.iter()
            .map(|row| row.key.ledger.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        rows.iter()
            .map(|row| row.key.account.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        rows.iter()
            .map(|row| row.key.asset.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(numbers(|turnover| turnover.debits))
    .bind(numbers(|turnover| turnover.credits))
    .bind(numbers(|turnover| turnover.pending_debits))
    .bind(numbers(|turnover| turnover.pending_credits))
    .bind(
        rows.iter()
            .map(|row| row.revision.as_i64())
            .collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_transactions(
    connection: &mut PgConnection,
    delta: &Delta<'_>,
) -> Result<(), BooksError> {
    let mut rows = CopyText::default();
    for row in &delta.transactions {
        let posted = row.posted;
        rows.plain(row.ledger)
            .plain(row.revision)
            .plain(row.id)
            .plain("posted");
        rows.text_or_null(posted.reference.as_ref().map(|text| text.as_str()));
        rows.text_or_null(posted.code.as_ref().map(|text| text.as_str()));
        rows.text_or_null(posted.description.as_ref().map(|text| text.as_str()));
        rows.plain(row.effective.instant).plain(row.effective.date);
        rows.plain_or_null(posted.effective_at)
            .plain(row.recorded_at);
        rows.plain_or_null(posted.related_to)
            .plain_or_null(posted.reverses);
        rows.text_or_null(posted.reason.as_ref().map(|text| text.as_str()));
        rows.text_or_null(row.key.map(|key| key.as_str()));
        rows.text(row.entries_json)
            .text(&json(&posted.metadata))
            .end();
    }
    rows.send(
        connection,
        "COPY books_v1.transactions (ledger, revision, id, status, reference, code, description,
             effective_at, effective_date, effective_given, recorded_at, related_to, reverses,
             reason, key, entries, metadata) FROM STDIN",
    )
    .await?;
    Ok(())
}

async fn write_entries(connection: &mut PgConnection, delta: &Delta<'_>) -> Result<(), BooksError> {
    let mut rows = CopyText::default();
    for row in &delta.entries {
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
        rows.text(&json(&entry.metadata)).end();
    }
    rows.send(
        connection,
        "COPY books_v1.entries (ledger, account, revision, entry, transaction_id, asset, direction,
             amount, debits_after, credits_after, pending_debits_after, pending_credits_after,
             effective_at, effective_date, recorded_at, description, metadata) FROM STDIN",
    )
    .await?;
    Ok(())
}

/// Links both ways. The target is in the rows, or was added just now in the same transaction.
async fn write_reversals(
    connection: &mut PgConnection,
    reversals: &[Reversal<'_>],
) -> Result<(), BooksError> {
    if reversals.is_empty() {
        return Ok(());
    }
    let linked = sqlx::query_scalar::<_, Uuid>(
        "UPDATE books_v1.transactions t SET reversed_by = d.by
         FROM unnest($1::text[], $2::uuid[], $3::uuid[]) AS d(ledger, target, by)
         WHERE t.ledger = d.ledger AND t.id = d.target AND t.reversed_by IS NULL
         RETURNING d.by",
    )
    .bind(
        reversals
            .iter()
            .map(|row| row.by.ledger.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        reversals
            .iter()
            .map(|row| row.target.uuid())
            .collect::<Vec<_>>(),
    )
    .bind(
        reversals
            .iter()
            .map(|row| row.by.id.uuid())
            .collect::<Vec<_>>(),
    )
    .fetch_all(connection)
    .await?;
    let linked: FxHashSet<Uuid> = linked.into_iter().collect();
    let lost = reversals
        .iter()
        .find(|row| !linked.contains(&row.by.id.uuid()));
    lost.map_or(Ok(()), |row| Err(corrupt(row.by, Rule::Reversal).into()))
}

fn json(value: &impl serde::Serialize) -> String {
    // Maps with string keys and string values always become JSON.
    serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned())
}
