//! Commands as the model knows them: what a client means, before any default.
//!
//! Two requests are equal if these values are; how they are spelled on the wire is the driver's
//! affair.

use std::collections::BTreeMap;

/// The client's own pairs.
pub type Pairs = BTreeMap<String, String>;
/// A merge patch of pairs: `None` deletes.
pub type PairsPatch = BTreeMap<String, Option<String>>;

/// One command with everything that decides about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The idempotency key.
    pub key: Option<String>,
    /// The revision that the ledger must have.
    pub if_match: Option<u64>,
    /// Whether it is only judged.
    pub dry_run: bool,
    /// What is asked, as far as it makes requests equal or not.
    pub asked: Asked,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The command.
    pub command: Command,
    /// Whether a refusal is to be kept.
    pub record_rejection: bool,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `POST assets`.
    RegisterAsset {
        /// Its code.
        asset: String,
        /// Digits of its minor unit.
        scale: u8,
        /// A name for people.
        name: Option<String>,
    },
    /// `POST accounts`.
    OpenAccount(OpenAccount),
    /// `PATCH` of the ledger.
    PatchLedger {
        /// Its name.
        name: Patch<String>,
        /// Its pairs.
        metadata: Patch<PairsPatch>,
    },
    /// `PATCH accounts/{account}`.
    PatchAccount(PatchAccount),
    /// `POST accounts/{account}/freeze | unfreeze | close`.
    Turn {
        /// The account.
        account: String,
        /// Which of them.
        to: Turn,
        /// Why.
        reason: String,
    },
    /// `POST transactions`.
    Transaction(NewTransaction),
    /// `POST transactions/{id}/post`.
    Capture(Capture),
    /// `POST transactions/{id}/void`.
    Void {
        /// The hold.
        hold: String,
        /// Why.
        reason: Option<String>,
    },
    /// `POST transactions/{id}/reverse`.
    Reverse(Reverse),
    /// `PATCH transactions/{id}`, or the bulk action `metadata` of a transaction.
    TransactionPairs {
        /// The transaction.
        transaction: String,
        /// Its pairs.
        metadata: PairsPatch,
    },
    /// The bulk action `metadata` of an account.
    AccountPairs {
        /// The account.
        account: String,
        /// Its pairs.
        metadata: PairsPatch,
    },
    /// `POST periods/close`.
    ClosePeriod {
        /// The last closed day.
        through: String,
        /// Why.
        reason: String,
    },
    /// `POST periods/reopen`.
    ReopenPeriod {
        /// The last day that stays closed.
        through: Option<String>,
        /// Why.
        reason: String,
    },
}

/// A member of a merge patch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// Absent: it stays.
    #[default]
    Keep,
    /// `null`: it goes.
    Remove,
    /// It becomes this.
    Set(T),
}

/// What an account can be turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Frozen.
    Freeze,
    /// Open again.
    Unfreeze,
    /// Closed.
    Close,
}

/// The two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The left side.
    Debit,
    /// The right side.
    Credit,
}

impl Side {
    /// As JSON has it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Credit => "credit",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Debit => Self::Credit,
            Self::Credit => Self::Debit,
        }
    }
}

/// The bounds of one balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limit {
    /// `available` must not fall below it.
    pub min_available: Option<i128>,
    /// `posted` and what may be added must not exceed it.
    pub max_balance: Option<i128>,
}

/// A patch of the bounds of one balance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LimitPatch {
    /// See [`Limit`].
    pub min_available: Patch<i128>,
    /// See [`Limit`].
    pub max_balance: Patch<i128>,
}

/// A new account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAccount {
    /// Its id.
    pub account: String,
    /// `asset`, `liability` and so on.
    pub kind: &'static str,
    /// The side that increases it, if it is said.
    pub normal: Option<Side>,
    /// A name for people.
    pub name: Option<String>,
    /// The only assets it may hold.
    pub assets: Option<Vec<String>>,
    /// Its limits by asset or `*`.
    pub limits: Option<BTreeMap<String, Limit>>,
    /// Pairs.
    pub metadata: Option<Pairs>,
}

