//! A group while it is put together: each unit is judged against the durable log and what stands in
//! the group before it.

use daybook_events::ids::{LedgerId, Position, Revision};
use daybook_events::names::stream_of;
use rustc_hash::FxHashMap;

use super::queue::Request;
use super::read::Log;
use super::record::{self, EventIn, UnitHead};
use super::repeat::{Content, Repeated};
use crate::port::{AppendError, Appended, ExpectedRevision};
use crate::unit::Unit;

/// What a unit will be told once the group is durable.
pub(super) type Verdict = Result<Appended, AppendError>;

/// Units that are to be written together.
pub(super) struct Group<'a> {
    log: &'a Log,
    requests: &'a [Request],
    payload: &'a mut Vec<u8>,
    next_position: u64,
    pub(super) units: u32,
    pub(super) events: u32,
    /// Per ledger, what the group already holds of it.
    pending: FxHashMap<&'a LedgerId, Vec<Pending>>,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    request: usize,
    first_revision: u64,
    first_position: u64,
}

impl<'a> Group<'a> {
    /// An empty group whose first event gets `next_position`; records are appended to `payload`.
    pub(super) fn new(
        log: &'a Log,
        requests: &'a [Request],
        payload: &'a mut Vec<u8>,
        next_position: u64,
    ) -> Self {
        Self {
            log,
            requests,
            payload,
            next_position,
            units: 0,
            events: 0,
            pending: FxHashMap::default(),
        }
    }

    /// Judges every request in order and takes in what is to be written.
    pub(super) fn judge_all(&mut self) -> Vec<Verdict> {
        let mut verdicts: Vec<Verdict> = (0..self.requests.len())
            .map(|request| self.judge(request))
            .collect();
        // The head as it will be when the verdicts are told.
        let head = Position::new(self.next_position - 1);
        for (request, verdict) in self.requests.iter().zip(&mut verdicts) {
            if let (true, Ok(appended)) = (request.unit.is_empty(), verdict) {
                appended.last_position = head;
            }
        }
        verdicts
    }

    fn judge(&mut self, request: usize) -> Verdict {
        let requests = self.requests;
        let unit = &requests[request].unit;
        let stream = stream_of(unit.ledger());
        let next_revision = self.next_revision(unit.ledger(), &stream);
        let actual = next_revision.checked_sub(1).map(Revision::new);
        let refused = || AppendError::WrongExpectedRevision {
            expected: unit.expected(),
            actual,
        };
        let wanted = match unit.expected() {
            ExpectedRevision::NoStream => 0,
            ExpectedRevision::Exact(last) => last.get().checked_add(1).ok_or_else(refused)?,
        };
        if wanted == next_revision {
            return Ok(self.take(request, &stream, next_revision));
        }
        if wanted > next_revision || unit.is_empty() {
            return Err(refused());
        }
        self.repeated(unit, wanted)?.ok_or_else(refused)
    }

    fn next_revision(&self, ledger: &LedgerId, stream: &str) -> u64 {
        let pending = self.pending.get(ledger).and_then(|pending| pending.last());
        pending.map_or_else(
            || self.log.index().next_revision(stream),
            |last| last.first_revision + count(&self.requests[last.request].unit),
        )
    }

    fn take(&mut self, request: usize, stream: &str, first_revision: u64) -> Appended {
        let requests = self.requests;
        let unit = &requests[request].unit;
        if unit.is_empty() {
            return Appended {
                last_revision: first_revision.checked_sub(1).map(Revision::new),
                last_position: Position::new(self.next_position - 1),
            };
        }
        let head = UnitHead {
            stream,
            first_revision,
            first_position: self.next_position,
            recorded_at: unit.recorded_at().micros(),
        };
        let events = unit.events().map(|event| EventIn {
            id: event.id.uuid(),
            event_type: event.event_type.as_str(),
            version: event.version,
            shared: event.shared,
            data: event.data,
            own: event.own,
        });
        record::encode(self.payload, &head, unit.shared(), events);
        self.pending
            .entry(unit.ledger())
            .or_default()
            .push(Pending {
                request,
                first_revision,
                first_position: self.next_position,
            });
        self.units += 1;
        self.events += super::format::length(unit.len());
        self.next_position += count(unit);
        Appended {
            last_revision: Some(Revision::new(first_revision + count(unit) - 1)),
            last_position: Position::new(self.next_position - 1),
        }
    }

    /// Whether exactly this unit already stands at `first_revision`; then it succeeds again.
    fn repeated(&self, unit: &Unit, first_revision: u64) -> Result<Option<Appended>, AppendError> {
        let durable = self.log.repeated(unit, first_revision);
        let durable = durable.map_err(|error| AppendError::Unavailable {
            reason: error.to_string(),
        })?;
        let Repeated::UpTo(mut positions) = durable else {
            return Ok(None);
        };
        let mut contents = Content::of_unit(unit).skip(positions.len()).peekable();
        // What stands in this group, after everything durable.
        for pending in self.pending.get(unit.ledger()).into_iter().flatten() {
            let stored = Content::of_unit(&self.requests[pending.request].unit);
            let numbers = (pending.first_revision..).zip(pending.first_position..);
            for (stored, (revision, position)) in stored.zip(numbers) {
                if revision < first_revision || contents.peek().is_none() {
                    continue;
                }
                if contents.next() != Some(stored) {
                    return Ok(None);
                }
                positions.push(position);
            }
        }
        let whole = positions.len() == unit.len();
        Ok(positions.last().filter(|_| whole).map(|position| Appended {
            last_revision: Some(Revision::new(first_revision + count(unit) - 1)),
            last_position: Position::new(*position),
        }))
    }
}

fn count(unit: &Unit) -> u64 {
    u64::try_from(unit.len()).unwrap_or(u64::MAX)
}
