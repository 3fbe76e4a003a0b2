//! Outcomes as HTTP answers.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use daybook_events::ids::Revision;
use daybook_events::problems;
use daybook_platform::problem::Problem;

use crate::view;
use crate::work::{Answer, Failure, Outcome, Record, Refusal};

pub(super) const LEDGER_REVISION: &str = "Ledger-Revision";
pub(super) const REPLAYED: &str = "Idempotent-Replayed";

/// Seconds after which a caller may come again: overload and store trouble pass or do not within
/// a second or two, and clients add their own back-off.
const RETRY_AFTER_S: u32 = 1;

/// The answer of a single command.
pub(super) fn single(outcomes: Vec<Outcome>) -> Result<HttpResponse, Problem> {
    let Some(outcome) = outcomes.into_iter().next() else {
        return Err(Problem::internal());
    };
    let at = outcome.at;
    match outcome.answers.into_iter().next() {
        Some(Answer::Applied(record)) => Ok(created(&record, false)),
        Some(Answer::Replayed(record)) => Ok(created(&record, true)),
        Some(Answer::WouldApply(record)) => {
            let mut response = HttpResponse::Ok();
            if let Some(at) = at {
                response.insert_header((LEDGER_REVISION, at.to_string()));
            }
            Ok(response
                .content_type("application/json")
                .body(view::body(&record)))
        }
        Some(Answer::Rejected(refusal)) => Err(refused(&refusal, at)),
        Some(Answer::Failed(failure)) => Err(failed(failure)),
        // A single command is answered with its event.
        Some(Answer::Noted(_)) | None => Err(Problem::internal()),
    }
}

/// 201 with the body, whether it is given for the first time or again.
fn created(record: &Record, replayed: bool) -> HttpResponse {
    let mut response = HttpResponse::build(StatusCode::CREATED);
    response
        .insert_header((LEDGER_REVISION, record.revision.to_string()))
        .insert_header(("Location", view::location(record)));
    if replayed {
        response.insert_header((REPLAYED, "true"));
    }
    response
        .content_type("application/json")
        .body(view::body(record))
}

/// A rule's no.
pub(super) fn refused(refusal: &Refusal, at: Option<Revision>) -> Problem {
    let Refusal {
        problem,
        detail,
        entry,
    } = refusal;
    let mut answer = of(*problem, detail.clone());
    if let Some(entry) = entry {
        answer = answer.with_index(*entry);
    }
    with_revision(answer, at)
}

pub(super) fn with_revision(problem: Problem, at: Option<Revision>) -> Problem {
    match at {
        Some(at) => problem.with_header(LEDGER_REVISION, at.to_string()),
        None => problem,
    }
}

/// No answer from the ledger.
pub(super) fn failed(failure: Failure) -> Problem {
    match failure {
        Failure::Overloaded => of(
            problems::OVERLOADED,
            "too much is waiting; nothing was written",
        )
        .retry_after_s(RETRY_AFTER_S),
        Failure::Stopping => of(
            problems::OVERLOADED,
            "this process is stopping; nothing was written",
        )
        .retry_after_s(RETRY_AFTER_S),
        Failure::StoreUnavailable => of(
            problems::STORE_UNAVAILABLE,
            "the event store does not answer; repeat with the same key to learn the outcome",
        )
        .retry_after_s(RETRY_AFTER_S),
        Failure::BatchTooLarge => of(
            problems::BATCH_TOO_LARGE,
            "this is more than the event store takes in one append; nothing was written",
        ),
        Failure::Internal => Problem::internal(),
    }
}

/// The code that an answer carries in a bulk result.
pub(super) fn failure_code(failure: Failure) -> &'static str {
    match failure {
        Failure::Overloaded | Failure::Stopping => problems::OVERLOADED.code,
        Failure::StoreUnavailable => problems::STORE_UNAVAILABLE.code,
        Failure::BatchTooLarge => problems::BATCH_TOO_LARGE.code,
        Failure::Internal => problems::INTERNAL.code,
    }
}

/// A problem of the vocabulary as an answer.
pub(super) fn of(problem: problems::Problem, detail: impl Into<String>) -> Problem {
    Problem::new(problem.status, problem.code, problem.title, detail)
}
