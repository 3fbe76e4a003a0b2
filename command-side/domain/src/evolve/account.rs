//! Applying what is about accounts.

use daybook_events::event::{
    AccountAfter, AccountOpened, AccountStatus, AccountStatusChanged, AccountUpdated,
};
use daybook_events::ids::AccountId;

use super::{Law, Recorded};
use crate::ledger::{Ledger, Terms};

pub(super) fn open(
    ledger: &mut Ledger,
    recorded: Recorded,
    event: &AccountOpened,
) -> Result<(), Law> {
    if ledger.look_up(&event.account).is_some() {
        return Err(Law::AccountOpenedOnce(event.account.clone()));
    }
    if ledger.open_account(event, recorded.at, recorded.revision) {
        Ok(())
    } else {
        Err(Law::Countable)
    }
}

pub(super) fn update(
    ledger: &mut Ledger,
    recorded: Recorded,
    event: &AccountUpdated,
) -> Result<(), Law> {
    let after = &event.after;
    change(ledger, recorded, &event.account, after, |terms| Terms {
        name: after.name.clone(),
        status: terms.status,
        limits: after.limits.clone(),
        metadata: after.metadata.clone(),
    })
}

pub(super) fn change_status(
    ledger: &mut Ledger,
    recorded: Recorded,
    event: &AccountStatusChanged,
    status: AccountStatus,
) -> Result<(), Law> {
    let Some(view) = ledger.account(&event.account) else {
        return Err(Law::AccountsOpened(event.account.clone()));
    };
    let before = view.status;
    let moves = match status {
        AccountStatus::Frozen => before == AccountStatus::Open,
        AccountStatus::Open => before == AccountStatus::Frozen,
        AccountStatus::Closed => before != AccountStatus::Closed,
    };
    if !moves {
        return Err(Law::StatusMoves {
            account: event.account.clone(),
            before,
            after: status,
        });
    }
    if status == AccountStatus::Closed
        && let Some((asset, _)) = view.first_not_empty()
    {
        return Err(Law::ClosedEmpty {
            account: event.account.clone(),
            asset: asset.clone(),
        });
    }
    let with_status = |terms: &Terms| Terms {
        status,
        ..terms.clone()
    };
    change(ledger, recorded, &event.account, &event.after, with_status)
}

/// Changes what may change of an account; all of it is then as the event stores it (INV-4).
fn change(
    ledger: &mut Ledger,
    recorded: Recorded,
    id: &AccountId,
    after: &AccountAfter,
    terms: impl FnOnce(&Terms) -> Terms,
) -> Result<(), Law> {
    let Some((index, account)) = ledger.look_up(id) else {
        return Err(Law::AccountsOpened(id.clone()));
    };
    let terms = terms(account.terms());
    ledger.set_terms(index, terms, recorded.revision);
    if ledger.account(id).map(|view| view.after()).as_ref() == Some(after) {
        Ok(())
    } else {
        Err(Law::AccountAsStored(id.clone()))
    }
}
