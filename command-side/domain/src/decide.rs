//! Deciding: the command, the state and the context in; the event or the rule that refuses out.
//! Nothing here changes the state.

mod book;
mod guards;
mod netting;
mod transaction;

pub(crate) use guards::first_unbalanced;

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
        Command::RegisterAsset(command) => book::register_asset(ledger, command, context),
        Command::OpenAccount(command) => book::open_account(ledger, command, context),
        Command::PostTransaction(command) => transaction::post(ledger, command, context),
        Command::Reverse(command) => transaction::reverse(ledger, command, context),
    }
}
