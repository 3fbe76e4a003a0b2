//! The shape of every good answer: its revision, its entity tag, its caching.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::read_model::Mark;

/// Names the revision that an answer reflects.
pub(crate) const LEDGER_REVISION: &str = "Ledger-Revision";
/// The version of the views (schema `books_v1`).
const VIEW_VERSION: &str = "1";
/// In the place of the view's version where the answer comes from the event store itself: as a page
/// of JSON …
const EVENTS_VERSION: &str = "e";
/// … and as lines. Two representations of one address never share a strong tag (RFC 9110, 8.8.3).
const EVENT_LINES_VERSION: &str = "l";
/// In the same place where the answer is a replay of the events.
const STATE_VERSION: &str = "s";
/// A browser or proxy may keep an answer for this caller alone, and asks before it shows it again.
const CACHE_CONTROL: &str = "private, no-cache";

/// What an answer was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The views.
    Views,
    /// The event store, as a page of JSON.
    Events,
    /// The event store, as NDJSON.
    EventLines,
    /// A replay of the events.
    State,
}

/// The entity tag: the same life of the store, the same view, the same revision, the same answer.
/// The revision stays behind the last '-', where a command's `If-Match` reads it.
pub(crate) fn etag(source: Source, mark: Mark) -> String {
    let version = match source {
        Source::Views => VIEW_VERSION,
        Source::Events => EVENTS_VERSION,
        Source::EventLines => EVENT_LINES_VERSION,
        Source::State => STATE_VERSION,
    };
    let generation = mark.generation.uuid().simple().to_string();
    let short = generation.get(..8).unwrap_or_default();
    format!("\"{short}-{version}-{}\"", mark.revision)
}

/// Whether `If-None-Match` names this tag (RFC 9110, section 13.1.2: weak comparison). `*` names
/// none: whether the path's account is there at all is not known from the ledger's revision.
pub(crate) fn none_match(request: &HttpRequest, etag: &str) -> bool {
    request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|given| given.strip_prefix("W/").unwrap_or(given) == etag)
}

/// Whether the caller has an older answer.
pub(crate) fn is_conditional(headers: &HeaderMap) -> bool {
    headers.contains_key(header::IF_NONE_MATCH)
}

/// 304: what the caller has is what it would get.
pub(crate) fn not_modified(source: Source, mark: Mark) -> HttpResponse {
    with_headers(HttpResponse::build(StatusCode::NOT_MODIFIED), source, mark).finish()
}

/// 200 with a JSON body that reflects a ledger at a mark.
pub(crate) fn json(source: Source, mark: Mark, body: &impl Serialize) -> HttpResponse {
    ok(source, mark).json(body)
}

/// 200, its body still to be given.
pub(crate) fn ok(source: Source, mark: Mark) -> HttpResponseBuilder {
    with_headers(HttpResponse::Ok(), source, mark)
}

fn with_headers(
    mut builder: HttpResponseBuilder,
    source: Source,
    mark: Mark,
) -> HttpResponseBuilder {
    builder
        .insert_header((LEDGER_REVISION, mark.revision.to_string()))
        .insert_header((header::ETAG, etag(source, mark)))
        .insert_header((header::CACHE_CONTROL, CACHE_CONTROL))
        .insert_header((header::VARY, "Accept, Authorization"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    builder
}

/// 200 for an answer that belongs to no single ledger.
pub(crate) fn json_of_no_ledger(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, CACHE_CONTROL))
        .insert_header((header::VARY, "Accept, Authorization"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .json(body)
}
