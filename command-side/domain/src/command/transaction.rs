//! Commands that move or reserve money.

use daybook_events::Invalid;
use daybook_events::event::transaction::{ENTRIES_MAX, ENTRIES_MIN};
use daybook_events::ids::{AccountId, AssetCode, Code, Description, Reference, TransactionId};
use daybook_events::metadata::Metadata;
use daybook_events::money::{Amount, Minor, Side};
use daybook_events::time::{Effective, Timestamp};

use super::split::{NewPosting, expand_postings};

/// Moves money between accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostTransaction {
    /// The client's own reference, unique per ledger for ever.
    pub reference: Option<Reference>,
    /// A short machine-readable label.
    pub code: Option<Code>,
    /// For people.
    pub description: Option<Description>,
    /// When it counts; when it is recorded if absent.
    pub effective_at: Option<Effective>,
    /// Another transaction that the client relates this one to. Not looked up.
    pub related_to: Option<TransactionId>,
    /// The entries, in the client's order.
    pub entries: Entries,
    /// The client's own pairs.
    pub metadata: Metadata,
}

/// Reserves money: the same as a transaction, but pending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceHold {
    /// What would be posted.
    pub transaction: PostTransaction,
    /// From this instant on it is expired; `None`: it waits for ever.
    pub expires_at: Option<Timestamp>,
}

/// Posts what a hold reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureHold {
    /// The hold.
    pub hold: TransactionId,
    /// What of it.
    pub what: Captured,
    /// Whether the rest is released.
    pub last: bool,
    /// When the capture counts; when it is recorded if absent.
    pub effective_at: Option<Effective>,
    /// The client's own reference for the capture.
    pub reference: Option<Reference>,
    /// The client's own pairs.
    pub metadata: Metadata,
}

/// What of a hold is captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Captured {
    /// All that remains.
    Rest,
    /// This much of both entries; only of a hold of two entries.
    Amount(Amount),
    /// These entries, each within what remains of its account, direction and asset.
    Entries(Entries),
}

/// Gives a hold up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoidHold {
    /// The hold.
    pub hold: TransactionId,
    /// Why.
    pub reason: Option<Description>,
}

/// Mirrors every entry of an earlier transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReverseTransaction {
    /// The transaction to reverse.
    pub target: TransactionId,
    /// When the reversal counts; when it is recorded if absent.
    pub effective_at: Option<Effective>,
    /// The client's own reference for the reversal.
    pub reference: Option<Reference>,
    /// Why.
    pub reason: Description,
    /// The client's own pairs.
    pub metadata: Metadata,
}

/// One debit or credit that a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// The account.
    pub account: AccountId,
    /// The side.
    pub direction: Side,
    /// Minor units.
    pub amount: Amount,
    /// The asset.
    pub asset: AssetCode,
    /// For people.
    pub description: Option<Description>,
    /// The client's own pairs.
    pub metadata: Metadata,
    /// What must hold of the account's balance after the whole transaction.
    pub condition: Option<Condition>,
}

/// What a client insists on for one balance, judged after the whole transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Condition {
    /// Of `available`.
    pub available: Comparison,
    /// Of `posted`.
    pub posted: Comparison,
}

/// Bounds of a balance in minor units; each that is given must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Comparison {
    /// At least.
    pub gte: Option<Minor>,
    /// At most.
    pub lte: Option<Minor>,
    /// Exactly.
    pub eq: Option<Minor>,
}

/// The entries of a transaction: 2 … 1,000, in the client's order. Whether they balance is a rule
/// of the ledger, judged by [`crate::decide`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries(Vec<NewEntry>);

impl Entries {
    /// Checks the count.
    pub fn try_new(entries: Vec<NewEntry>) -> Result<Self, Invalid> {
        if !(ENTRIES_MIN..=ENTRIES_MAX).contains(&entries.len()) {
            return Err(Invalid::new(
                "entries",
                format!(
                    "a transaction has 2 to 1,000 entries, not {}",
                    entries.len()
                ),
            ));
        }
        Ok(Self(entries))
    }

    /// Expands postings and checks the count of the entries that they stand for.
    pub fn from_postings(postings: Vec<NewPosting>) -> Result<Self, Invalid> {
        if postings.len() > ENTRIES_MAX / 2 || postings.is_empty() {
            return Err(Invalid::new(
                "postings",
                format!(
                    "a transaction has 1 to 500 postings (two entries each), not {}",
                    postings.len()
                ),
            ));
        }
        Self::try_new(expand_postings(postings)?)
    }

    /// A request holds either entries or postings, never both.
    pub fn from_request(
        entries: Option<Vec<NewEntry>>,
        postings: Option<Vec<NewPosting>>,
    ) -> Result<Self, Invalid> {
        match (entries, postings) {
            (Some(entries), None) => Self::try_new(entries),
            (None, Some(postings)) => Self::from_postings(postings),
            (Some(_), Some(_)) => Err(Invalid::new(
                "entries",
                "give either entries or postings, not both",
            )),
            (None, None) => Err(Invalid::new("entries", "give either entries or postings")),
        }
    }

    /// The entries in the client's order.
    pub fn as_slice(&self) -> &[NewEntry] {
        &self.0
    }
}
