//! Accounts: opened, changed, frozen and closed.

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::StatusChange;
use daybook_platform::problem::Problem;

use super::schema::bodies::{AccountPatch, NewAccount, StatusReason};
use super::schema::params::{AccountPath, LedgerPath, Write};
use super::submit::{Kind, Service, account_of, command};
use crate::view::books::AccountView;

/// Opens an account.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/accounts", request_body = NewAccount,
    params(LedgerPath, Write),
    responses((status = 201, description = "opened", body = AccountView))
)]
pub(super) async fn open_account(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    command(req, payload, service, Kind::Plain, |scope, text| {
        scope.open_account(text)
    })
    .await
}

/// Changes an account's name, limits or pairs.
///
/// A merge patch (RFC 7396), down to the single bound of a limit: what is absent stays, `null`
/// deletes. A limit may be set that is breached already. Frozen and closed accounts may be changed
/// as well.
#[utoipa::path(
    patch, path = "/v1/ledgers/{ledger}/accounts/{account}", request_body = AccountPatch,
    params(AccountPath, Write),
    responses((status = 200, description = "changed", body = AccountView))
)]
pub(super) async fn update_account(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    let account = account_of(&req)?;
    command(req, payload, service, Kind::Patch, |scope, text| {
        scope.update_account(account, text)
    })
    .await
}

/// Freezes an account.
///
/// It takes no entries and no holds until it is unfrozen. What its holds reserved still settles:
/// captures and voids go through.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/accounts/{account}/freeze", request_body = StatusReason,
    params(AccountPath, Write),
    responses((status = 200, description = "frozen", body = AccountView))
)]
pub(super) async fn freeze_account(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    change(req, payload, service, StatusChange::Freeze).await
}

/// Unfreezes an account.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/accounts/{account}/unfreeze", request_body = StatusReason,
    params(AccountPath, Write),
    responses((status = 200, description = "open again", body = AccountView))
)]
pub(super) async fn unfreeze_account(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    change(req, payload, service, StatusChange::Unfreeze).await
}

/// Closes an account, for ever.
///
/// Every asset's posted balance must be zero and nothing may be pending, else `account_not_empty`.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/accounts/{account}/close", request_body = StatusReason,
    params(AccountPath, Write),
    responses((status = 200, description = "closed", body = AccountView))
)]
pub(super) async fn close_account(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    change(req, payload, service, StatusChange::Close).await
}

async fn change(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
    change: StatusChange,
) -> Result<HttpResponse, Problem> {
    let account = account_of(&req)?;
    command(req, payload, service, Kind::Plain, |scope, text| {
        scope.change_status(account, change, text)
    })
    .await
}
