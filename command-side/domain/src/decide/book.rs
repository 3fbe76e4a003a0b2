//! Deciding the book itself: opening and changing the ledger, registering assets.

use daybook_events::assets::iso_scale;
use daybook_events::event::{AssetRegistered, Event, LedgerAfter, LedgerOpened, LedgerUpdated};

use super::{guards, judge_first, metadata};
use crate::command::{OpenLedger, RegisterAsset, UpdateLedger};
use crate::context::{Context, Decision};
use crate::ledger::Ledger;
use crate::rejection::{Existing, Rejection};

pub(super) fn open_ledger(
    ledger: &Ledger,
    command: &OpenLedger,
    context: &Context,
) -> Result<Decision, Rejection> {
    if let Some(first) = guards::happened_before(context)? {
        return Ok(Decision::Replay(first));
    }
    if ledger.revision().is_some() {
        let existing = Existing::Ledger(ledger.id().clone());
        return Err(Rejection::AlreadyExists(existing));
    }
    guards::at_the_revision_insisted_on(ledger, context)?;

    // After this point the command succeeds.
    let OpenLedger {
        name,
        time_zone,
        metadata,
    } = command.clone();
    Ok(Decision::Event(Event::LedgerOpened(LedgerOpened {
        name,
        time_zone,
        metadata,
    })))
}

pub(super) fn update_ledger(
    ledger: &Ledger,
    command: &UpdateLedger,
    context: &Context,
) -> Result<Decision, Rejection> {
    if let Some(first) = judge_first(ledger, context)? {
        return Ok(first);
    }
    let before = the_ledger(ledger)?;
    let metadata = metadata::after(&before.metadata, &command.metadata)?;

    // After this point the command succeeds.
    Ok(Decision::Event(Event::LedgerUpdated(LedgerUpdated {
        after: LedgerAfter {
            name: command.name.apply(before.name.clone()),
            metadata,
            ..before
        },
    })))
}

/// The ledger as it stands.
pub(super) fn the_ledger(ledger: &Ledger) -> Result<LedgerAfter, Rejection> {
    ledger
        .after()
        .ok_or_else(|| Rejection::LedgerNotFound(ledger.id().clone()))
}

pub(super) fn register_asset(
    ledger: &Ledger,
    command: &RegisterAsset,
    context: &Context,
) -> Result<Decision, Rejection> {
    guards::ledger_exists(ledger)?;
    if let Some(first) = guards::happened_before(context)? {
        return Ok(Decision::Replay(first));
    }
    if ledger.is_registered(&command.asset) || iso_scale(&command.asset).is_some() {
        let existing = Existing::Asset(command.asset.clone());
        return Err(Rejection::AlreadyExists(existing));
    }
    guards::at_the_revision_insisted_on(ledger, context)?;

    // After this point the command succeeds.
    let RegisterAsset { asset, scale, name } = command.clone();
    Ok(Decision::Event(Event::AssetRegistered(AssetRegistered {
        asset,
        scale,
        name,
    })))
}
