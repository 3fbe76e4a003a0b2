//! What the command side counts and measures.

use std::time::Duration;

use daybook_domain::Command;

use crate::work::{Answer, Outcome, Task};

pub(crate) const COMMANDS: &str = "daybook_commands_total";
pub(crate) const UNIT_EVENTS: &str = "daybook_unit_events";
pub(crate) const UNIT_COMMANDS: &str = "daybook_unit_commands";
pub(crate) const APPEND_SECONDS: &str = "daybook_append_duration_seconds";
pub(crate) const MAILBOX_DEPTH: &str = "daybook_mailbox_depth";
pub(crate) const LEDGERS_LOADED: &str = "daybook_ledgers_loaded";
pub(crate) const INDEX_REBUILDS: &str = "daybook_index_rebuilds_total";
pub(crate) const REDECIDED: &str = "daybook_units_redecided_total";

const fn type_of(command: &Command) -> &'static str {
    match command {
        Command::OpenLedger(_) => "open_ledger",
        Command::RegisterAsset(_) => "register_asset",
        Command::OpenAccount(_) => "open_account",
        Command::PostTransaction(_) => "post_transaction",
        Command::Reverse(_) => "reverse",
    }
}

/// Counts the commands of a task by type and outcome.
pub(crate) fn answered(task: &Task, outcome: &Outcome) {
    for (index, work) in task.works.iter().enumerate() {
        let answer = match outcome.failed {
            Some(_) => outcome.answers.first(),
            None => outcome.answers.get(index),
        };
        let outcome = match answer {
            Some(Answer::Applied(_)) => "applied",
            Some(Answer::Replayed(_)) => "replayed",
            Some(Answer::Noted(note)) if note.replayed => "replayed",
            Some(Answer::Noted(_)) => "applied",
            Some(Answer::WouldApply(_)) => "dry_run",
            Some(Answer::Rejected(_)) => "rejected",
            Some(Answer::Failed(_)) | None => "failed",
        };
        let command = type_of(&work.request.command);
        metrics::counter!(COMMANDS, "type" => command, "outcome" => outcome).increment(1);
    }
}

/// Measures one append.
pub(crate) fn appended(events: usize, commands: usize, took: Duration) {
    metrics::histogram!(APPEND_SECONDS).record(took.as_secs_f64());
    metrics::histogram!(UNIT_EVENTS).record(count(events));
    metrics::histogram!(UNIT_COMMANDS).record(count(commands));
}

/// How many requests wait for writers.
pub(crate) fn mailbox_depth(waiting: usize) {
    metrics::gauge!(MAILBOX_DEPTH).set(count(waiting));
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// How many ledgers are loaded.
pub(crate) fn ledgers_loaded(loaded: usize) {
    metrics::gauge!(LEDGERS_LOADED).set(count(loaded));
}

/// A ledger's index was thrown away and rebuilt.
pub(crate) fn index_rebuilt() {
    metrics::counter!(INDEX_REBUILDS).increment(1);
}

/// A unit was thrown away and its commands decided again.
pub(crate) fn redecided() {
    metrics::counter!(REDECIDED).increment(1);
}
