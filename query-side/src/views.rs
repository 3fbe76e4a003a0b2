//! The answers' objects, field by field as section 2 of the API shows them.

mod state;
mod transactions;

use std::collections::BTreeMap;

use daybook_events::event::Limits;
use daybook_events::ids::{
    AccountId, AssetCode, Description, LedgerId, Name, Revision, TransactionId,
};
use daybook_events::metadata::Metadata;
use daybook_events::money::{AccountType, Amount, Minor, Side};
use daybook_events::time::{Day, Effective, TimeZone, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use state::{AccountState, HoldState, ReservedEntry, State};
pub(crate) use transactions::{Ended, ReleasedEntry, Transaction, TransactionEntry};

/// A ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Ledger {
    #[schema(value_type = String, example = "acme")]
    pub(crate) ledger: LedgerId,
    #[schema(value_type = Option<String>)]
    pub(crate) name: Option<Name>,
    /// Whose days the ledger's dates are.
    #[schema(value_type = String, example = "UTC")]
    pub(crate) time_zone: TimeZone,
    /// The view reflects the ledger up to this revision.
    #[schema(value_type = u64)]
    pub(crate) revision: Revision,
    /// How many accounts there are.
    pub(crate) accounts: u64,
    /// How many transactions there are, holds included.
    pub(crate) transactions: u64,
    /// Nothing more is accepted that counts on a day up to this one.
    #[schema(value_type = Option<String>, format = Date)]
    pub(crate) closed_through: Option<Day>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) opened_at: Timestamp,
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) metadata: Metadata,
}

/// An account with its balances of every asset that ever had an entry or hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Account {
    #[schema(value_type = String, example = "users:123:wallet")]
    pub(crate) account: AccountId,
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "liability")]
    pub(crate) account_type: AccountType,
    /// The side that increases it.
    #[schema(value_type = String, example = "credit")]
    pub(crate) normal_balance: Side,
    #[schema(value_type = Option<String>)]
    pub(crate) name: Option<Name>,
    /// `open`, `frozen` or `closed`.
    #[schema(example = "open")]
    pub(crate) status: String,
    /// The only assets it may hold; any if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub(crate) assets: Option<Vec<AssetCode>>,
    #[schema(value_type = BTreeMap<String, BTreeMap<String, String>>)]
    pub(crate) limits: Limits,
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) metadata: Metadata,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) opened_at: Timestamp,
    #[schema(value_type = BTreeMap<String, Balance>)]
    pub(crate) balances: BTreeMap<AssetCode, Balance>,
    /// The revision that last changed the account itself, not its balances.
    #[schema(value_type = u64)]
    pub(crate) revision: Revision,
}

/// What an account holds of one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Balance {
    /// Posted debits − posted credits if debit-normal, else the other way round.
    #[schema(value_type = String, example = "1050")]
    pub(crate) posted: Minor,
    /// The same of what open holds reserve; not included in `posted`.
    #[schema(value_type = String, example = "0")]
    pub(crate) pending: Minor,
    /// What holds leave to spend.
    #[schema(value_type = String, example = "1050")]
    pub(crate) available: Minor,
    #[schema(value_type = String)]
    pub(crate) debits: Minor,
    #[schema(value_type = String)]
    pub(crate) credits: Minor,
    #[schema(value_type = String)]
    pub(crate) pending_debits: Minor,
    #[schema(value_type = String)]
    pub(crate) pending_credits: Minor,
}

impl Balance {
    /// The balance in the account's normal direction, or `None` beyond ±10^36.
    pub(crate) fn from_turnover(
        normal: Side,
        debits: Minor,
        credits: Minor,
        pending_debits: Minor,
        pending_credits: Minor,
    ) -> Option<Self> {
        let (posted, pending, held) = match normal {
            Side::Debit => (
                debits.checked_sub(credits)?,
                pending_debits.checked_sub(pending_credits)?,
                pending_credits,
            ),
            Side::Credit => (
                credits.checked_sub(debits)?,
                pending_credits.checked_sub(pending_debits)?,
                pending_debits,
            ),
        };
        Some(Self {
            posted,
            pending,
            available: posted.checked_sub(held)?,
            debits,
            credits,
            pending_debits,
            pending_credits,
        })
    }

