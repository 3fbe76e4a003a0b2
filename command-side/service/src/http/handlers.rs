//! The single commands.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use daybook_events::access::Permission;
use daybook_events::ids::{LedgerId, Revision, TransactionId};
use daybook_events::meta::{Actor, SharedMeta};
use daybook_events::problems;
use daybook_platform::http::{Query, caller, context, read_body};
use daybook_platform::problem::{FieldError, Problem};
use tokio::sync::OwnedSemaphorePermit;

use super::answers::{failed, of, single};
use super::headers::{idempotency_key, invalid};
use super::{BODY_MAX, headers};
use crate::service::CommandService;
use crate::wire::json;
use crate::wire::request::{self, Request};
use crate::work::{Detail, Work};

type Service = web::Data<CommandService>;

/// What a tag of another log asks for: no ledger gets there.
const NO_REVISION: Revision = Revision::new(u64::MAX);
/// How much of the log's generation an `ETag` carries.
const GENERATION_DIGITS: usize = 8;

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
    let room = room(&req, &service, BODY_MAX)?;
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
    submit(&req, &service, &ledger, request, Money::Stays, false, room).await
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
    let room = room(&req, &service, BODY_MAX)?;
    let body = read_body(&req, payload, &["application/json"]).await?;
    let request = request::register_asset(&ledger, text(&body)?).map_err(invalid)?;
    submit(&req, &service, &ledger, request, Money::Stays, false, room).await
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
    let room = room(&req, &service, BODY_MAX)?;
    let body = read_body(&req, payload, &["application/json"]).await?;
    let request = request::open_account(&ledger, text(&body)?).map_err(invalid)?;
    submit(&req, &service, &ledger, request, Money::Stays, false, room).await
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
    let room = room(&req, &service, BODY_MAX)?;
    let body = read_body(&req, payload, &["application/json"]).await?;
    let request = request::post_transaction(&ledger, text(&body)?).map_err(invalid)?;
    submit(
        &req,
        &service,
        &ledger,
        request,
        Money::Moves,
        dry_run,
        room,
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
    let room = room(&req, &service, BODY_MAX)?;
    let body = read_body(&req, payload, &["application/json"]).await?;
    let request = request::reverse(&ledger, target, text(&body)?).map_err(invalid)?;
    submit(
        &req,
        &service,
        &ledger,
        request,
        Money::Moves,
        dry_run,
        room,
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
    room: OwnedSemaphorePermit,
) -> Result<HttpResponse, Problem> {
    let key = idempotency_key(req)?;
    if money == Money::Moves && !dry_run && key.is_none() && request.id.is_none() {
        return Err(idempotency_required(
            "send an Idempotency-Key header, or an id in the body",
        ));
    }
    let if_match = if_match(req, service).await?;
    let work = work(req, service, request, key, if_match, dry_run)?;
    let groups = vec![vec![work]];
    let outcomes = service.submit(ledger, groups, Detail::Whole, room).await;
    single(outcomes.map_err(failed)?)
}

fn work(
    req: &HttpRequest,
    service: &Service,
    request: Request,
    key: Option<daybook_events::ids::IdempotencyKey>,
    if_match: Option<Revision>,
    dry_run: bool,
) -> Result<Work, Problem> {
    let event_id = match request.id {
        Some(id) => id.into(),
        None => service.new_event_id(),
    };
    Ok(Work {
        request,
        key,
        if_match,
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

/// The revision that `If-Match` asks for. A tag of another log's generation matches nothing here,
/// whatever its revision.
pub(super) async fn if_match(
    req: &HttpRequest,
    service: &Service,
) -> Result<Option<Revision>, Problem> {
    let Some(asked) = headers::if_match(req)? else {
        return Ok(None);
    };
    if let Some(made_of) = &asked.generation {
        let generation = service.generation().await.map_err(failed)?.to_string();
        if generation.get(..GENERATION_DIGITS) != Some(made_of.as_str()) {
            // Judged in its place, like any revision: a replay does not look at it.
            return Ok(Some(NO_REVISION));
        }
    }
    Ok(Some(asked.revision))
}

/// Room for the body that the request announces, or for the route's largest if it does not say. A
/// body that is too large is refused when it is read.
pub(super) fn room(
    req: &HttpRequest,
    service: &Service,
    body_max: usize,
) -> Result<OwnedSemaphorePermit, Problem> {
    let announced = req.headers().get("Content-Length");
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let bytes = announced.map_or(body_max, |announced| announced.min(body_max));
    service.reserve(bytes).map_err(failed)
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
