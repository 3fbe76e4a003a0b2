//! Reading: the one place where old versions of stored events become today's types.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::object;
use super::transaction::{EffectiveLocal, Entry, Origin, TransactionPosted};
use super::{Event, EventType};
use crate::ids::{Code, Description, Reference, TransactionId};
use crate::invalid::Invalid;
use crate::metadata::Metadata;
use crate::time::Effective;

/// Reads `data` of `event_type` in `version`.
pub(super) fn read(event_type: EventType, version: u16, data: &[u8]) -> Result<Event, Invalid> {
    match (event_type, version) {
        (EventType::LedgerOpened, 1) => json(data).map(Event::LedgerOpened),
        (EventType::LedgerUpdated, 1) => json(data).map(Event::LedgerUpdated),
        (EventType::AssetRegistered, 1) => json(data).map(Event::AssetRegistered),
        (EventType::AccountOpened, 1) => json(data).map(Event::AccountOpened),
        (EventType::AccountUpdated, 1) => json(data).map(Event::AccountUpdated),
        (EventType::AccountFrozen, 1) => json(data).map(Event::AccountFrozen),
        (EventType::AccountUnfrozen, 1) => json(data).map(Event::AccountUnfrozen),
        (EventType::AccountClosed, 1) => json(data).map(Event::AccountClosed),
        (EventType::HoldPlaced, 1) => json(data).map(Event::HoldPlaced),
        (EventType::HoldEnded, 1) => json(data).map(Event::HoldEnded),
        (EventType::MetadataSet, 1) => json(data).map(Event::MetadataSet),
        (EventType::PeriodClosed, 1) => json(data).map(Event::PeriodClosed),
        (EventType::PeriodReopened, 1) => json(data).map(Event::PeriodReopened),
        (EventType::CommandRejected, 1) => json(data).map(Event::CommandRejected),
        (EventType::TransactionPosted, 1) => {
            let first: TransactionPostedV1 = json(data)?;
            first.upcast().map(Event::TransactionPosted)
        }
        (EventType::TransactionPosted, 2) => json(data).map(Event::TransactionPosted),
        (_, version) => Err(Invalid::new(
            "event",
            format!("{event_type} version {version} is unknown to this build"),
        )),
    }
}

/// Version 1 of `TransactionPosted`, written before there were holds: a reversal named its target
/// and its reason in two members of their own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransactionPostedV1 {
    #[serde(default)]
    reference: Option<Reference>,
    #[serde(default)]
    code: Option<Code>,
    #[serde(default)]
    description: Option<Description>,
    #[serde(default)]
    effective_at: Option<Effective>,
    #[serde(default, deserialize_with = "object::optional")]
    effective_local: Option<EffectiveLocal>,
    #[serde(default)]
    related_to: Option<TransactionId>,
    #[serde(default)]
    reverses: Option<TransactionId>,
    #[serde(default)]
    reason: Option<Description>,
    #[serde(deserialize_with = "object::each")]
    entries: Vec<Entry>,
    #[serde(default)]
    metadata: Metadata,
}

impl TransactionPostedV1 {
    fn upcast(self) -> Result<TransactionPosted, Invalid> {
        let origin = match (self.reverses, self.reason) {
            (Some(of), Some(reason)) => Some(Origin::Reversal { of, reason }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                let text = "a reversal names its target and its reason, nothing else does";
                return Err(Invalid::new("event data", text));
            }
        };
        Ok(TransactionPosted {
            reference: self.reference,
            code: self.code,
            description: self.description,
            effective_at: self.effective_at,
            effective_local: self.effective_local,
            related_to: self.related_to,
            origin,
            entries: self.entries,
            metadata: self.metadata,
        })
    }
}

fn json<T: DeserializeOwned>(data: &[u8]) -> Result<T, Invalid> {
    // serde would also take an array of the members in order, a shape that is never written.
    if !data.starts_with(b"{") {
        return Err(Invalid::new("event data", "expected a JSON object"));
    }
    serde_json::from_slice(data).map_err(|error| Invalid::new("event data", error.to_string()))
}
