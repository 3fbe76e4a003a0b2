//! The open unit: the events that were decided and wait for their append, encoded once (D12).

use std::ops::Range;
use std::sync::Arc;

use daybook_domain::{Ledger, Recorded, evolve};
use daybook_events::event::Event;
use daybook_events::ids::{EventId, Revision};
use daybook_events::meta::{OwnMeta, RequestHash};
use daybook_events::time::Timestamp;
use daybook_store::Unit;

use super::{Writer, answer, expected};
use crate::work::{Answer, Failure, Outcome, Record, Task, Work};

/// The unit that commands are being decided into.
pub(super) struct OpenUnit {
    unit: Unit,
    recorded_at: Timestamp,
    /// The ledger's revision below this unit.
    below: Option<Revision>,
    /// The events so far; the one at index `i` has revision `below + 1 + i`.
    records: Vec<Arc<Record>>,
    /// The same events encoded, one after the other. Only those of the task that is being decided:
    /// the unit takes them over when it stays.
    data: Vec<u8>,
    staged: Vec<Staged>,
    /// The metadata fragment that was pushed last, and its index in the unit.
    shared: Option<(Arc<[u8]>, usize)>,
    decided: Vec<(Task, Outcome)>,
    commands: usize,
    /// How many of the events end a hold whose time is over: those come first.
    expired: usize,
    /// Whether no command may be decided in it: holds that are due wait for the next one.
    full: bool,
}

/// An event of the task that is being decided.
struct Staged {
    /// Where its data end.
    end: usize,
    /// The command's place in the task.
    command: usize,
    /// Whether it is the command's last, which bears its key.
    answers: bool,
}

/// A closed unit with the answers that its durability makes true.
pub(super) struct Decided {
    /// The ledger's revision after this unit.
    pub(super) last: Option<Revision>,
    /// Its last event.
    pub(super) last_id: Option<EventId>,
    pub(super) commands: usize,
    pub(super) expired: usize,
    records: Vec<Arc<Record>>,
    below: Option<Revision>,
    tasks: Vec<(Task, Outcome)>,
}

impl OpenUnit {
    pub(super) fn new(state: &Ledger, recorded_at: Timestamp) -> Self {
        let below = state.revision();
        Self {
            unit: Unit::new(state.id().clone(), expected(below), recorded_at),
            recorded_at,
            below,
            records: Vec::new(),
            data: Vec::new(),
            staged: Vec::new(),
            shared: None,
            decided: Vec::new(),
            commands: 0,
            expired: 0,
            full: false,
        }
    }

    /// Sets the time of a unit that nothing was decided in yet.
    pub(super) fn begin(&mut self, recorded_at: Timestamp) {
        self.unit = Unit::new(
            self.unit.ledger().clone(),
            expected(self.below),
            recorded_at,
        );
        self.recorded_at = recorded_at;
    }

    pub(super) fn is_untouched(&self) -> bool {
        self.decided.is_empty() && self.records.is_empty()
    }

    /// Takes no commands from now on.
    pub(super) fn fill(&mut self) {
        self.full = true;
    }

    pub(super) fn is_filled(&self) -> bool {
        self.full
    }

    pub(super) fn commands(&self) -> usize {
        self.commands
    }

    /// How many due holds were ended in it.
    pub(super) fn expired(&self) -> usize {
        self.expired
    }

    pub(super) fn recorded_at(&self) -> Timestamp {
        self.recorded_at
    }

    pub(super) fn bytes(&self) -> usize {
        self.unit.bytes_len()
    }

    /// The unit as it is; a new one begins on top of it.
    pub(super) fn close(&mut self, state: &Ledger) -> (Unit, Decided) {
        let next = Self::new(state, self.recorded_at);
        let Self {
            unit,
            below,
            records,
            decided,
            commands,
            expired,
            ..
        } = std::mem::replace(self, next);
        let decided = Decided {
            last: state.revision(),
            last_id: records.last().map(|last| last.id),
            commands,
            expired,
            records,
            below,
            tasks: decided,
        };
        (unit, decided)
    }

    fn record(&self, revision: Revision) -> Option<Arc<Record>> {
        find(&self.records, self.below, revision)
    }

    /// Puts an event that is there to stay into the unit.
    fn push(&mut self, record: &Record, data: Range<usize>, shared: &Arc<[u8]>, own: &OwnMeta) {
        let shared = match &self.shared {
            Some((fragment, index)) if **fragment == **shared => *index,
            _ => {
                let index = self.unit.push_shared(shared);
                self.shared = Some((Arc::clone(shared), index));
                index
            }
        };
        self.unit.push(
            record.id,
            record.event.event_type(),
            shared,
            |out| out.extend_from_slice(&self.data[data]),
            |out| own.write(out),
        );
    }
}

impl Decided {
    pub(super) fn record(&self, revision: Revision) -> Option<Arc<Record>> {
        find(&self.records, self.below, revision)
    }

    pub(super) fn events(&self) -> usize {
        self.records.len()
    }

