//! Deciding: the command, the state and the context in; the event or the rule that refuses out.
//! Nothing here changes the state.

mod account;
mod book;
mod guards;
mod hold;
mod metadata;
mod netting;
mod period;
mod targets;
mod transaction;

pub(crate) use guards::first_unbalanced;

use daybook_events::event::HoldEnded;
use daybook_events::ids::TransactionId;

use crate::command::Command;
use crate::context::{Context, Decision};
use crate::ledger::Ledger;
use crate::rejection::Rejection;

/// Decides a command on the ledger as it stands.
///
/// # Errors
/// The first rule, in the order of the API, that the command breaks.
pub fn decide(
    ledger: &Ledger,
    command: &Command,
    context: &Context,
) -> Result<Decision, Rejection> {
    match command {
        Command::OpenLedger(command) => book::open_ledger(ledger, command, context),
        Command::UpdateLedger(command) => book::update_ledger(ledger, command, context),
        Command::RegisterAsset(command) => book::register_asset(ledger, command, context),
        Command::OpenAccount(command) => account::open(ledger, command, context),
        Command::UpdateAccount(command) => account::update(ledger, command, context),
        Command::ChangeAccountStatus(command) => account::change_status(ledger, command, context),
        Command::PostTransaction(command) => transaction::post(ledger, command, context),
        Command::Reverse(command) => transaction::reverse(ledger, command, context),
        Command::PlaceHold(command) => hold::place(ledger, command, context),
        Command::Capture(command) => hold::capture(ledger, command, context),
        Command::Void(command) => hold::void(ledger, command, context),
        Command::SetMetadata(command) => metadata::set(ledger, command, context),
        Command::ClosePeriod(command) => period::close(ledger, command, context),
        Command::ReopenPeriod(command) => period::reopen(ledger, command, context),
    }
}

/// Ends a hold whose time is over. The writer calls this for each of [`Ledger::due`] before it
/// decides anything else at `now`, so that no decision ever sees a due hold.
pub fn expire(ledger: &Ledger, hold: TransactionId) -> Option<HoldEnded> {
    hold::expire(ledger, hold)
}

/// What is judged first of a command that changes what is there; `Some`: it happened before.
fn judge_first(ledger: &Ledger, context: &Context) -> Result<Option<Decision>, Rejection> {
    guards::ledger_exists(ledger)?;
    if let Some(first) = guards::happened_before(context)? {
        return Ok(Some(Decision::Replay(first)));
    }
    guards::at_the_revision_insisted_on(ledger, context)?;
    Ok(None)
}
