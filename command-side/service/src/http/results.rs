//! What came of the items of a bulk request, as one answer.

use actix_web::HttpResponse;
use daybook_events::ids::Revision;
use daybook_events::problems;
use daybook_platform::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{
    LEDGER_REVISION, REPLAYED, failed, failure_code, recorded, refused, with_revision,
};
use crate::work::{Answer, Failure, Note, Outcome, Record};

/// What came of one item.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ItemResult {
    /// The item's place in the body.
    pub(super) index: usize,
    /// `applied`, `replayed` or `rejected`.
    status: &'static str,
    /// Whether it was decided before; of a refusal, that it was recorded before.
    #[serde(skip)]
    again: bool,
    /// The id of the transaction that it made, or is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The revision that recorded it, a refusal too if it was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// Why it was rejected, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What came of all items.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BulkResult {
    /// The ledger's revision after them.
    revision: Option<u64>,
    /// One result per item.
    results: Vec<ItemResult>,
}

/// What came of all items, with `Prefer: return=minimal`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BulkCounts {
    /// The ledger's revision after them.
    revision: Option<u64>,
    /// Items that took effect.
    applied: usize,
    /// Items that had taken effect before.
    replayed: usize,
    /// Items that were rejected.
    rejected: usize,
    /// The rejected items.
    failures: Vec<ItemResult>,
}

type Results = (Vec<ItemResult>, Option<Revision>);

/// All or nothing: the failing item's own answer, or every item's result.
pub(super) fn atomic(outcomes: Vec<Outcome>) -> Result<Results, Problem> {
    let Some(outcome) = outcomes.into_iter().next() else {
        return Err(Problem::internal());
    };
    if let Some(index) = outcome.failed {
        return Err(match outcome.answers.first() {
            Some(Answer::Rejected(refusal)) => refused(refusal, outcome.at).with_index(index),
            Some(Answer::Failed(failure)) => with_revision(failed(*failure), outcome.at),
            Some(
                Answer::Applied(_)
                | Answer::Replayed(_)
                | Answer::WouldApply(_)
                | Answer::Noted(_)
                | Answer::Declined { .. },
            )
            | None => Problem::internal(),
        });
    }
    let at = revision_of(&outcome.answers, outcome.at);
    let answers = outcome.answers.iter().enumerate();
    Ok((
        answers
            .map(|(index, answer)| result(index, answer))
            .collect(),
        at,
    ))
}

/// Each on its own. A ledger that does not exist is the whole request's problem, and so is an item
/// of which nobody knows what became: a repetition finds out, and completes what is missing.
pub(super) fn independent(outcomes: Vec<Outcome>, places: &[usize]) -> Result<Results, Problem> {
    let mut results = Vec::with_capacity(outcomes.len());
    let mut answers = Vec::with_capacity(outcomes.len());
    let mut at = None;
    for (outcome, index) in outcomes.into_iter().zip(places) {
        at = at.max(outcome.at);
        for answer in outcome.answers {
            if let Answer::Rejected(refusal) = &answer
                && refusal.problem == problems::LEDGER_NOT_FOUND
            {
                return Err(refused(refusal, None));
            }
            if let Answer::Failed(failure) = answer
                && is_unknown(failure)
            {
                return Err(failed(failure));
            }
            results.push(result(*index, &answer));
            answers.push(answer);
        }
    }
    let all_failed = answers
        .iter()
        .all(|answer| matches!(answer, Answer::Failed(_)));
    if let Some(Answer::Failed(failure)) = answers.first()
        && all_failed
    {
        return Err(failed(*failure));
    }
    Ok((results, revision_of(&answers, at)))
}

/// Whether something may have been written all the same.
const fn is_unknown(failure: Failure) -> bool {
    match failure {
        Failure::StoreUnavailable | Failure::Internal => true,
        Failure::Overloaded | Failure::Stopping | Failure::BatchTooLarge => false,
    }
}

/// The revision after the items. Where every one left an event, now or before, it is the last of
/// theirs: so it is the same however often they are repeated.
fn revision_of(answers: &[Answer], at: Option<Revision>) -> Option<Revision> {
    let mut reached = None;
    for answer in answers {
        let revision = match answer {
            Answer::Noted(note) => note.revision,
            Answer::Applied(shown) | Answer::Replayed(shown) => shown.record.revision,
            Answer::Declined { record, .. } => record.revision,
            Answer::WouldApply(_) | Answer::Rejected(_) | Answer::Failed(_) => return at,
        };
        reached = reached.max(Some(revision));
    }
    reached.or(at)
}

fn result(index: usize, answer: &Answer) -> ItemResult {
    let note = match answer {
        Answer::Noted(note) => *note,
        Answer::Applied(shown) | Answer::WouldApply(shown) => Note::of(&shown.record, false),
        Answer::Replayed(shown) => Note::of(&shown.record, true),
        Answer::Declined { record, replayed } => return declined(index, record, *replayed),
        Answer::Rejected(refusal) => {
            return rejected(index, refusal.problem.code, refusal.detail.clone());
        }
        Answer::Failed(failure) => {
            let detail = "nothing was written";
            return rejected(index, failure_code(*failure), detail.to_owned());
        }
    };
    ItemResult {
        index,
        status: if note.replayed { "replayed" } else { "applied" },
        again: note.replayed,
        id: note.transaction.map(|id| id.to_string()),
        revision: Some(note.revision.get()),
        code: None,
        detail: None,
    }
}

/// A refusal that was recorded.
fn declined(index: usize, record: &Record, again: bool) -> ItemResult {
    let Some((problem, event)) = recorded(record) else {
        return rejected(
            index,
            problems::INTERNAL.code,
            problems::INTERNAL.title.to_owned(),
        );
    };
    ItemResult {
        again,
        revision: Some(record.revision.get()),
        ..rejected(index, problem.code, event.detail.clone())
    }
}

pub(super) fn rejected(index: usize, code: &'static str, detail: String) -> ItemResult {
    ItemResult {
        index,
        status: "rejected",
        again: false,
        id: None,
        revision: None,
        code: Some(code),
        detail: Some(detail),
    }
}

pub(super) fn respond(
    results: Vec<ItemResult>,
    at: Option<Revision>,
    minimal: bool,
) -> HttpResponse {
    let count = |status| {
        results
            .iter()
            .filter(|result| result.status == status)
            .count()
    };
    let (applied, replayed, rejected) = (count("applied"), count("replayed"), count("rejected"));
    let mut response = HttpResponse::Ok();
    if let Some(at) = at {
        response.insert_header((LEDGER_REVISION, at.to_string()));
    }
    if results.iter().all(|result| result.again) {
        response.insert_header((REPLAYED, "true"));
    }
    let revision = at.map(Revision::get);
    if minimal {
        response.insert_header(("Preference-Applied", "return=minimal"));
        let failures = results
            .into_iter()
            .filter(|result| result.status == "rejected");
        return response.json(BulkCounts {
            revision,
            applied,
            replayed,
            rejected,
            failures: failures.collect(),
        });
    }
    response.json(BulkResult { revision, results })
}
