//! From recorded bytes to what the fold works on; still no clock, no IO.

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::Event;
use daybook_events::ids::IdempotencyKey;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Corrupt, Rule};

/// An event, read.
#[derive(Debug)]
pub(super) struct Decoded<'a> {
    pub(super) recorded: &'a RecordedEvent,
    pub(super) event: Event,
    pub(super) key: Option<IdempotencyKey>,
    /// A transaction's entries, or what the end of a hold releases, as stored, byte for byte.
    pub(super) entries_json: &'a str,
}

/// Reads every event.
pub(super) fn all(events: &[RecordedEvent]) -> Result<Vec<Decoded<'_>>, Box<Corrupt>> {
    events
        .iter()
        .map(|recorded| {
            one(recorded).map_err(|why| corrupt(recorded, Rule::Unreadable(why.to_string())))
        })
        .collect()
}

/// Names the event that breaks `rule`.
pub(super) fn corrupt(recorded: &RecordedEvent, rule: Rule) -> Box<Corrupt> {
    Box::new(Corrupt {
        id: recorded.id,
        ledger: recorded.ledger.clone(),
        revision: recorded.revision,
        position: recorded.position,
        rule,
    })
}

fn one(recorded: &RecordedEvent) -> Result<Decoded<'_>, Box<dyn std::error::Error>> {
    let event = recorded.event()?;
    let entries_json = match &event {
        Event::TransactionPosted(_) | Event::HoldPlaced(_) | Event::HoldEnded(_) => {
            let raw: Raw<'_> = serde_json::from_slice(&recorded.data)?;
            // What releases nothing leaves the member out.
            raw.entries.or(raw.released).map_or("[]", RawValue::get)
        }
        Event::LedgerOpened(_)
        | Event::LedgerUpdated(_)
        | Event::AssetRegistered(_)
        | Event::AccountOpened(_)
        | Event::AccountUpdated(_)
        | Event::AccountFrozen(_)
        | Event::AccountUnfrozen(_)
        | Event::AccountClosed(_)
        | Event::MetadataSet(_)
        | Event::PeriodClosed(_)
        | Event::PeriodReopened(_)
        | Event::CommandRejected(_) => "",
    };
    let key = recorded.parsed_meta()?.key;
    Ok(Decoded {
        recorded,
        event,
        key,
        entries_json,
    })
}

/// Only the entries, unread; the other members are skipped.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    entries: Option<&'a RawValue>,
    #[serde(borrow, default)]
    released: Option<&'a RawValue>,
}
