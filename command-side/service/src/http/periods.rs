//! Periods: days that are closed, and opened again.

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_platform::problem::Problem;

use super::schema::bodies::{PeriodToClose, PeriodToReopen};
use super::schema::params::{LedgerPath, Write};
use super::submit::{Kind, Service, command};
use crate::view::books::LedgerView;

/// Closes the days up to one.
///
/// From then on nothing is accepted that counts on one of them. `through` must be later than the
/// last closed day.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/periods/close", request_body = PeriodToClose,
    params(LedgerPath, Write),
    responses((status = 200, description = "closed: the ledger", body = LedgerView))
)]
pub(super) async fn close_period(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    command(req, payload, service, Kind::Plain, |scope, text| {
        scope.close_period(text)
    })
    .await
}

/// Opens closed days again, those after `through` or all of them.
///
/// `through` must be earlier than the last closed day, or null.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/periods/reopen", request_body = PeriodToReopen,
    params(LedgerPath, Write),
    responses((status = 200, description = "open again: the ledger", body = LedgerView))
)]
pub(super) async fn reopen_period(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    command(req, payload, service, Kind::Plain, |scope, text| {
        scope.reopen_period(text)
    })
    .await
}
