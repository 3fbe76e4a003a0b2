//! The history itself, from the event store, byte for byte.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use daybook_events::envelope::RecordedEvent;
use daybook_events::event::EventType;
use daybook_events::ids::{LedgerId, Revision};
use daybook_platform::http::Query;
use daybook_platform::problem::Problem;
use daybook_store::{EventStore, ReadError};
use tokio::time::{Duration, Instant};

use super::document::Event;
use super::history::History;
use super::{Service, delivery, ledger_of};
use crate::answer::{self, Source};
use crate::cursor::{Cursor, Pin, Walk};
use crate::errors;
use crate::params::{Freshness, ListParams, Order, bad, parsed, parsed_many, revision};
use crate::read_model::Mark;
use crate::read_model::rows::PAGE_BYTES_MAX;
use crate::service::QueryService;
use crate::views::Page;

const NDJSON: &str = "application/x-ndjson";
/// Events read from the store at once while streaming; the store bounds their bytes.
pub(super) const CHUNK: usize = 512;
/// The most events that one page looks through for those of the types that were asked for; a page
/// may hold fewer than its limit and still have more.
const SCAN_MAX: u64 = 20_000;
/// How long a page waits for other pages to be done before it is refused.
const PLACE_WAIT: Duration = Duration::from_secs(1);
/// While waiting for a revision that the store does not have yet.
const POLL: Duration = Duration::from_millis(20);

/// A ledger's events by revision: a page, or with `Accept: application/x-ndjson` all of them.
#[utoipa::path(get, path = "/v1/ledgers/{ledger}/events", tag = "audit",
    operation_id = "list_events",
    params(
        ("ledger" = String, Path, description = "The ledger"),
        ("after" = Option<u64>, Query, description = "Only events of later revisions"),
        ("type" = Option<Vec<String>>, Query,
            description = "Only events of these types: `LedgerOpened`, `LedgerUpdated`, \
                `AssetRegistered`, `AccountOpened`, `AccountUpdated`, `AccountFrozen`, \
                `AccountUnfrozen`, `AccountClosed`, `TransactionPosted`, `HoldPlaced`, \
                `HoldEnded`, `MetadataSet`, `PeriodClosed`, `PeriodReopened`, `CommandRejected`"),
        ("limit" = Option<u16>, Query,
            description = "1 to 1000, default 100; a page of 8 MiB ends early; as NDJSON: all"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("min_revision" = Option<u64>, Query, description = "Wait until the store has it"),
        ("wait_ms" = Option<u64>, Query, description = "How long at most; default 2000"),
    ),
    responses(
        (status = 200, description = "Events, each byte for byte as stored and hashed",
            content((Page<Event> = "application/json"), (Event = "application/x-ndjson"))),
        (status = 400, description = "`validation`"),
        (status = 404, description = "`ledger_not_found`"),
        (status = 503, description = "`store_unavailable`, `overloaded`"),
    ))]
pub(super) async fn list(service: Service, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let ledger = ledger_of(&request)?;
    let mut query = Query::parse(&request)?;
    let freshness = Freshness::take(&mut query, &request)?;
    let asked_limit = query.one("limit")?;
    let after = parsed(&mut query, "after", revision)?;
    let cursor = query.one("cursor")?;
    let types = parsed_many(&mut query, "type", EventType::parse)?;
    query.finish()?;
    let asked = Asked {
        ledger,
        after,
        types,
    };
    if wants_ndjson(&request) {
        if cursor.is_some() {
            return Err(bad("cursor", &"the NDJSON form goes on with after"));
        }
        let limit = asked_limit.map(|text| ndjson_limit(&text)).transpose()?;
        return whole(&service, &request, asked, limit, freshness).await;
    }
    let params = ListParams::new(asked_limit.as_deref(), Order::Asc, cursor)?;
    page(&service, &request, asked, &params, freshness).await
}

/// What of the history was asked for.
pub(super) struct Asked {
    pub(super) ledger: LedgerId,
    after: Option<Revision>,
    types: Vec<EventType>,
}

impl Asked {
    pub(super) fn first(&self) -> Revision {
        self.after.map_or(Revision::new(0), |after| after.plus(1))
    }

    pub(super) fn wants(&self, event: &RecordedEvent) -> bool {
        self.types.is_empty() || self.types.contains(&event.event_type)
    }
}

async fn page(
    service: &QueryService,
    request: &HttpRequest,
    asked: Asked,
    params: &ListParams,
    freshness: Freshness,
) -> Result<HttpResponse, Problem> {
    let types: Vec<&str> = asked.types.iter().map(|kind| kind.as_str()).collect();
    let walk = Walk::new("events", &(&asked.ledger, asked.after, types));
    let cursor: Option<Cursor<Revision>> = super::page::read_cursor(walk, params)?;
    let pin = cursor.as_ref().and_then(|cursor| cursor.pin);
    let freshness = freshness.at_least(pin.map(|pin| pin.revision));
    let mark = store_mark(service, &asked.ledger, freshness).await?;
    if pin.is_some_and(|pin| pin.generation != mark.generation) {
        let why = "it is from an earlier life of the event store; start again without it";
        return Err(bad("cursor", &why));
    }
    // The page shows the ledger as it was when the walk began.
    let end = pin.map_or(mark.revision, |pin| pin.revision);
    let mark = Mark {
        revision: end,
        ..mark
    };
    if answer::none_match(request, &answer::etag(Source::Events, mark)) {
        return Ok(answer::not_modified(Source::Events, mark));
    }
    let place = Arc::clone(&service.event_pages).acquire_owned();
    let Ok(Ok(place)) = tokio::time::timeout(PLACE_WAIT, place).await else {
        return Err(errors::overloaded("other pages of events are being sent"));
    };
    let from = cursor.map_or_else(|| asked.first(), |cursor| cursor.last.plus(1));
    let limit = usize::from(params.limit);
    let found = scan(&*service.store, &asked, from, end, limit).await;
    let found = found.map_err(|error| errors::store_unavailable(&error))?;
    let pin = Pin {
        generation: mark.generation,
        revision: end,
    };
    let next = found.last.filter(|last| *last < end).map(|last| {
        let cursor = Cursor {
            pin: Some(pin),
            last,
        };
        cursor.write(walk)
    });
    let body = found.finish(next.as_deref(), end);
    let mut builder = answer::ok(Source::Events, mark);
    builder.content_type("application/json");
    Ok(delivery::whole(&service.tasks, place, builder, body))
}

