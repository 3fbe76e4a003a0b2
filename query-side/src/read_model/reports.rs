//! Reports over the balances.

use std::collections::BTreeMap;

use daybook_events::Invalid;
use daybook_events::ids::{AccountId, AssetCode, LedgerId, Revision};
use futures_util::TryStreamExt as _;
use sqlx::Row as _;

use super::{Snapshot, ViewError, rows};
use crate::views::{TrialBalance, TrialRow, TrialTotal};

/// The most rows of one report: about 40 MB of JSON. Beyond it, the list of accounts is the right
/// door.
pub(crate) const REPORT_ROWS_MAX: i64 = 250_000;

/// A trial balance, or why there is none.
#[derive(Debug)]
pub(crate) enum Trial {
    /// It stands, and its totals are equal.
    Balance(TrialBalance),
    /// More rows than one answer may have.
    TooLong,
}

impl Snapshot {
    /// The trial balance of everything recorded.
    pub(crate) async fn trial_balance(
        &mut self,
        ledger: &LedgerId,
        revision: Revision,
    ) -> Result<Trial, ViewError> {
        let mut accounts = Vec::new();
        let mut rows = sqlx::query(
            "SELECT b.account, a.type, b.asset, \
                    greatest(b.debits - b.credits, 0)::text AS debit, \
                    greatest(b.credits - b.debits, 0)::text AS credit \
             FROM books.balances b \
             JOIN books.accounts a ON a.ledger = b.ledger AND a.account = b.account \
             WHERE b.ledger = $1 AND (b.debits <> 0 OR b.credits <> 0) \
             ORDER BY b.account, b.asset LIMIT $2",
        )
        .bind(ledger.as_str())
        // One more than shown tells that there are too many.
        .bind(REPORT_ROWS_MAX + 1)
        .fetch(&mut *self.connection);
        let mut count = 0;
        while let Some(row) = rows.try_next().await? {
            count += 1;
            if count > REPORT_ROWS_MAX {
                return Ok(Trial::TooLong);
            }
            accounts.push(TrialRow {
                account: AccountId::parse(row.try_get("account")?)?,
                account_type: rows::account_type(row.try_get("type")?)?,
                asset: AssetCode::parse(row.try_get("asset")?)?,
                debit: rows::minor(&row, "debit")?,
                credit: rows::minor(&row, "credit")?,
            });
        }
        drop(rows);
        Ok(Trial::Balance(TrialBalance {
            revision,
            as_of: None,
            known_at: None,
            accounts,
            totals: self.trial_totals(ledger).await?,
        }))
    }

    async fn trial_totals(
        &mut self,
        ledger: &LedgerId,
    ) -> Result<BTreeMap<AssetCode, TrialTotal>, ViewError> {
        let rows = sqlx::query(
            "SELECT asset, sum(greatest(debits - credits, 0))::text AS debit, \
                    sum(greatest(credits - debits, 0))::text AS credit \
             FROM books.balances WHERE ledger = $1 AND (debits <> 0 OR credits <> 0) \
             GROUP BY asset",
        )
        .bind(ledger.as_str())
        .fetch_all(&mut *self.connection)
        .await?;
        let mut totals = BTreeMap::new();
        for row in &rows {
            let total = TrialTotal {
                debit: row.try_get("debit")?,
                credit: row.try_get("credit")?,
            };
            let asset = AssetCode::parse(row.try_get("asset")?)?;
            // The pair of the check before the append (INV-1): a report that does not balance is
            // never shown as if it did.
            if total.debit != total.credit {
                let why = format!("INV-1: {asset} has {} and {}", total.debit, total.credit);
                return Err(Invalid::new("trial balance", why).into());
            }
            totals.insert(asset, total);
        }
        Ok(totals)
    }
}
