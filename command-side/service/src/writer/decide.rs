//! Deciding: a command, the state and what the past knows become events of the open unit, or a no.

use std::sync::Arc;

use daybook_domain::{Context, Decision, Rejection, decide};
use daybook_events::event::{CommandRejected, Event, HoldEnded, MetadataOf};
use daybook_events::ids::{EventId, TransactionId};
use daybook_events::metadata::Metadata;

use super::Writer;
use super::lookup::Past;
use crate::index::Name;
use crate::work::{About, Answer, Failure, Outcome, Record, Refusal, Shown, Task, Work};

/// A command's turn within its task.
pub(super) struct Turn<'a> {
    pub(super) work: &'a Work,
    /// Its place in the task.
    pub(super) command: usize,
    /// Whether it was decided before, for an append that did not succeed.
    pub(super) again: bool,
    /// Whether its answer is needed in brief only.
    pub(super) brief: bool,
    /// Whether `If-Match` still speaks of the ledger as it is.
    pub(super) if_match: bool,
}

/// Why a command is answered with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Applied,
    Replayed,
    WouldApply,
}

impl Writer {
    /// Decides a task of one command.
    pub(super) fn decide(&mut self, task: Task, past: &Past) {
        let mut answers = Vec::with_capacity(1);
        let mut failed = None;
        for (command, work) in task.works.iter().enumerate() {
            let turn = Turn {
                work,
                command,
                again: task.again,
                brief: task.brief,
                if_match: true,
            };
            match self.decide_one(&turn, past) {
                Ok(answer) => answers.push(answer),
                Err(answer) => {
                    answers.push(answer);
                    failed = Some(0);
                }
            }
        }
        if failed.is_none() {
            self.encode(&task);
        }
        let outcome = Outcome {
            answers,
            failed,
            at: self.state.revision(),
        };
        self.decided(task, outcome);
    }

    pub(super) fn decide_one(&mut self, turn: &Turn<'_>, past: &Past) -> Result<Answer, Answer> {
        let work = turn.work;
        if turn.again
            && let Some(own) = self.find_own(work, past)
        {
            // An append whose outcome was unknown had taken effect: this is its first answer.
            return Ok(self.told(own, turn, past, Told::Applied));
        }
        let (named, earlier) = self.named(work, past);
        let context = Context {
            now: self.open.recorded_at(),
            id: work.event_id,
            if_match: work.if_match.filter(|_| turn.if_match),
            named,
        };
        match decide(&self.state, &work.request.command, &context) {
            Ok(Decision::Event(event)) => Ok(self.take_effect(turn, past, None, event)),
            Ok(Decision::Ending(ended, event)) => {
                Ok(self.take_effect(turn, past, Some(*ended), event))
            }
            Ok(Decision::Replay(revision)) => {
                let mut earlier = earlier.into_iter();
                let Some(found) = earlier.find(|record| record.revision == revision) else {
                    tracing::error!(%revision, "a replayed event was not looked up");
                    return Err(Answer::Failed(Failure::Internal));
                };
                let how = if work.dry_run {
                    Told::WouldApply
                } else {
                    Told::Replayed
                };
                Ok(self.told(found, turn, past, how))
            }
            Err(rejection) if work.record_rejection && self.may_record(&rejection) => {
                let record = self.of_work(work, recorded(&rejection), 0);
                self.stage(&record, turn.command, Some(work));
                let replayed = false;
                Ok(Answer::Declined { record, replayed })
            }
            Err(rejection) => Err(Answer::Rejected(refusal(&rejection))),
        }
    }

    /// The command's event happens, after the end of the hold that it captures, or would happen.
    fn take_effect(
        &mut self,
        turn: &Turn<'_>,
        past: &Past,
        ended: Option<HoldEnded>,
        event: Event,
    ) -> Answer {
        let work = turn.work;
        if work.dry_run {
            let record = self.of_work(work, event, u64::from(ended.is_some()));
            return self.told(record, turn, past, Told::WouldApply);
        }
        if let Some(ended) = ended {
            let id = work.ending_id.unwrap_or_else(|| self.new_event_id());
            let record = self.record_of(id, None, Event::HoldEnded(ended), 0);
            self.stage(&record, turn.command, None);
        }
        let record = self.of_work(work, event, 0);
        self.stage(&record, turn.command, Some(work));
        self.told(record, turn, past, Told::Applied)
    }

    /// Whether a refusal may be kept: where there is no ledger there is no place for it, whatever
    /// the rule that refused.
    fn may_record(&self, rejection: &Rejection) -> bool {
        rejection.is_recorded() && self.state.revision().is_some()
    }

    fn of_work(&self, work: &Work, event: Event, after: u64) -> Arc<Record> {
        let hashed = work.key.is_some() || work.request.id.is_some();
        let hash = hashed.then_some(work.request.hash);
        self.record_of(work.event_id, hash, event, after)
    }

    pub(super) fn new_event_id(&self) -> EventId {
        EventId::new(self.shared.clock.uuid_v7())
    }

    /// A command's event as its answer, for the first time or again.
    fn told(&self, record: Arc<Record>, turn: &Turn<'_>, past: &Past, how: Told) -> Answer {
        if matches!(record.event, Event::CommandRejected(_)) {
            let replayed = how != Told::Applied;
            return Answer::Declined { record, replayed };
        }
        let about = if turn.brief {
            None
        } else {
            self.about(&record, past)
        };
        let shown = Shown { record, about };
        match how {
            Told::Applied => Answer::Applied(shown),
            Told::Replayed => Answer::Replayed(shown),
            Told::WouldApply => Answer::WouldApply(shown),
        }
    }

    /// What the event is about, as it stood then: what came later is not part of its answer.
    fn about(&self, record: &Arc<Record>, past: &Past) -> Option<Arc<About>> {
        let (transaction, metadata) = subject(&record.event)?;
        let Some(target) = self.find_record(&Name::Id(transaction.uuid()), past) else {
            tracing::error!(%transaction, "what an event is about was not looked up");
            return None;
        };
        let by_then = |name: Name| {
            let fact = self.find_record(&name, past)?;
            (fact.revision <= record.revision).then_some(fact)
        };
        let ended = if matches!(record.event, Event::HoldEnded(_)) {
            // In a dry run it is in no index.
            Some(Arc::clone(record))
        } else {
            by_then(Name::Ended(transaction.uuid()))
        };
        Some(Arc::new(About {
            target,
            metadata,
            reversed_by: by_then(Name::Reversed(transaction.uuid())).map(|record| record.id),
            ended,
        }))
    }
}

/// The transaction that an event is about without saying all of it, and its pairs from then on
/// where they are not those that it was recorded with.
fn subject(event: &Event) -> Option<(TransactionId, Option<Metadata>)> {
    if let Event::HoldEnded(ended) = event {
        return Some((ended.hold, ended.metadata.clone()));
    }
    let Event::MetadataSet(set) = event else {
        return None;
    };
    match &set.of {
        MetadataOf::Transaction(id) => Some((*id, Some(set.metadata.clone()))),
        MetadataOf::Account(_) => None,
    }
}

fn recorded(rejection: &Rejection) -> Event {
    let problem = rejection.problem();
    Event::CommandRejected(CommandRejected {
        status: problem.status,
        code: problem.code.to_owned(),
        detail: rejection.to_string(),
        index: rejection
            .index()
            .and_then(|index| u16::try_from(index).ok()),
    })
}

fn refusal(rejection: &Rejection) -> Refusal {
    Refusal {
        problem: rejection.problem(),
        detail: rejection.to_string(),
        entry: rejection.index(),
    }
}
