//! A unit: the events that one ledger writer makes durable together, encoded once.

use std::ops::Range;

use daybook_events::event::EventType;
use daybook_events::ids::{EventId, LedgerId};
use daybook_events::time::Timestamp;

use crate::port::ExpectedRevision;

/// The events of one append to one ledger, atomic in the store, with one `recorded_at`.
///
/// All bytes stand in one buffer, in the order in which they were decided; metadata that several
/// events share is kept once (D12).
#[derive(Debug, Clone)]
pub struct Unit {
    ledger: LedgerId,
    expected: ExpectedRevision,
    recorded_at: Timestamp,
    bytes: Vec<u8>,
    shared: Vec<Range<usize>>,
    events: Vec<Span>,
}

#[derive(Debug, Clone)]
struct Span {
    id: EventId,
    event_type: EventType,
    version: u16,
    data: Range<usize>,
    own: Range<usize>,
    shared: usize,
}

/// An event of a unit, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent<'a> {
    /// Its id.
    pub id: EventId,
    /// What kind of event.
    pub event_type: EventType,
    /// Version of the stored shape.
    pub version: u16,
    /// `data` as JSON.
    pub data: &'a [u8],
    /// Its own metadata fragment (`daybook_events::meta`).
    pub own: &'a [u8],
    /// Which of [`Unit::shared`] it carries as well.
    pub shared: usize,
}

impl Unit {
    /// An empty unit.
    pub fn new(ledger: LedgerId, expected: ExpectedRevision, recorded_at: Timestamp) -> Self {
        Self {
            ledger,
            expected,
            recorded_at,
            bytes: Vec::new(),
            shared: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Adds a shared metadata fragment and returns its index for [`Self::push`].
    pub fn push_shared(&mut self, fragment: &[u8]) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(fragment);
        self.shared.push(start..self.bytes.len());
        self.shared.len() - 1
    }

    /// Adds an event: `write_data` and `write_own` append its JSON to the unit's buffer.
    pub fn push(
        &mut self,
        id: EventId,
        event_type: EventType,
        shared: usize,
        write_data: impl FnOnce(&mut Vec<u8>),
        write_own: impl FnOnce(&mut Vec<u8>),
    ) {
        assert!(
            shared < self.shared.len(),
            "an event names a shared fragment of its unit"
        );
        let start = self.bytes.len();
        write_data(&mut self.bytes);
        let middle = self.bytes.len();
        write_own(&mut self.bytes);
        self.events.push(Span {
            id,
            event_type,
            version: event_type.version(),
            data: start..middle,
            own: middle..self.bytes.len(),
            shared,
        });
    }

    /// The ledger.
    pub fn ledger(&self) -> &LedgerId {
        &self.ledger
    }

    /// Where the writer believes the stream to be.
    pub fn expected(&self) -> ExpectedRevision {
        self.expected
    }

    /// When the ledger learns these events.
    pub fn recorded_at(&self) -> Timestamp {
        self.recorded_at
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it is a zero-event append.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How many bytes of data and metadata there are.
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// The shared metadata fragments.
    pub fn shared(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.shared.iter().map(|range| &self.bytes[range.clone()])
    }

    /// The shared metadata fragment at an index.
    pub fn shared_at(&self, index: usize) -> &[u8] {
        &self.bytes[self.shared[index].clone()]
    }

    /// The events in order.
    pub fn events(&self) -> impl ExactSizeIterator<Item = NewEvent<'_>> {
        self.events.iter().map(|span| NewEvent {
            id: span.id,
            event_type: span.event_type,
            version: span.version,
            data: &self.bytes[span.data.clone()],
            own: &self.bytes[span.own.clone()],
            shared: span.shared,
        })
    }
}
