//! `POST /v1/ledgers/{ledger}/bulk`: many commands in one request.

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_events::ids::{IdempotencyKey, LedgerId};
use daybook_events::problems;
use daybook_platform::http::{Query, caller, read_body};
use daybook_platform::problem::{FieldError, Problem};

use super::BULK_BODY_MAX;
use super::answers::failed;
use super::headers::{idempotency_key, invalid, prefers_minimal};
use super::items::{form, parse};
use super::results::{ItemResult, atomic, independent, rejected, respond};
use super::schema::bodies::{BulkAnswer, BulkItem};
use super::schema::params::{LedgerPath, Write};
use super::submit::{
    Flags, RECORD_REJECTION, Service, Terms, flag, idempotency_required, if_match, ledger_of,
    nothing_to_record, room, shared_meta,
};
use crate::wire::bulk::Item;
use crate::work::{Detail, Work};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Atomic,
    Independent,
}

/// Carries out many commands.
///
/// `atomic`: all of them take effect together, or the answer is that of the first one that fails,
/// with its `index`. `independent`: each stands on its own, in order; `record_rejection` is for
/// this mode alone, and `If-Match` for the other.
#[utoipa::path(
    post, path = "/v1/ledgers/{ledger}/bulk",
    request_body(content(
        (Vec<BulkItem> = "application/json"),
        (BulkItem = "application/x-ndjson"),
    )),
    params(LedgerPath,
           ("mode" = Option<String>, Query, description = "`atomic` (default) or `independent`"),
           ("Prefer" = Option<String>, Header,
            description = "`return=minimal`: counts and failures only"),
           Write),
    responses(
        (status = 200, description = "decided; counts if `return=minimal` was preferred",
         body = BulkAnswer),
    )
)]
pub(super) async fn bulk(
    req: HttpRequest,
    payload: web::Payload,
    service: Service,
) -> Result<HttpResponse, Problem> {
    let (mode, flags) = query(&req)?;
    let ledger = ledger_of(&req)?;
    let form = form(&req);
    let room = room(&req, &service, BULK_BODY_MAX)?;
    let body = read_body(&req, payload, &["application/json", "application/x-ndjson"]).await?;
    let items = parse(ledger.clone(), flags, form, body).await?;
    let terms = Terms {
        if_match: if_match(&req, &service).await?,
        flags,
        shared: shared_meta(&req)?,
    };
    let (works, forbidden) = works(&req, &service, mode, &terms, items, &ledger)?;
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

fn query(req: &HttpRequest) -> Result<(Mode, Flags), Problem> {
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
    let record_rejection = flag(&mut query, RECORD_REJECTION)?;
    query.finish()?;
    if record_rejection && mode == Mode::Atomic {
        return Err(nothing_to_record(
            "the rejection of an atomic batch is not recorded; ask with mode=independent",
        ));
    }
    let flags = Flags {
        dry_run: false,
        record_rejection,
    };
    Ok((mode, flags))
}

type Works = (Vec<(usize, Work)>, Vec<ItemResult>);

/// The items as work, and the results of those that the caller may not do.
fn works(
    req: &HttpRequest,
    service: &Service,
    mode: Mode,
    terms: &Terms,
    items: Vec<Item>,
    ledger: &LedgerId,
) -> Result<Works, Problem> {
    let caller = caller(req).ok_or_else(Problem::internal)?;
    let header_key = idempotency_key(req)?;
    if mode == Mode::Independent && terms.if_match.is_some() {
        return Err(invalid(FieldError {
            pointer: "If-Match".to_owned(),
            detail: "independent items have no revision in common; use mode=atomic".to_owned(),
        }));
    }
    let mut works = Vec::with_capacity(items.len());
    let mut forbidden = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let key = key_of(index, &item, header_key.as_ref(), terms.flags)?;
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
        works.push((index, terms.work(service, item.request, key)));
    }
    Ok((works, forbidden))
}

/// The item's own key, or the header's with the item's place, unless it has an id of its own.
fn key_of(
    index: usize,
    item: &Item,
    header_key: Option<&IdempotencyKey>,
    flags: Flags,
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
    if item.request.moves_money() || flags.record_rejection {
        return Err(idempotency_required(
            "the item has neither a key nor an id, and there is no Idempotency-Key header",
        )
        .with_index(index));
    }
    Ok(None)
}
