//! Reading: from the index to the records, from the records to events.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use daybook_events::envelope::RecordedEvent;
use daybook_events::event::EventType;
use daybook_events::ids::{EventId, GenerationId, LedgerId, Position, Revision};
use daybook_events::names::stream_of;
use daybook_events::time::Timestamp;
use daybook_events::{Invalid, meta};

use super::format::size;
use super::index::{Index, UnitAt};
use super::record::{self, EventAt, UnitView};
use crate::port::{READ_BYTES_MAX, ReadError};

/// Records of one file with no more than this between them are read in one go: the headers and
/// fillings between the groups of neighbouring records.
const GAP_BYTES_MAX: u64 = 4 << 10;
/// The most that is read in one go, unless one record is larger.
const RUN_BYTES_MAX: u64 = 1 << 20;

/// What readers share with the writer: the index of everything durable.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) generation: GenerationId,
    index: RwLock<Index>,
}

/// A unit that a read wants, found in the index.
struct Wanted {
    at: UnitAt,
    ledger: LedgerId,
    segment: Arc<Path>,
    body: Option<Bytes>,
}

/// Units that a read wants; the bytes of some are still on the disk only.
pub(super) struct Plan(Vec<Wanted>);

impl Log {
    pub(super) fn new(generation: GenerationId, index: Index) -> Self {
        Self {
            generation,
            index: RwLock::new(index),
        }
    }

    pub(super) fn index(&self) -> RwLockReadGuard<'_, Index> {
        // The only writer takes whole steps; after its panic the index is as valid as before.
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The position of the last durable event; 0 if there is none.
    pub(super) fn head(&self) -> Position {
        Position::new(self.index().next_position() - 1)
    }

    pub(super) fn last_revision(&self, ledger: &LedgerId) -> Option<Revision> {
        let next = self.index().next_revision(&stream_of(ledger));
        next.checked_sub(1).map(Revision::new)
    }

    /// The units for a page of a ledger's events.
    pub(super) fn plan_ledger(&self, ledger: &LedgerId, from: Revision, limit: usize) -> Plan {
        let index = self.index();
        let Some(stream) = index.stream(&stream_of(ledger)) else {
            return Plan(Vec::new());
        };
        let units = index.units_of(stream, from.get());
        Plan::page(&index, units, limit, |unit| {
            unit.end_revision() - unit.first_revision.max(from.get())
        })
    }

    /// The units for a page of all ledgers' events.
    pub(super) fn plan_all(&self, after: Position, limit: usize) -> Plan {
        let index = self.index();
        let from = after.get().saturating_add(1);
        Plan::page(&index, index.units_from(from), limit, |unit| {
            unit.end_position() - unit.first_position.max(from)
        })
    }
}

impl Plan {
    fn page<'a>(
        index: &'a Index,
        units: impl Iterator<Item = (usize, &'a UnitAt)>,
        limit: usize,
        events_of: impl Fn(&UnitAt) -> u64,
    ) -> Self {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let (mut plan, mut events, mut bytes) = (Vec::new(), 0, 0);
        for (number, at) in units {
            if events >= limit || bytes > READ_BYTES_MAX {
                break;
            }
            let ledger = index.stream_of(at).and_then(|stream| stream.ledger.clone());
            let (Some(ledger), Some(segment)) = (ledger, index.segments.get(at.segment)) else {
                continue;
            };
            events += events_of(at);
            bytes += size(at.len);
            plan.push(Wanted {
                at: *at,
                ledger,
                segment: Arc::clone(segment),
                body: index.recent(number),
            });
        }
        Self(plan)
    }

    /// Whether [`Self::load`] will ask the disk.
    pub(super) fn needs_disk(&self) -> bool {
        self.0.iter().any(|wanted| wanted.body.is_none())
    }

    /// Reads and checks the records that are not in memory, neighbours together.
    pub(super) fn load(&mut self) -> Result<(), ReadError> {
        let mut rest = self.0.as_mut_slice();
        while let Some(first) = rest.iter().position(|wanted| wanted.body.is_none()) {
            rest = rest.get_mut(first..).unwrap_or_default();
            let run = run_len(rest);
            let (now, later) = rest.split_at_mut(run);
            load_run(now)?;
            rest = later;
        }
        Ok(())
    }

    /// The units that were loaded, taken apart.
    pub(super) fn units(
        &self,
    ) -> impl Iterator<Item = Result<(&UnitAt, &Bytes, UnitView<'_>), ReadError>> {
        self.0.iter().map(|unit| {
            let (body, view) = unit.parsed()?;
            Ok((&unit.at, body, view))
        })
    }

