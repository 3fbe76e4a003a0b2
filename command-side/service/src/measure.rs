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
pub(crate) const HOLDS_EXPIRED: &str = "daybook_holds_expired_total";
pub(crate) const DUE_WOKEN: &str = "daybook_due_ledgers_woken_total";
pub(crate) const DUE_REBUILDS: &str = "daybook_due_rebuilds_total";
pub(crate) const LOAD_SECONDS: &str = "daybook_ledger_load_duration_seconds";
pub(crate) const LOAD_EVENTS: &str = "daybook_ledger_load_events";
pub(crate) const SNAPSHOTS: &str = "daybook_snapshots_total";
pub(crate) const SNAPSHOT_SECONDS: &str = "daybook_snapshot_duration_seconds";
pub(crate) const SNAPSHOT_BYTES: &str = "daybook_snapshot_bytes";

const fn type_of(command: &Command) -> &'static str {
    match command {
        Command::OpenLedger(_) => "open_ledger",
        Command::UpdateLedger(_) => "update_ledger",
        Command::RegisterAsset(_) => "register_asset",
        Command::OpenAccount(_) => "open_account",
        Command::UpdateAccount(_) => "update_account",
        Command::ChangeAccountStatus(_) => "change_account_status",
        Command::PostTransaction(_) => "post_transaction",
        Command::PlaceHold(_) => "place_hold",
        Command::Capture(_) => "capture",
        Command::Void(_) => "void",
        Command::Reverse(_) => "reverse",
        Command::SetMetadata(_) => "set_metadata",
        Command::ClosePeriod(_) => "close_period",
        Command::ReopenPeriod(_) => "reopen_period",
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
            Some(Answer::Declined { replayed: true, .. }) => "replayed",
            Some(Answer::Declined { .. } | Answer::Rejected(_)) => "rejected",
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

/// So many holds came to their end because their time was over.
pub(crate) fn expired(holds: usize) {
    metrics::counter!(HOLDS_EXPIRED).increment(u64::try_from(holds).unwrap_or(u64::MAX));
}

/// A ledger that nobody had loaded was woken for its due holds.
pub(crate) fn due_woken(outcome: &'static str) {
    metrics::counter!(DUE_WOKEN, "outcome" => outcome).increment(1);
}

/// The table of due holds was emptied and is filled from the log.
pub(crate) fn due_rebuilt() {
    metrics::counter!(DUE_REBUILDS).increment(1);
}

/// A ledger was loaded by reading so many events.
pub(crate) fn loaded(events: usize, took: Duration) {
    metrics::histogram!(LOAD_SECONDS).record(took.as_secs_f64());
    metrics::histogram!(LOAD_EVENTS).record(count(events));
}

/// What became of a snapshot: `written`, `failed`, `used` or `refused`.
pub(crate) fn snapshot(outcome: &'static str) {
    metrics::counter!(SNAPSHOTS, "outcome" => outcome).increment(1);
}

/// A snapshot was written.
pub(crate) fn snapshot_written(bytes: usize, took: Duration) {
    snapshot("written");
    metrics::histogram!(SNAPSHOT_SECONDS).record(took.as_secs_f64());
    metrics::gauge!(SNAPSHOT_BYTES).set(count(bytes));
}
