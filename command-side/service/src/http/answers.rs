//! Outcomes as HTTP answers.

use actix_web::{HttpResponse, HttpResponseBuilder};
use daybook_events::event::{CommandRejected, Event};
use daybook_events::ids::Revision;
use daybook_events::problems;
use daybook_platform::problem::Problem;

use crate::view;
use crate::work::{Answer, Failure, Outcome, Record, Refusal, Shown};

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
        Some(Answer::Applied(shown)) => done(&shown, false),
        Some(Answer::Replayed(shown)) => done(&shown, true),
        Some(Answer::WouldApply(shown)) => {
            let mut response = HttpResponse::Ok();
            if let Some(at) = at {
                response.insert_header((LEDGER_REVISION, at.to_string()));
            }
            with_body(response, &shown)
        }
        Some(Answer::Declined { record, replayed }) => Err(declined(&record, replayed)),
        Some(Answer::Rejected(refusal)) => Err(refused(&refusal, at)),
        Some(Answer::Failed(failure)) => Err(failed(failure)),
        // A single command is answered with its event.
        Some(Answer::Noted(_)) | None => Err(Problem::internal()),
    }
}

/// What came of a command, whether it is told for the first time or again: 201 if it made something
/// that has a path of its own, else 200.
fn done(shown: &Shown, replayed: bool) -> Result<HttpResponse, Problem> {
    let mut response = match view::location(&shown.record) {
        Some(path) => {
            let mut response = HttpResponse::Created();
            response.insert_header(("Location", path));
            response
        }
        None => HttpResponse::Ok(),
    };
    response.insert_header((LEDGER_REVISION, shown.record.revision.to_string()));
    if replayed {
        response.insert_header((REPLAYED, "true"));
    }
    with_body(response, shown)
}

fn with_body(mut response: HttpResponseBuilder, shown: &Shown) -> Result<HttpResponse, Problem> {
    let Some(body) = view::body(shown) else {
        let record = &shown.record;
        tracing::error!(
            ledger = %record.ledger,
            revision = %record.revision,
            "an event cannot be shown as the answer to a command"
        );
        return Err(Problem::internal());
    };
    Ok(response.content_type("application/json").body(body))
}

/// A rule's no that was recorded, whether it is told for the first time or again.
fn declined(record: &Record, replayed: bool) -> Problem {
    let Some((problem, event)) = recorded(record) else {
        return Problem::internal();
    };
    let mut answer = of(problem, event.detail.clone());
    if let Some(index) = event.index {
        answer = answer.with_index(index.into());
    }
    if replayed {
        answer = answer.with_header(REPLAYED, "true".to_owned());
    }
    with_revision(answer, Some(record.revision))
}

/// The refusal that an event recorded.
pub(super) fn recorded(record: &Record) -> Option<(problems::Problem, &CommandRejected)> {
    let Event::CommandRejected(event) = &record.event else {
        return None;
    };
    Some((problems::find(event.status, &event.code)?, event))
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
            "this is more than may take effect together; nothing was written",
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
