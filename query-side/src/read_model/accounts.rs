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

/// A stretch of a list: rows of revision ≤ `pinned` beyond `after`.
#[derive(Debug, Clone)]
pub(crate) struct Stretch<K> {
    pub(crate) pinned: Revision,
    pub(crate) after: Option<K>,
    pub(crate) order: Order,
    pub(crate) limit: i64,
}

const COLUMNS: &str = "account, type, normal_balance, name, status, assets, \
                       limits::text AS limits, metadata::text AS metadata, opened_at, revision";

impl Snapshot {
    /// One account with its balances at `pinned`.
    pub(crate) async fn account(
        &mut self,
        ledger: &LedgerId,
        account: &AccountId,
        pinned: Revision,
    ) -> Result<Option<Account>, ViewError> {
        let mut query = QueryBuilder::new("SELECT ");
        query
            .push(COLUMNS)
            .push(" FROM books.accounts WHERE ledger = ");
        query.push_bind(ledger.as_str()).push(" AND account = ");
        query.push_bind(account.as_str());
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

    /// Accounts by id, with their balances at the pinned revision. Nothing else of an account's row
    /// changes after its opening, whose revision the row has.
    pub(crate) async fn accounts(
        &mut self,
        ledger: &LedgerId,
        filter: &AccountFilter,
        stretch: &Stretch<String>,
    ) -> Result<Vec<Account>, ViewError> {
        let mut query = QueryBuilder::new("SELECT ");
        query
            .push(COLUMNS)
            .push(" FROM books.accounts WHERE ledger = ");
        query.push_bind(ledger.as_str());
        query
            .push(" AND revision <= ")
            .push_bind(stretch.pinned.as_i64());
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
    /// taken from the last entry up to the revision: one backward step of the entries' key, which
    /// passes only the account's entries of other assets.
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
                 FROM books.entries \
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
