//! The envelope: an event as it leaves the store, and its one-line JSON form.
//!
//! The line is spliced together from the stored bytes; `data` and `meta` are never re-encoded (D12).

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::event::{Event, EventType};
use crate::ids::{EventId, LedgerId, Position, Revision};
use crate::invalid::Invalid;
use crate::meta::Meta;
use crate::time::Timestamp;

/// An event of a ledger as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its place in the store's whole order; not part of the event itself.
    pub position: Position,
    /// The ledger.
    pub ledger: LedgerId,
    /// Its place in the ledger's stream.
    pub revision: Revision,
    /// Its id.
    pub id: EventId,
    /// What kind of event.
    pub event_type: EventType,
    /// Version of the stored shape.
    pub version: u16,
    /// When the ledger learned it.
    pub recorded_at: Timestamp,
    /// `data`, byte for byte as stored.
    pub data: Bytes,
    /// `meta`, byte for byte as served and hashed.
    pub meta: Bytes,
}

impl RecordedEvent {
    /// Reads `data`.
    pub fn event(&self) -> Result<Event, Invalid> {
        Event::read(self.event_type, self.version, &self.data)
    }

    /// Reads `meta`.
    pub fn parsed_meta(&self) -> Result<Meta, Invalid> {
        Meta::parse(&self.meta)
    }

    /// Appends the event as one JSON object without a line end.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        // Writing into memory cannot fail.
        let written = write!(
            out,
            "{{\"ledger\":\"{}\",\"revision\":{},\"id\":\"{}\",\"type\":\"{}\",\"version\":{},\
             \"recorded_at\":\"{}\",\"data\":",
            self.ledger, self.revision, self.id, self.event_type, self.version, self.recorded_at
        );
        debug_assert!(written.is_ok(), "writing into memory cannot fail");
        out.extend_from_slice(&self.data);
        out.extend_from_slice(b",\"meta\":");
        out.extend_from_slice(&self.meta);
        out.push(b'}');
    }

    /// Appends the event for a feed, its position beside it, with a line end.
    pub fn write_feed_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"position\":");
        out.extend_from_slice(self.position.to_string().as_bytes());
        out.extend_from_slice(b",\"event\":");
        self.write_line(out);
        out.extend_from_slice(b"}\n");
    }

    /// Reads one line that [`Self::write_feed_line`] wrote.
    pub fn read_feed_line(line: &[u8]) -> Result<Self, Invalid> {
        let FeedLine { position, event } = serde_json::from_slice(line)
            .map_err(|error| Invalid::new("feed line", error.to_string()))?;
        Self::from_line(position, event)
    }

    /// Reads one line that [`Self::write_line`] wrote, served at `position`.
    pub fn read_line(position: Position, line: &[u8]) -> Result<Self, Invalid> {
        let event = serde_json::from_slice(line)
            .map_err(|error| Invalid::new("event line", error.to_string()))?;
        Self::from_line(position, event)
    }

    fn from_line(position: Position, line: Line<'_>) -> Result<Self, Invalid> {
        Ok(Self {
            position,
            ledger: line.ledger,
            revision: line.revision,
            id: line.id,
            event_type: EventType::parse(line.event_type)?,
            version: line.version,
            recorded_at: line.recorded_at,
            data: Bytes::copy_from_slice(line.data.get().as_bytes()),
            meta: Bytes::copy_from_slice(line.meta.get().as_bytes()),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeedLine<'a> {
    position: Position,
    #[serde(borrow)]
    event: Line<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    ledger: LedgerId,
    revision: Revision,
    id: EventId,
    #[serde(rename = "type")]
    event_type: &'a str,
    version: u16,
    recorded_at: Timestamp,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    meta: &'a RawValue,
}
