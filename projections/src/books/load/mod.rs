//! The statements that read: the rows that a batch builds on, one a table and batch, and none for
//! what the batch does not ask for.

mod accounts;
mod transactions;
mod wanted;

use daybook_events::ids::{LedgerId, Revision};
use daybook_events::money::Minor;
use daybook_events::time::{Day, Timestamp};
use rustc_hash::FxHashMap;
use sqlx::types::chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, Row as _};

use wanted::Wanted;

use super::BooksError;
use super::decode::Decoded;
use super::rows::{LedgerState, Prior};

/// Reads the rows that the events build on.
pub(super) async fn load<'a>(
    connection: &mut PgConnection,
    events: &'a [Decoded<'a>],
) -> Result<Prior<'a>, BooksError> {
    let wanted = Wanted::of(events);
    Ok(Prior {
        ledgers: load_ledgers(connection, &wanted.ledgers).await?,
        balances: accounts::load_balances(connection, &wanted.balances).await?,
        accounts: accounts::load_changed(connection, &wanted.accounts).await?,
        transactions: transactions::load_changed(connection, &wanted.transactions).await?,
        holds: transactions::load_holds(connection, &wanted.holds).await?,
    })
}

async fn load_ledgers<'a>(
    connection: &mut PgConnection,
    ledgers: &[&'a LedgerId],
) -> Result<FxHashMap<&'a LedgerId, LedgerState>, BooksError> {
    let names: Vec<&str> = ledgers.iter().map(|ledger| ledger.as_str()).collect();
    let rows = sqlx::query(
        "SELECT k.n, l.revision, l.accounts, l.transactions, l.closed_through
         FROM unnest($1::text[]) WITH ORDINALITY AS k(ledger, n)
         JOIN books_v1.ledgers l ON l.ledger = k.ledger",
    )
    .bind(names)
    .fetch_all(connection)
    .await?;
    let mut found = FxHashMap::default();
    for row in rows {
        let ledger = nth(ledgers, row.try_get(0)?)?;
        let closed_through: Option<NaiveDate> = row.try_get(4)?;
        let state = LedgerState {
            revision: Revision::from_i64(row.try_get(1)?),
            accounts: count(row.try_get(2)?)?,
            transactions: count(row.try_get(3)?)?,
            closed_through: closed_through.map(day).transpose()?,
        };
        found.insert(*ledger, state);
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

fn day(date: NaiveDate) -> Result<Day, BooksError> {
    Day::try_new(date).ok_or(BooksError::Row("a day beyond the calendar"))
}

fn instant(time: DateTime<Utc>) -> Result<Timestamp, BooksError> {
    Timestamp::try_from_utc(time).ok_or(BooksError::Row("a time beyond the calendar"))
}

/// Reads JSON that a former batch wrote.
fn json<T: serde::de::DeserializeOwned>(text: &str, what: &'static str) -> Result<T, BooksError> {
    serde_json::from_str(text).or(Err(BooksError::Row(what)))
}
