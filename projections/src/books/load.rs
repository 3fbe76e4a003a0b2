//! The statement that reads: the rows that a batch builds on.

use daybook_events::event::Event;
use daybook_events::ids::{LedgerId, Revision};
use daybook_events::money::Minor;
use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::{PgConnection, Row as _};

use super::BooksError;
use super::decode::Decoded;
use super::rows::{BalanceKey, LedgerState, Prior, Turnover};

/// Reads the rows that the events build on.
pub(super) async fn load<'a>(
    connection: &mut PgConnection,
    events: &'a [Decoded<'a>],
) -> Result<Prior<'a>, BooksError> {
    let ledgers: FxHashSet<&LedgerId> = events.iter().map(|event| &event.recorded.ledger).collect();
    let mut keys: Vec<BalanceKey<'a>> = Vec::new();
    for decoded in events {
        if let Event::TransactionPosted(posted) = &decoded.event {
            keys.extend(posted.entries.iter().map(|entry| BalanceKey {
                ledger: &decoded.recorded.ledger,
                account: &entry.account,
                asset: &entry.asset,
            }));
        }
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(Prior {
        ledgers: load_ledgers(connection, ledgers.into_iter().collect()).await?,
        balances: load_balances(connection, &keys).await?,
    })
}

async fn load_ledgers<'a>(
    connection: &mut PgConnection,
    ledgers: Vec<&'a LedgerId>,
) -> Result<FxHashMap<&'a LedgerId, LedgerState>, BooksError> {
    let names: Vec<&str> = ledgers.iter().map(|ledger| ledger.as_str()).collect();
    let rows = sqlx::query(
        "SELECT k.n, l.revision, l.accounts, l.transactions
         FROM unnest($1::text[]) WITH ORDINALITY AS k(ledger, n)
         JOIN books_v1.ledgers l ON l.ledger = k.ledger",
    )
    .bind(names)
    .fetch_all(connection)
    .await?;
    let mut found = FxHashMap::default();
    for row in rows {
        let ledger = nth(&ledgers, row.try_get(0)?)?;
        let state = LedgerState {
            revision: Revision::from_i64(row.try_get(1)?),
            accounts: count(row.try_get(2)?)?,
            transactions: count(row.try_get(3)?)?,
        };
        found.insert(*ledger, state);
    }
    Ok(found)
}

async fn load_balances<'a>(
    connection: &mut PgConnection,
    keys: &[BalanceKey<'a>],
) -> Result<FxHashMap<BalanceKey<'a>, Turnover>, BooksError> {
    if keys.is_empty() {
        return Ok(FxHashMap::default());
    }
    let rows = sqlx::query(
        "SELECT k.n, b.debits::text, b.credits::text,
                b.pending_debits::text, b.pending_credits::text
         FROM unnest($1::text[], $2::text[], $3::text[])
              WITH ORDINALITY AS k(ledger, account, asset, n)
         JOIN books_v1.balances b
           ON b.ledger = k.ledger AND b.account = k.account AND b.asset = k.asset",
    )
    .bind(
        keys.iter()
            .map(|key| key.ledger.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        keys.iter()
            .map(|key| key.account.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        keys.iter()
            .map(|key| key.asset.as_str())
            .collect::<Vec<_>>(),
    )
    .fetch_all(connection)
    .await?;
    let mut found = FxHashMap::default();
    found.reserve(rows.len());
    for row in rows {
        let key = nth(keys, row.try_get(0)?)?;
        let turnover = Turnover {
            debits: minor(row.try_get(1)?)?,
            credits: minor(row.try_get(2)?)?,
            pending_debits: minor(row.try_get(3)?)?,
            pending_credits: minor(row.try_get(4)?)?,
        };
        found.insert(*key, turnover);
    }
    Ok(found)
}

/// The element that a row's ordinal names.
fn nth<T>(keys: &[T], ordinal: i64) -> Result<&T, BooksError> {
    usize::try_from(ordinal)
        .ok()
        .and_then(|ordinal| keys.get(ordinal.checked_sub(1)?))
        .ok_or(BooksError::Row("an ordinal that was not asked for"))
}

fn count(number: i64) -> Result<u64, BooksError> {
    u64::try_from(number).or(Err(BooksError::Row("a negative count")))
}

fn minor(text: &str) -> Result<Minor, BooksError> {
    Minor::parse(text).or(Err(BooksError::Row("a turnover that is no whole number")))
}
