//! `POST /v1/ledgers/{ledger}/bulk`: many commands in one request.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::Command;
use daybook_events::ids::{IdempotencyKey, LedgerId, Revision};
use daybook_events::problems;
use daybook_platform::auth::Caller;
use daybook_platform::http::{Query, caller, read_body};
use daybook_platform::problem::{FieldError, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::BULK_BODY_MAX;
use super::answers::{LEDGER_REVISION, REPLAYED, failed, failure_code, refused, with_revision};
use super::handlers::{idempotency_required, if_match, ledger_of, room, shared_meta};
use super::headers::{idempotency_key, invalid, prefers_minimal};
use super::items::{form, parse};
use crate::service::CommandService;
use crate::wire::bulk::Item;
use crate::work::{Answer, Detail, Note, Outcome, Work};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Atomic,
    Independent,
}

/// What came of one item.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ItemResult {
    /// The item's place in the body.
    index: usize,
    /// `applied`, `replayed` or `rejected`.
    status: &'static str,
    /// The id of the transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The revision that recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// Why it was rejected, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What came of all items.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BulkResult {
    /// The ledger's revision after them.
    revision: Option<u64>,
    /// One result per item.
    results: Vec<ItemResult>,
}

/// What came of all items, with `Prefer: return=minimal`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BulkCounts {
    /// The ledger's revision after them.
    revision: Option<u64>,
    /// Items that took effect.
    applied: usize,
    /// Items that had taken effect before.
    replayed: usize,
    /// Items that were rejected.
    rejected: usize,
    /// The rejected items.
    failures: Vec<ItemResult>,
}

/// Carries out many commands.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/bulk", tag = "commands",
    request_body(content(
        (Vec<super::schema::BulkItem> = "application/json"),
        (super::schema::BulkItem = "application/x-ndjson"),
    )),
    params(("ledger" = String, Path, description = "the ledger"),
           ("mode" = Option<String>, Query, description = "`atomic` (default) or `independent`"),
           ("Prefer" = Option<String>, Header,
            description = "`return=minimal`: counts and failures only"),
           super::schema::IdempotencyKeyHeader, super::schema::IfMatchHeader),
    responses(
        (status = 200, description = "decided; BulkCounts if `return=minimal` was preferred",
         body = BulkResult),
        (status = "default", description = "a problem", body = super::schema::ProblemBody,
         content_type = "application/problem+json"),
    )
)]
pub(super) async fn bulk(
    req: HttpRequest,
    payload: web::Payload,
    service: web::Data<CommandService>,
) -> Result<HttpResponse, Problem> {
    let mode = mode(&req)?;
    let ledger = ledger_of(&req)?;
    let form = form(&req);
    let room = room(&req, &service, BULK_BODY_MAX)?;
    let body = read_body(&req, payload, &["application/json", "application/x-ndjson"]).await?;
    let items = parse(ledger.clone(), form, body).await?;
    let caller = caller(&req).ok_or_else(Problem::internal)?;
    let if_match = if_match(&req, &service).await?;
    let (works, forbidden) = works(&req, &service, mode, if_match, items, &caller, &ledger)?;
    let places: Vec<usize> = works.iter().map(|(index, _)| *index).collect();
    let works = works.into_iter().map(|(_, work)| work);
    let groups: Vec<Vec<Work>> = match mode {
        Mode::Atomic => vec![works.collect()],
        Mode::Independent => works.map(|work| vec![work]).collect(),
    };
    let outcomes = if groups.is_empty() {
        Vec::new()
    } else {
        service
            .submit(&ledger, groups, Detail::Brief, room)
            .await
            .map_err(failed)?
    };
    let (mut results, at) = match mode {
        Mode::Atomic => atomic(outcomes)?,
        Mode::Independent => independent(outcomes, &places)?,
    };
    results.extend(forbidden);
    results.sort_unstable_by_key(|result| result.index);
    Ok(respond(results, at, prefers_minimal(&req)))
}

