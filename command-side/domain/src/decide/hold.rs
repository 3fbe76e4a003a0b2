//! Deciding holds: placing them, capturing them at once or in parts, and their other ends.

use std::borrow::Cow;

use daybook_events::event::{
    Entry, Event, HoldEnded, HoldOutcome, HoldPlaced, Origin, TransactionPosted,
};
use daybook_events::ids::{AccountId, AssetCode, TransactionId};
use daybook_events::metadata::Metadata;
use daybook_events::money::{Amount, Side};

use super::guards;
use super::netting::{Effect, Step, net};
use super::targets::{self, OpenTarget};
use super::transaction::{Asked, Common, Judged, effective_local, judge};
use crate::command::{CaptureHold, Captured, NewEntry, PlaceHold, VoidHold};
use crate::context::{Context, Decision};
use crate::ledger::{Ledger, Reserved};
use crate::rejection::Rejection;

pub(super) fn place(
    ledger: &Ledger,
    command: &PlaceHold,
    context: &Context,
) -> Result<Decision, Rejection> {
    let asked = &command.transaction;
    let judged = judge(ledger, Common::of(asked), context, || {
        targets::expires_later(command.expires_at, context)?;
        Ok(Asked::whole(asked.entries.as_slice(), Effect::Holds))
    })?;
    let judged = match judged {
        Judged::Before(first) => return Ok(Decision::Replay(first)),
        Judged::Fine(judged) => judged,
    };

    // After this point the command succeeds.
    Ok(Decision::Event(Event::HoldPlaced(HoldPlaced {
        reference: asked.reference.clone(),
        code: asked.code.clone(),
        description: asked.description.clone(),
        effective_at: asked.effective_at,
        effective_local: effective_local(ledger, asked.effective_at, context),
        related_to: asked.related_to,
        expires_at: command.expires_at,
        entries: judged.entries,
        metadata: asked.metadata.clone(),
    })))
}

pub(super) fn capture(
    ledger: &Ledger,
    command: &CaptureHold,
    context: &Context,
) -> Result<Decision, Rejection> {
    let common = Common {
        reference: command.reference.as_ref(),
        effective_at: command.effective_at,
    };
    let judged = judge(ledger, common, context, || {
        let target = targets::open_hold(ledger, command.hold, context)?;
        what_is_captured(&target, command)
    })?;
    let judged = match judged {
        Judged::Before(first) => return Ok(Decision::Replay(first)),
        Judged::Fine(judged) => judged,
    };

    // After this point the command succeeds.
    let posted = Event::TransactionPosted(TransactionPosted {
        reference: command.reference.clone(),
        code: None,
        description: None,
        effective_at: command.effective_at,
        effective_local: effective_local(ledger, command.effective_at, context),
        related_to: None,
        origin: Some(Origin::Capture { of: command.hold }),
        entries: judged.entries,
        metadata: command.metadata.clone(),
    });
    if !command.last && !judged.left.is_empty() {
        return Ok(Decision::Event(posted));
    }
    let ended = HoldEnded {
        metadata: changed_pairs(context),
        ..ended(ledger, command.hold, HoldOutcome::Captured, &judged.left)
    };
    Ok(Decision::Ending(Box::new(ended), posted))
}

pub(super) fn void(
    ledger: &Ledger,
    command: &VoidHold,
    context: &Context,
) -> Result<Decision, Rejection> {
    guards::ledger_exists(ledger)?;
    if let Some(first) = guards::happened_before(context)? {
        return Ok(Decision::Replay(first));
    }
    guards::at_the_revision_insisted_on(ledger, context)?;
    let target = targets::open_hold(ledger, command.hold, context)?;

    // After this point the command succeeds.
    let rest: Vec<Reserved<'_>> = target.hold.remaining().collect();
    Ok(Decision::Event(Event::HoldEnded(HoldEnded {
        reason: command.reason.clone(),
        metadata: changed_pairs(context),
        ..ended(ledger, command.hold, HoldOutcome::Voided, &rest)
    })))
}

/// Ends a hold whose time is over; `None` if it is not open.
pub(super) fn expire(ledger: &Ledger, hold: TransactionId) -> Option<HoldEnded> {
    let rest: Vec<Reserved<'_>> = ledger.hold(hold)?.remaining().collect();
    Some(ended(ledger, hold, HoldOutcome::Expired, &rest))
}

/// The entries of a capture, and what they leave of the hold.
fn what_is_captured<'a>(
    target: &OpenTarget<'a, '_>,
    command: &'a CaptureHold,
) -> Result<Asked<'a>, Rejection> {
    let rest: Vec<Reserved<'_>> = target.hold.remaining().collect();
    let entries: Cow<'a, [NewEntry]> = match &command.what {
        Captured::Rest => rest
            .iter()
            .map(|part| plain(part.account, part.direction, part.amount, part.asset))
            .collect(),
        Captured::Amount(amount) => targets::both_entries(command.hold, target.placed)?
            .iter()
            .map(|entry| plain(&entry.account, entry.direction, *amount, &entry.asset))
            .collect(),
        Captured::Entries(entries) => Cow::Borrowed(entries.as_slice()),
    };
    let left = targets::within_hold(&rest, &entries)?;
    Ok(Asked {
        entries,
        effect: Effect::Settles,
        left,
        releases: command.last,
    })
}

/// An entry of which only the amount is said. Descriptions and pairs stay with the hold.
fn plain(account: &AccountId, direction: Side, amount: Amount, asset: &AssetCode) -> NewEntry {
    NewEntry {
        account: account.clone(),
        direction,
        amount,
        asset: asset.clone(),
        description: None,
        metadata: Metadata::default(),
        condition: None,
    }
}

/// The end of a hold that releases this, with the balances after that alone.
fn ended(
    ledger: &Ledger,
    hold: TransactionId,
    outcome: HoldOutcome,
    released: &[Reserved<'_>],
) -> HoldEnded {
    let steps: Vec<(&Reserved<'_>, Step<'_>)> = released
        .iter()
        .filter_map(|part| Some((part, Step::releasing(ledger, part)?)))
        .collect();
    let movements = net(ledger, steps.iter().map(|(_, step)| *step));
    assert!(
        steps.len() == released.len() && movements.is_ok(),
        "INV-4: what a hold reserves is pending on its accounts"
    );
    let released = steps
        .iter()
        .zip(movements.unwrap_or_default())
        .map(|((part, step), movement)| Entry {
            account: part.account.clone(),
            direction: part.direction,
            amount: part.amount,
            asset: part.asset.clone(),
            description: None,
            metadata: Metadata::default(),
            balance: movement.after.after(step.account.1.normal_balance()),
        })
        .collect();
    HoldEnded {
        hold,
        outcome,
        reason: None,
        released,
        metadata: None,
    }
}

/// The pairs of the hold that a command is about, where they were changed since it was placed.
fn changed_pairs(context: &Context) -> Option<Metadata> {
    context.named.target.as_ref()?.metadata.clone()
}
