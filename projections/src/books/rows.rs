//! What the rows were, and what they become. Nearly everything borrows from the batch's events.

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::transaction::EffectiveLocal;
use daybook_events::event::{
    AccountOpened, AccountStatus, AssetRegistered, Entry, HoldOutcome, HoldPlaced, Limits,
    TransactionFacts, TransactionPosted, TransactionStatus, Turnover,
};
use daybook_events::ids::{
    AccountId, AssetCode, Description, IdempotencyKey, LedgerId, Name, Revision, TransactionId,
};
use daybook_events::metadata::Metadata;
use daybook_events::money::{Minor, Side};
use daybook_events::time::{Day, TimeZone, Timestamp};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// One account's key. Keys order as the primary keys do, so that every batch locks in one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct AccountKey<'a> {
    pub(super) ledger: &'a LedgerId,
    pub(super) account: &'a AccountId,
}

/// One balance's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct BalanceKey<'a> {
    pub(super) ledger: &'a LedgerId,
    pub(super) account: &'a AccountId,
    pub(super) asset: &'a AssetCode,
}

/// One transaction's key, hold or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TransactionKey<'a> {
    pub(super) ledger: &'a LedgerId,
    pub(super) id: TransactionId,
}

/// What a hold still reserves of one account, side and asset. Several entries may add up to more
/// than one amount may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reserved {
    pub(super) account: AccountId,
    pub(super) direction: Side,
    pub(super) asset: AssetCode,
    pub(super) amount: Minor,
}

/// Where a ledger's rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LedgerState {
    pub(super) revision: Revision,
    pub(super) accounts: u64,
    pub(super) transactions: u64,
    pub(super) closed_through: Option<Day>,
}

/// The rows that a batch builds on.
#[derive(Debug, Clone, Default)]
pub(super) struct Prior<'a> {
    pub(super) ledgers: FxHashMap<&'a LedgerId, LedgerState>,
    /// Of every balance that the batch moves, if its account was opened before.
    pub(super) balances: FxHashMap<BalanceKey<'a>, PriorBalance>,
    /// The accounts that the batch changes.
    pub(super) accounts: FxHashMap<AccountKey<'a>, PriorAccount>,
    /// The transactions whose pairs the batch changes.
    pub(super) transactions: FxHashMap<TransactionKey<'a>, PriorTransaction>,
    /// The open holds that the batch captures or ends.
    pub(super) holds: FxHashMap<TransactionKey<'a>, PriorHold>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PriorBalance {
    /// The side that increases the account.
    pub(super) normal: Side,
    /// Absent if it was never moved.
    pub(super) turnover: Option<Turnover>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PriorAccount {
    pub(super) opened_revision: Revision,
    pub(super) revision: Revision,
    pub(super) name: Option<Name>,
    pub(super) status: AccountStatus,
    pub(super) limits: Limits,
    pub(super) metadata: Metadata,
    /// Every asset that it has a balance of.
    pub(super) assets: Vec<AssetCode>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PriorTransaction {
    pub(super) revision: Revision,
    pub(super) metadata: Metadata,
    /// Whether the pairs are not those that it was recorded with.
    pub(super) is_changed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PriorHold {
    pub(super) effective: EffectiveLocal,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) remaining: Vec<Reserved>,
}

/// What a batch does to the rows.
#[derive(Debug, Default)]
pub(super) struct Delta<'a> {
    /// Ascending by key, as are all rows that may be there already.
    pub(super) ledgers: Vec<LedgerRow<'a>>,
    pub(super) assets: Vec<AssetRow<'a>>,
    pub(super) accounts: Vec<AccountRow<'a>>,
    pub(super) account_history: Vec<AccountHistoryRow<'a>>,
    pub(super) balances: Vec<BalanceRow<'a>>,
    pub(super) transactions: Vec<TransactionRow<'a>>,
    pub(super) transaction_changes: Vec<TransactionChange<'a>>,
    pub(super) transaction_history: Vec<TransactionHistoryRow<'a>>,
    pub(super) holds: Vec<HoldRow<'a>>,
    pub(super) entries: Vec<EntryRow<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LedgerRow<'a> {
    pub(super) ledger: &'a LedgerId,
    pub(super) state: LedgerState,
    pub(super) last_recorded_at: Timestamp,
    /// Present if the ledger was opened in this batch.
    pub(super) opened: Option<(TimeZone, Timestamp)>,
    /// Present if they were set in this batch.
    pub(super) values: Option<LedgerValues<'a>>,
}

