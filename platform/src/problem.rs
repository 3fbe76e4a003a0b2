//! `application/problem+json` (RFC 9457): the one shape of every error answer.
//!
//! A problem is born without a request id; the request-context middleware writes it in.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

/// Where each code is explained. Relative: the project has no address of its own to promise.
const TYPE_BASE: &str = "/docs/errors.md#";

/// An error answer. `detail` is for the client: internal text never goes in.
#[derive(Debug, Clone)]
pub struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    index: Option<usize>,
    headers: Vec<(&'static str, String)>,
    request_id: Option<String>,
}

/// One thing wrong with the request: where (a JSON pointer, or a parameter's name) and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// A JSON pointer into the body, or the name of a parameter or header.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
}

impl Problem {
    /// A problem of this status, stable code and title; `detail` says what happened this time.
    pub fn new(
        status: u16,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        let known = StatusCode::from_u16(status);
        debug_assert!(
            known.is_ok() && status >= 400,
            "a problem has an error status"
        );
        Self(Box::new(Inner {
            status: known.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code,
            title,
            detail: detail.into(),
            errors: Vec::new(),
            index: None,
            headers: Vec::new(),
            request_id: None,
        }))
    }

    /// 400 `validation`.
    pub fn validation(detail: impl Into<String>) -> Self {
        Self::new(400, "validation", "The request is not valid", detail)
    }

    /// 401 `unauthenticated`, with the challenge.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(401, "unauthenticated", "Authentication is required", detail)
            .with_header("WWW-Authenticate", "Bearer realm=\"daybook\"".to_owned())
    }

    /// 403 `forbidden`, naming the permission that is lacking.
    pub fn forbidden(permission: &str) -> Self {
        let detail = format!("the permission `{permission}` is lacking");
        Self::new(403, "forbidden", "Permission is lacking", detail)
    }

    /// 404 `not_found`: no route.
    pub fn not_found() -> Self {
        let detail = "no resource has this address";
        Self::new(404, "not_found", "There is nothing at this address", detail)
    }

    /// 413 `too_large`.
    pub fn too_large(max_bytes: usize) -> Self {
        let detail = format!("the body may have at most {max_bytes} bytes");
        Self::new(413, "too_large", "The body is too large", detail)
    }

    /// 500 `internal`. What happened belongs in the log, not here.
    pub fn internal() -> Self {
        let detail = "the request may or may not have taken effect; the log has more";
        Self::new(500, "internal", "Something went wrong on our side", detail)
    }

    /// With the single things that are wrong.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// With the index of the entry or bulk item that is meant.
    #[must_use]
    pub fn with_index(mut self, index: usize) -> Self {
        self.0.index = Some(index);
        self
    }

    /// With a header. A value that no header can carry is left out.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// With `Retry-After`.
    #[must_use]
    pub fn retry_after_s(self, seconds: u32) -> Self {
        self.with_header("Retry-After", seconds.to_string())
    }

    /// With the id of the request, done by the middleware.
    #[must_use]
    pub fn with_request_id(mut self, request_id: &str) -> Self {
        self.0.request_id = Some(request_id.to_owned());
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.0.status.as_u16()
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The short sentence, the same for every occurrence of the code.
    pub fn title(&self) -> &'static str {
        self.0.title
    }

    /// What happened this time.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The entry or bulk item that is meant.
    pub fn index(&self) -> Option<usize> {
        self.0.index
    }

    /// The single things that are wrong.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    pub(crate) fn body(&self) -> String {
        let inner = &self.0;
        let body = Body {
            r#type: format!("{TYPE_BASE}{}", inner.code),
            title: inner.title,
            status: inner.status.as_u16(),
            code: inner.code,
            detail: &inner.detail,
            request_id: inner.request_id.as_deref(),
            errors: &inner.errors,
            index: inner.index,
        };
        serde_json::to_string(&body).unwrap_or_else(|_| "{}".to_owned())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status(), self.0.code, self.0.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut builder = HttpResponse::build(self.0.status);
        if matches!(self.status(), 408 | 413) {
            // The rest of the body is not waited for, nor taken for another request.
            builder.force_close();
        }
        builder.insert_header(("Content-Type", "application/problem+json"));
        builder.insert_header(("Cache-Control", "no-store"));
        builder.insert_header(("X-Content-Type-Options", "nosniff"));
        if let Some(id) = &self.0.request_id {
            builder.insert_header(("X-Request-Id", id.as_str()));
        }
        for (name, value) in &self.0.headers {
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            ) {
                builder.append_header((name, value));
            }
        }
        let mut response = builder.body(self.body());
        // Kept beside the text, so that the middleware can write the request id in.
        response.extensions_mut().insert(self.clone());
        response
    }
}
