//! Ledgers and their assets.

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_events::access::Permission;
use daybook_events::problems;
use daybook_platform::http::{caller, read_body};
use daybook_platform::problem::Problem;

use super::BODY_MAX;
use super::answers::of;
use super::headers::invalid;
use super::schema::bodies::{LedgerPatch, NewAsset, NewLedger};
use super::schema::params::{Key, LedgerPath, Recording, Write};
use super::submit::{Flags, Kind, Service, command, room, submit, text};
use crate::view::books::{AssetView, LedgerView};
use crate::wire::request;

/// Opens a ledger.
///
/// The caller needs `ledgers:manage` on the name that the body gives.
#[utoipa::path(
    post, path = "/v1/ledgers", request_body = NewLedger, params(Key, Recording),
    responses((status = 201, description = "opened", body = LedgerView))
)]
pub(super) async fn open_ledger(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    let flags = Flags::read(&req, Kind::Plain)?;
    let room = room(&req, &service, BODY_MAX)?;
    let body = read_body(&req, payload, Kind::Plain.media()).await?;
    let opened = request::open_ledger(flags.record_rejection, text(&body)?);
    let (ledger, request) = opened.map_err(invalid)?;
    let permission = Permission::LedgersManage.as_str();
    let caller = caller(&req).ok_or_else(Problem::internal)?;
    if !caller.covers(ledger.as_str()) {
        let detail = format!("ledger {ledger} does not exist");
        return Err(of(problems::LEDGER_NOT_FOUND, detail));
    }
    if !caller.allows(permission, ledger.as_str()) {
        return Err(Problem::forbidden(permission));
    }
    submit(&req, &service, &ledger, request, flags, room).await
}

/// Changes a ledger's name or pairs.
///
/// A merge patch (RFC 7396): what is absent stays, `null` deletes.
#[utoipa::path(
    patch, path = "/v1/ledgers/{ledger}", request_body = LedgerPatch, params(LedgerPath, Write),
    responses((status = 200, description = "changed", body = LedgerView))
)]
pub(super) async fn update_ledger(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    command(req, payload, service, Kind::Patch, |scope, text| {
        scope.update_ledger(text)
    })
    .await
}

/// Registers an asset beyond ISO 4217.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/assets", request_body = NewAsset,
    params(LedgerPath, Write),
    responses((status = 201, description = "registered", body = AssetView))
)]
pub(super) async fn register_asset(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    command(req, payload, service, Kind::Plain, |scope, text| {
        scope.register_asset(text)
    })
    .await
}
