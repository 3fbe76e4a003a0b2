//! Deciding periods: days up to one are closed, later days further on, and opened again.

use daybook_events::event::{Event, LedgerAfter, PeriodClosed, PeriodReopened};

use super::book::the_ledger;
use super::judge_first;
use crate::command::{ClosePeriod, ReopenPeriod};
use crate::context::{Context, Decision};
use crate::ledger::Ledger;
use crate::rejection::Rejection;

pub(super) fn close(
    ledger: &Ledger,
    command: &ClosePeriod,
    context: &Context,
) -> Result<Decision, Rejection> {
    if let Some(first) = judge_first(ledger, context)? {
        return Ok(first);
    }
    let before = the_ledger(ledger)?;
    if let Some(closed) = before.closed_through
        && command.through <= closed
    {
        return Err(Rejection::Unfit(format!(
            "days through {closed} are closed already: close through a later day, or reopen"
        )));
    }

    // After this point the command succeeds.
    let through = command.through;
    Ok(Decision::Event(Event::PeriodClosed(PeriodClosed {
        through,
        reason: command.reason.clone(),
        after: LedgerAfter {
            closed_through: Some(through),
            ..before
        },
    })))
}

pub(super) fn reopen(
    ledger: &Ledger,
    command: &ReopenPeriod,
    context: &Context,
) -> Result<Decision, Rejection> {
    if let Some(first) = judge_first(ledger, context)? {
        return Ok(first);
    }
    let before = the_ledger(ledger)?;
    let Some(closed) = before.closed_through else {
        return Err(Rejection::Unfit("no days are closed".to_owned()));
    };
    if command.through >= Some(closed) {
        return Err(Rejection::Unfit(format!(
            "days through {closed} are closed: reopen through an earlier day or null, or close"
        )));
    }

    // After this point the command succeeds.
    let through = command.through;
    Ok(Decision::Event(Event::PeriodReopened(PeriodReopened {
        through,
        reason: command.reason.clone(),
        after: LedgerAfter {
            closed_through: through,
            ..before
        },
    })))
}
