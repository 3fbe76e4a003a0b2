//! Reads of `books.ledgers`.

use chrono::NaiveDate;
use daybook_events::Invalid;
use daybook_events::ids::{LedgerId, Name, Revision};
use daybook_events::time::{Day, TimeZone};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::{ReadModel, Snapshot, ViewError, rows};
use crate::params::Order;
use crate::views::Ledger;

const COLUMNS: &str = "ledger, name, time_zone, metadata::text AS metadata, opened_at, revision, \
                       accounts, transactions, closed_through";

impl Snapshot {
    /// One ledger.
    pub(crate) async fn ledger(&mut self, ledger: &LedgerId) -> Result<Option<Ledger>, ViewError> {
        let mut query = sqlx::QueryBuilder::new("SELECT ");
        query
            .push(COLUMNS)
            .push(" FROM books.ledgers WHERE ledger = ");
        query.push_bind(ledger.as_str());
        let row = query.build().fetch_optional(&mut *self.connection).await?;
        row.as_ref().map(ledger_of).transpose()
    }
}

impl ReadModel {
    /// Ledgers by id, after `after`, that one of the patterns covers (an id, or a prefix and `*`).
    pub(crate) async fn ledgers(
        &self,
        patterns: &[&str],
        after: Option<&str>,
        order: Order,
        limit: i64,
    ) -> Result<Vec<Ledger>, ViewError> {
        if patterns.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = sqlx::QueryBuilder::new("SELECT ");
        query.push(COLUMNS).push(" FROM books.ledgers WHERE (");
        let mut or = query.separated(" OR ");
        for pattern in patterns {
            match pattern.strip_suffix('*') {
                // In byte order '{' follows every character of a ledger's id: the range holds what
                // begins with the prefix. No LIKE, so `_` and `%` mean themselves.
                Some(prefix) => {
                    or.push("(ledger >= ")
                        .push_bind_unseparated(prefix.to_owned());
                    or.push_unseparated(" AND ledger < ");
                    or.push_bind_unseparated(format!("{prefix}{{"));
                    or.push_unseparated(")");
                }
                None => {
                    or.push("ledger = ")
                        .push_bind_unseparated((*pattern).to_owned());
                }
            }
        }
        query.push(")");
        if let Some(after) = after {
            query.push(" AND ledger ").push(order.beyond()).push(" ");
            query.push_bind(after.to_owned());
        }
        query.push(" ORDER BY ledger ").push(order.sql());
        query.push(" LIMIT ").push_bind(limit);
        let rows = query.build().fetch_all(self.pool()?).await?;
        rows.iter().map(ledger_of).collect()
    }
}

fn ledger_of(row: &PgRow) -> Result<Ledger, ViewError> {
    let name: Option<&str> = row.try_get("name")?;
    let closed_through: Option<NaiveDate> = row.try_get("closed_through")?;
    Ok(Ledger {
        ledger: LedgerId::parse(row.try_get("ledger")?)?,
        name: name.map(Name::parse).transpose()?,
        time_zone: TimeZone::parse(row.try_get("time_zone")?)?,
        revision: Revision::from_i64(row.try_get("revision")?),
        accounts: count(row, "accounts")?,
        transactions: count(row, "transactions")?,
        closed_through: closed_through
            .map(|date| Day::try_new(date).ok_or_else(|| Invalid::new("date", "year")))
            .transpose()?,
        opened_at: rows::time(row, "opened_at")?,
        metadata: rows::json(row, "metadata")?,
    })
}

fn count(row: &PgRow, column: &str) -> Result<u64, ViewError> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|error| ViewError::Malformed(Box::new(error)))
}
