//! Applying what is about the book itself: the ledger, its assets, its periods, and pairs.

use daybook_events::event::{
    AssetRegistered, LedgerAfter, LedgerOpened, LedgerUpdated, MetadataOf, MetadataSet,
    PeriodClosed, PeriodReopened,
};
use daybook_events::time::Day;

use super::{Law, Recorded};
use crate::ledger::Ledger;

pub(super) fn open_ledger(ledger: &mut Ledger, recorded: Recorded, event: &LedgerOpened) {
    ledger.set_opened(recorded.at, event);
}

pub(super) fn update_ledger(ledger: &mut Ledger, event: &LedgerUpdated) -> Result<(), Law> {
    let after = &event.after;
    ledger.rename(after.name.clone(), after.metadata.clone());
    is_as_stored(ledger, after)
}

pub(super) fn close_period(ledger: &mut Ledger, event: &PeriodClosed) -> Result<(), Law> {
    let through = Some(event.through);
    move_period(
        ledger,
        through,
        &event.after,
        through > ledger.closed_through(),
    )
}

pub(super) fn reopen_period(ledger: &mut Ledger, event: &PeriodReopened) -> Result<(), Law> {
    let through = event.through;
    move_period(
        ledger,
        through,
        &event.after,
        through < ledger.closed_through(),
    )
}

fn move_period(
    ledger: &mut Ledger,
    through: Option<Day>,
    after: &LedgerAfter,
    allowed: bool,
) -> Result<(), Law> {
    if !allowed {
        return Err(Law::PeriodMoves);
    }
    ledger.set_closed_through(through);
    is_as_stored(ledger, after)
}

fn is_as_stored(ledger: &Ledger, after: &LedgerAfter) -> Result<(), Law> {
    if ledger.after().as_ref() == Some(after) {
        Ok(())
    } else {
        Err(Law::LedgerAsStored)
    }
}

pub(super) fn register_asset(ledger: &mut Ledger, event: &AssetRegistered) -> Result<(), Law> {
    if ledger.is_registered(&event.asset) {
        return Err(Law::AssetRegisteredOnce(event.asset.clone()));
    }
    if ledger.register_asset(&event.asset, event.scale) {
        Ok(())
    } else {
        Err(Law::Countable)
    }
}

/// The pairs of a transaction are no part of the state, as no past transaction is (D9).
pub(super) fn set_metadata(
    ledger: &mut Ledger,
    recorded: Recorded,
    event: &MetadataSet,
) -> Result<(), Law> {
    match &event.of {
        MetadataOf::Account(id) => {
            let Some((index, account)) = ledger.look_up(id) else {
                return Err(Law::AccountsOpened(id.clone()));
            };
            let mut terms = account.terms().clone();
            terms.metadata = event.metadata.clone();
            ledger.set_terms(index, terms, recorded.revision);
            Ok(())
        }
        MetadataOf::Transaction(_) => Ok(()),
    }
}
