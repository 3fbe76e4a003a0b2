//! A ledger's state as a replay gives it.

use std::collections::BTreeMap;

use daybook_events::event::AccountStatus;
use daybook_events::ids::{AccountId, AssetCode, LedgerId, Revision, TransactionId};
use daybook_events::money::{AccountType, Amount, Side};
use daybook_events::time::{Day, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::Balance;

/// A ledger's state as a replay of its events gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct State {
    #[schema(value_type = String, example = "acme")]
    pub(crate) ledger: LedgerId,
    /// The last event that was replayed.
    #[schema(value_type = u64)]
    pub(crate) revision: Revision,
    /// When that event was recorded.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) recorded_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = Date)]
    pub(crate) closed_through: Option<Day>,
    /// By id.
    pub(crate) accounts: Vec<AccountState>,
    /// The open ones, by id.
    pub(crate) holds: Vec<HoldState>,
}

/// An account as a replay gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct AccountState {
    #[schema(value_type = String)]
    pub(crate) account: AccountId,
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "liability")]
    pub(crate) account_type: AccountType,
    #[schema(value_type = String, example = "credit")]
    pub(crate) normal_balance: Side,
    /// `open`, `frozen` or `closed`.
    #[schema(value_type = String, example = "open")]
    pub(crate) status: AccountStatus,
    #[schema(value_type = BTreeMap<String, Balance>)]
    pub(crate) balances: BTreeMap<AssetCode, Balance>,
}

/// An open hold as a replay gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct HoldState {
    #[schema(value_type = String)]
    pub(crate) id: TransactionId,
    /// From this instant on it is expired; null if it waits for ever.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) expires_at: Option<Timestamp>,
    /// What is neither captured nor released, once per account, direction and asset.
    pub(crate) remaining: Vec<ReservedEntry>,
}

/// What a hold still reserves of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ReservedEntry {
    #[schema(value_type = String)]
    pub(crate) account: AccountId,
    #[schema(value_type = String, example = "debit")]
    pub(crate) direction: Side,
    #[schema(value_type = String, example = "1050")]
    pub(crate) amount: Amount,
    #[schema(value_type = String, example = "USD")]
    pub(crate) asset: AssetCode,
}
