//! What went wrong becomes a problem for the client and a line in the log, here and only here.

use std::error::Error;

use daybook_events::ids::Revision;
use daybook_events::problems::{self, Problem as Kind};
use daybook_platform::problem::Problem;
use daybook_store::ReadError;

use crate::answer::LEDGER_REVISION;
use crate::read_model::ViewError;
use crate::state::ReplayError;

/// Seconds after which a client may try again: about what a restart of Postgres takes.
const RETRY_AFTER_S: u32 = 1;

/// A problem of a kind of the API's list.
pub(crate) fn problem(kind: Kind, detail: impl Into<String>) -> Problem {
    Problem::new(kind.status, kind.code, kind.title, detail)
}

/// The ledger is not there, or not for this caller: the same answer.
pub(crate) fn ledger_not_found() -> Problem {
    problem(
        problems::LEDGER_NOT_FOUND,
        "there is no ledger of this name",
    )
}

/// The path names an account that the ledger does not have at this revision.
pub(crate) fn account_not_found(at: Revision) -> Problem {
    problem(
        problems::ACCOUNT_NOT_FOUND,
        "the ledger has no such account",
    )
    .with_header(LEDGER_REVISION, at.to_string())
}

/// The path names a transaction that the ledger does not have at this revision.
pub(crate) fn transaction_not_found(at: Revision) -> Problem {
    problem(
        problems::TRANSACTION_NOT_FOUND,
        "the ledger has no such transaction",
    )
    .with_header(LEDGER_REVISION, at.to_string())
}

/// The view has not reached the revision that was asked for.
pub(crate) fn view_behind(reached: Option<Revision>) -> Problem {
    let detail = match reached {
        Some(revision) => format!("the view has reached revision {revision}"),
        None => "the view does not know the ledger yet".to_owned(),
    };
    let problem = problem(problems::VIEW_BEHIND, detail).retry_after_s(RETRY_AFTER_S);
    match reached {
        Some(revision) => problem.with_header(LEDGER_REVISION, revision.to_string()),
        None => problem,
    }
}

/// Too much is going on.
pub(crate) fn overloaded(what: &str) -> Problem {
    problem(problems::OVERLOADED, what).retry_after_s(RETRY_AFTER_S)
}

impl From<ViewError> for Problem {
    fn from(error: ViewError) -> Self {
        let source = &error as &dyn Error;
        match error {
            ViewError::Unavailable(_) | ViewError::Slow(_) => {
                tracing::warn!(error = source, "views cannot be read now");
                views_away()
            }
            // Said once when it was found out.
            ViewError::Away => views_away(),
            ViewError::Malformed(_) => {
                tracing::error!(error = source, "views hold what this build cannot read");
                problem(problems::INTERNAL, "the answer could not be made")
            }
        }
    }
}

fn views_away() -> Problem {
    problem(problems::VIEW_BEHIND, "the views cannot be read now").retry_after_s(RETRY_AFTER_S)
}

/// The event store could not be read.
pub(crate) fn store_unavailable(error: &ReadError) -> Problem {
    tracing::error!(error = error as &dyn Error, "event store cannot be read");
    problem(
        problems::STORE_UNAVAILABLE,
        "the event store cannot be read now",
    )
    .retry_after_s(RETRY_AFTER_S)
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Store(error) => store_unavailable(&error),
            error
            @ (ReplayError::Event { .. } | ReplayError::Corrupt(_) | ReplayError::Task(_)) => {
                tracing::error!(error = &error as &dyn Error, "history cannot be replayed");
                problem(problems::INTERNAL, "the answer could not be made")
            }
        }
    }
}
