//! Work for a ledger's writer, and what comes of it.

use std::sync::{Arc, Mutex, PoisonError};

use daybook_events::Invalid;
use daybook_events::envelope::RecordedEvent;
use daybook_events::event::{Event, MetadataOf};
use daybook_events::ids::{EventId, IdempotencyKey, LedgerId, Revision};
use daybook_events::meta::RequestHash;
use daybook_events::metadata::Metadata;
use daybook_events::problems::Problem;
use daybook_events::time::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::wire::request::Request;

/// One command with everything that deciding it needs.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) request: Request,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) if_match: Option<Revision>,
    pub(crate) dry_run: bool,
    /// Whether a rule's no is to be kept, so that a repetition is refused as well.
    pub(crate) record_rejection: bool,
    /// The metadata fragment that all commands of the request share.
    pub(crate) shared: Arc<[u8]>,
    /// The event's id: client-made or minted. It stays the same however often the command is
    /// decided, so that an append whose outcome was unknown is recognised when it turns up.
    pub(crate) event_id: EventId,
    /// The id of the event before that, if the command has two: the end of the hold that it
    /// captures. Minted once, as the event's own.
    pub(crate) ending_id: Option<EventId>,
}

/// Commands that take effect together or not at all; most often just one.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) works: Vec<Work>,
    pub(crate) reply: Reply,
    /// Whether it was decided before, for an append that did not succeed.
    pub(crate) again: bool,
    /// Whether its answers are needed in brief only.
    pub(crate) brief: bool,
}

/// How much its caller needs of each answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The whole event: it becomes the answer's body.
    Whole,
    /// What a result of a bulk request names, so that thousands of answers stay small, whatever the
    /// events that they are about.
    Brief,
}

/// An event as it was decided or read back: what every answer is rendered from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) ledger: LedgerId,
    pub(crate) revision: Revision,
    pub(crate) id: EventId,
    pub(crate) recorded_at: Timestamp,
    pub(crate) hash: Option<RequestHash>,
    pub(crate) event: Event,
}

impl Record {
    pub(crate) fn read(stored: RecordedEvent) -> Result<Self, Invalid> {
        let event = stored.event()?;
        let meta = stored.parsed_meta()?;
        Ok(Self {
            ledger: stored.ledger,
            revision: stored.revision,
            id: stored.id,
            recorded_at: stored.recorded_at,
            hash: meta.request,
            event,
        })
    }
}

/// What an answer is rendered from.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// The command's event; of a command with two, the last.
    pub(crate) record: Arc<Record>,
    /// The transaction that the event is about, where the event alone does not say all of it.
    pub(crate) about: Option<Arc<About>>,
}

/// A transaction as it stood at the shown record: what the end of a hold and a change of a
/// transaction's pairs are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct About {
    /// The event that recorded it: `TransactionPosted` or `HoldPlaced`.
    pub(crate) target: Arc<Record>,
    /// Its pairs, where they were changed since it was recorded.
    pub(crate) metadata: Option<Metadata>,
    /// The transaction that reverses it.
    pub(crate) reversed_by: Option<EventId>,
    /// The hold's end, `HoldEnded`; for a void that is the shown record itself.
    pub(crate) ended: Option<Arc<Record>>,
}

/// What came of one command.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// It happened, now.
    Applied(Shown),
    /// It had happened before; the first answer is given again.
    Replayed(Shown),
    /// It would happen, or it had happened before and its answer would be given again.
    WouldApply(Shown),
    /// One of the first two, in brief.
    Noted(Note),
    /// A rule said no, and that was recorded: `CommandRejected`.
    Declined {
        record: Arc<Record>,
        /// Whether it was recorded before.
        replayed: bool,
    },
    /// A rule said no.
    Rejected(Refusal),
    /// Nothing can be said about the ledger, or the service takes no more.
    Failed(Failure),
}

impl Answer {
    /// The same answer without the event.
    pub(crate) fn brief(self) -> Self {
        match self {
            Self::Applied(shown) => Self::Noted(Note::of(&shown.record, false)),
            Self::Replayed(shown) => Self::Noted(Note::of(&shown.record, true)),
            other @ (Self::WouldApply(_)
            | Self::Noted(_)
            | Self::Declined { .. }
            | Self::Rejected(_)
            | Self::Failed(_)) => other,
        }
    }
}

/// What a result of a bulk request names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Note {
    pub(crate) replayed: bool,
    pub(crate) revision: Revision,
    /// The transaction that the event recorded or is about.
    pub(crate) transaction: Option<EventId>,
}

