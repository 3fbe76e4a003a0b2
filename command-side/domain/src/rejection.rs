//! Rejections: every rule that can refuse a command, in the order in which they are judged.

use daybook_events::event::HoldOutcome;
use daybook_events::ids::{AccountId, AssetCode, LedgerId, Reference, Revision, TransactionId};
use daybook_events::money::{Minor, Side};
use daybook_events::problems::{self, Problem};
use daybook_events::time::{Day, Timestamp};

/// The rule that refused a command. `Display` is the detail for the client; `index` is the first
/// entry that breaks the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The ledger does not exist.
    #[error("ledger {0} does not exist")]
    LedgerNotFound(LedgerId),
    /// The idempotency key belongs to another request.
    #[error("the idempotency key was used for another request, at revision {0}")]
    IdempotencyConflict(Revision),
    /// What the command would make is there already.
    #[error("{0} exists already")]
    AlreadyExists(Existing),
    /// `If-Match` names a revision that the ledger is not at.
    #[error("the ledger is at {}, not at revision {expected}", At(*.actual))]
    RevisionConflict {
        /// What the client insisted on.
        expected: Revision,
        /// Where the ledger is.
        actual: Option<Revision>,
    },
    /// Another transaction has this reference.
    #[error("reference {reference} belongs to the transaction at revision {revision}")]
    ReferenceConflict {
        /// The reference.
        reference: Reference,
        /// The transaction that has it.
        revision: Revision,
    },
    /// The transaction to reverse does not exist.
    #[error("transaction {0} does not exist in this ledger")]
    TransactionNotFound(TransactionId),
    /// The transaction was reversed before.
    #[error("transaction {target} was reversed at revision {reversed_by}")]
    AlreadyReversed {
        /// The transaction.
        target: TransactionId,
        /// Where its reversal is.
        reversed_by: Revision,
    },
    /// The transaction was never posted: it is a hold.
    #[error("transaction {0} is a hold; reverse its captures")]
    NotPosted(TransactionId),
    /// The transaction is no hold: it was posted.
    #[error("transaction {0} is not a hold")]
    NotAHold(TransactionId),
    /// The hold was captured or voided before.
    #[error("hold {hold} was {} at revision {ended}", .outcome.as_str())]
    AlreadySettled {
        /// The hold.
        hold: TransactionId,
        /// How it ended.
        outcome: HoldOutcome,
        /// Where it ended.
        ended: Revision,
    },
    /// The hold's time is over.
    #[error("hold {hold} expired at {expires_at}")]
    HoldExpired {
        /// The hold.
        hold: TransactionId,
        /// When.
        expires_at: Timestamp,
    },
    /// The hold would be expired when it is placed.
    #[error("expires_at {expires_at} is not after {now}, the time of this decision")]
    ExpiresInThePast {
        /// What was asked for.
        expires_at: Timestamp,
        /// The time of the decision.
        now: Timestamp,
    },
    /// More is captured than remains of the hold.
    #[error("{account} has {remaining} {asset} left to {} in this hold", verb(*.direction))]
    CaptureExceedsHold {
        /// The first entry of the capture that goes beyond.
        index: usize,
        /// The account.
        account: AccountId,
        /// The side.
        direction: Side,
        /// The asset.
        asset: AssetCode,
        /// What remains of the hold after the entries before.
        remaining: Minor,
    },
    /// The account that the path names does not exist.
    #[error("account {0} does not exist in this ledger")]
    NoSuchAccount(AccountId),
    /// The account is frozen.
    #[error("account {account} is frozen")]
    AccountFrozen {
        /// The entry, if an entry names it.
        index: Option<usize>,
        /// The account.
        account: AccountId,
    },
    /// The account is closed.
    #[error("account {account} is closed")]
    AccountClosed {
        /// The entry, if an entry names it.
        index: Option<usize>,
        /// The account.
        account: AccountId,
    },
    /// The account still has a balance or a hold.
    #[error("account {account} has {asset}: posted {posted}, or something pending")]
    AccountNotEmpty {
        /// The account.
        account: AccountId,
        /// The first asset that is not empty.
        asset: AssetCode,
        /// Its posted balance.
        posted: Minor,
    },
    /// The day on which it counts is closed.
    #[error("{date} is in a closed period: days through {closed_through} are closed")]
    PeriodClosed {
        /// The day on which it counts.
        date: Day,
        /// The last closed day.
        closed_through: Day,
    },
    /// A condition of an entry does not hold.
    #[error("{account} would have {balance} {asset} {what}, the condition is {condition}")]
    ConditionFailed {
        /// The entry.
        index: usize,
        /// The account.
        account: AccountId,
        /// The asset.
        asset: AssetCode,
        /// `available` or `posted`.
        what: &'static str,
        /// What it would be after the transaction.
        balance: Minor,
        /// The condition in words, such as `gte 0`.
        condition: String,
    },
    /// What is asked for does not fit the state, though it is well-formed.
    #[error("{0}")]
    Unfit(String),
    /// The body names an account that does not exist.
    #[error("account {account} does not exist")]
    AccountNotFound {
        /// The entry, if an entry names it.
        index: Option<usize>,
        /// The account.
        account: AccountId,
    },
    /// An asset is neither of ISO 4217 nor registered.
    #[error("asset {asset} is neither of ISO 4217 nor registered in this ledger")]
    AssetUnknown {
        /// The entry, if an entry names it.
        index: Option<usize>,
        /// The asset.
        asset: AssetCode,
    },
    /// The account is restricted to other assets.
    #[error("account {account} may not hold {asset}")]
    AssetNotAllowed {
        /// The entry.
        index: usize,
        /// The account.
        account: AccountId,
        /// The asset.
        asset: AssetCode,
    },
    /// Debits and credits of an asset differ.
    #[error("debits of {asset} are {debits}, credits are {credits}")]
    Unbalanced {
        /// The first entry of the asset.
        index: usize,
        /// The asset.
        asset: AssetCode,
        /// The sum of its debits.
        debits: Minor,
        /// The sum of its credits.
        credits: Minor,
    },
    /// A turnover or balance would be beyond 10^36.
    #[error("the balance of entry {index} would be beyond 10^36 minor units")]
    Overflow {
        /// The first entry of this account and asset.
        index: usize,
    },
    /// The hold would reserve more than 10^30 of one account, direction and asset; one entry could
    /// not release it again.
    #[error("more than 10^30 minor units would be held on the side of entry {index}")]
    HoldTooLarge {
        /// The first entry of this account and asset.
        index: usize,
    },
    /// `available` would be below `min_available`.
    #[error("{account} would have {available} {asset} available, its minimum is {min_available}")]
    InsufficientFunds {
        /// The first entry of this account and asset.
        index: usize,
        /// The account.
        account: AccountId,
        /// The asset.
        asset: AssetCode,
        /// What would be available after the transaction.
        available: Minor,
        /// The limit.
        min_available: Minor,
    },
    /// `posted` plus pending increases would be above `max_balance`.
    #[error("{account} would hold {balance} {asset}, its maximum is {max_balance}")]
    LimitExceeded {
        /// The first entry of this account and asset.
        index: usize,
        /// The account.
        account: AccountId,
        /// The asset.
        asset: AssetCode,
        /// What it would hold after the transaction, pending increases included.
        balance: Minor,
        /// The limit.
        max_balance: Minor,
    },
}