fn mode(req: &HttpRequest) -> Result<Mode, Problem> {
    let mut query = Query::parse(req)?;
    let mode = match query.one("mode")?.as_deref() {
        None | Some("atomic") => Mode::Atomic,
        Some("independent") => Mode::Independent,
        Some(_) => {
            return Err(invalid(FieldError {
                pointer: "mode".to_owned(),
                detail: "expected atomic or independent".to_owned(),
            }));
        }
    };
    query.finish()?;
    Ok(mode)
}

type Works = (Vec<(usize, Work)>, Vec<ItemResult>);

/// The items as work, and the results of those that the caller may not do.
fn works(
    req: &HttpRequest,
    service: &web::Data<CommandService>,
    mode: Mode,
    if_match: Option<Revision>,
    items: Vec<Item>,
    caller: &Arc<Caller>,
    ledger: &LedgerId,
) -> Result<Works, Problem> {
    let header_key = idempotency_key(req)?;
    if mode == Mode::Independent && if_match.is_some() {
        return Err(invalid(FieldError {
            pointer: "If-Match".to_owned(),
            detail: "independent items have no revision in common; use mode=atomic".to_owned(),
        }));
    }
    let shared = shared_meta(req)?;
    let mut works = Vec::with_capacity(items.len());
    let mut forbidden = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let key = key_of(index, &item, header_key.as_ref())?;
        let permission = item.permission.as_str();
        if !caller.allows(permission, ledger.as_str()) {
            if mode == Mode::Atomic {
                return Err(Problem::forbidden(permission).with_index(index));
            }
            forbidden.push(rejected(
                index,
                problems::FORBIDDEN.code,
                format!("the permission {permission} is lacking"),
            ));
            continue;
        }
        let event_id = match item.request.id {
            Some(id) => id.into(),
            None => service.new_event_id(),
        };
        let work = Work {
            request: item.request,
            key,
            if_match,
            dry_run: false,
            shared: Arc::clone(&shared),
            event_id,
        };
        works.push((index, work));
    }
    Ok((works, forbidden))
}

/// The item's own key, or the header's with the item's place, unless it has an id of its own.
fn key_of(
    index: usize,
    item: &Item,
    header_key: Option<&IdempotencyKey>,
) -> Result<Option<IdempotencyKey>, Problem> {
    if item.key.is_some() || item.request.id.is_some() {
        return Ok(item.key.clone());
    }
    if let Some(header_key) = header_key {
        return IdempotencyKey::parse(&format!("{header_key}#{index}"))
            .map(Some)
            .map_err(|error| {
                invalid(FieldError {
                    pointer: "Idempotency-Key".to_owned(),
                    detail: format!("with #{index} for the item: {error}"),
                })
            });
    }
    match &item.request.command {
        Command::PostTransaction(_) | Command::Reverse(_) => Err(idempotency_required(
            "the item has neither a key nor an id, and there is no Idempotency-Key header",
        )
        .with_index(index)),
        Command::OpenLedger(_) | Command::RegisterAsset(_) | Command::OpenAccount(_) => Ok(None),
    }
}

type Results = (Vec<ItemResult>, Option<Revision>);

/// All or nothing: the failing item's own answer, or every item's result.
fn atomic(outcomes: Vec<Outcome>) -> Result<Results, Problem> {
    let Some(outcome) = outcomes.into_iter().next() else {
        return Err(Problem::internal());
    };
    if let Some(index) = outcome.failed {
        return Err(match outcome.answers.first() {
            Some(Answer::Rejected(refusal)) => refused(refusal, outcome.at).with_index(index),
            Some(Answer::Failed(failure)) => with_revision(failed(*failure), outcome.at),
            Some(
                Answer::Applied(_) | Answer::Replayed(_) | Answer::WouldApply(_) | Answer::Noted(_),
            )
            | None => Problem::internal(),
        });
    }
    let at = revision_of(&outcome.answers, outcome.at);
    let answers = outcome.answers.iter().enumerate();
    Ok((
        answers
            .map(|(index, answer)| result(index, answer))
            .collect(),
        at,
    ))
}