    /// The events that are wanted, as many as the limits allow.
    pub(super) fn events(
        &self,
        limit: usize,
        wanted: impl Fn(Position, Revision) -> bool,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let mut events: Vec<RecordedEvent> = Vec::new();
        let mut bytes = 0;
        for unit in &self.0 {
            let (body, view) = unit.parsed()?;
            let numbers = (unit.at.first_position..).zip(unit.at.first_revision..);
            for (event, (position, revision)) in view.events.iter().zip(numbers) {
                let (position, revision) = (Position::new(position), Revision::new(revision));
                if !wanted(position, revision) {
                    continue;
                }
                if events.len() >= limit {
                    return Ok(events);
                }
                let recorded = unit.recorded(body, &view, event, position, revision);
                let recorded = recorded.map_err(|error| unit.damaged(&error.to_string()))?;
                bytes += recorded.data.len() + recorded.meta.len();
                if !events.is_empty() && bytes > READ_BYTES_MAX {
                    return Ok(events);
                }
                events.push(recorded);
            }
        }
        Ok(events)
    }

    /// The id of the event at a position, if one of these units holds it.
    pub(super) fn id_at(&self, position: Position) -> Result<Option<EventId>, ReadError> {
        for unit in &self.0 {
            let (_, view) = unit.parsed()?;
            let mut numbered = (unit.at.first_position..).zip(&view.events);
            if let Some((_, event)) = numbered.find(|(number, _)| *number == position.get()) {
                return Ok(Some(EventId::new(event.id)));
            }
        }
        Ok(None)
    }
}

impl Wanted {
    fn parsed(&self) -> Result<(&Bytes, UnitView<'_>), ReadError> {
        let Some(body) = &self.body else {
            let reason = "record was planned but not loaded".to_owned();
            return Err(ReadError::Unavailable { reason });
        };
        let view = record::parse(body).map_err(|reason| self.damaged(reason))?;
        Ok((body, view))
    }

    fn recorded(
        &self,
        body: &Bytes,
        view: &UnitView<'_>,
        event: &EventAt<'_>,
        position: Position,
        revision: Revision,
    ) -> Result<RecordedEvent, Invalid> {
        let recorded_at = Timestamp::try_from_micros(view.head.recorded_at)
            .ok_or_else(|| Invalid::new("time", "outside the years 1 to 9999"))?;
        let own = body.get(event.own.clone()).unwrap_or_default();
        let shared = view.shared.get(event.shared).cloned();
        let shared = shared.and_then(|range| body.get(range)).unwrap_or_default();
        let mut meta = Vec::with_capacity(own.len() + shared.len() + 3);
        meta::splice(own, shared, &mut meta);
        Ok(RecordedEvent {
            position,
            ledger: self.ledger.clone(),
            revision,
            id: EventId::new(event.id),
            event_type: EventType::parse(event.event_type)?,
            version: event.version,
            recorded_at,
            data: body.slice(event.data.clone()),
            meta: Bytes::from(meta),
        })
    }

    fn damaged(&self, reason: &str) -> ReadError {
        let (path, offset) = (self.segment.display(), self.at.offset);
        ReadError::Damaged {
            reason: format!("{path} at byte {offset}: {reason}"),
        }
    }
}

/// How many units at the beginning are read in one go.
fn run_len(units: &[Wanted]) -> usize {
    let Some(first) = units.first() else {
        return 0;
    };
    let mut end = first.at.offset + u64::from(first.at.len);
    let more = units.iter().skip(1).take_while(|unit| {
        let near = Arc::ptr_eq(&unit.segment, &first.segment)
            && unit.body.is_none()
            && unit.at.offset >= end
            && unit.at.offset - end <= GAP_BYTES_MAX
            && unit.at.offset + u64::from(unit.at.len) - first.at.offset <= RUN_BYTES_MAX;
        end = unit.at.offset + u64::from(unit.at.len);
        near
    });
    1 + more.count()
}

fn load_run(units: &mut [Wanted]) -> Result<(), ReadError> {
    let (Some(first), Some(last)) = (units.first(), units.last()) else {
        return Ok(());
    };
    let start = first.at.offset;
    let len = last.at.offset + u64::from(last.at.len) - start;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    let read = File::open(&first.segment).and_then(|file| file.read_exact_at(&mut bytes, start));
    read.map_err(|error| ReadError::Unavailable {
        reason: format!("failed to read {}: {error}", first.segment.display()),
    })?;
    let bytes = Bytes::from(bytes);
    for unit in units {
        let from = usize::try_from(unit.at.offset - start).unwrap_or(usize::MAX);
        let record = bytes.slice(from..from + size(unit.at.len));
        let body = record::body(&record).map_err(|reason| unit.damaged(reason))?;
        if record::RECORD_HEADER + body.len() != record.len() {
            return Err(unit.damaged("record has another length than the index says"));
        }
        unit.body = Some(record.slice_ref(body));
    }
    Ok(())
}
