//! Reads of `books.transactions`.

use std::collections::BTreeMap;

use daybook_events::event::Entry;
use daybook_events::ids::{
    AccountId, Code, Description, IdempotencyKey, LedgerId, Reference, Revision, TransactionId,
};
use daybook_events::time::Effective;
use futures_util::TryStreamExt as _;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::accounts::{Stretch, push_metadata};
use super::entries::effective;
use super::rows::{PAGE_BYTES_MAX, Rows};
use super::{Snapshot, ViewError, rows};
use crate::views::{ShortBalance, Transaction, TransactionEntry};

/// Which transactions a list shows; an empty list of values is no filter.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct TransactionFilter {
    pub(crate) account: Vec<AccountId>,
    pub(crate) reference: Vec<Reference>,
    pub(crate) idempotency_key: Vec<IdempotencyKey>,
    pub(crate) status: Vec<String>,
    pub(crate) code: Vec<Code>,
    /// Inclusive.
    pub(crate) effective_from: Option<Effective>,
    /// The whole day of a date; excludes an instant.
    pub(crate) effective_to: Option<Effective>,
    /// Values by key: one of the values of every key.
    pub(crate) metadata: BTreeMap<String, Vec<String>>,
}

const COLUMNS: &str = "revision, id, status, reference, code, description, effective_given, \
                       recorded_at, related_to, reverses, captures, reason, \
                       entries::text AS entries, metadata::text AS metadata";
/// The most rows of one statement. A page that is cut short by its bytes leaves rows of its
/// statement unread, which Postgres has to send all the same.
const STATEMENT_ROWS_MAX: i64 = 128;

impl Snapshot {
    /// One transaction by its id.
    pub(crate) async fn transaction(
        &mut self,
        ledger: &LedgerId,
        id: TransactionId,
    ) -> Result<Option<Transaction>, ViewError> {
        let mut query = QueryBuilder::new("SELECT ");
        query
            .push(COLUMNS)
            .push(", reversed_by FROM books.transactions WHERE ledger = ");
        query
            .push_bind(ledger.as_str())
            .push(" AND id = ")
            .push_bind(id.uuid());
        let row = query.build().fetch_optional(&mut *self.connection).await?;
        row.map(|row| transaction_of(&row, ledger)).transpose()
    }

    /// Transactions by revision, as they were at the pinned one: at most the stretch's limit, and
    /// at most [`PAGE_BYTES_MAX`] of them.
    pub(crate) async fn transactions(
        &mut self,
        ledger: &LedgerId,
        filter: &TransactionFilter,
        stretch: &Stretch<Revision>,
    ) -> Result<Rows<Transaction>, ViewError> {
        let mut found = Rows::default();
        let mut bytes = 0_usize;
        let mut part = stretch.clone();
        let mut left = stretch.limit;
        while left > 0 {
            part.limit = left.min(STATEMENT_ROWS_MAX);
            let mut query = transactions_query(ledger, filter, &part);
            let mut rows = query.build().fetch(&mut *self.connection);
            let mut got = 0;
            while let Some(row) = rows.try_next().await? {
                got += 1;
                let size = row.try_get::<&str, _>("entries")?.len()
                    + row.try_get::<&str, _>("metadata")?.len();
                bytes = bytes.saturating_add(size);
                if bytes > PAGE_BYTES_MAX && !found.rows.is_empty() {
                    found.cut = true;
                    return Ok(found);
                }
                found.rows.push(transaction_of(&row, ledger)?);
            }
            if got < part.limit {
                break;
            }
            left -= got;
            part.after = found.rows.last().map(|row| row.revision);
        }
        Ok(found)
    }
}

fn transactions_query(
    ledger: &LedgerId,
    filter: &TransactionFilter,
    stretch: &Stretch<Revision>,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT ");
    query.push(COLUMNS);
    // All else of a row stands since its revision; a reversal after the pinned one does not
    // show.
    query
        .push(
            ", (SELECT r.id FROM books.transactions r WHERE r.ledger = t.ledger \
                    AND r.id = t.reversed_by AND r.revision <= ",
        )
        .push_bind(stretch.pinned.as_i64())
        .push(") AS reversed_by FROM books.transactions t WHERE ledger = ");
    query.push_bind(ledger.as_str());
    query
        .push(" AND revision <= ")
        .push_bind(stretch.pinned.as_i64());
    if let Some(after) = stretch.after {
        query.push(" AND revision ").push(stretch.order.beyond());
        query.push(" ").push_bind(after.as_i64());
    }
    push_filter(&mut query, ledger, filter, stretch);
    query.push(" ORDER BY revision ").push(stretch.order.sql());
    query.push(" LIMIT ").push_bind(stretch.limit);
    query
}

