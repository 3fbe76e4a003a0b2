//! The answers' bodies (section 2 of the API), rendered from an event and its header. A fresh
//! answer and a replayed one go through the same function, so they are equal (INV-3).

use std::collections::BTreeMap;

use daybook_events::event::{AccountOpened, Event, LedgerOpened, TransactionPosted};
use serde::Serialize;
use utoipa::ToSchema;

use crate::work::Record;

/// A ledger.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerView<'a> {
    /// Its id.
    ledger: &'a str,
    /// A name for people.
    name: Option<&'a str>,
    /// The zone whose days the ledger's dates are (IANA name).
    time_zone: &'a str,
    /// The revision that this answer reflects.
    revision: u64,
    /// How many accounts it has.
    accounts: u64,
    /// How many transactions it has.
    transactions: u64,
    /// The last day of the closed period.
    closed_through: Option<&'a str>,
    /// When it was opened.
    opened_at: String,
    /// The client's own pairs.
    #[schema(value_type = BTreeMap<String, String>)]
    metadata: BTreeMap<&'a str, &'a str>,
}

/// An asset beyond ISO 4217.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssetView<'a> {
    /// Its code.
    asset: &'a str,
    /// Decimal digits of its minor unit.
    scale: u8,
    /// A name for people.
    name: Option<&'a str>,
    /// The ledger's revision.
    revision: u64,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountView<'a> {
    /// Its id.
    account: &'a str,
    /// `asset`, `liability`, `equity`, `income` or `expense`.
    r#type: &'a str,
    /// The side that increases it: `debit` or `credit`.
    normal_balance: &'a str,
    /// A name for people.
    name: Option<&'a str>,
    /// `open`, `frozen` or `closed`.
    status: &'a str,
    /// The only assets that it may hold; any if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    assets: Option<Vec<&'a str>>,
    /// Its limits by asset, `*` for assets not named.
    limits: BTreeMap<&'a str, LimitView>,
    /// The client's own pairs.
    #[schema(value_type = BTreeMap<String, String>)]
    metadata: BTreeMap<&'a str, &'a str>,
    /// When it was opened.
    opened_at: String,
    /// Its balances by asset.
    balances: BTreeMap<String, BalanceView>,
    /// The ledger's revision.
    revision: u64,
}

/// The bounds of one balance, in minor units.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitView {
    /// `available` must not fall below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_available: Option<String>,
    /// `posted` plus pending increases must not exceed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_balance: Option<String>,
}

/// A balance in the account's normal direction, in minor units.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BalanceView {
    /// What was posted.
    posted: String,
    /// What is held; not included in `posted`.
    pending: String,
    /// What holds leave to spend.
    available: String,
}

/// A transaction.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TransactionView<'a> {
    /// Its id.
    id: String,
    /// The ledger.
    ledger: &'a str,
    /// The ledger's revision that recorded it.
    revision: u64,
    /// `posted`.
    status: &'a str,
    /// The client's own reference.
    reference: Option<&'a str>,
    /// A short machine-readable label.
    code: Option<&'a str>,
    /// For people.
    description: Option<&'a str>,
    /// When the ledger learned it.
    recorded_at: String,
    /// When it counts: a date or a time, as given; when it was recorded if not given.
    effective_at: String,
    /// Another transaction that the client relates this one to.
    related_to: Option<String>,
    /// Its entries.
    entries: Vec<EntryView<'a>>,
    /// The transaction that it reverses.
    reverses: Option<String>,
    /// The transaction that reverses it.
    reversed_by: Option<String>,
    /// The hold that it captures.
    captures: Option<String>,
    /// Why it reverses.
    reason: Option<&'a str>,
    /// The client's own pairs.
    #[schema(value_type = BTreeMap<String, String>)]
    metadata: BTreeMap<&'a str, &'a str>,
}

/// An entry of a transaction.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryView<'a> {
    /// `<transaction>:<index>`.
    id: String,
    /// The account.
    account: &'a str,
    /// `debit` or `credit`.
    direction: &'a str,
    /// Minor units.
    amount: String,
    /// The asset.
    asset: &'a str,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// The client's own pairs.
    #[schema(value_type = BTreeMap<String, String>)]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'a str, &'a str>,
    /// The account's balance of this asset after the whole transaction.
    balance: BalanceView,
}