/// What exists already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Existing {
    /// The ledger.
    #[error("ledger {0}")]
    Ledger(LedgerId),
    /// An asset, built in or registered.
    #[error("asset {0}")]
    Asset(AssetCode),
    /// An account.
    #[error("account {0}")]
    Account(AccountId),
    /// An event with the client's id, made by another request.
    #[error("transaction {0}")]
    Transaction(TransactionId),
}

impl Rejection {
    /// Its status, code and title.
    pub const fn problem(&self) -> Problem {
        match self {
            Self::LedgerNotFound(_) => problems::LEDGER_NOT_FOUND,
            Self::IdempotencyConflict(_) => problems::IDEMPOTENCY_CONFLICT,
            Self::AlreadyExists(_) => problems::ALREADY_EXISTS,
            Self::RevisionConflict { .. } => problems::REVISION_CONFLICT,
            Self::ReferenceConflict { .. } => problems::REFERENCE_CONFLICT,
            Self::TransactionNotFound(_) => problems::TRANSACTION_NOT_FOUND,
            Self::AlreadyReversed { .. } => problems::ALREADY_REVERSED,
            Self::NotPosted(_) => problems::NOT_POSTED,
            Self::NotAHold(_) => problems::NOT_A_HOLD,
            Self::AlreadySettled { .. } => problems::ALREADY_SETTLED,
            Self::HoldExpired { .. } | Self::ExpiresInThePast { .. } => problems::HOLD_EXPIRED,
            Self::CaptureExceedsHold { .. } => problems::CAPTURE_EXCEEDS_HOLD,
            Self::NoSuchAccount(_) => problems::ACCOUNT_NOT_FOUND,
            Self::AccountFrozen { .. } => problems::ACCOUNT_FROZEN,
            Self::AccountClosed { .. } => problems::ACCOUNT_CLOSED,
            Self::AccountNotEmpty { .. } => problems::ACCOUNT_NOT_EMPTY,
            Self::PeriodClosed { .. } => problems::PERIOD_CLOSED,
            Self::ConditionFailed { .. } => problems::CONDITION_FAILED,
            Self::Unfit(_) => problems::UNFIT,
            Self::AccountNotFound { .. } => problems::UNKNOWN_ACCOUNT,
            Self::AssetUnknown { .. } => problems::ASSET_UNKNOWN,
            Self::AssetNotAllowed { .. } => problems::ASSET_NOT_ALLOWED,
            Self::Unbalanced { .. } => problems::UNBALANCED,
            Self::Overflow { .. } | Self::HoldTooLarge { .. } => problems::OVERFLOW,
            Self::InsufficientFunds { .. } => problems::INSUFFICIENT_FUNDS,
            Self::LimitExceeded { .. } => problems::LIMIT_EXCEEDED,
        }
    }

