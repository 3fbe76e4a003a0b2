//! Reading: the one place where old versions of stored events become today's types.

use serde::de::DeserializeOwned;

use super::{Event, EventType};
use crate::invalid::Invalid;

/// Reads `data` of `event_type` in `version`.
pub(super) fn read(event_type: EventType, version: u16, data: &[u8]) -> Result<Event, Invalid> {
    match (event_type, version) {
        (EventType::LedgerOpened, 1) => json(data).map(Event::LedgerOpened),
        (EventType::AssetRegistered, 1) => json(data).map(Event::AssetRegistered),
        (EventType::AccountOpened, 1) => json(data).map(Event::AccountOpened),
        (EventType::TransactionPosted, 1) => json(data).map(Event::TransactionPosted),
        (_, version) => Err(Invalid::new(
            "event",
            format!("{event_type} version {version} is unknown to this build"),
        )),
    }
}

fn json<T: DeserializeOwned>(data: &[u8]) -> Result<T, Invalid> {
    // serde would also take an array of the members in order, a shape that is never written.
    if !data.starts_with(b"{") {
        return Err(Invalid::new("event data", "expected a JSON object"));
    }
    serde_json::from_slice(data).map_err(|error| Invalid::new("event data", error.to_string()))
}
