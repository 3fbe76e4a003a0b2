//! The rows as the history says they must be, cell by cell in the order of the tables' columns.

use std::collections::HashMap;

use daybook_domain::{AccountView, Balance, Ledger};
use daybook_events::envelope::RecordedEvent;
use daybook_events::event::{AssetRegistered, Entry, TransactionPosted};
use daybook_events::ids::{AccountId, AssetCode, GenerationId, IdempotencyKey};
use daybook_events::money::{Minor, Side};
use serde::Serialize;
use serde_json::Value;

use crate::read_model::audit::{Cell, Key};

/// The naive fold: debits and credits by account and asset, added up entry by entry.
#[derive(Debug, Default)]
pub(super) struct Running(HashMap<(AccountId, AssetCode), (Minor, Minor)>);

impl Running {
    /// The turnovers after the entry; `None` beyond 10^36.
    fn add(&mut self, entry: &Entry) -> Option<(Minor, Minor)> {
        let key = (entry.account.clone(), entry.asset.clone());
        let (debits, credits) = self.0.entry(key).or_default();
        let side = match entry.direction {
            Side::Debit => &mut *debits,
            Side::Credit => &mut *credits,
        };
        *side = side.checked_add(entry.amount.into())?;
        Some((*debits, *credits))
    }
}

/// A transaction's row.
pub(super) fn transaction(
    recorded: &RecordedEvent,
    event: &TransactionPosted,
    key: Option<&IdempotencyKey>,
) -> (Key, Vec<Cell>) {
    let effective = event.effective(recorded.recorded_at);
    let cells = vec![
        text(recorded.id),
        text("posted"),
        option(event.reference.as_ref()),
        option(event.code.as_ref()),
        option(event.description.as_ref()),
        text(effective.instant),
        text(effective.date),
        option(event.effective_at),
        text(recorded.recorded_at),
        option(event.related_to),
        option(event.reverses),
        Cell::Text(None),
        option(event.reason.as_ref()),
        option(key),
        json(&event.entries),
        json(&event.metadata),
    ];
    let key = Key {
        revision: recorded.revision.get(),
        ..Key::default()
    };
    (key, cells)
}

/// The row of a transaction's entry; `None` where its turnover is beyond 10^36.
pub(super) fn entry(
    recorded: &RecordedEvent,
    event: &TransactionPosted,
    (index, entry): (u64, &Entry),
    running: &mut Running,
) -> Option<(Key, Vec<Cell>)> {
    let (debits, credits) = running.add(entry)?;
    let effective = event.effective(recorded.recorded_at);
    let cells = vec![
        text(recorded.id),
        text(&entry.asset),
        text(entry.direction.as_str()),
        text(entry.amount),
        text(debits),
        text(credits),
        text("0"),
        text("0"),
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
    Some((key, cells))
}

/// A registered asset's row.
pub(super) fn asset(recorded: &RecordedEvent, event: &AssetRegistered) -> (Key, Vec<Cell>) {
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
pub(super) fn account(account: &AccountView<'_>) -> (Key, Vec<Cell>) {
    let cells = vec![
        text(account.account_type.as_str()),
        text(account.normal_balance.as_str()),
        option(account.name),
        text("open"),
        account.assets.map_or(Cell::Text(None), json),
        json(account.limits),
        json(account.metadata),
        text(account.opened_at),
        text(account.opened_revision),
    ];
    let key = Key {
        first: account.account.as_str().to_owned(),
        ..Key::default()
    };
    (key, cells)
}

/// A balance's row. Its revision is the last one that touched the account's asset.
pub(super) fn balance(
    account: &AccountView<'_>,
    (asset, balance): (&AssetCode, Balance),
    revision: u64,
) -> (Key, Vec<Cell>) {
    let cells = vec![
        text(balance.debits()),
        text(balance.credits()),
        text(balance.pending_debits()),
        text(balance.pending_credits()),
        text(revision),
    ];
    let key = Key {
        first: account.account.as_str().to_owned(),
        second: asset.as_str().to_owned(),
        ..Key::default()
    };
    (key, cells)
}

/// A ledger's own row.
pub(super) fn ledger(ledger: &Ledger, generation: GenerationId) -> Vec<Cell> {
    vec![
        option(ledger.name()),
        text(ledger.time_zone().name()),
        ledger.metadata().map_or(Cell::Text(None), json),
        option(ledger.opened_at()),
        option(ledger.last_recorded_at()),
        text(ledger.accounts_count()),
        text(ledger.transactions_count()),
        Cell::Text(None),
        text(generation),
    ]
}

fn text(value: impl ToString) -> Cell {
    Cell::Text(Some(value.to_string()))
}

fn option(value: Option<impl ToString>) -> Cell {
    Cell::Text(value.map(|value| value.to_string()))
}

fn json(value: &(impl Serialize + ?Sized)) -> Cell {
    Cell::Json(serde_json::to_value(value).unwrap_or(Value::Null))
}
