//! What the routes of single commands have in common: read, hand over, answer.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use daybook_domain::Command;
use daybook_events::ids::{AccountId, IdempotencyKey, LedgerId, Revision, TransactionId};
use daybook_events::meta::{Actor, SharedMeta};
use daybook_events::problems;
use daybook_platform::http::{Query, caller, context, read_body};
use daybook_platform::problem::{FieldError, Problem};
use tokio::sync::OwnedSemaphorePermit;

use super::BODY_MAX;
use super::answers::{failed, of, single};
use super::headers::{self, idempotency_key, invalid};
use crate::service::CommandService;
use crate::wire::json;
use crate::wire::request::{Request, Scope};
use crate::work::{Detail, Work};

pub(super) type Service = web::Data<CommandService>;

/// What a tag of another log asks for: no ledger gets there.
const NO_REVISION: Revision = Revision::new(u64::MAX);
/// How much of the log's generation an `ETag` carries.
const GENERATION_DIGITS: usize = 8;

/// How a route takes its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A body, to be carried out.
    Plain,
    /// A merge patch, which may be called one.
    Patch,
    /// A body, to be carried out or only judged.
    Money,
    /// The same; every member of its body may be left out, and so the body itself.
    Settlement,
}

impl Kind {
    const fn may_be_dry(self) -> bool {
        match self {
            Self::Money | Self::Settlement => true,
            Self::Plain | Self::Patch => false,
        }
    }

    pub(super) const fn media(self) -> &'static [&'static str] {
        match self {
            Self::Patch => &["application/json", "application/merge-patch+json"],
            Self::Plain | Self::Money | Self::Settlement => &["application/json"],
        }
    }
}

/// What a request's query asks for beside the command itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) dry_run: bool,
    pub(super) record_rejection: bool,
}

impl Flags {
    pub(super) fn read(req: &HttpRequest, kind: Kind) -> Result<Self, Problem> {
        let mut query = Query::parse(req)?;
        let dry_run = kind.may_be_dry() && flag(&mut query, "dry_run")?;
        let record_rejection = flag(&mut query, RECORD_REJECTION)?;
        query.finish()?;
        if dry_run && record_rejection {
            return Err(nothing_to_record(
                "a dry run writes nothing, so it records no rejection",
            ));
        }
        Ok(Self {
            dry_run,
            record_rejection,
        })
    }
}

pub(super) const RECORD_REJECTION: &str = "record_rejection";

/// 400: the rejection could not be recorded.
pub(super) fn nothing_to_record(detail: &str) -> Problem {
    invalid(FieldError {
        pointer: RECORD_REJECTION.to_owned(),
        detail: detail.to_owned(),
    })
}

pub(super) fn flag(query: &mut Query, name: &str) -> Result<bool, Problem> {
    match query.one(name)?.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(invalid(FieldError {
            pointer: name.to_owned(),
            detail: "expected true or false".to_owned(),
        })),
    }
}

/// Takes one command to the ledger that the path names.
pub(super) async fn command(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
    kind: Kind,
    read: impl FnOnce(Scope<'_>, &str) -> Result<Request, FieldError>,
) -> Result<HttpResponse, Problem> {
    let flags = Flags::read(&req, kind)?;
    let ledger = ledger_of(&req)?;
    let room = room(&req, &service, BODY_MAX)?;
    let body = read_body(&req, payload, kind.media()).await?;
    let text = match text(&body)? {
        "" if kind == Kind::Settlement => "{}",
        text => text,
    };
    let scope = Scope {
        ledger: &ledger,
        record_rejection: flags.record_rejection,
    };
    let request = read(scope, text).map_err(invalid)?;
    submit(&req, &service, &ledger, request, flags, room).await
}

/// Hands a command over and waits for its answer.
pub(super) async fn submit(
    req: &HttpRequest,
    service: &Service,
    ledger: &LedgerId,
    request: Request,
    flags: Flags,
    room: OwnedSemaphorePermit,
) -> Result<HttpResponse, Problem> {
    let key = idempotency_key(req)?;
    let repeatable = key.is_some() || request.id.is_some();
    let moves_money = request.moves_money() && !flags.dry_run;
    if !repeatable && (moves_money || flags.record_rejection) {
        return Err(idempotency_required(
            "send an Idempotency-Key header, or an id in the body of what makes a transaction",
        ));
    }
    let terms = Terms {
        if_match: if_match(req, service).await?,
        flags,
        shared: shared_meta(req)?,
    };
    let groups = vec![vec![terms.work(service, request, key)]];
    let outcomes = service.submit(ledger, groups, Detail::Whole, room).await;
    single(outcomes.map_err(failed)?)
}

/// What all commands of one request have in common.
pub(super) struct Terms {
    pub(super) if_match: Option<Revision>,
    pub(super) flags: Flags,
    pub(super) shared: Arc<[u8]>,
}

impl Terms {
    pub(super) fn work(
        &self,
        service: &Service,
        request: Request,
        key: Option<IdempotencyKey>,
    ) -> Work {
        let event_id = match request.id {
            Some(id) => id.into(),
            None => service.new_event_id(),
        };
        let captures = matches!(request.command, Command::Capture(_));
        Work {
            request,
            key,
            if_match: self.if_match,
            dry_run: self.flags.dry_run,
            record_rejection: self.flags.record_rejection,
            shared: Arc::clone(&self.shared),
            event_id,
            ending_id: captures.then(|| service.new_event_id()),
        }
    }
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

pub(super) fn ledger_of(req: &HttpRequest) -> Result<LedgerId, Problem> {
    // What is not a ledger's name names no ledger; so with the other parts of a path.
    named(req, "ledger", LedgerId::parse, problems::LEDGER_NOT_FOUND)
}

pub(super) fn account_of(req: &HttpRequest) -> Result<AccountId, Problem> {
    named(
        req,
        "account",
        AccountId::parse,
        problems::ACCOUNT_NOT_FOUND,
    )
}

pub(super) fn transaction_of(req: &HttpRequest) -> Result<TransactionId, Problem> {
    named(
        req,
        "id",
        TransactionId::parse,
        problems::TRANSACTION_NOT_FOUND,
    )
}

fn named<T>(
    req: &HttpRequest,
    part: &str,
    parse: fn(&str) -> Result<T, daybook_events::Invalid>,
    unknown: problems::Problem,
) -> Result<T, Problem> {
    let text = req.match_info().get(part).unwrap_or_default();
    parse(text).map_err(|invalid| of(unknown, format!("{invalid}: nothing has this name")))
}

pub(super) fn text(body: &Bytes) -> Result<&str, Problem> {
    json::utf8(body).map_err(invalid)
}
