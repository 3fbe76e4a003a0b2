//! Reports.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use daybook_platform::http::Query;
use daybook_platform::problem::Problem;

use super::{Begun, Service, begin, ledger_of};
use crate::answer::{self, Source};
use crate::errors;
use crate::params::Freshness;
use crate::read_model::reports::Trial;
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
    let Ok(_place) = service.reports.try_acquire() else {
        return Err(errors::overloaded("other reports are being made"));
    };
    let (mut snapshot, mark) = match begin(&service, &request, &ledger, freshness).await? {
        Begun::Read(snapshot, mark) => (snapshot, mark),
        Begun::Done(answer) => return Ok(answer),
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
        Trial::TooLong => Err(errors::overloaded(
            "the ledger has more accounts than one report shows",
        )),
    }
}