/// Events of one page as they are sent, and the last revision that was looked at.
struct Scanned {
    /// The body's beginning, up to the last event.
    body: Vec<u8>,
    count: usize,
    last: Option<Revision>,
}

impl Scanned {
    /// Adds an event, byte for byte: it is not decoded and encoded again (D12). `false` if the page
    /// would become longer than a page may be.
    fn add(&mut self, event: &RecordedEvent) -> bool {
        let before = self.body.len();
        if self.count > 0 {
            self.body.push(b',');
        }
        event.write_line(&mut self.body);
        if self.body.len() > PAGE_BYTES_MAX && self.count > 0 {
            self.body.truncate(before);
            return false;
        }
        self.count += 1;
        true
    }

    /// The whole body.
    fn finish(self, next: Option<&str>, revision: Revision) -> Vec<u8> {
        let mut body = self.body;
        body.extend_from_slice(b"],\"next_cursor\":");
        // A cursor is base64url: nothing in it needs escaping.
        match next {
            Some(cursor) => body.extend_from_slice(format!("\"{cursor}\"").as_bytes()),
            None => body.extend_from_slice(b"null"),
        }
        let rest = format!(",\"has_more\":{},\"revision\":{revision}}}", next.is_some());
        body.extend_from_slice(rest.as_bytes());
        body
    }
}

async fn scan(
    store: &dyn EventStore,
    asked: &Asked,
    from: Revision,
    end: Revision,
    limit: usize,
) -> Result<Scanned, ReadError> {
    let mut found = Scanned {
        body: b"{\"data\":[".to_vec(),
        count: 0,
        last: None,
    };
    let mut next = from;
    let scan_end = from.plus(SCAN_MAX);
    while next <= end && next < scan_end && found.count < limit {
        // Without a filter exactly the page is read.
        let chunk = match asked.types.is_empty() {
            true => limit - found.count,
            false => CHUNK,
        };
        let events = store.read_ledger(&asked.ledger, next, chunk).await?;
        if events.is_empty() {
            break;
        }
        for event in events {
            if event.revision > end || found.count == limit {
                break;
            }
            if asked.wants(&event) && !found.add(&event) {
                return Ok(found);
            }
            found.last = Some(event.revision);
            next = event.revision.plus(1);
        }
    }
    Ok(found)
}

async fn whole(
    service: &QueryService,
    request: &HttpRequest,
    asked: Asked,
    limit: Option<u64>,
    freshness: Freshness,
) -> Result<HttpResponse, Problem> {
    let mark = store_mark(service, &asked.ledger, freshness).await?;
    if answer::none_match(request, &answer::etag(Source::EventLines, mark)) {
        return Ok(answer::not_modified(Source::EventLines, mark));
    }
    let Ok(place) = Arc::clone(&service.streams).try_acquire_owned() else {
        return Err(errors::overloaded("other histories are being streamed"));
    };
    let store = Arc::clone(&service.store);
    let history = History::new(store, asked, mark.revision, limit);
    let body = delivery::streamed(&service.tasks, place, history.stream());
    Ok(answer::ok(Source::EventLines, mark)
        .content_type(NDJSON)
        .streaming(body))
}

/// Where the store is with the ledger. The store is the record: there is nothing to wait for but
/// events that are being written.
pub(super) async fn store_mark(
    service: &QueryService,
    ledger: &LedgerId,
    freshness: Freshness,
) -> Result<Mark, Problem> {
    let until = Instant::now() + freshness.wait;
    let mut place = None;
    loop {
        let read = async {
            let head = service.store.head().await?;
            Ok((head.generation, service.store.last_revision(ledger).await?))
        };
        let (generation, reached) = read
            .await
            .map_err(|error| errors::store_unavailable(&error))?;
        match reached {
            Some(revision) if Some(revision) >= freshness.min_revision => {
                return Ok(Mark {
                    generation,
                    revision,
                });
            }
            None if freshness.min_revision.is_none() => return Err(errors::ledger_not_found()),
            reached if Instant::now() >= until => return Err(errors::view_behind(reached)),
            Some(_) | None if place.is_some() => {
                tokio::time::sleep_until(until.min(Instant::now() + POLL)).await;
            }
            Some(_) | None => {
                let Ok(free) = service.store_waits.try_acquire() else {
                    return Err(errors::overloaded("too many reads wait for a revision"));
                };
                place = Some(free);
            }
        }
    }
}

fn wants_ndjson(request: &HttpRequest) -> bool {
    request
        .headers()
        .get_all(header::ACCEPT)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|range| range.trim().eq_ignore_ascii_case(NDJSON))
}

/// The NDJSON form streams, so its limit is only the client's own.
fn ndjson_limit(text: &str) -> Result<u64, Problem> {
    match revision(text) {
        Ok(number) if number.get() > 0 => Ok(number.get()),
        _ => Err(bad("limit", &"expected a whole number of at least 1")),
    }
}
