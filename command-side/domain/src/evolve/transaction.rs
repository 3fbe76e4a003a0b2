//! Applying what moves money: posted transactions, holds and their ends.

use daybook_events::event::transaction::{ENTRIES_MAX, ENTRIES_MIN};
use daybook_events::event::{
    AccountStatus, Entry, Event, HoldEnded, HoldOutcome, HoldPlaced, TransactionFacts,
    TransactionPosted,
};
use daybook_events::ids::TransactionId;

use super::{Law, Recorded};
use crate::decide::first_unbalanced;
use crate::ledger::{Balance, Ledger};

/// A hold that has ended but for its last capture is captured by the very next event.
pub(super) fn last_capture_follows(ledger: &Ledger, event: &Event) -> Result<(), Law> {
    let Some(hold) = ledger.being_ended() else {
        return Ok(());
    };
    if let Event::TransactionPosted(posted) = event
        && posted.captures() == Some(hold)
    {
        return Ok(());
    }
    Err(Law::LastCaptureFollows(hold))
}

pub(super) fn post(
    ledger: &mut Ledger,
    recorded: Recorded,
    event: &TransactionPosted,
) -> Result<(), Law> {
    let captures = event.captures();
    check_facts(ledger, recorded, event.facts())?;
    if let Some(hold) = captures {
        check_time(ledger, recorded, hold, None)?;
    }
    // Entry by entry, not netted as in decide: two paths to one balance, compared below.
    for (index, entry) in event.entries.iter().enumerate() {
        check_status(ledger, index, entry, captures.is_some())?;
        let (side, amount) = (entry.direction, entry.amount.into());
        if let Some(hold) = captures {
            let taken = ledger.take_from_hold(hold, entry);
            taken.ok_or(Law::CapturedWithin { index })?;
        }
        change(ledger, recorded, index, entry, |before| match captures {
            Some(_) => before.releasing(side, amount)?.posting(side, amount),
            None => before.posting(side, amount),
        })?;
    }
    check_stored_balances(ledger, &event.entries)?;
    if let Some(hold) = captures {
        let is_last = ledger.being_ended() == Some(hold);
        if ledger.is_used_up(hold) != is_last {
            return Err(Law::LastCaptureTakesAll(hold));
        }
        if is_last {
            ledger.forget_hold(hold);
        }
    }
    ledger.count_transaction();
    Ok(())
}

pub(super) fn place_hold(
    ledger: &mut Ledger,
    recorded: Recorded,
    event: &HoldPlaced,
) -> Result<(), Law> {
    let hold = TransactionId::from(recorded.id);
    if ledger.open_hold(hold).is_some() {
        return Err(Law::HoldPlacedOnce(hold));
    }
    if event.expires_at.is_some_and(|at| at <= recorded.at) {
        return Err(Law::ExpiresLater);
    }
    check_facts(ledger, recorded, event.facts())?;
    for (index, entry) in event.entries.iter().enumerate() {
        check_status(ledger, index, entry, false)?;
        let (side, amount) = (entry.direction, entry.amount.into());
        change(ledger, recorded, index, entry, |before| {
            before.pending_on(side, amount)
        })?;
    }
    check_stored_balances(ledger, &event.entries)?;
    ledger
        .add_hold(hold, event.expires_at, &event.entries)
        .map_err(|index| Law::WithinBounds { index })?;
    ledger.count_transaction();
    Ok(())
}

pub(super) fn end_hold(
    ledger: &mut Ledger,
    recorded: Recorded,
    event: &HoldEnded,
) -> Result<(), Law> {
    let hold = event.hold;
    check_time(ledger, recorded, hold, Some(event.outcome))?;
    let mut last = None;
    for (index, entry) in event.released.iter().enumerate() {
        let place = ledger.take_from_hold(hold, entry);
        // Once each, in the order of the hold's entries.
        if place.is_none() || place <= last {
            return Err(Law::ReleasedAsRemained(hold));
        }
        last = place;
        let (side, amount) = (entry.direction, entry.amount.into());
        change(ledger, recorded, index, entry, |before| {
            before.releasing(side, amount)
        })?;
    }
    check_stored_balances(ledger, &event.released)?;
    let captured = event.outcome == HoldOutcome::Captured;
    if ledger.is_used_up(hold) == captured {
        return Err(Law::ReleasedAsRemained(hold));
    }
    if captured {
        ledger.await_last_capture(hold);
    } else {
        ledger.forget_hold(hold);
    }
    Ok(())
}

/// What a posted transaction and a hold have to keep alike.
fn check_facts(
    ledger: &Ledger,
    recorded: Recorded,
    facts: TransactionFacts<'_>,
) -> Result<(), Law> {
    if !(ENTRIES_MIN..=ENTRIES_MAX).contains(&facts.entries.len()) {
        return Err(Law::EntryCount(facts.entries.len()));
    }
    let moves = facts
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
    if let Some(closed_through) = ledger.closed_through() {
        let date = facts.effective(recorded.at).date;
        if date <= closed_through {
            return Err(Law::PeriodOpen {
                date,
                closed_through,
            });
        }
    }
    Ok(())
}

/// A hold is captured and ended while it is open: before its time by a client, then by its time.
fn check_time(
    ledger: &Ledger,
    recorded: Recorded,
    hold: TransactionId,
    outcome: Option<HoldOutcome>,
) -> Result<(), Law> {
    let Some(open) = ledger.open_hold(hold) else {
        return Err(Law::HoldOpen(hold));
    };
    if open.is_due(recorded.at) == (outcome == Some(HoldOutcome::Expired)) {
        Ok(())
    } else {
        Err(Law::EndsAtItsTime(hold))
    }
}

/// Closed accounts take no entries; frozen ones only those that settle what was held before.
fn check_status(ledger: &Ledger, index: usize, entry: &Entry, settles: bool) -> Result<(), Law> {
    let Some((_, account)) = ledger.look_up(&entry.account) else {
        return Err(Law::AccountsOpened(entry.account.clone()));
    };
    let takes = match account.status() {
        AccountStatus::Open => true,
        AccountStatus::Frozen => settles,
        AccountStatus::Closed => false,
    };
    if takes {
        Ok(())
    } else {
        let status = account.status();
        Err(Law::AccountTakesEntries { index, status })
    }
}

fn change(
    ledger: &mut Ledger,
    recorded: Recorded,
    index: usize,
    entry: &Entry,
    after: impl FnOnce(Balance) -> Option<Balance>,
) -> Result<(), Law> {
    let Some((account_index, account)) = ledger.look_up(&entry.account) else {
        return Err(Law::AccountsOpened(entry.account.clone()));
    };
    let before = ledger.balance(account, &entry.asset);
    let balance = after(before).ok_or(Law::WithinBounds { index })?;
    if ledger.set_balance(account_index, &entry.asset, balance, recorded.revision) {
        Ok(())
    } else {
        Err(Law::Countable)
    }
}

fn check_stored_balances(ledger: &Ledger, entries: &[Entry]) -> Result<(), Law> {
    let folded = |entry: &Entry| {
        let (_, account) = ledger.look_up(&entry.account)?;
        let balance = ledger.balance(account, &entry.asset);
        Some(balance.after(account.normal_balance()))
    };
    let differs = |entry: &Entry| folded(entry) != Some(entry.balance);
    match entries.iter().position(differs) {
        Some(index) => Err(Law::BalanceAsStored { index }),
        None => Ok(()),
    }
}
