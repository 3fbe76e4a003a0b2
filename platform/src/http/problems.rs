//! Problems that the HTTP boundary itself answers.

use crate::problem::Problem;

impl Problem {
    /// 401 for credentials that were given and are not accepted.
    pub(super) fn bad_token(detail: &str) -> Self {
        let challenge = "Bearer realm=\"daybook\", error=\"invalid_token\"".to_owned();
        Self::new(401, "unauthenticated", "Authentication is required", detail)
            .with_header("WWW-Authenticate", challenge)
    }

    /// 415 `media_type`.
    pub(super) fn media_type(accepted: &[&str]) -> Self {
        let detail = format!("the body must be {} in UTF-8", accepted.join(" or "));
        Self::new(415, "media_type", "The media type is not supported", detail)
    }

    /// 408 `request_timeout`.
    pub(super) fn body_timeout() -> Self {
        let detail = "the body did not arrive in time; nothing was done";
        Self::new(408, "request_timeout", "The body came too slowly", detail)
    }

    /// What an error of the framework or of an extractor becomes: its own text is internal.
    pub(super) fn of_status(status: u16) -> Self {
        match status {
            404 => Self::not_found(),
            413 => {
                let detail = "the body is longer than this route takes";
                Self::new(413, "too_large", "The body is too large", detail)
            }
            400..500 => Self::validation("the request could not be read"),
            _ => Self::internal(),
        }
    }
}
