//! The rows as the history says they must be, cell by cell in the order of the tables' columns.

use daybook_domain::{AccountView, Balance};
use daybook_events::envelope::RecordedEvent;
use daybook_events::event::transaction::EffectiveLocal;
use daybook_events::event::{
    AccountAfter, AssetRegistered, Entry, HoldEnded, HoldPlaced, LedgerAfter, TransactionFacts,
    TransactionPosted, TransactionStatus, Turnover,
};
use daybook_events::ids::{
    AccountId, AssetCode, GenerationId, IdempotencyKey, Revision, TransactionId,
};
use daybook_events::metadata::Metadata;
use daybook_events::time::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::fold::{AccountFacts, Move, Remaining};
use crate::read_model::audit::{Cell, Key};

/// A row: its key, and a cell for every column.
pub(super) type Row = (Key, Vec<Cell>);

/// What a transaction's row knows beyond what posted transactions and holds have in common.
#[derive(Debug, Clone, Copy)]
pub(super) enum What<'a> {
    Posted(&'a TransactionPosted),
    Hold(&'a HoldPlaced),
}

/// The columns of [`transaction`] that later events decide: of a hold.
pub(super) const HOLD_STATUS: &[&str] = &["status"];
/// The same of a posted transaction.
pub(super) const REVERSED_BY: &[&str] = &["reversed_by"];
/// The columns of [`hold`] that later events decide.
pub(super) const HOLD_END: &[&str] = &[
    "status",
    "remaining",
    "ended_revision",
    "ended_at",
    "ended_reason",
    "outcome",
    "released",
];

/// A transaction's row; `pairs` is the last change of its metadata.
pub(super) fn transaction(
    recorded: &RecordedEvent,
    (what, facts): (What<'_>, &TransactionFacts<'_>),
    key: Option<&IdempotencyKey>,
    pairs: Option<&(Revision, Metadata)>,
) -> Row {
    let effective = facts.effective(recorded.recorded_at);
    let (status, reversed_by, hold, posted) = match what {
        What::Posted(posted) => (
            text(TransactionStatus::Posted.as_str()),
            Cell::Later,
            None,
            Some(posted),
        ),
        What::Hold(hold) => (Cell::Later, NULL, Some(hold), None),
    };
    let metadata = pairs.map_or(facts.metadata, |(_, metadata)| metadata);
    let cells = vec![
        text(recorded.id),
        status,
        option(facts.reference),
        option(facts.code),
        option(facts.description),
        text(effective.instant),
        text(effective.date),
        option(facts.effective_at),
        text(recorded.recorded_at),
        option(facts.related_to),
        option(posted.and_then(TransactionPosted::reverses)),
        reversed_by,
        option(posted.and_then(TransactionPosted::captures)),
        option(posted.and_then(TransactionPosted::reason)),
        option(key),
        text(hold.is_some()),
        option(hold.and_then(|hold| hold.expires_at)),
        json(facts.entries),
        json(metadata),
        option(pairs.map(|(revision, _)| revision)),
    ];
    (at(recorded.revision), cells)
}

/// The rows of a transaction's pairs: as recorded, and after every change.
pub(super) fn transaction_history(
    recorded: Revision,
    metadata: &Metadata,
    changes: &[(Revision, Metadata)],
) -> Vec<Row> {
    let row = |revision: Revision, metadata: &Metadata| {
        let key = Key {
            revision: recorded.get(),
            entry: revision.get(),
            ..Key::default()
        };
        (key, vec![json(metadata)])
    };
    let first = std::iter::once(row(recorded, metadata));
    let later = changes.iter().map(|(at, metadata)| row(*at, metadata));
    first.chain(later).collect()
}

/// A hold's row as it is placed; how it stands is decided later.
pub(super) fn hold(recorded: &RecordedEvent, event: &HoldPlaced) -> Row {
    let mut cells = vec![text(recorded.id), option(event.expires_at)];
    cells.extend(HOLD_END.iter().map(|_| Cell::Later));
    (at(recorded.revision), cells)
}

/// How an open hold stands.
pub(super) fn open_hold(remaining: &[Remaining]) -> Vec<Cell> {
    vec![
        text(TransactionStatus::Pending.as_str()),
        json(remaining),
        NULL,
        NULL,
        NULL,
        NULL,
        NULL,
    ]
}

/// How a hold stands that ended. What is captured of it by the next event remains no more.
pub(super) fn ended_hold(recorded: &RecordedEvent, event: &HoldEnded) -> Vec<Cell> {
    vec![
        text(event.outcome.status().as_str()),
        json::<[Remaining]>(&[]),
        text(recorded.revision),
        text(recorded.recorded_at),
        option(event.reason.as_ref()),
        text(event.outcome.as_str()),
        json(&event.released),
    ]
}

/// The row of an entry of whatever kind.
pub(super) fn entry(
    recorded: &RecordedEvent,
    (transaction, effective, what): (TransactionId, EffectiveLocal, Move),
    (index, entry): (u64, &Entry),
    after: Turnover,
) -> Row {
    let cells = vec![
        text(what.kind()),
        text(transaction),
        text(&entry.asset),
        text(entry.direction.as_str()),
        text(entry.amount),
        text(after.debits),
        text(after.credits),
        text(after.pending_debits),
        text(after.pending_credits),
        text(effective.instant),
        text(effective.date),
        text(recorded.recorded_at),
        option(entry.description.as_ref()),
        json(&entry.metadata),
    ];
    let key = Key {
        revision: recorded.revision.get(),
        entry: index,
        first: entry.account.as_str().to_owned(),
        second: String::new(),
    };
    (key, cells)
}

/// A registered asset's row.
pub(super) fn asset(recorded: &RecordedEvent, event: &AssetRegistered) -> Row {
    let key = Key {
        first: event.asset.as_str().to_owned(),
        ..Key::default()
    };
    let cells = vec![
        text(event.scale),
        option(event.name.as_ref()),
        text(recorded.revision),
    ];
    (key, cells)
}

/// An account's row.
pub(super) fn account(account: &AccountId, facts: &AccountFacts) -> Row {
    let values = &facts.values;
    let cells = vec![
        text(values.account_type.as_str()),
        text(values.normal_balance.as_str()),
        option(values.name.as_ref()),
        text(values.status),
        values.assets.as_ref().map_or(NULL, json),
        json(&values.limits),
        json(&values.metadata),
        text(values.opened_at),
        text(facts.revision),
        text(facts.opened_revision),
    ];
    let key = Key {
        first: account.as_str().to_owned(),
        ..Key::default()
    };
    (key, cells)
}

/// The row of what stood of an account from a revision on.
pub(super) fn account_history(account: &AccountId, from: Revision, values: &AccountAfter) -> Row {
    let cells = vec![
        option(values.name.as_ref()),
        text(values.status),
        json(&values.limits),
        json(&values.metadata),
    ];
    let key = Key {
        revision: from.get(),
        first: account.as_str().to_owned(),
        ..Key::default()
    };
    (key, cells)
}

/// A balance's row. Its revision is the last one that touched the account's asset.
pub(super) fn balance(
    account: &AccountView<'_>,
    (asset, balance): (&AssetCode, Balance),
    touched: Option<Revision>,
) -> Row {
    let cells = vec![
        text(balance.debits()),
        text(balance.credits()),
        text(balance.pending_debits()),
        text(balance.pending_credits()),
        option(touched),
    ];
    let key = Key {
        first: account.account.as_str().to_owned(),
        second: asset.as_str().to_owned(),
        ..Key::default()
    };
    (key, cells)
}

/// A ledger's own row.
pub(super) fn ledger(
    ledger: &LedgerAfter,
    last_recorded_at: Option<Timestamp>,
    generation: GenerationId,
) -> Vec<Cell> {
    vec![
        option(ledger.name.as_ref()),
        text(ledger.time_zone.name()),
        json(&ledger.metadata),
        text(ledger.opened_at),
        option(last_recorded_at),
        text(ledger.accounts),
        text(ledger.transactions),
        option(ledger.closed_through),
        text(generation),
    ]
}

/// No value.
pub(super) const NULL: Cell = Cell::Text(None);

/// A value as text.
pub(super) fn text(value: impl ToString) -> Cell {
    Cell::Text(Some(value.to_string()))
}

fn option(value: Option<impl ToString>) -> Cell {
    Cell::Text(value.map(|value| value.to_string()))
}

fn json<T: Serialize + ?Sized>(value: &T) -> Cell {
    Cell::Json(serde_json::to_value(value).unwrap_or(Value::Null))
}

fn at(revision: Revision) -> Key {
    Key {
        revision: revision.get(),
        ..Key::default()
    }
}