/// Each on its own. A ledger that does not exist is the whole request's problem.
fn independent(outcomes: Vec<Outcome>, places: &[usize]) -> Result<Results, Problem> {
    let mut results = Vec::with_capacity(outcomes.len());
    let mut answers = Vec::with_capacity(outcomes.len());
    let mut at = None;
    for (outcome, index) in outcomes.into_iter().zip(places) {
        at = at.max(outcome.at);
        for answer in outcome.answers {
            if let Answer::Rejected(refusal) = &answer
                && refusal.problem == problems::LEDGER_NOT_FOUND
            {
                return Err(refused(refusal, None));
            }
            results.push(result(*index, &answer));
            answers.push(answer);
        }
    }
    let all_failed = answers
        .iter()
        .all(|answer| matches!(answer, Answer::Failed(_)));
    if let Some(Answer::Failed(failure)) = answers.first()
        && all_failed
    {
        return Err(failed(*failure));
    }
    Ok((results, revision_of(&answers, at)))
}

/// The revision after the items: where all of them are replayed, the one that they had reached.
fn revision_of(answers: &[Answer], at: Option<Revision>) -> Option<Revision> {
    let mut reached = None;
    for answer in answers {
        match answer {
            Answer::Noted(note) if note.replayed => reached = reached.max(Some(note.revision)),
            Answer::Replayed(record) => reached = reached.max(Some(record.revision)),
            Answer::Applied(_)
            | Answer::WouldApply(_)
            | Answer::Noted(_)
            | Answer::Rejected(_)
            | Answer::Failed(_) => return at,
        }
    }
    reached.or(at)
}

fn result(index: usize, answer: &Answer) -> ItemResult {
    let note = match answer {
        Answer::Noted(note) => *note,
        Answer::Applied(record) | Answer::WouldApply(record) => Note::of(record, false),
        Answer::Replayed(record) => Note::of(record, true),
        Answer::Rejected(refusal) => {
            return rejected(index, refusal.problem.code, refusal.detail.clone());
        }
        Answer::Failed(failure) => {
            let detail = "there is no answer from the ledger; repeat it with the same key";
            return rejected(index, failure_code(*failure), detail.to_owned());
        }
    };
    ItemResult {
        index,
        status: if note.replayed { "replayed" } else { "applied" },
        id: note.transaction.map(|id| id.to_string()),
        revision: Some(note.revision.get()),
        code: None,
        detail: None,
    }
}

fn rejected(index: usize, code: &'static str, detail: String) -> ItemResult {
    ItemResult {
        index,
        status: "rejected",
        id: None,
        revision: None,
        code: Some(code),
        detail: Some(detail),
    }
}

fn respond(results: Vec<ItemResult>, at: Option<Revision>, minimal: bool) -> HttpResponse {
    let count = |status| {
        results
            .iter()
            .filter(|result| result.status == status)
            .count()
    };
    let (applied, replayed, rejected) = (count("applied"), count("replayed"), count("rejected"));
    let mut response = HttpResponse::Ok();
    if let Some(at) = at {
        response.insert_header((LEDGER_REVISION, at.to_string()));
    }
    if replayed == results.len() {
        response.insert_header((REPLAYED, "true"));
    }
    let revision = at.map(Revision::get);
    if minimal {
        response.insert_header(("Preference-Applied", "return=minimal"));
        let failures = results
            .into_iter()
            .filter(|result| result.status == "rejected");
        return response.json(BulkCounts {
            revision,
            applied,
            replayed,
            rejected,
            failures: failures.collect(),
        });
    }
    response.json(BulkResult { revision, results })
}
