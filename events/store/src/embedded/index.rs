//! Where everything stands: by stream and by position. In memory, rebuilt from the log at opening.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use daybook_events::ids::LedgerId;
use daybook_events::names::ledger_of;
use rustc_hash::FxHashMap;

use super::record::UnitView;

/// Where a unit's record stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnitAt {
    /// Index into [`Index::segments`].
    pub(super) segment: usize,
    /// Of the record's own header.
    pub(super) offset: u64,
    /// With the record's own header.
    pub(super) len: u32,
    pub(super) events: u32,
    /// Index into [`Index::streams`].
    pub(super) stream: usize,
    pub(super) first_revision: u64,
    pub(super) first_position: u64,
}

impl UnitAt {
    pub(super) fn end_revision(&self) -> u64 {
        self.first_revision + u64::from(self.events)
    }

    pub(super) fn end_position(&self) -> u64 {
        self.first_position + u64::from(self.events)
    }
}

/// A stream and its units.
#[derive(Debug)]
pub(super) struct Stream {
    /// The ledger, if it is a ledger's stream.
    pub(super) ledger: Option<LedgerId>,
    pub(super) next_revision: u64,
    /// Indexes into [`Index::units`], ascending.
    units: Vec<usize>,
}

/// The index. What it holds is durable; nothing else is ever read.
#[derive(Debug)]
pub(super) struct Index {
    /// The segments' files. They are opened when they are read: a log may have more of them than a
    /// process may have files.
    pub(super) segments: Vec<Arc<Path>>,
    streams: Vec<Stream>,
    by_name: FxHashMap<Box<str>, usize>,
    units: Vec<UnitAt>,
    recent: VecDeque<Bytes>,
    recent_bytes: usize,
    recent_bytes_max: usize,
}

impl Index {
    /// An empty index that keeps this many bytes of the newest records.
    pub(super) fn new(recent_bytes_max: usize) -> Self {
        Self {
            segments: Vec::new(),
            streams: Vec::new(),
            by_name: FxHashMap::default(),
            units: Vec::new(),
            recent: VecDeque::new(),
            recent_bytes: 0,
            recent_bytes_max,
        }
    }

    /// The position that the next event gets.
    pub(super) fn next_position(&self) -> u64 {
        self.units.last().map_or(1, UnitAt::end_position)
    }

    pub(super) fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.get(*self.by_name.get(name)?)
    }

    pub(super) fn stream_of(&self, unit: &UnitAt) -> Option<&Stream> {
        self.streams.get(unit.stream)
    }

    /// The revision that a stream's next event gets; 0 for a stream that is not there.
    pub(super) fn next_revision(&self, name: &str) -> u64 {
        self.stream(name).map_or(0, |stream| stream.next_revision)
    }

    /// The units from the one that holds position `from` on, each with its number.
    pub(super) fn units_from(&self, from: u64) -> impl Iterator<Item = (usize, &UnitAt)> {
        let first = (self.units).partition_point(|unit| unit.end_position() <= from);
        (first..).zip(self.units.get(first..).unwrap_or_default())
    }

    /// A stream's units from the one that holds revision `from` on, each with its number.
    pub(super) fn units_of<'a>(
        &'a self,
        stream: &'a Stream,
        from: u64,
    ) -> impl Iterator<Item = (usize, &'a UnitAt)> {
        let unit = |number: &usize| self.units.get(*number).map(|unit| (*number, unit));
        let first = (stream.units).partition_point(|number| {
            unit(number).is_some_and(|(_, at)| at.end_revision() <= from)
        });
        (stream.units.get(first..).unwrap_or_default().iter()).filter_map(unit)
    }

    /// The body of a unit's record if it is still in memory.
    pub(super) fn recent(&self, number: usize) -> Option<Bytes> {
        let first = self.units.len() - self.recent.len();
        self.recent.get(number.checked_sub(first)?).cloned()
    }

    /// Adds the record that stands at `offset` of the last segment, if it goes on where the log and
    /// its stream stand, and keeps its body in memory for a while.
    pub(super) fn push(
        &mut self,
        view: &UnitView<'_>,
        body: &[u8],
        offset: u64,
        len: u32,
    ) -> Result<(), String> {
        let head = &view.head;
        let next_position = self.next_position();
        if head.first_position != next_position {
            let found = head.first_position;
            return Err(format!(
                "unit at position {found}, where {next_position} belongs"
            ));
        }
        let next_revision = self.next_revision(head.stream);
        if head.first_revision != next_revision {
            let (stream, found) = (head.stream, head.first_revision);
            return Err(format!(
                "unit of {stream} at revision {found}, where {next_revision} belongs"
            ));
        }
        let events = u32::try_from(view.events.len()).unwrap_or(u32::MAX);
        let stream = self.stream_or_new(head.stream);
        let number = self.units.len();
        let unit = UnitAt {
            segment: self.segments.len().saturating_sub(1),
            offset,
            len,
            events,
            stream,
            first_revision: head.first_revision,
            first_position: head.first_position,
        };
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.next_revision = unit.end_revision();
            stream.units.push(number);
        }
        self.units.push(unit);
        self.recent.push_back(Bytes::copy_from_slice(body));
        self.recent_bytes += body.len();
        while self.recent_bytes > self.recent_bytes_max {
            let Some(oldest) = self.recent.pop_front() else {
                break;
            };
            self.recent_bytes -= oldest.len();
        }
        Ok(())
    }

    fn stream_or_new(&mut self, name: &str) -> usize {
        if let Some(known) = self.by_name.get(name) {
            return *known;
        }
        let number = self.streams.len();
        self.streams.push(Stream {
            ledger: ledger_of(name),
            next_revision: 0,
            units: Vec::new(),
        });
        self.by_name.insert(name.into(), number);
        number
    }
}
