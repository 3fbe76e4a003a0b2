//! Reports.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use daybook_platform::http::Query;
use daybook_platform::problem::Problem;

use super::{Begun, Service, begin, ledger_of};
use crate::answer::{self, LEDGER_REVISION, Source};
use crate::errors;
use crate::params::Freshness;
use crate::read_model::reports::{REPORT_ROWS_MAX, Trial};
use crate::read_model::{REPORT_TIMEOUT, bounded};
use crate::views::TrialBalance;

/// Postgres stops the statement first, and says so.
const REPORT_READ_TIMEOUT: Duration = REPORT_TIMEOUT.saturating_add(Duration::from_secs(5));

/// The trial balance of everything recorded, future-dated entries too.
#[utoipa::path(get, path = "/v1/ledgers/{ledger}/reports/trial-balance", tag = "reports",
    operation_id = "trial_balance",
    params(
        ("ledger" = String, Path, description = "The ledger"),
        ("min_revision" = Option<u64>, Query, description = "Wait until the view has reached it"),
        ("wait_ms" = Option<u64>, Query, description = "How long at most; default 2000"),
    ),
    responses(
        (status = 200, description = "One row per account and asset with turnover; totals equal",
            body = TrialBalance),
        (status = 304, description = "Unchanged since `If-None-Match`"),
        (status = 400, description = "`validation`; also more rows than one report shows"),
        (status = 404, description = "`ledger_not_found`"),
        (status = 503, description = "`view_behind`, `overloaded`"),
    ))]
pub(super) async fn trial_balance(
    service: Service,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let ledger = ledger_of(&request)?;
    let mut query = Query::parse(&request)?;
    let freshness = Freshness::take(&mut query, &request)?;
    query.finish()?;
    let (mut snapshot, mark) = match begin(&service, &request, &ledger, freshness).await? {
        Begun::Read(snapshot, mark) => (snapshot, mark),
        Begun::Done(answer) => return Ok(answer),
    };
    // Taken after the wait for a revision: who waits makes no report yet.
    let Ok(_place) = service.reports.try_acquire() else {
        snapshot.close().await?;
        return Err(errors::overloaded("other reports are being made"));
    };
    let trial = bounded(REPORT_READ_TIMEOUT, async {
        snapshot.allow_report_time().await?;
        let trial = snapshot.trial_balance(&ledger, mark.revision).await?;
        snapshot.close().await?;
        Ok(trial)
    })
    .await?;
    match trial {
        Trial::Balance(balance) => Ok(answer::json(Source::Views, mark, &balance)),
        // To ask again would not help: no Retry-After.
        Trial::TooLong => Err(Problem::validation(format!(
            "the trial balance has more than {REPORT_ROWS_MAX} rows, the most that one report \
             shows; GET /v1/ledgers/{ledger}/accounts lists the balances of all accounts page by \
             page"
        ))
        .with_header(LEDGER_REVISION, mark.revision.to_string())),
    }
}
