//! A ledger's state, recomputed from its events.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use daybook_events::problems;
use daybook_platform::http::Query;
use daybook_platform::problem::Problem;
use tokio::time::Instant;

use super::events::store_mark;
use super::{Service, ledger_of};
use crate::answer::{self, LEDGER_REVISION, Source};
use crate::errors;
use crate::params::{Freshness, parsed, revision};
use crate::read_model::Mark;
use crate::state::{Replayed, STATE_ROWS_MAX, replay};
use crate::views::State;

/// The longest replay: tens of millions of entries.
const REPLAY_TIMEOUT: Duration = Duration::from_secs(120);

/// Balances, open holds, and what is frozen or closed, recomputed by replaying the events; no view
/// is read.
#[utoipa::path(get, path = "/v1/ledgers/{ledger}/state", tag = "audit",
    operation_id = "get_state",
    params(
        ("ledger" = String, Path, description = "The ledger"),
        ("at" = Option<u64>, Query,
            description = "The revision that is replayed up to, inclusive; default: the last one"),
        ("min_revision" = Option<u64>, Query, description = "Wait until the store has it"),
        ("wait_ms" = Option<u64>, Query, description = "How long at most; default 2000"),
    ),
    responses(
        (status = 200, description = "The state at the revision", body = State),
        (status = 304, description = "Unchanged since `If-None-Match`"),
        (status = 400, description = "`validation`"),
        (status = 404, description = "`ledger_not_found`"),
        (status = 422, description = "`validation`: more rows than one answer shows, or a \
            revision inside a command, which took effect as a whole"),
        (status = 503, description = "`view_behind`, `store_unavailable`, `overloaded`"),
    ))]
pub(super) async fn at(service: Service, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let ledger = ledger_of(&request)?;
    let mut query = Query::parse(&request)?;
    let freshness = Freshness::take(&mut query, &request)?;
    let at = parsed(&mut query, "at", revision)?;
    query.finish()?;
    let until = Instant::now() + freshness.wait;
    let mut mark = store_mark(&service, &ledger, freshness).await?;
    if at > Some(mark.revision) {
        // The ledger is there: what is left of the one wait is for the revision.
        let left = Freshness {
            wait: until.saturating_duration_since(Instant::now()),
            ..freshness.at_least(at)
        };
        mark = store_mark(&service, &ledger, left).await?;
    }
    let mark = Mark {
        revision: at.unwrap_or(mark.revision),
        ..mark
    };
    if answer::none_match(&request, &answer::etag(Source::State, mark)) {
        return Ok(answer::not_modified(Source::State, mark));
    }
    let Ok(_place) = service.replays.try_acquire() else {
        return Err(errors::overloaded("other histories are being replayed"));
    };
    let replaying = replay(&*service.store, &ledger, mark.revision);
    let Ok(replayed) = tokio::time::timeout(REPLAY_TIMEOUT, replaying).await else {
        return Err(errors::overloaded("the replay takes too long"));
    };
    match replayed? {
        Replayed::State(state) => Ok(answer::json(Source::State, mark, &state)),
        // To ask again would not help: no Retry-After.
        Replayed::TooLong => Err(unfit(
            mark,
            format!(
                "the state has more than {STATE_ROWS_MAX} accounts, balances, holds and parts of \
                 holds, the most that one answer shows; daybook audit verify compares ledgers of \
                 any size with their views"
            ),
        )),
        Replayed::Inside(end) => Err(unfit(
            mark,
            format!(
                "revision {} is inside a command, which took effect as a whole at revision {end}",
                mark.revision
            ),
        )),
    }
}

fn unfit(mark: Mark, detail: String) -> Problem {
    errors::problem(problems::UNFIT, detail).with_header(LEDGER_REVISION, mark.revision.to_string())
}
