//! Deciding: commands become the events of the open unit, encoded once (D12).

use std::ops::Range;
use std::sync::Arc;

use daybook_domain::{Context, Decision, Ledger, Rejection, decide, evolve};
use daybook_events::event::Event;
use daybook_events::ids::Revision;
use daybook_events::meta::OwnMeta;
use daybook_events::time::Timestamp;
use daybook_store::Unit;

use super::lookup::Past;
use super::{Writer, answer, expected};
use crate::work::{Answer, Failure, Outcome, Record, Refusal, Task, Work};

/// The unit that commands are being decided into.
pub(super) struct OpenUnit {
    unit: Unit,
    recorded_at: Timestamp,
    /// The ledger's revision below this unit.
    below: Option<Revision>,
    /// The events so far; the one at index `i` has revision `below + 1 + i`.
    records: Vec<Arc<Record>>,
    /// The same events encoded, one after the other, and where each ends. Only those of the task that
    /// is being decided: the unit takes them over when it stays.
    data: Vec<u8>,
    ends: Vec<usize>,
    /// The metadata fragment that was pushed last, and its index in the unit.
    shared: Option<(Arc<[u8]>, usize)>,
    decided: Vec<(Task, Outcome)>,
    commands: usize,
}

/// A closed unit with the answers that its durability makes true.
pub(super) struct Decided {
    /// The ledger's revision after this unit.
    pub(super) last: Option<Revision>,
    pub(super) commands: usize,
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
            ends: Vec::new(),
            shared: None,
            decided: Vec::new(),
            commands: 0,
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
        self.decided.is_empty()
    }

    pub(super) fn commands(&self) -> usize {
        self.commands
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
            ..
        } = std::mem::replace(self, next);
        let decided = Decided {
            last: state.revision(),
            commands,
            records,
            below,
            tasks: decided,
        };
        (unit, decided)
    }

    fn record(&self, revision: Revision) -> Option<Arc<Record>> {
        find(&self.records, self.below, revision)
    }

    /// Encodes an event that is there to stay.
    fn push(&mut self, record: &Record, data: Range<usize>, work: &Work, more: bool) {
        let shared = match &self.shared {
            Some((fragment, index)) if **fragment == *work.shared => *index,
            _ => {
                let index = self.unit.push_shared(&work.shared);
                self.shared = Some((Arc::clone(&work.shared), index));
                index
            }
        };
        let own = OwnMeta {
            key: work.key.clone(),
            request: record.hash,
            more,
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
    /// Decides a task of one command.
    pub(super) fn decide(&mut self, task: Task, past: &Past) {
        let kept = self.open.records.len();
        let mut answers = Vec::with_capacity(1);
        let mut failed = None;
        for work in &task.works {
            match self.decide_one(task.again, work, past, true) {
                Ok(answer) => answers.push(answer),
                Err(answer) => {
                    answers.push(answer);
                    failed = Some(0);
                }
            }
        }
        if failed.is_none() {
            self.encode(&task, &answers, kept);
        }
        let outcome = Outcome {
            answers,
            failed,
            at: self.state.revision(),
        };
        self.decided(task, outcome);
    }

    /// Notes the outcome of a task; it is told once the open unit is durable.
    pub(super) fn decided(&mut self, task: Task, mut outcome: Outcome) {
        if task.brief {
            let answers = outcome.answers.into_iter();
            outcome.answers = answers.map(Answer::brief).collect();
        }
        self.open.commands += task.works.len();
        self.open.decided.push((task, outcome));
    }

    pub(super) fn decide_one(
        &mut self,
        again: bool,
        work: &Work,
        past: &Past,
        if_match: bool,
    ) -> Result<Answer, Answer> {
        if again && let Some(own) = self.find_own(work, past) {
            // An append whose outcome was unknown had taken effect: this is its first answer.
            return Ok(Answer::Applied(own));
        }
        let (named, earlier) = self.named(work, past);
        let context = Context {
            now: self.open.recorded_at,
            id: work.event_id,
            if_match: work.if_match.filter(|_| if_match),
            named,
        };
        match decide(&self.state, &work.request.command, &context) {
            Ok(Decision::Event(event)) if work.dry_run => {
                Ok(Answer::WouldApply(self.record_of(work, event)))
            }
            Ok(Decision::Event(event)) => Ok(Answer::Applied(self.take_effect(work, event))),
            Ok(Decision::Replay(revision)) => {
                let found = earlier
                    .into_iter()
                    .find(|record| record.revision == revision);
                let answer = if work.dry_run {
                    Answer::WouldApply
                } else {
                    Answer::Replayed
                };
                found.map(answer).ok_or_else(|| {
                    tracing::error!(%revision, "a replayed event was not looked up");
                    Answer::Failed(Failure::Internal)
                })
            }
            Err(rejection) => Err(Answer::Rejected(refusal(&rejection))),
        }
    }

    fn record_of(&self, work: &Work, event: Event) -> Arc<Record> {
        let hashed = work.key.is_some() || work.request.id.is_some();
        Arc::new(Record {
            ledger: self.state.id().clone(),
            revision: expected(self.state.revision()).next(),
            id: work.event_id,
            recorded_at: self.open.recorded_at,
            hash: hashed.then_some(work.request.hash),
            event,
        })
    }

    fn take_effect(&mut self, work: &Work, event: Event) -> Arc<Record> {
        let record = self.record_of(work, event);
        let evolved = evolve(
            &mut self.state,
            record.revision,
            record.recorded_at,
            &record.event,
        );
        assert!(
            evolved.is_ok(),
            "INV-1, INV-4: a decided event breaks a law of the ledger: {evolved:?}"
        );
        record.event.write(&mut self.open.data);
        self.open.ends.push(self.open.data.len());
        self.index
            .add(record.revision, record.id, work.key.as_ref(), &record.event);
        self.open.records.push(Arc::clone(&record));
        record
    }

    /// Puts the events of a task that stays into the unit: all but its last say that more follow.
    pub(super) fn encode(&mut self, task: &Task, answers: &[Answer], kept: usize) {
        let mut left = self.open.records.len() - kept;
        let mut start = 0;
        let ends = std::mem::take(&mut self.open.ends);
        let mut ends = ends.into_iter();
        for (work, answer) in task.works.iter().zip(answers) {
            if let Answer::Applied(record) = answer
                && is_new(&self.open.records[kept..], record)
                && let Some(end) = ends.next()
            {
                left -= 1;
                self.open.push(record, start..end, work, left > 0);
                start = end;
            }
        }
        assert!(
            left == 0 && ends.next().is_none(),
            "every event is in its unit"
        );
        self.open.data.clear();
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
        self.open.ends.clear();
    }

    /// The record of a revision that is not durable yet.
    pub(super) fn undurable(&self, revision: Revision) -> Option<Arc<Record>> {
        self.open.record(revision).or_else(|| {
            let flight = self.in_flight.as_ref()?;
            flight.decided.record(revision)
        })
    }
}

/// Whether the record is one of this task's: not the own effect of an earlier attempt.
fn is_new(records: &[Arc<Record>], record: &Arc<Record>) -> bool {
    let first = records.first().map(|first| first.revision);
    first.is_some_and(|first| record.revision >= first)
}

fn refusal(rejection: &Rejection) -> Refusal {
    Refusal {
        problem: rejection.problem(),
        detail: rejection.to_string(),
        entry: rejection.index(),
    }
}

/// Stands in for a clock that is outside the years 1 to 9999.
pub(super) const EPOCH: Timestamp = match Timestamp::try_from_micros(0) {
    Some(epoch) => epoch,
    None => panic!("1970 is one of the years 1 to 9999"),
};
