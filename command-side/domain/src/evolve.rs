//! Applying a recorded event to the state. History is believed only as far as it keeps its own
//! laws: what breaks one is [`Corrupt`], and the state stays as it was.

use daybook_events::event::transaction::{ENTRIES_MAX, ENTRIES_MIN};
use daybook_events::event::{AccountOpened, AssetRegistered, Entry, Event, TransactionPosted};
use daybook_events::ids::{AccountId, AssetCode, LedgerId, Revision};
use daybook_events::money::Minor;
use daybook_events::time::Timestamp;

use crate::decide::first_unbalanced;
use crate::ledger::Ledger;

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
    /// Entries are of accounts that were opened.
    #[error("account {0} was never opened")]
    AccountsOpened(AccountId),
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
    /// A ledger has at most four billion accounts and as many assets.
    #[error("it is one account or asset too many")]
    Countable,
}

/// Applies the event at `revision`. After an error the state is what it was before.
pub fn evolve(
    ledger: &mut Ledger,
    revision: Revision,
    recorded_at: Timestamp,
    event: &Event,
) -> Result<(), Corrupt> {
    ledger.begin();
    match apply(ledger, revision, recorded_at, event) {
        Ok(()) => {
            ledger.commit();
            Ok(())
        }
        Err(law) => {
            ledger.rollback();
            Err(Corrupt {
                ledger: ledger.id().clone(),
                revision,
                law,
            })
        }
    }
}

fn apply(
    ledger: &mut Ledger,
    revision: Revision,
    recorded_at: Timestamp,
    event: &Event,
) -> Result<(), Law> {
    let expected = ledger
        .revision()
        .map_or(Revision::new(0), |last| last.plus(1));
    if revision != expected {
        return Err(Law::DenseRevisions { expected });
    }
    if ledger.last_recorded_at() > Some(recorded_at) {
        return Err(Law::RecordedInOrder);
    }
    let opens = matches!(event, Event::LedgerOpened(_));
    if opens != ledger.opened_at().is_none() {
        return Err(Law::OpenedFirst);
    }
    match event {
        Event::LedgerOpened(event) => ledger.set_opened(recorded_at, event),
        Event::AssetRegistered(event) => register_asset(ledger, event)?,
        Event::AccountOpened(event) => open_account(ledger, revision, recorded_at, event)?,
        Event::TransactionPosted(event) => post(ledger, revision, event)?,
    }
    ledger.advance(revision, recorded_at);
    Ok(())
}

fn register_asset(ledger: &mut Ledger, event: &AssetRegistered) -> Result<(), Law> {
    if ledger.is_registered(&event.asset) {
        return Err(Law::AssetRegisteredOnce(event.asset.clone()));
    }
    if ledger.register_asset(&event.asset, event.scale) {
        Ok(())
    } else {
        Err(Law::Countable)
    }
}

fn open_account(
    ledger: &mut Ledger,
    revision: Revision,
    recorded_at: Timestamp,
    event: &AccountOpened,
) -> Result<(), Law> {
    if ledger.look_up(&event.account).is_some() {
        return Err(Law::AccountOpenedOnce(event.account.clone()));
    }
    if ledger.open_account(event, recorded_at, revision) {
        Ok(())
    } else {
        Err(Law::Countable)
    }
}

fn post(ledger: &mut Ledger, revision: Revision, event: &TransactionPosted) -> Result<(), Law> {
    if !(ENTRIES_MIN..=ENTRIES_MAX).contains(&event.entries.len()) {
        return Err(Law::EntryCount(event.entries.len()));
    }
    let moves = event
        .entries
        .iter()
        .map(|entry| (&entry.asset, entry.direction, entry.amount));
    if let Some(unbalanced) = first_unbalanced(moves) {
        return Err(Law::Balanced {
            asset: unbalanced.asset.clone(),
            debits: unbalanced.debits,
            credits: unbalanced.credits,
        });
    }
    // Entry by entry, not netted as in decide: two paths to one balance, compared below.
    for (index, entry) in event.entries.iter().enumerate() {
        apply_entry(ledger, revision, index, entry)?;
    }
    for (index, entry) in event.entries.iter().enumerate() {
        check_stored_balance(ledger, index, entry)?;
    }
    ledger.count_transaction();
    Ok(())
}

fn apply_entry(
    ledger: &mut Ledger,
    revision: Revision,
    index: usize,
    entry: &Entry,
) -> Result<(), Law> {
    let Some((account_index, account)) = ledger.look_up(&entry.account) else {
        return Err(Law::AccountsOpened(entry.account.clone()));
    };
    let balance = ledger
        .balance(account, &entry.asset)
        .posting(entry.direction, entry.amount.into())
        .ok_or(Law::WithinBounds { index })?;
    if ledger.set_balance(account_index, &entry.asset, balance, revision) {
        Ok(())
    } else {
        Err(Law::Countable)
    }
}

fn check_stored_balance(ledger: &Ledger, index: usize, entry: &Entry) -> Result<(), Law> {
    let folded = ledger.look_up(&entry.account).map(|(_, account)| {
        ledger
            .balance(account, &entry.asset)
            .after(account.normal_balance())
    });
    if folded == Some(entry.balance) {
        Ok(())
    } else {
        Err(Law::BalanceAsStored { index })
    }
}
