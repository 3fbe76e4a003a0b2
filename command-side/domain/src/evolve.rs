//! Applying a recorded event to the state. History is believed only as far as it keeps its own
//! laws: what breaks one is [`Corrupt`], and the state stays as it was.

mod account;
mod book;
mod law;
mod transaction;

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::{AccountStatus, Event};
use daybook_events::ids::{EventId, Revision};
use daybook_events::time::Timestamp;

pub use law::{Corrupt, Law};

use crate::ledger::Ledger;

/// Where, when and under which id an event was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the ledger's stream.
    pub revision: Revision,
    /// Its id; a hold's own id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
}

impl From<&RecordedEvent> for Recorded {
    fn from(stored: &RecordedEvent) -> Self {
        Self {
            revision: stored.revision,
            id: stored.id,
            at: stored.recorded_at,
        }
    }
}

/// Applies the event. After an error the state is what it was before.
pub fn evolve(ledger: &mut Ledger, recorded: Recorded, event: &Event) -> Result<(), Corrupt> {
    ledger.begin();
    match apply(ledger, recorded, event) {
        Ok(()) => {
            ledger.commit();
            Ok(())
        }
        Err(law) => {
            ledger.rollback();
            Err(Corrupt {
                ledger: ledger.id().clone(),
                revision: recorded.revision,
                law,
            })
        }
    }
}

fn apply(ledger: &mut Ledger, recorded: Recorded, event: &Event) -> Result<(), Law> {
    let expected = ledger
        .revision()
        .map_or(Revision::new(0), |last| last.plus(1));
    if recorded.revision != expected {
        return Err(Law::DenseRevisions { expected });
    }
    if ledger.last_recorded_at() > Some(recorded.at) {
        return Err(Law::RecordedInOrder);
    }
    let opens = matches!(event, Event::LedgerOpened(_));
    if opens != ledger.opened_at().is_none() {
        return Err(Law::OpenedFirst);
    }
    transaction::last_capture_follows(ledger, event)?;
    match event {
        Event::LedgerOpened(event) => book::open_ledger(ledger, recorded, event),
        Event::LedgerUpdated(event) => book::update_ledger(ledger, event)?,
        Event::AssetRegistered(event) => book::register_asset(ledger, event)?,
        Event::AccountOpened(event) => account::open(ledger, recorded, event)?,
        Event::AccountUpdated(event) => account::update(ledger, recorded, event)?,
        Event::AccountFrozen(event) => {
            account::change_status(ledger, recorded, event, AccountStatus::Frozen)?;
        }
        Event::AccountUnfrozen(event) => {
            account::change_status(ledger, recorded, event, AccountStatus::Open)?;
        }
        Event::AccountClosed(event) => {
            account::change_status(ledger, recorded, event, AccountStatus::Closed)?;
        }
        Event::TransactionPosted(event) => transaction::post(ledger, recorded, event)?,
        Event::HoldPlaced(event) => transaction::place_hold(ledger, recorded, event)?,
        Event::HoldEnded(event) => transaction::end_hold(ledger, recorded, event)?,
        Event::MetadataSet(event) => book::set_metadata(ledger, recorded, event)?,
        Event::PeriodClosed(event) => book::close_period(ledger, event)?,
        Event::PeriodReopened(event) => book::reopen_period(ledger, event)?,
        // A refusal changes nothing but where the ledger is.
        Event::CommandRejected(_) => {}
    }
    ledger.advance(recorded.revision, recorded.at);
    Ok(())
}