    /// Whether it is kept where the client asks for that (`?record_rejection=true`). Without the
    /// ledger there is nowhere to keep it; where the key, the id or the name is taken already, the
    /// event that took it goes on to answer. `If-Match` is no rule of the ledger and no part of the
    /// request: whoever reads again may ask again under the same key.
    pub const fn is_recorded(&self) -> bool {
        match self {
            Self::LedgerNotFound(_)
            | Self::IdempotencyConflict(_)
            | Self::AlreadyExists(_)
            | Self::RevisionConflict { .. } => false,
            Self::ReferenceConflict { .. }
            | Self::TransactionNotFound(_)
            | Self::AlreadyReversed { .. }
            | Self::NotPosted(_)
            | Self::NotAHold(_)
            | Self::AlreadySettled { .. }
            | Self::HoldExpired { .. }
            | Self::ExpiresInThePast { .. }
            | Self::CaptureExceedsHold { .. }
            | Self::NoSuchAccount(_)
            | Self::AccountFrozen { .. }
            | Self::AccountClosed { .. }
            | Self::AccountNotEmpty { .. }
            | Self::PeriodClosed { .. }
            | Self::ConditionFailed { .. }
            | Self::Unfit(_)
            | Self::AccountNotFound { .. }
            | Self::AssetUnknown { .. }
            | Self::AssetNotAllowed { .. }
            | Self::Unbalanced { .. }
            | Self::Overflow { .. }
            | Self::InsufficientFunds { .. }
            | Self::HoldTooLarge { .. }
            | Self::LimitExceeded { .. } => true,
        }
    }

    /// The first entry that breaks the rule, where the rule is about entries.
    pub const fn index(&self) -> Option<usize> {
        match self {
            Self::AssetNotAllowed { index, .. }
            | Self::Unbalanced { index, .. }
            | Self::Overflow { index }
            | Self::HoldTooLarge { index }
            | Self::CaptureExceedsHold { index, .. }
            | Self::InsufficientFunds { index, .. }
            | Self::LimitExceeded { index, .. }
            | Self::ConditionFailed { index, .. } => Some(*index),
            Self::AccountNotFound { index, .. }
            | Self::AssetUnknown { index, .. }
            | Self::AccountFrozen { index, .. }
            | Self::AccountClosed { index, .. } => *index,
            Self::LedgerNotFound(_)
            | Self::IdempotencyConflict(_)
            | Self::AlreadyExists(_)
            | Self::RevisionConflict { .. }
            | Self::ReferenceConflict { .. }
            | Self::TransactionNotFound(_)
            | Self::AlreadyReversed { .. }
            | Self::NotPosted(_)
            | Self::NotAHold(_)
            | Self::AlreadySettled { .. }
            | Self::HoldExpired { .. }
            | Self::ExpiresInThePast { .. }
            | Self::NoSuchAccount(_)
            | Self::AccountNotEmpty { .. }
            | Self::PeriodClosed { .. }
            | Self::Unfit(_) => None,
        }
    }
}

const fn verb(direction: Side) -> &'static str {
    match direction {
        Side::Debit => "debit",
        Side::Credit => "credit",
    }
}

/// Where a ledger is, in words.
struct At(Option<Revision>);

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(revision) => write!(f, "revision {revision}"),
            None => f.write_str("no revision yet"),
        }
    }
}
