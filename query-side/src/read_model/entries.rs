//! Reads of `books.entries`: an account's entries with their running balance.

use daybook_events::ids::{AccountId, AssetCode, Description, LedgerId, Revision, TransactionId};
use daybook_events::money::{Amount, Side};
use daybook_events::time::Effective;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{QueryBuilder, Row as _};

use super::accounts::Stretch;
use super::{Snapshot, ViewError, rows};
use crate::views::AccountEntry;

/// An entry's place in recorded order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryKey {
    /// The transaction's revision.
    pub(crate) revision: Revision,
    /// Its index in the transaction.
    pub(crate) entry: u16,
}

impl Snapshot {
    /// An account's posted entries in recorded order, or against it.
    pub(crate) async fn entries(
        &mut self,
        ledger: &LedgerId,
        account: &AccountId,
        normal: Side,
        stretch: &Stretch<EntryKey>,
    ) -> Result<Vec<AccountEntry>, ViewError> {
        // The transaction's row knows how the client gave the effective time.
        let mut query = QueryBuilder::new(
            "SELECT e.revision, e.entry, e.transaction_id, e.asset, e.direction, \
                    e.amount::text AS amount, e.debits_after::text AS debits, \
                    e.credits_after::text AS credits, \
                    e.pending_debits_after::text AS pending_debits, \
                    e.pending_credits_after::text AS pending_credits, \
                    e.recorded_at, e.description, e.metadata::text AS metadata, \
                    t.effective_given \
             FROM books.entries e \
             LEFT JOIN books.transactions t ON t.ledger = e.ledger AND t.revision = e.revision \
             WHERE e.ledger = ",
        );
        query.push_bind(ledger.as_str());
        query.push(" AND e.account = ").push_bind(account.as_str());
        query
            .push(" AND e.revision <= ")
            .push_bind(stretch.pinned.as_i64());
        if let Some(after) = stretch.after {
            query.push(" AND (e.revision, e.entry) ");
            query.push(stretch.order.beyond()).push(" (");
            query.push_bind(after.revision.as_i64()).push(", ");
            query.push_bind(i32::from(after.entry)).push(")");
        }
        let direction = stretch.order.sql();
        query.push(" ORDER BY e.revision ").push(direction);
        query.push(", e.entry ").push(direction);
        query.push(" LIMIT ").push_bind(stretch.limit);
        let rows = query.build().fetch_all(&mut *self.connection).await?;
        rows.iter()
            .map(|row| entry_of(row, account, normal))
            .collect()
    }
}

fn entry_of(row: &PgRow, account: &AccountId, normal: Side) -> Result<AccountEntry, ViewError> {
    let transaction_id = TransactionId::new(row.try_get("transaction_id")?);
    let entry: i16 = row.try_get("entry")?;
    let entry = u16::try_from(entry).map_err(|error| ViewError::Malformed(Box::new(error)))?;
    let recorded_at = rows::time(row, "recorded_at")?;
    let given: Option<&str> = row.try_get("effective_given")?;
    let description: Option<&str> = row.try_get("description")?;
    Ok(AccountEntry {
        id: format!("{transaction_id}:{entry}"),
        transaction_id,
        revision: Revision::from_i64(row.try_get("revision")?),
        entry,
        account: account.clone(),
        direction: rows::side(row.try_get("direction")?)?,
        amount: Amount::parse(row.try_get("amount")?)?,
        asset: AssetCode::parse(row.try_get("asset")?)?,
        balance: rows::balance(row, normal)?.short(),
        recorded_at,
        effective_at: effective(given)?.unwrap_or(Effective::Instant(recorded_at)),
        description: description.map(Description::parse).transpose()?,
        metadata: rows::json(row, "metadata")?,
    })
}

/// The effective time as the client gave it.
pub(super) fn effective(given: Option<&str>) -> Result<Option<Effective>, ViewError> {
    Ok(given.map(Effective::parse).transpose()?)
}
