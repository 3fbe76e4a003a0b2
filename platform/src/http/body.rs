//! Reads a request body: the right media type, at most so long, within a time.

use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::{HttpMessage as _, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use crate::problem::{FieldError, Problem};

/// How long a body may take to arrive; ten seconds where the application holds none of these.
/// actix's own timeout ends with the head.
#[derive(Debug, Clone, Copy)]
pub struct BodyTimeout(pub Duration);

const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// What is reserved before anything arrived, whatever length the client announces.
const RESERVE_MAX: usize = 64 * 1024;

/// The largest body of the matched route.
#[derive(Clone, Copy)]
pub(super) struct BodyMax(pub(super) usize);

/// The whole body, if it is of one of these media types (any, if none is given) and no longer than
/// its route takes. An empty body needs no media type.
pub async fn read_body(
    req: &HttpRequest,
    payload: web::Payload,
    media: &[&str],
) -> Result<Bytes, Problem> {
    let max = req.extensions().get::<BodyMax>().map_or(0, |max| max.0);
    refuse_encoding(req)?;
    let typed = req.headers().contains_key(header::CONTENT_TYPE);
    if typed && !media.is_empty() && !is_one_of(req, media) {
        return Err(Problem::media_type(media));
    }
    let announced = announced(req);
    if announced.is_some_and(|length| length > max) {
        return Err(Problem::too_large(max));
    }
    let time = req
        .app_data::<BodyTimeout>()
        .map_or(BODY_TIMEOUT, |timeout| timeout.0);
    let body = tokio::time::timeout(time, collect(payload, max, announced)).await;
    let body = body.unwrap_or_else(|_elapsed| Err(Problem::body_timeout()))?;
    if !typed && !media.is_empty() && !body.is_empty() {
        return Err(Problem::media_type(media));
    }
    Ok(body)
}

async fn collect(
    mut payload: web::Payload,
    max: usize,
    announced: Option<usize>,
) -> Result<Bytes, Problem> {
    let mut whole = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| refuse_payload(&error, max))?;
        if whole.len().saturating_add(chunk.len()) > max {
            return Err(Problem::too_large(max));
        }
        if whole.is_empty() {
            if announced == Some(chunk.len()) {
                return Ok(chunk); // The whole body in one piece: nothing to copy.
            }
            whole.reserve(announced.unwrap_or(0).min(RESERVE_MAX));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

fn refuse_payload(error: &PayloadError, max: usize) -> Problem {
    if matches!(error, PayloadError::Overflow) {
        return Problem::too_large(max);
    }
    tracing::debug!(%error, "a body could not be read");
    Problem::validation("the body ended early or could not be read")
}

fn refuse_encoding(req: &HttpRequest) -> Result<(), Problem> {
    let plain = |value: &header::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if req.headers().get_all(header::CONTENT_ENCODING).all(plain) {
        return Ok(());
    }
    let pointer = "Content-Encoding".to_owned();
    let detail = "a body must be sent as it is, not compressed".to_owned();
    Err(Problem::validation(detail.clone()).with_errors(vec![FieldError { pointer, detail }]))
}

/// Type and subtype must be equal; a charset, if any, must be UTF-8.
fn is_one_of(req: &HttpRequest, media: &[&str]) -> bool {
    let mut values = req.headers().get_all(header::CONTENT_TYPE);
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let utf8 = |part: &str| match part.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    media.iter().any(|one| one.eq_ignore_ascii_case(essence)) && parts.all(utf8)
}

fn announced(req: &HttpRequest) -> Option<usize> {
    req.headers()
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
