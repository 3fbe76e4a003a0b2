//! Deciding accounts: opening, changing name, limits and pairs, and their status.

use std::collections::BTreeMap;

use daybook_events::event::{
    AccountAfter, AccountOpened, AccountStatus, AccountStatusChanged, AccountUpdated, Event, Limit,
    LimitedAsset, Limits,
};
use daybook_events::ids::{AccountId, AssetCode};

use super::{guards, judge_first, metadata};
use crate::command::{
    ChangeAccountStatus, LimitsPatch, OpenAccount, Patch, StatusChange, UpdateAccount,
};
use crate::context::{Context, Decision};
use crate::ledger::{AccountView, Ledger};
use crate::rejection::{Existing, Rejection};

pub(super) fn open(
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
    let allowed = command.assets.iter().flat_map(|allowed| allowed.as_set());
    let limited = command.limits.iter().filter_map(|(asset, _)| named(asset));
    assets_are_known(ledger, allowed.chain(limited))?;

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

pub(super) fn update(
    ledger: &Ledger,
    command: &UpdateAccount,
    context: &Context,
) -> Result<Decision, Rejection> {
    if let Some(first) = judge_first(ledger, context)? {
        return Ok(first);
    }
    let before = the_account(ledger, &command.account)?;
    let limits = limits_after(ledger, before.limits, &command.limits)?;
    let metadata = metadata::after(before.metadata, &command.metadata)?;

    // After this point the command succeeds.
    Ok(Decision::Event(Event::AccountUpdated(AccountUpdated {
        account: command.account.clone(),
        reason: command.reason.clone(),
        after: AccountAfter {
            name: command.name.apply(before.name.cloned()),
            limits,
            metadata,
            ..before.after()
        },
    })))
}

pub(super) fn change_status(
    ledger: &Ledger,
    command: &ChangeAccountStatus,
    context: &Context,
) -> Result<Decision, Rejection> {
    if let Some(first) = judge_first(ledger, context)? {
        return Ok(first);
    }
    let before = the_account(ledger, &command.account)?;
    let status = status_after(&before, command.change)?;
    if status == AccountStatus::Closed {
        is_empty(&before)?;
    }

    // After this point the command succeeds.
    let changed = AccountStatusChanged {
        account: command.account.clone(),
        reason: command.reason.clone(),
        after: AccountAfter {
            status,
            ..before.after()
        },
    };
    Ok(Decision::Event(match command.change {
        StatusChange::Freeze => Event::AccountFrozen(changed),
        StatusChange::Unfreeze => Event::AccountUnfrozen(changed),
        StatusChange::Close => Event::AccountClosed(changed),
    }))
}

/// The account that the path names.
fn the_account<'a>(ledger: &'a Ledger, id: &AccountId) -> Result<AccountView<'a>, Rejection> {
    ledger
        .account(id)
        .ok_or_else(|| Rejection::NoSuchAccount(id.clone()))
}

fn status_after(
    before: &AccountView<'_>,
    change: StatusChange,
) -> Result<AccountStatus, Rejection> {
    let account = before.account.clone();
    match (before.status, change) {
        (AccountStatus::Closed, _) => Err(Rejection::AccountClosed {
            index: None,
            account,
        }),
        (AccountStatus::Frozen, StatusChange::Freeze) => Err(Rejection::AccountFrozen {
            index: None,
            account,
        }),
        (AccountStatus::Open, StatusChange::Unfreeze) => {
            Err(Rejection::Unfit(format!("account {account} is not frozen")))
        }
        (AccountStatus::Open, StatusChange::Freeze) => Ok(AccountStatus::Frozen),
        (AccountStatus::Frozen, StatusChange::Unfreeze) => Ok(AccountStatus::Open),
        (AccountStatus::Open | AccountStatus::Frozen, StatusChange::Close) => {
            Ok(AccountStatus::Closed)
        }
    }
}

fn is_empty(before: &AccountView<'_>) -> Result<(), Rejection> {
    match before.first_not_empty() {
        Some((asset, balance)) => Err(Rejection::AccountNotEmpty {
            account: before.account.clone(),
            asset: asset.clone(),
            posted: balance.posted(before.normal_balance),
        }),
        None => Ok(()),
    }
}

/// The limits after the patch. A limit that the patch leaves without bounds is dropped, so that it
/// hides the limit of `*` no longer.
fn limits_after(
    ledger: &Ledger,
    before: &Limits,
    patch: &Patch<LimitsPatch>,
) -> Result<Limits, Rejection> {
    let patch = match patch {
        Patch::Keep => return Ok(before.clone()),
        Patch::Remove => return Ok(Limits::default()),
        Patch::Set(LimitsPatch(patch)) => patch,
    };
    assets_are_known(ledger, patch.keys().filter_map(named))?;
    let mut limits: BTreeMap<LimitedAsset, Limit> = before
        .iter()
        .map(|(asset, limit)| (asset.clone(), *limit))
        .collect();
    for (asset, patch) in patch {
        match patch {
            Patch::Keep => {}
            Patch::Remove => {
                limits.remove(asset);
            }
            // One without bounds stays: it takes its asset out of what `*` says.
            Patch::Set(bounds) => {
                let limit = limits.entry(asset.clone()).or_default();
                limit.min_available = bounds.min_available.apply(limit.min_available);
                limit.max_balance = bounds.max_balance.apply(limit.max_balance);
            }
        }
    }
    Limits::try_new(limits).map_err(|invalid| Rejection::Unfit(invalid.to_string()))
}

fn named(asset: &LimitedAsset) -> Option<&AssetCode> {
    match asset {
        LimitedAsset::Other => None,
        LimitedAsset::Asset(asset) => Some(asset),
    }
}

/// A restriction or limit for a code that nothing can hold is a typing error that nobody would
/// notice until the limit failed to bind.
fn assets_are_known<'a>(
    ledger: &Ledger,
    mut assets: impl Iterator<Item = &'a AssetCode>,
) -> Result<(), Rejection> {
    match assets.find(|asset| ledger.scale_of(asset).is_none()) {
        Some(asset) => Err(Rejection::AssetUnknown {
            index: None,
            asset: asset.clone(),
        }),
        None => Ok(()),
    }
}
