//! Rejections: every rule that can refuse a command, in the order in which they are judged.

use daybook_events::ids::{AccountId, AssetCode, LedgerId, Reference, Revision, TransactionId};
use daybook_events::money::Minor;
use daybook_events::problems::{self, Problem};

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
    /// An entry names an account that does not exist.
    #[error("account {account} does not exist")]
    AccountNotFound {
        /// The entry.
        index: usize,
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
            Self::AccountNotFound { .. } => problems::UNKNOWN_ACCOUNT,
            Self::AssetUnknown { .. } => problems::ASSET_UNKNOWN,
            Self::AssetNotAllowed { .. } => problems::ASSET_NOT_ALLOWED,
            Self::Unbalanced { .. } => problems::UNBALANCED,
            Self::Overflow { .. } => problems::OVERFLOW,
            Self::InsufficientFunds { .. } => problems::INSUFFICIENT_FUNDS,
            Self::LimitExceeded { .. } => problems::LIMIT_EXCEEDED,
        }
    }

    /// The first entry that breaks the rule, where the rule is about entries.
    pub const fn index(&self) -> Option<usize> {
        match self {
            Self::AccountNotFound { index, .. }
            | Self::AssetNotAllowed { index, .. }
            | Self::Unbalanced { index, .. }
            | Self::Overflow { index }
            | Self::InsufficientFunds { index, .. }
            | Self::LimitExceeded { index, .. } => Some(*index),
            Self::AssetUnknown { index, .. } => *index,
            Self::LedgerNotFound(_)
            | Self::IdempotencyConflict(_)
            | Self::AlreadyExists(_)
            | Self::RevisionConflict { .. }
            | Self::ReferenceConflict { .. }
            | Self::TransactionNotFound(_)
            | Self::AlreadyReversed { .. } => None,
        }
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
