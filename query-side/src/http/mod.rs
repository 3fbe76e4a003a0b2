//! The routes of this side: parse, one read, one answer.

mod accounts;
mod delivery;
mod document;
mod events;
mod history;
mod ledgers;
mod page;
mod reports;
mod state;
mod transactions;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, Route, web};
use daybook_events::access::Permission;
use daybook_events::ids::{LedgerId, Revision};
use daybook_platform::http::{Access, RouteSpec};
use daybook_platform::problem::Problem;

use crate::answer::{self, Source};
use crate::errors;
use crate::params::Freshness;
use crate::read_model::{Mark, Snapshot};
use crate::service::QueryService;

pub use document::openapi;

/// The service as handlers take it.
type Service = web::Data<QueryService>;

/// Every route of this side.
pub fn routes() -> Vec<RouteSpec> {
    let books = Access::Permission(Permission::BooksRead.as_str());
    let reports = Access::Permission(Permission::ReportsRead.as_str());
    let events = Access::Permission(Permission::EventsRead.as_str());
    vec![
        get("/v1/ledgers", Access::SignedIn, || web::to(ledgers::list)),
        get("/v1/ledgers/{ledger}", books, || web::to(ledgers::one)),
        get("/v1/ledgers/{ledger}/accounts", books, || {
            web::to(accounts::list)
        }),
        get("/v1/ledgers/{ledger}/accounts/{account}", books, || {
            web::to(accounts::one)
        }),
        get(
            "/v1/ledgers/{ledger}/accounts/{account}/balances",
            books,
            || web::to(accounts::balances),
        ),
        get(
            "/v1/ledgers/{ledger}/accounts/{account}/entries",
            books,
            || web::to(accounts::entries),
        ),
        get("/v1/ledgers/{ledger}/transactions", books, || {
            web::to(transactions::list)
        }),
        get("/v1/ledgers/{ledger}/transactions/{id}", books, || {
            web::to(transactions::one)
        }),
        get(
            "/v1/ledgers/{ledger}/reports/trial-balance",
            reports,
            || web::to(reports::trial_balance),
        ),
        get("/v1/ledgers/{ledger}/events", events, || {
            web::to(events::list)
        }),
        get("/v1/ledgers/{ledger}/state", events, || web::to(state::at)),
    ]
}

fn get(path: &'static str, access: Access, route: fn() -> Route) -> RouteSpec {
    RouteSpec {
        method: Method::GET,
        path,
        access,
        body_max: 0,
        route,
    }
}

/// The ledger that the path names. The table has checked that the caller's token covers it.
fn ledger_of(request: &HttpRequest) -> Result<LedgerId, Problem> {
    let text = request.match_info().get("ledger").unwrap_or_default();
    LedgerId::parse(text).map_err(|error| {
        tracing::debug!(%error, "path names no ledger");
        errors::ledger_not_found()
    })
}

/// How a read begins.
enum Begun {
    /// The views at a mark.
    Read(Snapshot, Mark),
    /// The caller has this answer already.
    Done(HttpResponse),
}

/// Waits until the view is as fresh as asked, answers a conditional request from the ledger's
/// revision alone, and else takes the snapshot that the answer is read from.
async fn begin(
    service: &QueryService,
    request: &HttpRequest,
    ledger: &LedgerId,
    freshness: Freshness,
) -> Result<Begun, Problem> {
    begin_at(service, request, ledger, freshness, None).await
}

/// The same for an answer that shows the ledger as it was at an earlier revision: the mark that it
/// gives, and the tag that it compares, are of that revision.
async fn begin_at(
    service: &QueryService,
    request: &HttpRequest,
    ledger: &LedgerId,
    freshness: Freshness,
    pinned: Option<Revision>,
) -> Result<Begun, Problem> {
    let shown = |mark: Mark| Mark {
        revision: pinned.unwrap_or(mark.revision),
        ..mark
    };
    if answer::is_conditional(request.headers()) {
        let mark = shown(service.mark(ledger, freshness).await?);
        if answer::none_match(request, &answer::etag(Source::Views, mark)) {
            return Ok(Begun::Done(answer::not_modified(Source::Views, mark)));
        }
    }
    let (snapshot, mark) = service.snapshot(ledger, freshness).await?;
    Ok(Begun::Read(snapshot, shown(mark)))
}