/// What a client may change about a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LedgerValues<'a> {
    pub(super) name: Option<&'a Name>,
    pub(super) metadata: &'a Metadata,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AssetRow<'a> {
    pub(super) ledger: &'a LedgerId,
    pub(super) revision: Revision,
    pub(super) registered: &'a AssetRegistered,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccountRow<'a> {
    pub(super) key: AccountKey<'a>,
    pub(super) opened_revision: Revision,
    /// Of the last event about the account.
    pub(super) revision: Revision,
    /// Present if the account was opened in this batch.
    pub(super) opened: Option<(&'a AccountOpened, Timestamp)>,
    pub(super) values: AccountValues<'a>,
}

/// What may change about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AccountValues<'a> {
    pub(super) name: Option<&'a Name>,
    pub(super) status: AccountStatus,
    pub(super) limits: &'a Limits,
    pub(super) metadata: &'a Metadata,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AccountHistoryRow<'a> {
    pub(super) key: AccountKey<'a>,
    pub(super) revision: Revision,
    pub(super) values: AccountValues<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BalanceRow<'a> {
    pub(super) key: BalanceKey<'a>,
    pub(super) turnover: Turnover,
    pub(super) revision: Revision,
}

#[derive(Debug, Clone)]
pub(super) struct TransactionRow<'a> {
    pub(super) key: TransactionKey<'a>,
    pub(super) revision: Revision,
    pub(super) source: Source<'a>,
    pub(super) effective: EffectiveLocal,
    pub(super) recorded_at: Timestamp,
    pub(super) idempotency_key: Option<&'a IdempotencyKey>,
    pub(super) entries_json: &'a str,
}

/// The event that recorded a transaction.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    Posted(&'a TransactionPosted),
    Held(&'a HoldPlaced),
}

impl<'a> Source<'a> {
    pub(super) fn facts(self) -> TransactionFacts<'a> {
        match self {
            Self::Posted(posted) => posted.facts(),
            Self::Held(placed) => placed.facts(),
        }
    }
}

/// What happens to a transaction that is in the rows, or was added by the same batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TransactionChange<'a> {
    pub(super) key: TransactionKey<'a>,
    pub(super) metadata: Option<(&'a Metadata, Revision)>,
    /// The event that reverses it.
    pub(super) reversed_by: Option<&'a RecordedEvent>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TransactionHistoryRow<'a> {
    pub(super) ledger: &'a LedgerId,
    /// The revision that recorded the transaction.
    pub(super) transaction_revision: Revision,
    pub(super) revision: Revision,
    pub(super) metadata: &'a Metadata,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HoldRow<'a> {
    pub(super) key: TransactionKey<'a>,
    /// Present if the hold was placed in this batch.
    pub(super) placed_at: Option<Revision>,
    pub(super) effective: EffectiveLocal,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) remaining: Vec<Reserved>,
    pub(super) ended: Option<Ended<'a>>,
}

impl HoldRow<'_> {
    pub(super) fn status(&self) -> TransactionStatus {
        self.ended
            .map_or(TransactionStatus::Pending, |ended| ended.outcome.status())
    }
}

/// How a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended<'a> {
    pub(super) revision: Revision,
    pub(super) at: Timestamp,
    pub(super) outcome: HoldOutcome,
    pub(super) reason: Option<&'a Description>,
    pub(super) released_json: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryRow<'a> {
    pub(super) ledger: &'a LedgerId,
    pub(super) revision: Revision,
    /// Index in the event.
    pub(super) index: usize,
    /// The transaction, or the hold that is released.
    pub(super) transaction: TransactionId,
    pub(super) effect: Effect,
    pub(super) entry: &'a Entry,
    /// The account's turnover of this asset after this entry, in recorded order.
    pub(super) after: Turnover,
    /// Of what is released: the hold's.
    pub(super) effective: EffectiveLocal,
    pub(super) recorded_at: Timestamp,
}

/// What an entry does to its balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It is posted.
    Post,
    /// It is posted, and what it posts is no longer pending.
    Capture,
    /// It is pending.
    Hold,
    /// It is no longer pending.
    Release,
}

impl Effect {
    /// How the rows name it.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Post | Self::Capture => "posted",
            Self::Hold => "held",
            Self::Release => "released",
        }
    }
}
