//! Deciding: commands become the events of the open unit, encoded once (D12).

use std::sync::Arc;

use daybook_domain::{Context, Decision, Ledger, Rejection, decide, evolve};
use daybook_events::event::Event;
use daybook_events::ids::{EventId, Revision};
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
    fn push(&mut self, record: &Record, work: &Work, more: bool) {
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
            |out| record.event.write(out),
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

    /// The unit's first event: it is at its place exactly if the unit was applied.
    pub(super) fn first(&self) -> Option<(Revision, EventId)> {
        self.records
            .first()
            .map(|record| (record.revision, record.id))
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

/// What stops a task.
struct Stopped {
    command: usize,
    answer: Answer,
}

impl Writer {
    /// Decides a task: all of its commands or none.
    pub(super) fn decide(&mut self, task: Task, past: &Past) {
        let many = task.works.len() > 1;
        let before = self.state.revision();
        let kept = self.open.records.len();
        if many {
            self.state.begin();
        }
        let outcome = match self.decide_all(&task, past) {
            Ok(answers) => {
                if many {
                    self.state.commit();
                }
                self.encode(&task, &answers, kept);
                Outcome {
                    answers,
                    failed: None,
                    at: self.state.revision(),
                }
            }
            Err(stopped) => {
                if many {
                    self.state.rollback();
                    self.index.forget_after(before);
                    self.open.records.truncate(kept);
                }
                assert_eq!(
                    self.state.revision(),
                    before,
                    "a refused task leaves the ledger as it was"
                );
                Outcome {
                    answers: vec![stopped.answer],
                    failed: Some(stopped.command),
                    at: before,
                }
            }
        };
        self.open.commands += task.works.len();
        self.open.decided.push((task, outcome));
    }

    fn decide_all(&mut self, task: &Task, past: &Past) -> Result<Vec<Answer>, Stopped> {
        let mut answers = Vec::with_capacity(task.works.len());
        // `If-Match` speaks of the ledger before the task; the task's own events do not break it.
        let mut if_match = true;
        for (command, work) in task.works.iter().enumerate() {
            let answer = self
                .decide_one(task.again, work, past, if_match)
                .map_err(|answer| Stopped { command, answer })?;
            if_match &= !matches!(answer, Answer::Applied(_));
            answers.push(answer);
        }
        Ok(answers)
    }

    fn decide_one(
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
                found.map(Answer::Replayed).ok_or_else(|| {
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
        self.index
            .add(record.revision, record.id, work.key.as_ref(), &record.event);
        self.open.records.push(Arc::clone(&record));
        record
    }

    /// Encodes the events of a task that stays: all but its last say that more follow.
    fn encode(&mut self, task: &Task, answers: &[Answer], kept: usize) {
        let mut left = self.open.records.len() - kept;
        for (work, answer) in task.works.iter().zip(answers) {
            if let Answer::Applied(record) = answer
                && is_new(&self.open.records[kept..], record)
            {
                left -= 1;
                self.open.push(record, work, left > 0);
            }
        }
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
