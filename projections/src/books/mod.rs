//! The projection `books`: ledgers, assets, accounts, balances, transactions, holds, entries.
//!
//! One projection, so that all of them share one revision. [`fold`] is pure: what the rows were and
//! the events give what the rows become. [`load`] reads the one, [`write`] writes the other, one
//! statement a table and batch; [`clear`](mod@clear) deletes what is to be made anew.

mod clear;
mod copy;
mod decode;
mod fold;
mod load;
mod rows;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;

use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{EventId, GenerationId, LedgerId, Position, Revision, TransactionId};
use sqlx::PgConnection;

pub(crate) use clear::clear;

/// The projection's name.
pub(crate) const NAME: &str = "books";
/// The version of its tables; also the number in their schema's name.
pub(crate) const VERSION: i32 = 1;

/// The ledgers that a batch touched, and where each is now.
pub(crate) type Touched = BTreeMap<LedgerId, Revision>;

/// An event that the books cannot take. Trying again cannot help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {id} (ledger {ledger}, revision {revision}, position {position}): {rule}")]
pub(crate) struct Corrupt {
    /// The event.
    pub(crate) id: EventId,
    /// Its ledger.
    pub(crate) ledger: LedgerId,
    /// Its place there.
    pub(crate) revision: Revision,
    /// Its place in the store's order.
    pub(crate) position: Position,
    /// What it breaks.
    pub(crate) rule: Rule,
}

/// What a corrupt event breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rule {
    /// The event and the rows do not follow each other: one of the two is wrong.
    #[error("the rows are at revision {at:?}, so it does not follow (INV-8)")]
    Revision {
        /// The last revision in the rows.
        at: Option<Revision>,
    },
    /// Its stored form cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Debits and credits differ.
    #[error("debits and credits of {asset} differ (INV-1)")]
    Unbalanced {
        /// The asset.
        asset: String,
    },
    /// A turnover beyond every bound, or less pending than is taken.
    #[error("the turnover of {account} leaves its bounds")]
    Bounds {
        /// The account.
        account: String,
    },
    /// The account is not in the rows, or was opened before.
    #[error("account {account} is not there, or is opened a second time")]
    Account {
        /// The account.
        account: String,
    },
    /// The balance that an entry carries is not the one that the entries add up to.
    #[error("entry {index} carries another balance than its entries add up to (INV-4)")]
    Balance {
        /// The entry.
        index: usize,
    },
    /// The turnovers that the event says an account has are not what its entries add up to.
    #[error("it carries other turnovers of {account} than its entries add up to (INV-4)")]
    Turnovers {
        /// The account.
        account: String,
    },
    /// The account cannot get this status, now or ever.
    #[error("account {account} cannot get this status")]
    Status {
        /// The account.
        account: String,
    },
    /// What the event says of the ledger is not what its events add up to.
    #[error("it carries other counts or another closed period than the events add up to (INV-4)")]
    Ledger,
    /// The period is moved the wrong way.
    #[error("it moves the closed period the wrong way")]
    Period,
    /// The reversed transaction is not in the rows, is a hold, or was reversed before.
    #[error("it reverses a transaction that is not there, is a hold or already reversed")]
    Reversal,
    /// The transaction is not in the rows.
    #[error("transaction {id} is not there")]
    Transaction {
        /// The transaction.
        id: TransactionId,
    },
    /// The hold is not in the rows, or has ended.
    #[error("hold {hold} is not there or has ended")]
    Hold {
        /// The hold.
        hold: TransactionId,
    },
    /// What is captured or released is not what it should be of what remains.
    #[error("it takes more or less of hold {hold} than its end leaves")]
    Remaining {
        /// The hold.
        hold: TransactionId,
    },
    /// A hold was ended by a capture, and the capture did not follow at once.
    #[error("hold {hold} is being ended by a capture, and this is not the capture")]
    CaptureDue {
        /// The hold.
        hold: TransactionId,
    },
    /// A hold is said to have expired before its time.
    #[error("hold {hold} expires later, or never")]
    ExpiredEarly {
        /// The hold.
        hold: TransactionId,
    },
}

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BooksError {
    #[error("an event breaks a law of the books")]
    Corrupt(#[from] Box<Corrupt>),
    #[error("a row in the database cannot be read: {0}")]
    Row(&'static str),
    #[error("failed to write the books")]
    Database(#[from] sqlx::Error),
}

/// Applies events, in order, inside the caller's transaction.
pub(crate) async fn apply(
    connection: &mut PgConnection,
    generation: GenerationId,
    events: &[RecordedEvent],
) -> Result<Touched, BooksError> {
    let decoded = decode::all(events)?;
    let prior = load::load(connection, &decoded).await?;
    let delta = fold::fold(&prior, &decoded)?;
    write::write(connection, generation, &delta).await?;
    Ok(delta
        .ledgers
        .iter()
        .map(|row| (row.ledger.clone(), row.state.revision))
        .collect())
}

/// One column of rows, as a statement takes it.
fn column<'r, R, T>(rows: &'r [R], of: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}
