//! Events about holds.

use serde::{Deserialize, Serialize};

use super::object;
use super::transaction::{EffectiveLocal, Entry, TransactionFacts, TransactionStatus};
use crate::ids::{Code, Description, Reference, TransactionId};
use crate::metadata::Metadata;
use crate::time::{Effective, Timestamp};

/// A hold was placed: its entries are pending, not posted. Its id is the event's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldPlaced {
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
    /// How `effective_at` was read in the ledger's zone, unless that is UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "object::optional")]
    pub effective_local: Option<EffectiveLocal>,
    /// Another transaction of the ledger that the client relates this one to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related_to: Option<TransactionId>,
    /// From this instant on it is expired; absent: it waits for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// 2 … 1,000 entries, balanced per asset (INV-1), in the client's order.
    #[serde(deserialize_with = "object::each")]
    pub entries: Vec<Entry>,
    /// The client's own pairs.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

impl HoldPlaced {
    /// What it has in common with a posted transaction.
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

/// A hold came to its end: what remained of it is no longer pending.
///
/// Where a capture ends it, this event comes first and releases what is *not* captured; the capture
/// is the next event of the same command and takes the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldEnded {
    /// The hold.
    pub hold: TransactionId,
    /// How it ended.
    pub outcome: HoldOutcome,
    /// Why it was voided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Description>,
    /// What is released, once per account, direction and asset, in the order of the hold's entries;
    /// each with the balance after all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "object::each")]
    pub released: Vec<Entry>,
    /// The pairs of a captured or voided hold, where they were changed since it was placed. An expiry
    /// names none: nobody asked for it, so nobody is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// How a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldOutcome {
    /// A last capture was posted.
    Captured,
    /// A client gave it up.
    Voided,
    /// Its time was over.
    Expired,
}

impl HoldOutcome {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Voided => "voided",
            Self::Expired => "expired",
        }
    }

    /// The status that the hold has from now on.
    pub const fn status(self) -> TransactionStatus {
        match self {
            Self::Captured => TransactionStatus::Posted,
            Self::Voided => TransactionStatus::Voided,
            Self::Expired => TransactionStatus::Expired,
        }
    }
}