    /// The domain's own sums.
    pub(crate) fn replayed(normal: Side, balance: daybook_domain::Balance) -> Self {
        Self {
            posted: balance.posted(normal),
            pending: balance.pending(normal),
            available: balance.available(normal),
            debits: balance.debits(),
            credits: balance.credits(),
            pending_debits: balance.pending_debits(),
            pending_credits: balance.pending_credits(),
        }
    }

    /// The three figures that entries show.
    pub(crate) fn short(&self) -> ShortBalance {
        ShortBalance {
            posted: self.posted,
            pending: self.pending,
            available: self.available,
        }
    }
}

/// A balance as it stands beside an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ShortBalance {
    #[schema(value_type = String, example = "905050")]
    pub(crate) posted: Minor,
    #[schema(value_type = String, example = "0")]
    pub(crate) pending: Minor,
    #[schema(value_type = String, example = "905050")]
    pub(crate) available: Minor,
}

/// An account's balances alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct AccountBalances {
    #[schema(value_type = String)]
    pub(crate) account: AccountId,
    #[schema(value_type = BTreeMap<String, Balance>)]
    pub(crate) balances: BTreeMap<AssetCode, Balance>,
    /// The revision that the answer reflects.
    #[schema(value_type = u64)]
    pub(crate) revision: Revision,
}

/// One entry of an account, with the running balance after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct AccountEntry {
    /// `<transaction>:<index>`.
    pub(crate) id: String,
    #[schema(value_type = String)]
    pub(crate) transaction_id: TransactionId,
    /// The transaction's page in the ledger.
    #[schema(value_type = u64)]
    pub(crate) revision: Revision,
    /// Its index in the transaction.
    pub(crate) entry: u16,
    #[schema(value_type = String)]
    pub(crate) account: AccountId,
    #[schema(value_type = String, example = "debit")]
    pub(crate) direction: Side,
    #[schema(value_type = String, example = "1050")]
    pub(crate) amount: Amount,
    #[schema(value_type = String, example = "USD")]
    pub(crate) asset: AssetCode,
    /// The account's balance of the asset after this entry, in recorded order.
    pub(crate) balance: ShortBalance,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) recorded_at: Timestamp,
    #[schema(value_type = String, example = "2026-11-20")]
    pub(crate) effective_at: Effective,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) description: Option<Description>,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) metadata: Metadata,
}

/// One row of a trial balance: the net balance in its actual column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct TrialRow {
    #[schema(value_type = String)]
    pub(crate) account: AccountId,
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "asset")]
    pub(crate) account_type: AccountType,
    #[schema(value_type = String, example = "USD")]
    pub(crate) asset: AssetCode,
    #[schema(value_type = String, example = "1050")]
    pub(crate) debit: Minor,
    #[schema(value_type = String, example = "0")]
    pub(crate) credit: Minor,
}

/// The sums of both columns; equal (INV-1). Text, because a sum over accounts may pass 10^36.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct TrialTotal {
    #[schema(example = "1050")]
    pub(crate) debit: String,
    #[schema(example = "1050")]
    pub(crate) credit: String,
}

/// The trial balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct TrialBalance {
    #[schema(value_type = u64)]
    pub(crate) revision: Revision,
    #[schema(value_type = Option<String>)]
    pub(crate) as_of: Option<Effective>,
    #[schema(value_type = Option<u64>)]
    pub(crate) known_at: Option<Revision>,
    pub(crate) accounts: Vec<TrialRow>,
    #[schema(value_type = BTreeMap<String, TrialTotal>)]
    pub(crate) totals: BTreeMap<AssetCode, TrialTotal>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    pub(crate) data: Vec<T>,
    /// Give it back as `cursor` for the next page; null on the last one.
    pub(crate) next_cursor: Option<String>,
    pub(crate) has_more: bool,
    /// The revision that the walk is pinned to; null where the list spans ledgers.
    #[schema(value_type = Option<u64>)]
    pub(crate) revision: Option<Revision>,
}
