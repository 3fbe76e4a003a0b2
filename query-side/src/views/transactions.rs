//! Transactions: posted, and holds in every state.

use daybook_events::ids::{
    AccountId, AssetCode, Code, Description, LedgerId, Reference, Revision, TransactionId,
};
use daybook_events::metadata::Metadata;
use daybook_events::money::{Amount, Side};
use daybook_events::time::{Effective, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::ShortBalance;

/// A transaction, posted or hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Transaction {
    #[schema(value_type = String)]
    pub(crate) id: TransactionId,
    #[schema(value_type = String, example = "acme")]
    pub(crate) ledger: LedgerId,
    /// Its page in the ledger.
    #[schema(value_type = u64)]
    pub(crate) revision: Revision,
    /// `posted`; of a hold `pending`, `posted` (captured), `voided` or `expired`.
    #[schema(example = "posted")]
    pub(crate) status: String,
    #[schema(value_type = Option<String>)]
    pub(crate) reference: Option<Reference>,
    #[schema(value_type = Option<String>)]
    pub(crate) code: Option<Code>,
    #[schema(value_type = Option<String>)]
    pub(crate) description: Option<Description>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) recorded_at: Timestamp,
    /// As given (a date stays a date), else `recorded_at`.
    #[schema(value_type = String, example = "2026-11-20")]
    pub(crate) effective_at: Effective,
    /// Of a hold alone: from this instant on it is expired; null if it waits for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) expires_at: Option<Option<Timestamp>>,
    #[schema(value_type = Option<String>)]
    pub(crate) related_to: Option<TransactionId>,
    pub(crate) entries: Vec<TransactionEntry>,
    #[schema(value_type = Option<String>)]
    pub(crate) reverses: Option<TransactionId>,
    #[schema(value_type = Option<String>)]
    pub(crate) reversed_by: Option<TransactionId>,
    /// The hold that it captures.
    #[schema(value_type = Option<String>)]
    pub(crate) captures: Option<TransactionId>,
    /// Why it reverses.
    #[schema(value_type = Option<String>)]
    pub(crate) reason: Option<Description>,
    /// Of a hold alone: how it ended; null while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Ended>)]
    pub(crate) ended: Option<Option<Ended>>,
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) metadata: Metadata,
}

/// How a hold came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Ended {
    /// The page in the ledger.
    #[schema(value_type = u64)]
    pub(crate) revision: Revision,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    /// `captured`, `voided` or `expired`.
    #[schema(example = "voided")]
    pub(crate) outcome: String,
    /// Why it was voided.
    #[schema(value_type = Option<String>)]
    pub(crate) reason: Option<Description>,
    /// What was released: once per account, direction and asset, and not what was captured.
    pub(crate) released: Vec<ReleasedEntry>,
}

/// What the end of a hold released of one account, with the balance after all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ReleasedEntry {
    #[schema(value_type = String)]
    pub(crate) account: AccountId,
    #[schema(value_type = String, example = "debit")]
    pub(crate) direction: Side,
    #[schema(value_type = String, example = "1050")]
    pub(crate) amount: Amount,
    #[schema(value_type = String, example = "USD")]
    pub(crate) asset: AssetCode,
    /// The account's balance of the asset after the hold's end.
    pub(crate) balance: ShortBalance,
}

/// One debit or credit of a transaction, with the balance after the whole transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct TransactionEntry {
    /// `<transaction>:<index>`.
    pub(crate) id: String,
    #[schema(value_type = String)]
    pub(crate) account: AccountId,
    #[schema(value_type = String, example = "debit")]
    pub(crate) direction: Side,
    #[schema(value_type = String, example = "1050")]
    pub(crate) amount: Amount,
    #[schema(value_type = String, example = "USD")]
    pub(crate) asset: AssetCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) description: Option<Description>,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub(crate) metadata: Metadata,
    /// The account's balance of the asset after the whole transaction.
    pub(crate) balance: ShortBalance,
}
