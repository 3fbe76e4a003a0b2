//! Transactions: posted, and holds in every state.

use std::collections::BTreeMap;

use daybook_events::event::{BalanceAfter, Entry, Event, TransactionStatus};
use daybook_events::ids::EventId;
use daybook_events::metadata::Metadata;
use serde::Serialize;
use utoipa::ToSchema;

use crate::work::{About, Record};

/// A transaction.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TransactionView<'a> {
    /// Its id.
    #[schema(example = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f")]
    id: String,
    /// The ledger.
    #[schema(example = "acme")]
    ledger: &'a str,
    /// The ledger's revision that recorded it.
    #[schema(example = 42)]
    revision: u64,
    /// `posted`; of a hold `pending`, `posted` (captured), `voided` or `expired`.
    #[schema(example = "posted")]
    status: &'a str,
    /// The client's own reference.
    #[schema(example = "order-1001")]
    reference: Option<&'a str>,
    /// A short machine-readable label.
    code: Option<&'a str>,
    /// For people.
    description: Option<&'a str>,
    /// When the ledger learned it.
    #[schema(format = DateTime, example = "2026-11-20T14:58:49.123456Z")]
    recorded_at: String,
    /// When it counts: a date or a time, as given; when it was recorded if not given.
    #[schema(example = "2026-11-20")]
    effective_at: String,
    /// Of a hold alone: from this instant on it is expired; null if it waits for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<String>>,
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
    /// Of a hold alone: how it ended; null while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<EndedView>)]
    ended: Option<Option<EndedView<'a>>>,
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
    #[schema(example = "users:123")]
    account: &'a str,
    /// `debit` or `credit`.
    #[schema(example = "debit")]
    direction: &'a str,
    /// Minor units.
    #[schema(example = "1050")]
    amount: String,
    /// The asset.
    #[schema(example = "USD")]
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

/// How a hold came to its end.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndedView<'a> {
    /// The ledger's revision that recorded it.
    revision: u64,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// `captured`, `voided` or `expired`.
    #[schema(example = "voided")]
    outcome: &'a str,
    /// Why it was voided.
    reason: Option<&'a str>,
    /// What was released: once per account, direction and asset, and not what was captured.
    released: Vec<ReleasedView<'a>>,
}

/// What the end of a hold released of one account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReleasedView<'a> {
    /// The account.
    account: &'a str,
    /// `debit` or `credit`.
    direction: &'a str,
    /// Minor units.
    amount: String,
    /// The asset.
    asset: &'a str,
    /// The account's balance of this asset after all of it.
    balance: BalanceView,
}

/// A balance in the account's normal direction, in minor units.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BalanceView {
    /// What was posted.
    #[schema(example = "905050")]
    posted: String,
    /// What is held; not included in `posted`.
    #[schema(example = "0")]
    pending: String,
    /// What holds leave to spend.
    #[schema(example = "905050")]
    available: String,
}

/// What became of a transaction since it was recorded, as far as it is to be shown.
#[derive(Clone, Copy, Default)]
pub(super) struct Since<'a> {
    /// Its pairs, where they were changed.
    pub(super) metadata: Option<&'a Metadata>,
    pub(super) reversed_by: Option<EventId>,
    /// The end of the hold.
    pub(super) ended: Option<&'a Record>,
}

/// What the end of a hold, or new pairs of a transaction, leave of it.
pub(super) fn changed<'a>(record: &'a Record, about: &'a About) -> Option<TransactionView<'a>> {
    let mut since = Since {
        metadata: about.metadata.as_ref(),
        reversed_by: about.reversed_by,
        ended: about.ended.as_deref(),
    };
    if let Event::HoldEnded(_) = &record.event {
        since.ended = Some(record);
    }
    if let Some(Event::HoldEnded(ended)) = since.ended.map(|ended| &ended.event) {
        since.metadata = since.metadata.or(ended.metadata.as_ref());
    }
    if let Event::MetadataSet(set) = &record.event {
        since.metadata = Some(&set.metadata);
    }
    transaction(&about.target, since)
}

/// A transaction; `None` if the record is not one's.
pub(super) fn transaction<'a>(record: &'a Record, since: Since<'a>) -> Option<TransactionView<'a>> {
    let facts = record.event.transaction()?;
    let posted = if let Event::TransactionPosted(posted) = &record.event {
        Some(posted)
    } else {
        None
    };
    let placed = if let Event::HoldPlaced(placed) = &record.event {
        Some(placed)
    } else {
        None
    };
    let status = match (placed, since.ended.map(|ended| &ended.event)) {
        (Some(_), Some(Event::HoldEnded(ended))) => ended.outcome.status(),
        (Some(_), _) => TransactionStatus::Pending,
        (None, _) => TransactionStatus::Posted,
    };
    let id = record.id.to_string();
    let effective_at = match facts.effective_at {
        Some(given) => given.to_string(),
        None => record.recorded_at.to_string(),
    };
    let entries = facts.entries.iter().enumerate();
    let entries = entries.map(|(index, of)| entry(&id, index, of)).collect();
    let metadata = since.metadata.unwrap_or(facts.metadata);
    Some(TransactionView {
        ledger: record.ledger.as_str(),
        revision: record.revision.get(),
        status: status.as_str(),
        reference: facts.reference.map(|text| text.as_str()),
        code: facts.code.map(|text| text.as_str()),
        description: facts.description.map(|text| text.as_str()),
        recorded_at: record.recorded_at.to_string(),
        effective_at,
        expires_at: placed.map(|placed| placed.expires_at.map(|at| at.to_string())),
        related_to: facts.related_to.map(|id| id.to_string()),
        entries,
        reverses: posted.and_then(|posted| Some(posted.reverses()?.to_string())),
        reversed_by: since.reversed_by.map(|id| id.to_string()),
        captures: posted.and_then(|posted| Some(posted.captures()?.to_string())),
        reason: posted.and_then(|posted| Some(posted.reason()?.as_str())),
        ended: placed.map(|_| since.ended.and_then(ended)),
        metadata: metadata.iter().collect(),
        id,
    })
}

fn entry<'a>(transaction: &str, index: usize, entry: &'a Entry) -> EntryView<'a> {
    EntryView {
        id: format!("{transaction}:{index}"),
        account: entry.account.as_str(),
        direction: entry.direction.as_str(),
        amount: entry.amount.to_string(),
        asset: entry.asset.as_str(),
        description: entry.description.as_ref().map(|text| text.as_str()),
        metadata: entry.metadata.iter().collect(),
        balance: balance(entry.balance),
    }
}

fn ended(record: &Record) -> Option<EndedView<'_>> {
    let Event::HoldEnded(event) = &record.event else {
        return None;
    };
    let released = event.released.iter().map(|entry| ReleasedView {
        account: entry.account.as_str(),
        direction: entry.direction.as_str(),
        amount: entry.amount.to_string(),
        asset: entry.asset.as_str(),
        balance: balance(entry.balance),
    });
    Some(EndedView {
        revision: record.revision.get(),
        at: record.recorded_at.to_string(),
        outcome: event.outcome.as_str(),
        reason: event.reason.as_ref().map(|text| text.as_str()),
        released: released.collect(),
    })
}

fn balance(after: BalanceAfter) -> BalanceView {
    BalanceView {
        posted: after.posted.to_string(),
        pending: after.pending.to_string(),
        available: after.available.to_string(),
    }
}
