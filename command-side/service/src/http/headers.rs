//! The headers of commands.

use actix_web::HttpRequest;
use daybook_events::ids::{IdempotencyKey, Revision};
use daybook_platform::problem::{FieldError, Problem};

/// `Idempotency-Key`, its surrounding quotes stripped.
pub(super) fn idempotency_key(req: &HttpRequest) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(text) = one(req, "Idempotency-Key")? else {
        return Ok(None);
    };
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    IdempotencyKey::parse(inner.unwrap_or(text))
        .map(Some)
        .map_err(|invalid| wrong("Idempotency-Key", invalid.to_string()))
}

/// What `If-Match` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IfMatch {
    pub(super) revision: Revision,
    /// The beginning of the generation of the log that the `ETag` was made of, if it is one.
    pub(super) generation: Option<String>,
}

/// `If-Match`: a ledger revision, plain or quoted, or a read's whole `ETag`, whose last part it is
/// and whose first part is the log's generation.
pub(super) fn if_match(req: &HttpRequest) -> Result<Option<IfMatch>, Problem> {
    let Some(text) = one(req, "If-Match")? else {
        return Ok(None);
    };
    if text == "*" {
        // "Whatever is there": the route itself asks for that.
        return Ok(None);
    }
    let tag = text.strip_prefix("W/").unwrap_or(text);
    let tag = tag
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(tag);
    let revision = tag.rsplit('-').next().unwrap_or(tag);
    let digits = !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit());
    let revision = if digits {
        revision.parse::<u64>().ok()
    } else {
        None
    };
    let generation = tag
        .split_once('-')
        .map(|(generation, _)| generation.to_owned());
    revision
        .map(|revision| {
            Some(IfMatch {
                revision: Revision::new(revision),
                generation,
            })
        })
        .ok_or_else(|| {
            wrong(
                "If-Match",
                "expected one ledger revision or one ETag of this ledger".to_owned(),
            )
        })
}

/// Whether `Prefer` asks for `return=minimal` (RFC 7240).
pub(super) fn prefers_minimal(req: &HttpRequest) -> bool {
    let values = req.headers().get_all("Prefer");
    let values = values.filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .filter_map(|preference| preference.split(';').next())
        .any(|preference| {
            let preference: String = preference
                .chars()
                .filter(|c| !c.is_whitespace() && *c != '"')
                .collect();
            preference.eq_ignore_ascii_case("return=minimal")
        })
}

/// The value of a header that may stand once.
fn one<'a>(req: &'a HttpRequest, name: &'static str) -> Result<Option<&'a str>, Problem> {
    let mut values = req.headers().get_all(name);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(wrong(name, "the header stands twice".to_owned()));
    }
    match value.to_str() {
        Ok(text) => Ok(Some(text.trim())),
        Err(_) => Err(wrong(name, "expected printable ASCII".to_owned())),
    }
}

fn wrong(name: &str, detail: String) -> Problem {
    invalid(FieldError {
        pointer: name.to_owned(),
        detail,
    })
}

/// 400 for one thing that is wrong by itself.
pub(super) fn invalid(error: FieldError) -> Problem {
    let detail = if error.pointer.is_empty() {
        error.detail.clone()
    } else {
        format!("{}: {}", error.pointer, error.detail)
    };
    Problem::validation(detail).with_errors(vec![error])
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_revision_is_read_from_every_form_of_if_match() {
        let read = |text: &str| {
            let req = TestRequest::default()
                .insert_header(("If-Match", text))
                .to_http_request();
            if_match(&req)
        };
        for text in ["42", "\"42\"", "W/\"42\""] {
            let asked = read(text).unwrap().unwrap();
            assert_eq!(asked.revision, Revision::new(42), "{text}");
            assert_eq!(asked.generation, None, "{text}");
        }
        for text in ["\"0198c5e2-1-42\"", "W/\"0198c5e2-full-1-42\""] {
            let asked = read(text).unwrap().unwrap();
            assert_eq!(asked.revision, Revision::new(42), "{text}");
            assert_eq!(asked.generation.as_deref(), Some("0198c5e2"), "{text}");
        }
        assert_eq!(read("*").unwrap(), None);
        for text in [
            "",
            "\"x\"",
            "\"1\", \"2\"",
            "-",
            "1.5",
            "99999999999999999999999",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn quotes_around_a_key_are_stripped() {
        let read = |text: &str| {
            let req = TestRequest::default()
                .insert_header(("Idempotency-Key", text))
                .to_http_request();
            idempotency_key(&req).map(|key| key.map(|key| key.to_string()))
        };
        assert_eq!(read("\"a b\"").unwrap().as_deref(), Some("a b"));
        assert_eq!(read("a").unwrap().as_deref(), Some("a"));
        assert!(read("\"\"").is_err());
        assert!(read(&"k".repeat(256)).is_err());
    }

    #[test]
    fn minimal_is_preferred_in_any_spelling() {
        let read = |text: &str| {
            prefers_minimal(
                &TestRequest::default()
                    .insert_header(("Prefer", text))
                    .to_http_request(),
            )
        };
        assert!(read("return=minimal") && read("wait=1, Return = \"minimal\""));
        assert!(!read("return=representation"));
    }
}
