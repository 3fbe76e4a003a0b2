//! Transactions: posted, held, captured, voided, reversed.

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_platform::problem::Problem;

use super::schema::bodies::{Capture, MetadataPatch, NewReversal, NewTransaction, Voiding};
use super::schema::params::{DryRun, LedgerPath, TransactionPath, Write};
use super::submit::{Kind, Service, command, transaction_of};
use crate::view::transactions::TransactionView;

/// Posts a transaction, or places a hold.
///
/// With the status `pending` its entries are reserved, not posted, until it is captured (`post`),
/// voided or, from `expires_at` on, expired.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/transactions",
    request_body(content = NewTransaction, examples(
        ("a move" = (value = json!({
            "reference": "order-1001",
            "postings": [{"debit": "assets:bank", "credit": "users:123", "amount": "1050",
                "asset": "USD"}]
        }))),
        ("a sale with a fee" = (value = json!({
            "code": "sale", "effective_at": "2026-11-20",
            "entries": [
                {"account": "assets:bank", "direction": "debit", "amount": "1050", "asset": "USD"},
                {"account": "users:123", "direction": "credit", "amount": "1000", "asset": "USD",
                    "condition": {"available": {"gte": "0"}}},
                {"account": "income:fees", "direction": "credit", "amount": "50", "asset": "USD",
                    "description": "fee"}
            ],
            "metadata": {"channel": "web"}
        }))),
        ("an amount split by ratios" = (value = json!({
            "postings": [{"debit": "assets:bank", "amount": "1050", "asset": "USD",
                "credit": {"split": [{"account": "users:123", "ratio": "97.5"},
                    {"account": "income:fees", "ratio": "2.5"}]}}]
        }))),
        ("a hold" = (value = json!({
            "status": "pending", "expires_at": "2026-11-27T12:00:00Z",
            "postings": [{"debit": "users:123", "credit": "merchants:7", "amount": "1050",
                "asset": "USD"}]
        })))
    )),
    params(LedgerPath, DryRun, Write),
    responses(
        (status = 201, description = "posted, or held", body = TransactionView),
        (status = 200, description = "would be posted or held (`dry_run`)", body = TransactionView),
    )
)]
pub(super) async fn post_transaction(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    command(req, payload, service, Kind::Money, |scope, text| {
        scope.post_transaction(text)
    })
    .await
}

/// Changes a transaction's pairs, and nothing else of it.
///
/// A merge patch (RFC 7396): `null` deletes a pair, or all of them.
#[utoipa::path(
    patch, path = "/v1/ledgers/{ledger}/transactions/{id}", request_body = MetadataPatch,
    params(TransactionPath, Write),
    responses((status = 200, description = "changed", body = TransactionView))
)]
pub(super) async fn update_transaction(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    let id = transaction_of(&req)?;
    command(req, payload, service, Kind::Patch, |scope, text| {
        scope.update_transaction(id, text)
    })
    .await
}

/// Captures a hold, all of it or a part: posts what it reserved, as a transaction of its own.
///
/// Without `amount` and `entries`, and so without a body, all that remains is captured.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/transactions/{id}/post",
    request_body(content = Capture, examples(
        ("all that remains" = (value = json!({}))),
        ("a part, and the rest later" = (value = json!({"amount": "400", "final": false}))),
        ("other entries than held" = (value = json!({
            "entries": [
                {"account": "users:123", "direction": "debit", "amount": "400", "asset": "USD"},
                {"account": "merchants:7", "direction": "credit", "amount": "400", "asset": "USD"}
            ],
            "reference": "shipment-1"
        })))
    )),
    params(TransactionPath, DryRun, Write),
    responses(
        (status = 201, description = "captured: the capture", body = TransactionView),
        (status = 200, description = "would be captured (`dry_run`)", body = TransactionView),
    )
)]
pub(super) async fn capture_hold(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    let hold = transaction_of(&req)?;
    command(req, payload, service, Kind::Settlement, |scope, text| {
        scope.capture(hold, text)
    })
    .await
}

/// Voids a hold: releases what remains of it.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/transactions/{id}/void",
    request_body = Voiding, params(TransactionPath, DryRun, Write),
    responses(
        (status = 200, description = "voided, or would be (`dry_run`): the hold with its end",
         body = TransactionView),
    )
)]
pub(super) async fn void_hold(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    let hold = transaction_of(&req)?;
    command(req, payload, service, Kind::Settlement, |scope, text| {
        scope.void(hold, text)
    })
    .await
}

/// Reverses a posted transaction: mirrors every entry of it, once ever.
///
/// Captures may be reversed, holds never; a reversal may itself be reversed.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/transactions/{id}/reverse", request_body = NewReversal,
    params(TransactionPath, DryRun, Write),
    responses(
        (status = 201, description = "reversed: the reversal", body = TransactionView),
        (status = 200, description = "would be reversed (`dry_run`)", body = TransactionView),
    )
)]
pub(super) async fn reverse(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    let target = transaction_of(&req)?;
    command(req, payload, service, Kind::Money, |scope, text| {
        scope.reverse(target, text)
    })
    .await
}
