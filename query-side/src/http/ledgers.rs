//! `GET /v1/ledgers`, `GET /v1/ledgers/{ledger}`.

use actix_web::{HttpRequest, HttpResponse};
use daybook_events::access::Permission;
use daybook_events::problems;
use daybook_platform::http::{Query, caller};
use daybook_platform::problem::Problem;

use super::Service;
use super::page::{self, read_cursor};
use crate::answer;
use crate::cursor::Walk;
use crate::errors;
use crate::params::{ListParams, Order};
use crate::read_model::within_read_time;
use crate::views::Ledger;

/// The ledgers whose books the caller may read, by id.
#[utoipa::path(get, path = "/v1/ledgers", tag = "queries",
    operation_id = "list_ledgers",
    params(
        ("limit" = Option<u16>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("order" = Option<String>, Query, description = "`asc` (default) or `desc`"),
    ),
    responses((status = 200, description = "A page of ledgers; `revision` is null",
        body = crate::views::Page<Ledger>)))]
pub(super) async fn list(service: Service, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let caller = caller(&request).ok_or_else(|| {
        errors::problem(
            problems::UNAUTHENTICATED,
            "the request carries no verified token",
        )
    })?;
    let mut query = Query::parse(&request)?;
    let params = ListParams::take(&mut query, Order::Asc)?;
    query.finish()?;
    let permission = Permission::BooksRead.as_str();
    // The patterns are part of the walk: another token walks another list.
    let patterns = caller.patterns_with(permission);
    let walk = Walk::new("ledgers", &(params.order, &patterns));
    let cursor = read_cursor::<String>(walk, &params)?;
    let limit = i64::from(params.limit) + 1;
    let after = cursor.map(|cursor| cursor.last);
    let rows = within_read_time(service.read_model.ledgers(
        &patterns,
        after.as_deref(),
        params.order,
        limit,
    ))
    .await?;
    let page = page::page(walk, &params, None, rows, |row: &Ledger| {
        row.ledger.to_string()
    });
    // The statement already chose by the patterns; what it gives is judged once more by the rule
    // that guards every other route (INV-10).
    let mut page = page;
    page.data
        .retain(|row| caller.allows(permission, row.ledger.as_str()));
    Ok(answer::json_of_no_ledger(&page))
}

/// One ledger.
#[utoipa::path(get, path = "/v1/ledgers/{ledger}", tag = "queries",
    operation_id = "get_ledger",
    params(
        ("ledger" = String, Path, description = "The ledger"),
        ("min_revision" = Option<u64>, Query, description = "Wait until the view has reached it"),
        ("wait_ms" = Option<u64>, Query, description = "How long at most; default 2000"),
    ),
    responses(
        (status = 200, description = "The ledger", body = Ledger),
        (status = 304, description = "Unchanged since `If-None-Match`"),
        (status = 404, description = "`ledger_not_found`"),
        (status = 503, description = "`view_behind`"),
    ))]
pub(super) async fn one(service: Service, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let not_found = |_at| errors::ledger_not_found();
    page::one(
        &service,
        &request,
        not_found,
        async |snapshot, ledger, _at| snapshot.ledger(ledger).await,
    )
    .await
}
