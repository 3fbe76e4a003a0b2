//! The single commands.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use daybook_events::access::Permission;
use daybook_events::ids::{LedgerId, TransactionId};
use daybook_events::meta::{Actor, SharedMeta};
use daybook_events::problems;
use daybook_platform::http::{Query, caller, context, read_body};
use daybook_platform::problem::{FieldError, Problem};

use super::answers::{failed, of, single};
use super::headers::{idempotency_key, if_match, invalid};
use crate::service::CommandService;
use crate::wire::json;
use crate::wire::request::{self, Request};
use crate::work::Work;

type Service = web::Data<CommandService>;

/// Whether a command moves money, and so needs a key or a client-made id.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Money {
    Moves,
    Stays,
}

/// Opens a ledger.
#[utoipa::path(
    post, path = "/v1/ledgers", tag = "commands",
    request_body = super::schema::NewLedger,
    params(super::schema::IdempotencyKeyHeader),
    responses(
        (status = 201, description = "opened", body = crate::view::LedgerView),
        (status = "default", description = "a problem", body = super::schema::ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn open_ledger(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    Query::parse(&req)?.finish()?;
    let body = read_body(&req, payload, &["application/json"]).await?;
    let (ledger, request) = request::open_ledger(text(&body)?).map_err(invalid)?;
    let permission = Permission::LedgersManage.as_str();
    let caller = caller(&req).ok_or_else(Problem::internal)?;
    if !caller.covers(ledger.as_str()) {
        return Err(ledger_not_found(ledger.as_str()));
    }
    if !caller.allows(permission, ledger.as_str()) {
        return Err(Problem::forbidden(permission));
    }
    submit(
        &req,
        &service,
        &ledger,
        request,
        Money::Stays,
        false,
        body.len(),
    )
    .await
}

/// Registers an asset beyond ISO 4217.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/assets", tag = "commands",
    request_body = super::schema::NewAsset,
    params(("ledger" = String, Path, description = "the ledger"),
           super::schema::IdempotencyKeyHeader, super::schema::IfMatchHeader),
    responses(
        (status = 201, description = "registered", body = crate::view::AssetView),
        (status = "default", description = "a problem", body = super::schema::ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn register_asset(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    Query::parse(&req)?.finish()?;
    let ledger = ledger_of(&req)?;
    let body = read_body(&req, payload, &["application/json"]).await?;
    let request = request::register_asset(&ledger, text(&body)?).map_err(invalid)?;
    submit(
        &req,
        &service,
        &ledger,
        request,
        Money::Stays,
        false,
        body.len(),
    )
    .await
}

/// Opens an account.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/accounts", tag = "commands",
    request_body = super::schema::NewAccount,
    params(("ledger" = String, Path, description = "the ledger"),
           super::schema::IdempotencyKeyHeader, super::schema::IfMatchHeader),
    responses(
        (status = 201, description = "opened", body = crate::view::AccountView),
        (status = "default", description = "a problem", body = super::schema::ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn open_account(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    Query::parse(&req)?.finish()?;
    let ledger = ledger_of(&req)?;
    let body = read_body(&req, payload, &["application/json"]).await?;
    let request = request::open_account(&ledger, text(&body)?).map_err(invalid)?;
    submit(
        &req,
        &service,
        &ledger,
        request,
        Money::Stays,
        false,
        body.len(),
    )
    .await
}

/// Posts a transaction.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/transactions", tag = "commands",
    request_body = super::schema::NewTransaction,
    params(("ledger" = String, Path, description = "the ledger"),
           ("dry_run" = Option<bool>, Query, description = "judge it and write nothing"),
           super::schema::IdempotencyKeyHeader, super::schema::IfMatchHeader),
    responses(
        (status = 201, description = "posted", body = crate::view::TransactionView),
        (status = 200, description = "would be posted", body = crate::view::TransactionView),
        (status = "default", description = "a problem", body = super::schema::ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn post_transaction(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    let dry_run = dry_run(&req)?;
    let ledger = ledger_of(&req)?;
    let body = read_body(&req, payload, &["application/json"]).await?;
    let request = request::post_transaction(&ledger, text(&body)?).map_err(invalid)?;
    submit(
        &req,
        &service,
        &ledger,
        request,
        Money::Moves,
        dry_run,
        body.len(),
    )
    .await
}

/// Reverses a transaction.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/transactions/{id}/reverse", tag = "commands",
    request_body = super::schema::NewReversal,
    params(("ledger" = String, Path, description = "the ledger"),
           ("id" = String, Path, description = "the transaction to reverse"),
           ("dry_run" = Option<bool>, Query, description = "judge it and write nothing"),
           super::schema::IdempotencyKeyHeader, super::schema::IfMatchHeader),
    responses(
        (status = 201, description = "reversed", body = crate::view::TransactionView),
        (status = 200, description = "would be reversed", body = crate::view::TransactionView),
        (status = "default", description = "a problem", body = super::schema::ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn reverse(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    let dry_run = dry_run(&req)?;
    let ledger = ledger_of(&req)?;
    let target = req.match_info().get("id").unwrap_or_default();
    let target = TransactionId::parse(target).map_err(|invalid| {
        of(
            problems::TRANSACTION_NOT_FOUND,
            format!("{invalid}: there is no such transaction"),
        )
    })?;
    let body = read_body(&req, payload, &["application/json"]).await?;
    let request = request::reverse(&ledger, target, text(&body)?).map_err(invalid)?;
    submit(
        &req,
        &service,
        &ledger,
        request,
        Money::Moves,
        dry_run,
        body.len(),
    )
    .await
}

async fn submit(
    req: &HttpRequest,
    service: &Service,
    ledger: &LedgerId,
    request: Request,
    money: Money,
    dry_run: bool,
    body_bytes: usize,
) -> Result<HttpResponse, Problem> {
    let key = idempotency_key(req)?;
    if money == Money::Moves && !dry_run && key.is_none() && request.id.is_none() {
        return Err(idempotency_required(
            "send an Idempotency-Key header, or an id in the body",
        ));
    }
    let work = work(req, service, request, key, dry_run)?;
    let outcomes = service.submit(ledger, vec![vec![work]], body_bytes).await;
    single(outcomes.map_err(failed)?)
}

fn work(
    req: &HttpRequest,
    service: &Service,
    request: Request,
    key: Option<daybook_events::ids::IdempotencyKey>,
    dry_run: bool,
) -> Result<Work, Problem> {
    let event_id = match request.id {
        Some(id) => id.into(),
        None => service.new_event_id(),
    };
    Ok(Work {
        request,
        key,
        if_match: if_match(req)?,
        dry_run,
        shared: shared_meta(req)?,
        event_id,
    })
}

/// Who, which request, which trace: what the events of one request share.
pub(super) fn shared_meta(req: &HttpRequest) -> Result<Arc<[u8]>, Problem> {
    let caller = caller(req).ok_or_else(Problem::internal)?;
    let context = context(req);
    let meta = SharedMeta {
        by: Some(Actor {
            iss: caller.iss.clone(),
            sub: caller.sub.clone(),
        }),
        request_id: Some(context.request_id),
        trace: Some(context.traceparent),
    };
    Ok(meta.fragment().into())
}

pub(super) fn idempotency_required(detail: &str) -> Problem {
    of(problems::IDEMPOTENCY_REQUIRED, detail)
}

pub(super) fn ledger_not_found(ledger: &str) -> Problem {
    of(
        problems::LEDGER_NOT_FOUND,
        format!("ledger {ledger} does not exist"),
    )
}

pub(super) fn ledger_of(req: &HttpRequest) -> Result<LedgerId, Problem> {
    let text = req.match_info().get("ledger").unwrap_or_default();
    // What is not a ledger's name names no ledger.
    LedgerId::parse(text).map_err(|invalid| {
        of(
            problems::LEDGER_NOT_FOUND,
            format!("{invalid}: there is no such ledger"),
        )
    })
}

pub(super) fn text(body: &Bytes) -> Result<&str, Problem> {
    json::utf8(body).map_err(invalid)
}

fn dry_run(req: &HttpRequest) -> Result<bool, Problem> {
    let mut query = Query::parse(req)?;
    let dry_run = match query.one("dry_run")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            return Err(invalid(FieldError {
                pointer: "dry_run".to_owned(),
                detail: "expected true or false".to_owned(),
            }));
        }
    };
    query.finish()?;
    Ok(dry_run)
}
