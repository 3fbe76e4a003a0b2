//! What every request passes through: its ids, its log span, its metrics, its last-resort errors.

use std::future::{Future, Ready, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::{Error, HttpMessage as _, HttpRequest};
use futures_util::FutureExt as _;
use tracing::Instrument as _;

use super::hold::Hold;
use crate::clock::Clock;
use crate::problem::Problem;

/// Longest request id that is echoed.
const REQUEST_ID_MAX: usize = 128;
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The ids that a request carries through the whole flow, into events and messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    /// The caller's `X-Request-Id` where it is harmless, else a fresh one.
    pub request_id: String,
    /// The caller's W3C `traceparent` where it is valid, else a fresh one.
    pub traceparent: String,
}

/// The path pattern that was matched: the label of the metrics, since paths have no bound.
#[derive(Clone, Copy)]
pub(super) struct RoutePath(pub(super) &'static str);

/// The context of this request.
pub fn context(req: &HttpRequest) -> RequestContext {
    let known = req.extensions().get::<RequestContext>().cloned();
    known.unwrap_or_else(|| RequestContext::of(req.headers()))
}

/// The middleware that every application wraps itself in, outermost.
pub fn request_context() -> RequestContextMiddleware {
    RequestContextMiddleware { _private: () }
}

impl RequestContext {
    /// Reads the ids from the headers, or makes them.
    pub fn of(headers: &HeaderMap) -> Self {
        let single = |name: &HeaderName| {
            let mut values = headers.get_all(name);
            let value = values.next()?.to_str().ok()?;
            values.next().is_none().then_some(value)
        };
        let request_id = single(&X_REQUEST_ID)
            .filter(|id| is_harmless(id))
            .map(str::to_owned);
        let traceparent = single(&TRACEPARENT).and_then(valid_traceparent);
        Self {
            request_id: request_id.unwrap_or_else(|| Clock::system().uuid_v7().to_string()),
            traceparent: traceparent.unwrap_or_else(fresh_traceparent),
        }
    }
}

/// Only what needs no escaping in a header, a log line or JSON.
fn is_harmless(id: &str) -> bool {
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-');
    (1..=REQUEST_ID_MAX).contains(&id.len()) && id.chars().all(harmless)
}

/// Version 00 of W3C Trace Context; of a later version the part that is the same.
fn valid_traceparent(text: &str) -> Option<String> {
    let known = text.get(..55)?;
    let later = match text.get(55..) {
        Some("") => false,
        Some(rest) if rest.starts_with('-') => true,
        _ => return None,
    };
    let mut parts = known.split('-');
    let version = hex(parts.next()?, 2)?;
    let trace = hex(parts.next()?, 32).filter(|it| it.bytes().any(|byte| byte != b'0'))?;
    let parent = hex(parts.next()?, 16).filter(|it| it.bytes().any(|byte| byte != b'0'))?;
    let flags = hex(parts.next()?, 2)?;
    if version == "ff" || (later && version == "00") || parts.next().is_some() {
        return None;
    }
    Some(format!("00-{trace}-{parent}-{flags}"))
}

fn hex(text: &str, length: usize) -> Option<&str> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == length && text.bytes().all(is_hex)).then_some(text)
}

fn fresh_traceparent() -> String {
    let clock = Clock::system();
    let (trace, parent) = (clock.uuid_v4().simple(), clock.uuid_v4().as_u64_pair().1);
    // Flags 00: nobody records a trace here; a caller that does sends its own.
    format!("00-{trace}-{parent:016x}-00")
}

/// See [`request_context`].
#[derive(Debug, Clone)]
pub struct RequestContextMiddleware {
    _private: (),
}

impl<S, B> Transform<S, ServiceRequest> for RequestContextMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = RequestContextService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(RequestContextService { service }))
    }
}

/// The running middleware.
#[derive(Debug)]
pub struct RequestContextService<S> {
    service: S,
}

