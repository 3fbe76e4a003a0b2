//! The items of a bulk body, read: which form it has, and what is wrong with it.

use actix_web::{HttpRequest, web};
use bytes::Bytes;
use daybook_events::ids::LedgerId;
use daybook_platform::problem::{FieldError, Problem};

use super::headers::invalid;
use super::submit::{Flags, text};
use crate::wire::bulk::{Form, Item, read};
use crate::wire::request::Scope;

/// Bodies from this size on are parsed on a thread of their own: the worker has others to serve.
const PARSE_APART_BYTES: usize = 128 << 10;

pub(super) fn form(req: &HttpRequest) -> Form {
    let media = req
        .headers()
        .get("Content-Type")
        .and_then(|value| value.to_str().ok());
    let media = media
        .and_then(|media| media.split(';').next())
        .unwrap_or_default();
    if media.trim().eq_ignore_ascii_case("application/x-ndjson") {
        Form::Lines
    } else {
        Form::Array
    }
}

/// An item of wrong shape is named by its index as well; its pointer begins with it.
fn invalid_item(error: FieldError) -> Problem {
    let first = error.pointer.split('/').nth(1);
    let index = first.and_then(|first| first.parse().ok());
    let problem = invalid(error);
    match index {
        Some(index) => problem.with_index(index),
        None => problem,
    }
}

pub(super) async fn parse(
    ledger: LedgerId,
    flags: Flags,
    form: Form,
    body: Bytes,
) -> Result<Vec<Item>, Problem> {
    let apart = body.len() >= PARSE_APART_BYTES;
    let parse = move || {
        let scope = Scope {
            ledger: &ledger,
            record_rejection: flags.record_rejection,
        };
        read(scope, form, text(&body)?).map_err(invalid_item)
    };
    if apart {
        return match web::block(parse).await {
            Ok(items) => items,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a bulk body could not be parsed apart"
                );
                Err(Problem::internal())
            }
        };
    }
    parse()
}