    /// The unit's events.
    pub(super) fn records(&self) -> &[Arc<Record>] {
        &self.records
    }

    pub(super) fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// Gives every answer; only once everything it was decided on is durable.
    pub(super) fn answer(self) {
        for (task, outcome) in self.tasks {
            answer(task, outcome);
        }
    }

    pub(super) fn fail(self, failure: Failure) {
        for (task, _) in self.tasks {
            answer(task, Outcome::failure(failure));
        }
    }

    /// The tasks, to be decided again.
    pub(super) fn into_tasks(self) -> impl Iterator<Item = Task> {
        self.tasks.into_iter().map(|(task, _)| task)
    }
}

/// The record of a revision among those that follow `below` without holes (INV-8).
fn find(
    records: &[Arc<Record>],
    below: Option<Revision>,
    revision: Revision,
) -> Option<Arc<Record>> {
    let first = expected(below).next();
    let index = revision.get().checked_sub(first.get())?;
    records.get(usize::try_from(index).ok()?).map(Arc::clone)
}

impl Writer {
    /// Notes the outcome of a task; it is told once the open unit is durable.
    pub(super) fn decided(&mut self, task: Task, mut outcome: Outcome) {
        if task.brief {
            let answers = outcome.answers.into_iter();
            outcome.answers = answers.map(Answer::brief).collect();
        }
        self.open.commands += task.works.len();
        self.open.decided.push((task, outcome));
    }

    /// The event that would be the next but `after`.
    pub(super) fn record_of(
        &self,
        id: EventId,
        hash: Option<RequestHash>,
        event: Event,
        after: u64,
    ) -> Arc<Record> {
        Arc::new(Record {
            ledger: self.state.id().clone(),
            revision: expected(self.state.revision()).next().plus(after),
            id,
            recorded_at: self.open.recorded_at,
            hash,
            event,
        })
    }

    /// Makes an event part of what is decided.
    fn happen(&mut self, record: &Arc<Record>, work: Option<&Work>) {
        let recorded = Recorded {
            revision: record.revision,
            id: record.id,
            at: record.recorded_at,
        };
        let evolved = evolve(&mut self.state, recorded, &record.event);
        assert!(
            evolved.is_ok(),
            "INV-1, INV-4: a decided event breaks a law of the ledger: {evolved:?}"
        );
        record.event.write(&mut self.open.data);
        let key = work.and_then(|work| work.key.as_ref());
        self.index
            .add(record.revision, record.id, key, &record.event);
        self.open.records.push(Arc::clone(record));
    }

    /// An event of a command. It stays if its task does.
    pub(super) fn stage(&mut self, record: &Arc<Record>, command: usize, work: Option<&Work>) {
        self.happen(record, work);
        self.open.staged.push(Staged {
            end: self.open.data.len(),
            command,
            answers: work.is_some(),
        });
    }

    /// Puts the events of a task that stays into the unit: all but its last say that more follow.
    pub(super) fn encode(&mut self, task: &Task) {
        let staged = std::mem::take(&mut self.open.staged);
        let first = self.open.records.len() - staged.len();
        let mut start = 0;
        for (index, event) in staged.iter().enumerate() {
            let work = &task.works[event.command];
            let record = Arc::clone(&self.open.records[first + index]);
            let own = OwnMeta {
                key: work.key.clone().filter(|_| event.answers),
                request: record.hash,
                more: index + 1 < staged.len(),
            };
            self.open
                .push(&record, start..event.end, &work.shared, &own);
            start = event.end;
        }
        self.open.data.clear();
    }

    /// The end of a due hold: a command of its own, of nobody.
    pub(super) fn expire(&mut self, record: &Arc<Record>, nobody: &Arc<[u8]>) {
        self.happen(record, None);
        let data = 0..self.open.data.len();
        self.open.push(record, data, nobody, &OwnMeta::default());
        self.open.data.clear();
        self.open.expired += 1;
    }

    /// Bytes of the events of the task that is being decided.
    pub(super) fn bytes_decided(&self) -> usize {
        self.open.data.len()
    }

    /// How many events the open unit has.
    pub(super) fn events_decided(&self) -> usize {
        self.open.records.len()
    }

    /// Forgets the events of a task that does not stay.
    pub(super) fn forget_decided(&mut self, kept: usize) {
        self.open.records.truncate(kept);
        self.open.data.clear();
        self.open.staged.clear();
    }

    /// The record of a revision that is not durable yet.
    pub(super) fn undurable(&self, revision: Revision) -> Option<Arc<Record>> {
        self.open.record(revision).or_else(|| {
            let flight = self.in_flight.as_ref()?;
            flight.decided.record(revision)
        })
    }
}

/// Stands in for a clock that is outside the years 1 to 9999.
pub(crate) const EPOCH: Timestamp = match Timestamp::try_from_micros(0) {
    Some(epoch) => epoch,
    None => panic!("1970 is one of the years 1 to 9999"),
};