fn push_filter(
    query: &mut QueryBuilder<Postgres>,
    ledger: &LedgerId,
    filter: &TransactionFilter,
    stretch: &Stretch<Revision>,
) {
    if !filter.account.is_empty() {
        // The walk's bounds stand inside as well, so that one account's key range is read from
        // where the page begins and no further than it needs.
        query.push(" AND revision IN (SELECT e.revision FROM books.entries e WHERE e.ledger = ");
        query.push_bind(ledger.as_str());
        query
            .push(" AND e.revision <= ")
            .push_bind(stretch.pinned.as_i64());
        if let Some(after) = stretch.after {
            query.push(" AND e.revision ").push(stretch.order.beyond());
            query.push(" ").push_bind(after.as_i64());
        }
        query.push(" AND e.account = ANY(");
        query
            .push_bind(texts(&filter.account, AccountId::as_str))
            .push("))");
    }
    push_any(
        query,
        "reference",
        texts(&filter.reference, Reference::as_str),
    );
    push_any(
        query,
        "key",
        texts(&filter.idempotency_key, IdempotencyKey::as_str),
    );
    push_any(query, "status", filter.status.clone());
    push_any(query, "code", texts(&filter.code, Code::as_str));
    match filter.effective_from {
        Some(Effective::Day(day)) => {
            query.push(" AND effective_date >= ").push_bind(day.date());
        }
        Some(Effective::Instant(time)) => {
            query.push(" AND effective_at >= ").push_bind(time.to_utc());
        }
        None => {}
    }
    match filter.effective_to {
        Some(Effective::Day(day)) => {
            query.push(" AND effective_date <= ").push_bind(day.date());
        }
        Some(Effective::Instant(time)) => {
            query.push(" AND effective_at < ").push_bind(time.to_utc());
        }
        None => {}
    }
    push_metadata(query, &filter.metadata);
}

fn push_any(query: &mut QueryBuilder<Postgres>, column: &'static str, values: Vec<String>) {
    if !values.is_empty() {
        query.push(" AND ").push(column).push(" = ANY(");
        query.push_bind(values).push(")");
    }
}

fn texts<T>(values: &[T], as_str: fn(&T) -> &str) -> Vec<String> {
    values
        .iter()
        .map(|value| as_str(value).to_owned())
        .collect()
}

fn transaction_of(row: &PgRow, ledger: &LedgerId) -> Result<Transaction, ViewError> {
    let id = TransactionId::new(row.try_get("id")?);
    let text = |column: &str| row.try_get::<Option<&str>, _>(column);
    let link = |column: &str| -> Result<Option<TransactionId>, ViewError> {
        Ok(row
            .try_get::<Option<Uuid>, _>(column)?
            .map(TransactionId::new))
    };
    let recorded_at = rows::time(row, "recorded_at")?;
    let entries: Vec<Entry> = rows::json(row, "entries")?;
    Ok(Transaction {
        id,
        ledger: ledger.clone(),
        revision: Revision::from_i64(row.try_get("revision")?),
        status: row.try_get("status")?,
        reference: text("reference")?.map(Reference::parse).transpose()?,
        code: text("code")?.map(Code::parse).transpose()?,
        description: text("description")?.map(Description::parse).transpose()?,
        recorded_at,
        effective_at: effective(text("effective_given")?)?
            .unwrap_or(Effective::Instant(recorded_at)),
        related_to: link("related_to")?,
        entries: entries
            .into_iter()
            .enumerate()
            .map(|(index, entry)| entry_of(id, index, entry))
            .collect(),
        reverses: link("reverses")?,
        reversed_by: link("reversed_by")?,
        captures: link("captures")?,
        reason: text("reason")?.map(Description::parse).transpose()?,
        metadata: rows::json(row, "metadata")?,
    })
}

fn entry_of(id: TransactionId, index: usize, entry: Entry) -> TransactionEntry {
    TransactionEntry {
        id: format!("{id}:{index}"),
        account: entry.account,
        direction: entry.direction,
        amount: entry.amount,
        asset: entry.asset,
        balance: ShortBalance {
            posted: entry.balance.posted,
            pending: entry.balance.pending,
            available: entry.balance.available,
        },
        description: entry.description,
        metadata: entry.metadata,
    }
}