impl Note {
    pub(crate) fn of(record: &Record, replayed: bool) -> Self {
        let transaction = match &record.event {
            Event::TransactionPosted(_) | Event::HoldPlaced(_) => Some(record.id),
            Event::HoldEnded(ended) => Some(ended.hold.into()),
            Event::MetadataSet(set) => match &set.of {
                MetadataOf::Transaction(id) => Some((*id).into()),
                MetadataOf::Account(_) => None,
            },
            Event::LedgerOpened(_)
            | Event::LedgerUpdated(_)
            | Event::AssetRegistered(_)
            | Event::AccountOpened(_)
            | Event::AccountUpdated(_)
            | Event::AccountFrozen(_)
            | Event::AccountUnfrozen(_)
            | Event::AccountClosed(_)
            | Event::PeriodClosed(_)
            | Event::PeriodReopened(_)
            | Event::CommandRejected(_) => None,
        };
        Self {
            replayed,
            revision: record.revision,
            transaction,
        }
    }
}

/// A rule's no.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) problem: Problem,
    pub(crate) detail: String,
    /// The entry that is meant.
    pub(crate) entry: Option<usize>,
}

/// Why there is no answer from the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A queue is full; nothing was written.
    Overloaded,
    /// The process is stopping; nothing was written.
    Stopping,
    /// The store cannot be asked; whether something was written is unknown.
    StoreUnavailable,
    /// More than the store takes in one append, or than may be read for it; nothing was written.
    BatchTooLarge,
    /// A bug or damage; the log has more.
    Internal,
}

/// What came of a task.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// One answer per command; of a task that failed, the failing command's answer alone.
    pub(crate) answers: Vec<Answer>,
    /// The command that failed, if the task has several and did not take effect.
    pub(crate) failed: Option<usize>,
    /// The ledger's revision after it, or at which it was decided; `None`: there is no such ledger.
    pub(crate) at: Option<Revision>,
}

impl Outcome {
    pub(crate) fn failure(failure: Failure) -> Self {
        Self {
            answers: vec![Answer::Failed(failure)],
            failed: Some(0),
            at: None,
        }
    }
}

/// Where a task's outcome goes. Dropping it unanswered tells the waiting caller so.
#[derive(Debug)]
pub(crate) struct Reply {
    collector: Arc<Collector>,
    index: usize,
}

impl Reply {
    pub(crate) fn send(self, outcome: Outcome) {
        self.collector.put(self.index, outcome);
    }
}

/// Gathers the outcomes of all tasks of one request.
#[derive(Debug)]
struct Collector {
    state: Mutex<Collected>,
}

#[derive(Debug)]
struct Collected {
    outcomes: Vec<Option<Outcome>>,
    missing: usize,
    done: Option<oneshot::Sender<Vec<Outcome>>>,
    /// Held until the last outcome is there: what waits is counted until it no longer does.
    permit: Option<OwnedSemaphorePermit>,
}

impl Collector {
    fn put(&self, index: usize, outcome: Outcome) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = state.outcomes.get_mut(index) else {
            return;
        };
        assert!(slot.is_none(), "a task is answered once");
        *slot = Some(outcome);
        state.missing -= 1;
        if state.missing > 0 {
            return;
        }
        let outcomes = std::mem::take(&mut state.outcomes).into_iter().flatten();
        let outcomes: Vec<Outcome> = outcomes.collect();
        drop(state.permit.take());
        if let Some(done) = state.done.take() {
            // The caller may have gone; the effect stands either way.
            drop(done.send(outcomes));
        }
    }
}

/// Makes the tasks of one request, and the place where their outcomes arrive together, in order.
pub(crate) fn tasks(
    groups: Vec<Vec<Work>>,
    detail: Detail,
    permit: Option<OwnedSemaphorePermit>,
) -> (Vec<Task>, oneshot::Receiver<Vec<Outcome>>) {
    let (done, outcomes) = oneshot::channel();
    let collector = Arc::new(Collector {
        state: Mutex::new(Collected {
            outcomes: vec![None; groups.len()],
            missing: groups.len(),
            done: Some(done),
            permit,
        }),
    });
    let tasks = groups
        .into_iter()
        .enumerate()
        .map(|(index, works)| Task {
            works,
            reply: Reply {
                collector: Arc::clone(&collector),
                index,
            },
            again: false,
            brief: detail == Detail::Brief,
        })
        .collect();
    (tasks, outcomes)
}
