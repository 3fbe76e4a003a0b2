//! Events about transactions.

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, AssetCode, Code, Description, Reference, TransactionId};
use crate::metadata::Metadata;
use crate::money::{Amount, Minor, Side};
use crate::time::{Day, Effective, TimeZone, Timestamp};

/// The fewest entries of a transaction.
pub const ENTRIES_MIN: usize = 2;
/// The most entries of a transaction.
pub const ENTRIES_MAX: usize = 1_000;

/// A transaction was posted. Its id is the event's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionPosted {
    /// The client's own reference, unique per ledger for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// A short machine-readable label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// When it counts; absent where it is `recorded_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<Effective>,
    /// How `effective_at` was read in the ledger's zone, unless that is UTC: kept, so that a replay
    /// does not depend on a time-zone table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_local: Option<EffectiveLocal>,
    /// Another transaction of the ledger that the client relates this one to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_to: Option<TransactionId>,
    /// The transaction that this one reverses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverses: Option<TransactionId>,
    /// Why it was reversed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Description>,
    /// 2 … 1,000 entries, balanced per asset (INV-1), in the client's order.
    pub entries: Vec<Entry>,
    /// The client's own pairs.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// An effective time as read in the ledger's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectiveLocal {
    /// The instant: the start of the day, or the time itself.
    pub instant: Timestamp,
    /// The day.
    pub date: Day,
}

impl EffectiveLocal {
    /// Reads an effective time in a zone.
    pub fn resolve(effective: Effective, zone: TimeZone) -> Self {
        match effective {
            Effective::Day(date) => Self {
                instant: zone.start_of(date),
                date,
            },
            Effective::Instant(instant) => Self {
                instant,
                date: zone.day_of(instant),
            },
        }
    }
}

impl TransactionPosted {
    /// When it counts, as instant and as day in the ledger's zone.
    pub fn effective(&self, recorded_at: Timestamp) -> EffectiveLocal {
        self.effective_local.unwrap_or_else(|| {
            let given = self.effective_at.unwrap_or(Effective::Instant(recorded_at));
            EffectiveLocal::resolve(given, TimeZone::UTC)
        })
    }
}

/// One debit or credit of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The account.
    pub account: AccountId,
    /// The side.
    pub direction: Side,
    /// Minor units.
    pub amount: Amount,
    /// The asset.
    pub asset: AssetCode,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// The client's own pairs.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    /// The account's balance of this asset after the whole transaction.
    pub balance: BalanceAfter,
}

/// An account's balance after a transaction, in its normal direction.
///
/// Stored short: `{"posted":"5"}` stands for nothing pending and all of it available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalanceAfter {
    /// Debits − credits if debit-normal, else credits − debits.
    pub posted: Minor,
    /// The same of the pending turnover; not included in `posted`.
    pub pending: Minor,
    /// What holds leave to spend.
    pub available: Minor,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredBalance {
    posted: Minor,
    #[serde(default, skip_serializing_if = "Minor::is_zero")]
    pending: Minor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    available: Option<Minor>,
}

impl Serialize for BalanceAfter {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let available = (self.available != self.posted).then_some(self.available);
        StoredBalance {
            posted: self.posted,
            pending: self.pending,
            available,
        }
        .serialize(s)
    }
}

impl<'de> Deserialize<'de> for BalanceAfter {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let StoredBalance {
            posted,
            pending,
            available,
        } = StoredBalance::deserialize(d)?;
        Ok(Self {
            posted,
            pending,
            available: available.unwrap_or(posted),
        })
    }
}
