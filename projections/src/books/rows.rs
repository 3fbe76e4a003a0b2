//! What the rows were, and what they become. Everything borrows from the batch's events.

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::transaction::{EffectiveLocal, TransactionPosted};
use daybook_events::event::{AccountOpened, AssetRegistered, Entry, LedgerOpened};
use daybook_events::ids::{
    AccountId, AssetCode, IdempotencyKey, LedgerId, Revision, TransactionId,
};
use daybook_events::money::{Amount, Minor, Side};
use daybook_events::time::Timestamp;
use rustc_hash::FxHashMap;

/// One balance's key. Orders as the primary key does, so that every batch locks in one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct BalanceKey<'a> {
    pub(super) ledger: &'a LedgerId,
    pub(super) account: &'a AccountId,
    pub(super) asset: &'a AssetCode,
}

/// One balance's turnover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Turnover {
    pub(super) debits: Minor,
    pub(super) credits: Minor,
    pub(super) pending_debits: Minor,
    pub(super) pending_credits: Minor,
}

impl Turnover {
    /// With one more entry; `None` beyond every bound.
    pub(super) fn plus(self, side: Side, amount: Amount) -> Option<Self> {
        let amount = Minor::from(amount);
        Some(match side {
            Side::Debit => Self {
                debits: self.debits.checked_add(amount)?,
                ..self
            },
            Side::Credit => Self {
                credits: self.credits.checked_add(amount)?,
                ..self
            },
        })
    }
}

/// Where a ledger's rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LedgerState {
    pub(super) revision: Revision,
    pub(super) accounts: u64,
    pub(super) transactions: u64,
}

/// The rows that a batch builds on.
#[derive(Debug, Clone, Default)]
pub(super) struct Prior<'a> {
    pub(super) ledgers: FxHashMap<&'a LedgerId, LedgerState>,
    pub(super) balances: FxHashMap<BalanceKey<'a>, Turnover>,
}

/// What a batch does to the rows.
#[derive(Debug, Default)]
pub(super) struct Delta<'a> {
    /// Ascending by ledger.
    pub(super) ledgers: Vec<LedgerRow<'a>>,
    pub(super) assets: Vec<AssetRow<'a>>,
    pub(super) accounts: Vec<AccountRow<'a>>,
    /// Ascending by key.
    pub(super) balances: Vec<BalanceRow<'a>>,
    pub(super) transactions: Vec<TransactionRow<'a>>,
    pub(super) entries: Vec<EntryRow<'a>>,
    pub(super) reversals: Vec<Reversal<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LedgerRow<'a> {
    pub(super) ledger: &'a LedgerId,
    pub(super) state: LedgerState,
    pub(super) last_recorded_at: Timestamp,
    /// Present if the ledger was opened in this batch.
    pub(super) opened: Option<(&'a LedgerOpened, Timestamp)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AssetRow<'a> {
    pub(super) ledger: &'a LedgerId,
    pub(super) revision: Revision,
    pub(super) registered: &'a AssetRegistered,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccountRow<'a> {
    pub(super) ledger: &'a LedgerId,
    pub(super) revision: Revision,
    pub(super) opened_at: Timestamp,
    pub(super) opened: &'a AccountOpened,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BalanceRow<'a> {
    pub(super) key: BalanceKey<'a>,
    pub(super) turnover: Turnover,
    pub(super) revision: Revision,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TransactionRow<'a> {
    pub(super) ledger: &'a LedgerId,
    pub(super) revision: Revision,
    pub(super) id: TransactionId,
    pub(super) posted: &'a TransactionPosted,
    pub(super) effective: EffectiveLocal,
    pub(super) recorded_at: Timestamp,
    pub(super) key: Option<&'a IdempotencyKey>,
    pub(super) entries_json: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryRow<'a> {
    pub(super) ledger: &'a LedgerId,
    pub(super) revision: Revision,
    /// Index in the transaction.
    pub(super) index: usize,
    pub(super) transaction: TransactionId,
    pub(super) entry: &'a Entry,
    /// The account's turnover of this asset after this entry, in recorded order.
    pub(super) after: Turnover,
    pub(super) effective: EffectiveLocal,
    pub(super) recorded_at: Timestamp,
}

/// One transaction reverses another of its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reversal<'a> {
    pub(super) by: &'a RecordedEvent,
    pub(super) target: TransactionId,
}
