//! The laws that every history keeps.

use daybook_events::event::AccountStatus;
use daybook_events::ids::{AccountId, AssetCode, LedgerId, Revision, TransactionId};
use daybook_events::money::Minor;
use daybook_events::time::Day;

/// An event that cannot have happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the history of ledger {ledger} is corrupt at revision {revision}: {law}")]
pub struct Corrupt {
    /// The ledger.
    pub ledger: LedgerId,
    /// The event.
    pub revision: Revision,
    /// The law that it breaks.
    pub law: Law,
}

/// A law that every history keeps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Law {
    /// Revisions are dense (INV-8).
    #[error("revision {expected} was due (INV-8)")]
    DenseRevisions {
        /// The revision that was due.
        expected: Revision,
    },
    /// Recorded times never go back (D11).
    #[error("it was recorded before its predecessor")]
    RecordedInOrder,
    /// The first event opens the ledger, and no other does.
    #[error("a ledger is opened by its first event and by no other")]
    OpenedFirst,
    /// An asset is registered once.
    #[error("asset {0} was registered before")]
    AssetRegisteredOnce(AssetCode),
    /// An account is opened once.
    #[error("account {0} was opened before")]
    AccountOpenedOnce(AccountId),
    /// Entries and changes are of accounts that were opened.
    #[error("account {0} was never opened")]
    AccountsOpened(AccountId),
    /// The account stored with an event is the one that a replay reaches (INV-4).
    #[error("it stores another account {0} than a replay reaches (INV-4)")]
    AccountAsStored(AccountId),
    /// The ledger stored with an event is the one that a replay reaches (INV-4).
    #[error("it stores another ledger than a replay reaches (INV-4)")]
    LedgerAsStored,
    /// An account is frozen while open, unfrozen while frozen, and closed once.
    #[error("account {account} was {before}: it cannot become {after}")]
    StatusMoves {
        /// The account.
        account: AccountId,
        /// Its status before.
        before: AccountStatus,
        /// The status that the event gives it.
        after: AccountStatus,
    },
    /// An account is closed without balance and holds.
    #[error("account {account} is closed while it has {asset}")]
    ClosedEmpty {
        /// The account.
        account: AccountId,
        /// The first asset that is not empty.
        asset: AssetCode,
    },
    /// A period is closed further on and reopened further back.
    #[error("the closed period does not move the way the event says")]
    PeriodMoves,
    /// A transaction has 2 … 1,000 entries.
    #[error("it has {0} entries, not 2 to 1,000")]
    EntryCount(usize),
    /// Debits equal credits per asset (INV-1).
    #[error("debits of {asset} are {debits}, credits are {credits} (INV-1)")]
    Balanced {
        /// The asset.
        asset: AssetCode,
        /// The sum of its debits.
        debits: Minor,
        /// The sum of its credits.
        credits: Minor,
    },
    /// Turnovers and balances are within 10^36.
    #[error("the balance of entry {index} is beyond 10^36")]
    WithinBounds {
        /// The entry.
        index: usize,
    },
    /// The balance stored with an entry is the one that a replay reaches (INV-4).
    #[error("entry {index} stores another balance than a replay reaches (INV-4)")]
    BalanceAsStored {
        /// The entry.
        index: usize,
    },
    /// Closed accounts take no entries, frozen ones only captures.
    #[error("the account of entry {index} is {status}")]
    AccountTakesEntries {
        /// The entry.
        index: usize,
        /// The account's status.
        status: AccountStatus,
    },
    /// Nothing counts on a closed day.
    #[error("it counts on {date}, and days through {closed_through} are closed")]
    PeriodOpen {
        /// The day on which it counts.
        date: Day,
        /// The last closed day.
        closed_through: Day,
    },
    /// A hold is placed once.
    #[error("hold {0} was placed before and is still open")]
    HoldPlacedOnce(TransactionId),
    /// A hold expires after it was placed.
    #[error("it is placed when it is expired already")]
    ExpiresLater,
    /// What is captured or ended is an open hold.
    #[error("hold {0} is not open")]
    HoldOpen(TransactionId),
    /// A hold expires at its time and no sooner; from then on nothing else ends or captures it.
    #[error("hold {0} ends the wrong way for this time")]
    EndsAtItsTime(TransactionId),
    /// A capture takes what its hold still reserves.
    #[error("entry {index} captures more than remains of the hold")]
    CapturedWithin {
        /// The entry.
        index: usize,
    },
    /// The end of a hold releases what remains of it, but for what a last capture takes.
    #[error("what it releases is not what remains of hold {0}")]
    ReleasedAsRemained(TransactionId),
    /// A hold that was ended by a capture is captured by the next event.
    #[error("the last capture of hold {0} was due")]
    LastCaptureFollows(TransactionId),
    /// A last capture takes all that its hold still reserves, every other one leaves something.
    #[error("hold {0} is captured wholly without having ended, or ended and not wholly captured")]
    LastCaptureTakesAll(TransactionId),
    /// A ledger has at most four billion accounts and as many assets.
    #[error("it is one account or asset too many")]
    Countable,
}
