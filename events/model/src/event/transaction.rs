//! Events about transactions.

use serde::{Deserialize, Serialize};

use super::object;
use crate::ids::{AccountId, AssetCode, Code, Description, Reference, TransactionId};
use crate::metadata::Metadata;
use crate::money::{Amount, Minor, Side};
use crate::time::{Day, Effective, TimeZone, Timestamp};

/// The fewest entries of a transaction.
pub const ENTRIES_MIN: usize = 2;
/// The most entries of a transaction.
pub const ENTRIES_MAX: usize = 1_000;

/// A transaction was posted; captures and reversals too. Its id is the event's id.
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
    #[serde(deserialize_with = "object::optional")]
    pub effective_local: Option<EffectiveLocal>,
    /// Another transaction of the ledger that the client relates this one to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_to: Option<TransactionId>,
    /// What it came from, unless it stands for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "object::optional")]
    pub origin: Option<Origin>,
    /// 2 … 1,000 entries, balanced per asset (INV-1), in the client's order.
    #[serde(deserialize_with = "object::each")]
    pub entries: Vec<Entry>,
    /// The client's own pairs.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

/// What a transaction came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Origin {
    /// It mirrors a posted transaction.
    Reversal {
        /// That transaction.
        of: TransactionId,
        /// Why.
        reason: Description,
    },
    /// It posts what a hold reserved, all of it or a part. What it posts is no longer pending.
    Capture {
        /// The hold.
        of: TransactionId,
    },
}

impl TransactionPosted {
    /// The transaction that this one reverses.
    pub fn reverses(&self) -> Option<TransactionId> {
        match &self.origin {
            Some(Origin::Reversal { of, .. }) => Some(*of),
            Some(Origin::Capture { .. }) | None => None,
        }
    }

    /// The hold that this one captures.
    pub fn captures(&self) -> Option<TransactionId> {
        match &self.origin {
            Some(Origin::Capture { of }) => Some(*of),
            Some(Origin::Reversal { .. }) | None => None,
        }
    }

    /// Why it reverses.
    pub fn reason(&self) -> Option<&Description> {
        match &self.origin {
            Some(Origin::Reversal { reason, .. }) => Some(reason),
            Some(Origin::Capture { .. }) | None => None,
        }
    }
}

/// Where a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionStatus {
    /// A hold that waits.
    Pending,
    /// Posted; of a hold: captured.
    Posted,
    /// A hold that was given up.
    Voided,
    /// A hold whose time is over.
    Expired,
}

impl TransactionStatus {
    /// Every status.
    pub const ALL: &'static [Self] = &[Self::Pending, Self::Posted, Self::Voided, Self::Expired];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Posted => "posted",
            Self::Voided => "voided",
            Self::Expired => "expired",
        }
    }
}

/// What a posted transaction and a hold have in common.
#[derive(Debug, Clone, Copy)]
pub struct TransactionFacts<'a> {
    /// The client's own reference.
    pub reference: Option<&'a Reference>,
    /// A short machine-readable label.
    pub code: Option<&'a Code>,
    /// For people.
    pub description: Option<&'a Description>,
    /// When it counts, as the client gave it.
    pub effective_at: Option<Effective>,
    pub(super) effective_local: Option<EffectiveLocal>,
    /// Another transaction.
    pub related_to: Option<TransactionId>,
    /// The entries.
    pub entries: &'a [Entry],
    /// The client's own pairs.
    pub metadata: &'a Metadata,
}

impl TransactionFacts<'_> {
    /// When it counts, as instant and as day in the ledger's zone.
    pub fn effective(&self, recorded_at: Timestamp) -> EffectiveLocal {
        self.effective_local.unwrap_or_else(|| {
            let given = self.effective_at.unwrap_or(Effective::Instant(recorded_at));
            EffectiveLocal::resolve(given, TimeZone::UTC)
        })
    }
}

impl TransactionPosted {
    /// What it has in common with a hold.
    pub fn facts(&self) -> TransactionFacts<'_> {
        TransactionFacts {
            reference: self.reference.as_ref(),
            code: self.code.as_ref(),
            description: self.description.as_ref(),
            effective_at: self.effective_at,
            effective_local: self.effective_local,
            related_to: self.related_to,
            entries: &self.entries,
            metadata: &self.metadata,
        }
    }
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
    #[serde(deserialize_with = "object::one")]
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
