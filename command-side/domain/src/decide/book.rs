//! Deciding what sets up the book: the ledger itself, its assets, its accounts.

use daybook_events::assets::iso_scale;
use daybook_events::event::account::LimitedAsset;
use daybook_events::event::{AccountOpened, AssetRegistered, Event, LedgerOpened};
use daybook_events::ids::AssetCode;

use super::guards;
use crate::command::{OpenAccount, OpenLedger, RegisterAsset};
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

pub(super) fn open_account(
    ledger: &Ledger,
    command: &OpenAccount,
    context: &Context,
) -> Result<Decision, Rejection> {
    guards::ledger_exists(ledger)?;
    if let Some(first) = guards::happened_before(context)? {
        return Ok(Decision::Replay(first));
    }
    if ledger.look_up(&command.account).is_some() {
        let existing = Existing::Account(command.account.clone());
        return Err(Rejection::AlreadyExists(existing));
    }
    guards::at_the_revision_insisted_on(ledger, context)?;
    named_assets_are_known(ledger, command)?;

    // After this point the command succeeds.
    let OpenAccount {
        account,
        account_type,
        normal_balance,
        name,
        assets,
        limits,
        metadata,
    } = command.clone();
    Ok(Decision::Event(Event::AccountOpened(AccountOpened {
        account,
        account_type,
        normal_balance: normal_balance.unwrap_or(account_type.normal_balance()),
        name,
        assets: assets.map(|allowed| allowed.as_set().clone()),
        limits,
        metadata,
    })))
}

/// A restriction or limit for a code that nothing can hold is a typing error that nobody would
/// notice until the limit failed to bind.
fn named_assets_are_known(ledger: &Ledger, command: &OpenAccount) -> Result<(), Rejection> {
    let allowed = command.assets.iter().flat_map(|allowed| allowed.as_set());
    let limited = command.limits.iter().filter_map(|(asset, _)| match asset {
        LimitedAsset::Other => None,
        LimitedAsset::Asset(asset) => Some(asset),
    });
    let unknown: Option<&AssetCode> = allowed
        .chain(limited)
        .find(|asset| ledger.scale_of(asset).is_none());
    unknown.map_or(Ok(()), |asset| {
        Err(Rejection::AssetUnknown {
            index: None,
            asset: asset.clone(),
        })
    })
}
