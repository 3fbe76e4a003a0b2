//! Reads of `books.accounts` and `books.balances`.

use std::collections::BTreeMap;

use daybook_events::ids::{AccountId, AssetCode, LedgerId, Name, Revision};
use daybook_events::money::Side;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};

use super::{Snapshot, ViewError, rows};
use crate::params::Order;
use crate::views::{Account, Balance};

/// Which accounts a list shows; an empty list of values is no filter.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct AccountFilter {
    pub(crate) prefix: Vec<AccountId>,
    pub(crate) account_type: Vec<String>,
    pub(crate) status: Vec<String>,
    /// Values by key: one of the values of every key.
    pub(crate) metadata: BTreeMap<String, Vec<String>>,
}

/// A stretch of a list: the rows that were there at `pinned`, beyond `after`.
#[derive(Debug, Clone)]
pub(crate) struct Stretch<K> {
    pub(crate) pinned: Revision,
    pub(crate) after: Option<K>,
    pub(crate) order: Order,
    pub(crate) limit: i64,
}

/// Accounts as they were at a revision, still without their balances; the first two parameters are
/// the ledger and the revision. What can change of an account is in its row from the row's revision
/// on, and before that in its history. The limit keeps the look into the history a step of its key,
/// and the condition before it spares even that to the accounts that did not change since.
const AT: &str = "SELECT account, type, normal_balance, name, status, assets, \
                         limits::text AS limits, metadata::text AS metadata, opened_at, revision \
     FROM (SELECT a.account, a.type, a.normal_balance, a.assets, a.opened_at, \
                  CASE WHEN a.revision <= $2 THEN a.name ELSE h.name END AS name, \
                  CASE WHEN a.revision <= $2 THEN a.status ELSE h.status END AS status, \
                  CASE WHEN a.revision <= $2 THEN a.limits ELSE h.limits END AS limits, \
                  CASE WHEN a.revision <= $2 THEN a.metadata ELSE h.metadata END AS metadata, \
                  CASE WHEN a.revision <= $2 THEN a.revision ELSE h.revision END AS revision \
           FROM books.accounts a LEFT JOIN LATERAL ( \
               SELECT o.name, o.status, o.limits, o.metadata, o.revision \
               FROM books.account_history o \
               WHERE a.revision > $2 AND o.ledger = a.ledger AND o.account = a.account \
                 AND o.revision <= $2 \
               ORDER BY o.revision DESC LIMIT 1) h ON true \
           WHERE a.ledger = ";

/// The beginning of a read of accounts as they were at a revision. Conditions on `a`, the row as it
/// is now, may follow; then [`AS_THEY_WERE`].
fn accounts_at(ledger: &LedgerId, at: Revision) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(AT);
    query.push_bind(ledger.as_str().to_owned());
    query.push(" AND a.opened_revision <= ");
    query.push_bind(at.as_i64());
    query
}

/// Conditions on what was shown at the revision follow.
const AS_THEY_WERE: &str = ") a WHERE true";

impl Snapshot {
    /// One account as it was at `pinned`, with its balances.
    pub(crate) async fn account(
        &mut self,
        ledger: &LedgerId,
        account: &AccountId,
        pinned: Revision,
    ) -> Result<Option<Account>, ViewError> {
        let mut query = accounts_at(ledger, pinned);
        query.push(AS_THEY_WERE);
        query.push(" AND account = ").push_bind(account.as_str());
        let row = query.build().fetch_optional(&mut *self.connection).await?;
        let Some(row) = row else { return Ok(None) };
        let mut found = vec![account_of(&row)?];
        self.add_balances(ledger, pinned, &mut found).await?;
        Ok(found.pop())
    }

    /// The side that increases an account, or `None` if there is no such account.
    pub(crate) async fn normal_balance(
        &mut self,
        ledger: &LedgerId,
        account: &AccountId,
    ) -> Result<Option<Side>, ViewError> {
        let row = sqlx::query(
            "SELECT normal_balance FROM books.accounts WHERE ledger = $1 AND account = $2",
        )
        .bind(ledger.as_str())
        .bind(account.as_str())
        .fetch_optional(&mut *self.connection)
        .await?;
        row.map(|row| rows::side(row.try_get("normal_balance")?))
            .transpose()
    }

    /// Accounts by id, as they were at the pinned revision, with their balances. The filter is of
    /// what they were then.
    pub(crate) async fn accounts(
        &mut self,
        ledger: &LedgerId,
        filter: &AccountFilter,
        stretch: &Stretch<String>,
    ) -> Result<Vec<Account>, ViewError> {
        let mut query = accounts_at(ledger, stretch.pinned);
        push_unchanged(&mut query, filter, stretch.pinned);
        query.push(AS_THEY_WERE);
        if let Some(after) = &stretch.after {
            query.push(" AND account ").push(stretch.order.beyond());
            query.push(" ").push_bind(after.clone());
        }
        push_filter(&mut query, filter);
        query.push(" ORDER BY account ").push(stretch.order.sql());
        query.push(" LIMIT ").push_bind(stretch.limit);
        let rows = query.build().fetch_all(&mut *self.connection).await?;
        let mut accounts = rows.iter().map(account_of).collect::<Result<Vec<_>, _>>()?;
        self.add_balances(ledger, stretch.pinned, &mut accounts)
            .await?;
        Ok(accounts)
    }