impl<S, B> Service<ServiceRequest> for RequestContextService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    forward_ready!(service);

    fn call(&self, mut req: ServiceRequest) -> Self::Future {
        let started = Instant::now();
        let context = RequestContext::of(req.headers());
        let method = method_label(req.method());
        req.extensions_mut().insert(context.clone());
        let span = tracing::info_span!(
            "request",
            request_id = %context.request_id,
            traceparent = %context.traceparent,
            method,
        );
        let hold = Hold::of(&mut req);
        let inner = span.in_scope(|| self.service.call(req));
        let watched = async move {
            let result = AssertUnwindSafe(inner).catch_unwind().await;
            let result = match result {
                Ok(Ok(response)) => Ok(finish(response.map_into_boxed_body(), &context)),
                Ok(Err(error)) => Err(last_resort(&error, &context)),
                Err(panic) => Err(panicked(panic.as_ref(), &context)),
            };
            let (route, status) = match &result {
                Ok(response) => (route_of(response.request()), response.status().as_u16()),
                Err(problem) => ("unknown", problem.status()),
            };
            record(route, method, status, started);
            let answer = result.map_err(Error::from)?;
            Ok(answer.map_body(|_, body| hold.until_sent(body)))
        };
        Box::pin(watched.instrument(span))
    }
}

fn route_of(req: &HttpRequest) -> &'static str {
    req.extensions()
        .get::<RoutePath>()
        .map_or("unmatched", |route| route.0)
}

/// Methods are whatever a client sends; a label has a bound.
fn method_label(method: &Method) -> &'static str {
    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    let names = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN
        .iter()
        .zip(names)
        .find(|(known, _)| *known == method)
        .map_or("other", |(_, name)| name)
}

fn record(route: &'static str, method: &'static str, status: u16, started: Instant) {
    let took = started.elapsed();
    let labels = [("route", route), ("method", method)];
    metrics::histogram!("daybook_http_request_duration_seconds", &labels)
        .record(took.as_secs_f64());
    let status_text = status.to_string();
    metrics::counter!(
        "daybook_http_requests_total", "route" => route, "method" => method,
        "status" => status_text
    )
    .increment(1);
    let latency_us = took.as_micros();
    if status >= 500 {
        tracing::warn!(route, status, latency_us, "answered {status}");
    } else {
        tracing::debug!(route, status, latency_us, "answered {status}");
    }
}

/// The headers of every answer, and the request id inside a problem.
fn finish(
    mut response: ServiceResponse<BoxBody>,
    context: &RequestContext,
) -> ServiceResponse<BoxBody> {
    let problem = response.response().extensions().get::<Problem>().cloned();
    let foreign = response.response().error().map(|error| error.to_string());
    match (problem, foreign) {
        (Some(problem), _) => {
            let text = problem.with_request_id(&context.request_id).body();
            response = response.map_body(|_, _| BoxBody::new(text));
        }
        (None, Some(error)) => {
            let status = response.status().as_u16();
            if status >= 500 {
                tracing::error!(error, "an error of a handler has no problem of its own");
            }
            let problem = Problem::of_status(status).with_request_id(&context.request_id);
            let (req, _) = response.into_parts();
            response = ServiceResponse::from_err(problem, req);
        }
        (None, None) => {}
    }
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    response
}

/// An error that reached the outside without an answer.
fn last_resort(error: &Error, context: &RequestContext) -> Problem {
    let problem = match error.as_error::<Problem>() {
        Some(problem) => problem.clone(),
        None => {
            let status = error.as_response_error().status_code().as_u16();
            if status >= 500 {
                tracing::error!(%error, "a request failed before its handler");
            }
            Problem::of_status(status)
        }
    };
    problem.with_request_id(&context.request_id)
}

/// A bug in a handler: without this the connection would be dropped and the client left guessing.
fn panicked(panic: &(dyn std::any::Any + Send), context: &RequestContext) -> Problem {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("not a text"), "a handler panicked");
    metrics::counter!("daybook_http_panics_total").increment(1);
    Problem::internal().with_request_id(&context.request_id)
}