/// A change of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchAccount {
    /// The account.
    pub account: String,
    /// Its name.
    pub name: Patch<String>,
    /// Its limits by asset or `*`.
    pub limits: Patch<BTreeMap<String, Patch<LimitPatch>>>,
    /// Its pairs.
    pub metadata: Patch<PairsPatch>,
    /// Why.
    pub reason: Option<String>,
}

/// When a transaction counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effective {
    /// A day.
    Day(String),
    /// An instant in microseconds.
    Instant(i64),
}

/// A new transaction or hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewTransaction {
    /// The client's id of it.
    pub id: Option<String>,
    /// Unique per ledger.
    pub reference: Option<String>,
    /// A label.
    pub code: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// When it counts.
    pub effective_at: Option<Effective>,
    /// `true`: pending, `false`: posted, `None`: not said.
    pub pending: Option<bool>,
    /// When the hold is over.
    pub expires_at: Option<i64>,
    /// Another transaction.
    pub related_to: Option<String>,
    /// What moves.
    pub lines: Lines,
    /// Pairs.
    pub metadata: Option<Pairs>,
}

/// What moves, in one of two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lines {
    /// Debits and credits one by one.
    Entries(Vec<Entry>),
    /// Pairs of a debit and a credit.
    Postings(Vec<Posting>),
}

impl Default for Lines {
    fn default() -> Self {
        Self::Entries(Vec::new())
    }
}

/// A debit or a credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The account.
    pub account: String,
    /// The side.
    pub side: Side,
    /// Minor units.
    pub amount: i128,
    /// The asset.
    pub asset: String,
    /// For people.
    pub description: Option<String>,
    /// Pairs.
    pub metadata: Option<Pairs>,
    /// What must hold afterwards.
    pub condition: Option<Condition>,
}

/// What must hold of a balance after the transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Condition {
    /// Of what is available.
    pub available: Option<Bounds>,
    /// Of what is posted.
    pub posted: Option<Bounds>,
}

/// Comparisons.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bounds {
    /// At least.
    pub gte: Option<i128>,
    /// At most.
    pub lte: Option<i128>,
    /// Exactly.
    pub eq: Option<i128>,
}

/// A debit and a credit of the same amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Who is debited.
    pub debit: Party,
    /// Who is credited.
    pub credit: Party,
    /// Minor units.
    pub amount: i128,
    /// The asset.
    pub asset: String,
}

/// One side of a posting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// An account.
    One(String),
    /// Accounts with weights in millionths.
    Split(Vec<(String, i128)>),
}

/// A capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The hold.
    pub hold: String,
    /// The client's id of it.
    pub id: Option<String>,
    /// How much of it.
    pub part: Part,
    /// Whether the rest is released.
    pub last: Option<bool>,
    /// When it counts.
    pub effective_at: Option<Effective>,
    /// Unique per ledger.
    pub reference: Option<String>,
    /// Pairs.
    pub metadata: Option<Pairs>,
}

/// How much of a hold is captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All that remains.
    Rest,
    /// This amount on both sides.
    Amount(i128),
    /// These entries.
    Entries(Vec<Entry>),
}

/// A reversal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reverse {
    /// What is reversed.
    pub target: String,
    /// The client's id of it.
    pub id: Option<String>,
    /// When it counts.
    pub effective_at: Option<Effective>,
    /// Unique per ledger.
    pub reference: Option<String>,
    /// Why.
    pub reason: String,
    /// Pairs.
    pub metadata: Option<Pairs>,
}

impl Command {
    /// The id that the client gave to what is to be.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Transaction(new) => new.id.as_deref(),
            Self::Capture(capture) => capture.id.as_deref(),
            Self::Reverse(reverse) => reverse.id.as_deref(),
            Self::RegisterAsset { .. }
            | Self::OpenAccount(_)
            | Self::PatchLedger { .. }
            | Self::PatchAccount(_)
            | Self::Turn { .. }
            | Self::Void { .. }
            | Self::TransactionPairs { .. }
            | Self::AccountPairs { .. }
            | Self::ClosePeriod { .. }
            | Self::ReopenPeriod { .. } => None,
        }
    }

    /// Whether it moves money, so that it needs a key or an id.
    pub fn moves_money(&self) -> bool {
        matches!(
            self,
            Self::Transaction(_) | Self::Capture(_) | Self::Void { .. } | Self::Reverse(_)
        )
    }
}
