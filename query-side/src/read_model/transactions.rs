//! Reads of `books.transactions`.

use std::collections::BTreeMap;

use daybook_events::event::{BalanceAfter, Entry, TransactionStatus};
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
use crate::views::{Ended, ReleasedEntry, ShortBalance, Transaction, TransactionEntry};

/// Which transactions a list shows; an empty list of values is no filter.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
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

/// Transactions as they were at a revision; the first two parameters are the ledger and the
/// revision. Three things of a transaction change after it was recorded: a hold ends, a reversal
/// comes, its pairs are changed. What came after the revision does not show. The limits keep the
/// looks into other tables steps of their keys, and the conditions before them spare even those to
/// what is no hold and never changed.
const AT: &str = "SELECT revision, id, status, reference, code, description, effective_given, \
                         recorded_at, related_to, reverses, reversed_by, captures, reason, \
                         entries::text AS entries, metadata::text AS metadata, is_hold, \
                         expires_at, ended_revision, ended_at, ended_reason, outcome, \
                         released::text AS released \
     FROM (SELECT t.revision, t.id, t.reference, t.code, t.description, t.effective_given, \
                  t.effective_at, t.effective_date, t.recorded_at, t.related_to, t.reverses, \
                  t.captures, t.reason, t.key, t.entries, t.is_hold, t.expires_at, \
                  CASE WHEN t.is_hold THEN coalesce(h.status, 'pending') \
                       ELSE 'posted' END AS status, \
                  CASE WHEN t.metadata_revision > $2 THEN m.metadata \
                       ELSE t.metadata END AS metadata, \
                  (SELECT r.id FROM books.transactions r \
                   WHERE r.ledger = t.ledger AND r.id = t.reversed_by AND r.revision <= $2) \
                      AS reversed_by, \
                  h.ended_revision, h.ended_at, h.ended_reason, h.outcome, h.released \
           FROM books.transactions t LEFT JOIN LATERAL ( \
               SELECT e.status, e.ended_revision, e.ended_at, e.ended_reason, e.outcome, \
                      e.released \
               FROM books.holds e \
               WHERE t.is_hold AND e.ledger = t.ledger AND e.id = t.id \
                 AND e.ended_revision <= $2 LIMIT 1) h ON true LEFT JOIN LATERAL ( \
               SELECT o.metadata FROM books.transaction_history o \
               WHERE t.metadata_revision > $2 AND o.ledger = t.ledger \
                 AND o.transaction_revision = t.revision AND o.revision <= $2 \
               ORDER BY o.revision DESC LIMIT 1) m ON true \
           WHERE t.ledger = ";

/// The beginning of a read of transactions as they were at a revision. Conditions on `t`, the row
/// as it is now, may follow; then [`AS_THEY_WERE`].
fn transactions_at(ledger: &LedgerId, at: Revision) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(AT);
    query.push_bind(ledger.as_str().to_owned());
    query.push(" AND t.revision <= ").push_bind(at.as_i64());
    query
}

/// Conditions on what was shown at the revision follow.
const AS_THEY_WERE: &str = ") t WHERE true";
/// The end of an open hold: after every revision. As the index `holds_open` has it.
const END: &str = "coalesce(e.ended_revision, 9223372036854775807)";

/// The most rows of one statement. A page that is cut short by its bytes leaves rows of its
/// statement unread, which Postgres has to send all the same.
const STATEMENT_ROWS_MAX: i64 = 128;

impl Snapshot {
    /// One transaction by its id, as it was at `pinned`.
    pub(crate) async fn transaction(
        &mut self,
        ledger: &LedgerId,
        id: TransactionId,
        pinned: Revision,
    ) -> Result<Option<Transaction>, ViewError> {
        let mut query = transactions_at(ledger, pinned);
        query.push(AS_THEY_WERE);
        query.push(" AND id = ").push_bind(id.uuid());
        let row = query.build().fetch_optional(&mut *self.connection).await?;
        row.map(|row| transaction_of(&row, ledger)).transpose()
    }

    /// Transactions by revision, as they were at the pinned one: at most the stretch's limit, and
    /// at most [`PAGE_BYTES_MAX`] of them. The filter is of what they were then.
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
                bytes = bytes.saturating_add(size_of(&row)?);
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
    let mut query = transactions_at(ledger, stretch.pinned);
    push_unchanged(&mut query, filter, stretch.pinned);
    push_holds(&mut query, ledger, filter, stretch);
    query.push(AS_THEY_WERE);
    if let Some(after) = stretch.after {
        query.push(" AND revision ").push(stretch.order.beyond());
        query.push(" ").push_bind(after.as_i64());
    }
    push_filter(&mut query, ledger, filter, stretch);
    query.push(" ORDER BY revision ").push(stretch.order.sql());
    query.push(" LIMIT ").push_bind(stretch.limit);
    query
}