    /// Adds the balances at a revision that the view has reached. A balance that changed later is
    /// taken from the last entry up to the revision, of whichever kind: one backward step of the
    /// entries' key, which passes only the account's entries of other assets.
    async fn add_balances(
        &mut self,
        ledger: &LedgerId,
        pinned: Revision,
        accounts: &mut [Account],
    ) -> Result<(), ViewError> {
        let ids: Vec<&str> = accounts.iter().map(|a| a.account.as_str()).collect();
        let balances = sqlx::query(
            "SELECT account, asset, debits::text AS debits, credits::text AS credits, \
                    pending_debits::text AS pending_debits, \
                    pending_credits::text AS pending_credits \
             FROM books.balances WHERE ledger = $1 AND account = ANY($2) AND revision <= $3 \
             UNION ALL \
             SELECT b.account, b.asset, e.debits_after::text, e.credits_after::text, \
                    e.pending_debits_after::text, e.pending_credits_after::text \
             FROM books.balances b CROSS JOIN LATERAL ( \
                 SELECT debits_after, credits_after, pending_debits_after, pending_credits_after \
                 FROM books.movements \
                 WHERE ledger = b.ledger AND account = b.account AND revision <= $3 \
                   AND asset = b.asset \
                 ORDER BY revision DESC, entry DESC LIMIT 1) e \
             WHERE b.ledger = $1 AND b.account = ANY($2) AND b.revision > $3",
        )
        .bind(ledger.as_str())
        .bind(ids)
        .bind(pinned.as_i64())
        .fetch_all(&mut *self.connection)
        .await?;
        let places: BTreeMap<String, usize> = accounts
            .iter()
            .enumerate()
            .map(|(place, account)| (account.account.as_str().to_owned(), place))
            .collect();
        for row in &balances {
            let name: &str = row.try_get("account")?;
            let Some(account) = places.get(name).and_then(|place| accounts.get_mut(*place)) else {
                continue;
            };
            let balance: Balance = rows::balance(row, account.normal_balance)?;
            let asset = AssetCode::parse(row.try_get("asset")?)?;
            account.balances.insert(asset, balance);
        }
        Ok(())
    }
}

/// The filter of what can change, on the rows as they are now: it alone decides for accounts that
/// did not change since, before their history is looked into.
fn push_unchanged(query: &mut QueryBuilder<Postgres>, filter: &AccountFilter, pinned: Revision) {
    if !filter.status.is_empty() {
        query.push(" AND (a.revision > ").push_bind(pinned.as_i64());
        query.push(" OR a.status = ANY(");
        query.push_bind(filter.status.clone()).push("))");
    }
    for (key, values) in &filter.metadata {
        query.push(" AND (a.revision > ").push_bind(pinned.as_i64());
        query.push(" OR a.metadata ->> ").push_bind(key.clone());
        query.push(" = ANY(").push_bind(values.clone()).push("))");
    }
}

fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &AccountFilter) {
    let first = filter.prefix.iter().min();
    let end = filter
        .prefix
        .iter()
        .map(|prefix| format!("{prefix};"))
        .max();
    if let (Some(first), Some(end)) = (first, end) {
        // The index reads from the first to the last of them, and no further.
        query
            .push(" AND account >= ")
            .push_bind(first.as_str().to_owned());
        query.push(" AND account < ").push_bind(end);
        query.push(" AND (");
        let mut or = query.separated(" OR ");
        for prefix in &filter.prefix {
            // In byte order ';' follows ':': the range holds what begins with `prefix:`. No LIKE,
            // so `_` and `%` mean themselves.
            or.push("account = ")
                .push_bind_unseparated(prefix.as_str().to_owned());
            or.push("(account >= ")
                .push_bind_unseparated(format!("{prefix}:"));
            or.push_unseparated(" AND account < ")
                .push_bind_unseparated(format!("{prefix};"));
            or.push_unseparated(")");
        }
        query.push(")");
    }
    for (column, values) in [("type", &filter.account_type), ("status", &filter.status)] {
        if !values.is_empty() {
            query.push(" AND ").push(column).push(" = ANY(");
            query.push_bind(values.clone()).push(")");
        }
    }
    push_metadata(query, &filter.metadata);
}

/// `metadata ->> key` is one of the values, for every key.
pub(super) fn push_metadata(
    query: &mut QueryBuilder<Postgres>,
    metadata: &BTreeMap<String, Vec<String>>,
) {
    for (key, values) in metadata {
        query.push(" AND metadata ->> ").push_bind(key.clone());
        query.push(" = ANY(").push_bind(values.clone()).push(")");
    }
}

fn account_of(row: &PgRow) -> Result<Account, ViewError> {
    let name: Option<&str> = row.try_get("name")?;
    let assets: Option<Vec<String>> = row.try_get("assets")?;
    let assets = assets
        .map(|codes| codes.iter().map(|code| AssetCode::parse(code)).collect())
        .transpose()?;
    Ok(Account {
        account: AccountId::parse(row.try_get("account")?)?,
        account_type: rows::account_type(row.try_get("type")?)?,
        normal_balance: rows::side(row.try_get("normal_balance")?)?,
        name: name.map(Name::parse).transpose()?,
        status: row.try_get("status")?,
        assets,
        limits: rows::json(row, "limits")?,
        metadata: rows::json(row, "metadata")?,
        opened_at: rows::time(row, "opened_at")?,
        balances: BTreeMap::new(),
        revision: Revision::from_i64(row.try_get("revision")?),
    })
}