/// The body of a command's answer as JSON.
pub(crate) fn body(record: &Record) -> Vec<u8> {
    let written = match &record.event {
        Event::LedgerOpened(event) => serde_json::to_vec(&ledger(record, event)),
        Event::AssetRegistered(event) => serde_json::to_vec(&AssetView {
            asset: event.asset.as_str(),
            scale: event.scale.get(),
            name: event.name.as_ref().map(|name| name.as_str()),
            revision: record.revision.get(),
        }),
        Event::AccountOpened(event) => serde_json::to_vec(&account(record, event)),
        Event::TransactionPosted(event) => serde_json::to_vec(&transaction(record, event)),
    };
    assert!(written.is_ok(), "a view is always JSON: {written:?}");
    written.unwrap_or_default()
}

/// The path of what a command made.
pub(crate) fn location(record: &Record) -> String {
    let ledger = &record.ledger;
    match &record.event {
        Event::LedgerOpened(_) => format!("/v1/ledgers/{ledger}"),
        Event::AssetRegistered(event) => format!("/v1/ledgers/{ledger}/assets/{}", event.asset),
        Event::AccountOpened(event) => format!("/v1/ledgers/{ledger}/accounts/{}", event.account),
        Event::TransactionPosted(_) => format!("/v1/ledgers/{ledger}/transactions/{}", record.id),
    }
}

fn ledger<'a>(record: &'a Record, event: &'a LedgerOpened) -> LedgerView<'a> {
    LedgerView {
        ledger: record.ledger.as_str(),
        name: event.name.as_ref().map(|name| name.as_str()),
        time_zone: event.time_zone.name(),
        revision: record.revision.get(),
        accounts: 0,
        transactions: 0,
        closed_through: None,
        opened_at: record.recorded_at.to_string(),
        metadata: event.metadata.iter().collect(),
    }
}

fn account<'a>(record: &Record, event: &'a AccountOpened) -> AccountView<'a> {
    let limits = event.limits.iter().map(|(asset, limit)| {
        let limit = LimitView {
            min_available: limit.min_available.map(|minor| minor.to_string()),
            max_balance: limit.max_balance.map(|minor| minor.to_string()),
        };
        (asset.as_str(), limit)
    });
    AccountView {
        account: event.account.as_str(),
        r#type: event.account_type.as_str(),
        normal_balance: event.normal_balance.as_str(),
        name: event.name.as_ref().map(|name| name.as_str()),
        status: "open",
        assets: event
            .assets
            .as_ref()
            .map(|assets| assets.iter().map(|asset| asset.as_str()).collect()),
        limits: limits.collect(),
        metadata: event.metadata.iter().collect(),
        opened_at: record.recorded_at.to_string(),
        balances: BTreeMap::new(),
        revision: record.revision.get(),
    }
}

fn transaction<'a>(record: &'a Record, event: &'a TransactionPosted) -> TransactionView<'a> {
    let id = record.id.to_string();
    let effective_at = match event.effective_at {
        Some(given) => given.to_string(),
        None => record.recorded_at.to_string(),
    };
    let entries = event
        .entries
        .iter()
        .enumerate()
        .map(|(index, entry)| EntryView {
            id: format!("{id}:{index}"),
            account: entry.account.as_str(),
            direction: entry.direction.as_str(),
            amount: entry.amount.to_string(),
            asset: entry.asset.as_str(),
            description: entry.description.as_ref().map(|text| text.as_str()),
            metadata: entry.metadata.iter().collect(),
            balance: BalanceView {
                posted: entry.balance.posted.to_string(),
                pending: entry.balance.pending.to_string(),
                available: entry.balance.available.to_string(),
            },
        });
    TransactionView {
        ledger: record.ledger.as_str(),
        revision: record.revision.get(),
        status: "posted",
        reference: event.reference.as_ref().map(|text| text.as_str()),
        code: event.code.as_ref().map(|text| text.as_str()),
        description: event.description.as_ref().map(|text| text.as_str()),
        recorded_at: record.recorded_at.to_string(),
        effective_at,
        related_to: event.related_to.map(|id| id.to_string()),
        entries: entries.collect(),
        reverses: event.reverses.map(|id| id.to_string()),
        reversed_by: None,
        captures: None,
        reason: event.reason.as_ref().map(|text| text.as_str()),
        metadata: event.metadata.iter().collect(),
        id,
    }
}