/// The filter of the pairs, on the rows as they are now: it alone decides for transactions whose
/// pairs did not change since, before their history is looked into.
fn push_unchanged(
    query: &mut QueryBuilder<Postgres>,
    filter: &TransactionFilter,
    pinned: Revision,
) {
    for (key, values) in &filter.metadata {
        query
            .push(" AND (t.metadata_revision > ")
            .push_bind(pinned.as_i64());
        query.push(" OR t.metadata ->> ").push_bind(key.clone());
        query.push(" = ANY(").push_bind(values.clone()).push("))");
    }
}

/// Statuses that only holds have: the holds of then, from their own indexes. The limit holds where
/// nothing else is asked, which could take fewer of them.
fn push_holds(
    query: &mut QueryBuilder<Postgres>,
    ledger: &LedgerId,
    filter: &TransactionFilter,
    stretch: &Stretch<Revision>,
) {
    let posted = TransactionStatus::Posted.as_str();
    if filter.status.is_empty() || filter.status.iter().any(|status| status == posted) {
        return;
    }
    query.push(" AND t.revision = ANY(ARRAY(SELECT e.revision FROM books.holds e WHERE e.ledger =");
    query.push(" ").push_bind(ledger.as_str().to_owned());
    query
        .push(" AND e.revision <= ")
        .push_bind(stretch.pinned.as_i64());
    if let Some(after) = stretch.after {
        query.push(" AND e.revision ").push(stretch.order.beyond());
        query.push(" ").push_bind(after.as_i64());
    }
    query.push(" AND (");
    let pending = TransactionStatus::Pending.as_str();
    let mut any = query.separated(" OR ");
    for status in &filter.status {
        if status == pending {
            any.push(END).push_unseparated(" > ");
        } else {
            // They are named as the outcomes are.
            any.push("e.outcome = ")
                .push_bind_unseparated(status.clone());
            any.push_unseparated(" AND e.ended_revision <= ");
        }
        any.push_bind_unseparated(stretch.pinned.as_i64());
    }
    query.push(")");
    let status_alone = TransactionFilter {
        status: filter.status.clone(),
        ..TransactionFilter::default()
    };
    if *filter == status_alone {
        query
            .push(" ORDER BY e.revision ")
            .push(stretch.order.sql());
        query.push(" LIMIT ").push_bind(stretch.limit);
    }
    query.push("))");
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
        query.push(" AND revision IN (SELECT e.revision FROM books.movements e WHERE e.ledger = ");
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

/// What a row is made of that may be large.
fn size_of(row: &PgRow) -> Result<usize, ViewError> {
    ["entries", "metadata", "released"]
        .into_iter()
        .try_fold(0, |size: usize, column| {
            let text: Option<&str> = row.try_get(column)?;
            Ok(size.saturating_add(text.map_or(0, str::len)))
        })
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
    let is_hold: bool = row.try_get("is_hold")?;
    let of_holds = is_hold.then_some(row);
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
        expires_at: of_holds
            .map(|row| rows::time_or_null(row, "expires_at"))
            .transpose()?,
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
        ended: of_holds.map(ended_of).transpose()?,
        metadata: rows::json(row, "metadata")?,
    })
}

/// How a hold ended; `None` while it is open.
fn ended_of(row: &PgRow) -> Result<Option<Ended>, ViewError> {
    let Some(revision) = row.try_get::<Option<i64>, _>("ended_revision")? else {
        return Ok(None);
    };
    let reason: Option<&str> = row.try_get("ended_reason")?;
    let released: Vec<Entry> = rows::json(row, "released")?;
    Ok(Some(Ended {
        revision: Revision::from_i64(revision),
        at: rows::time(row, "ended_at")?,
        outcome: row.try_get("outcome")?,
        reason: reason.map(Description::parse).transpose()?,
        released: released
            .into_iter()
            .map(|entry| ReleasedEntry {
                balance: short(entry.balance),
                account: entry.account,
                direction: entry.direction,
                amount: entry.amount,
                asset: entry.asset,
            })
            .collect(),
    }))
}

fn entry_of(id: TransactionId, index: usize, entry: Entry) -> TransactionEntry {
    TransactionEntry {
        id: format!("{id}:{index}"),
        balance: short(entry.balance),
        account: entry.account,
        direction: entry.direction,
        amount: entry.amount,
        asset: entry.asset,
        description: entry.description,
        metadata: entry.metadata,
    }
}

fn short(balance: BalanceAfter) -> ShortBalance {
    ShortBalance {
        posted: balance.posted,
        pending: balance.pending,
        available: balance.available,
    }
}
