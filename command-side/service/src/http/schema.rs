//! The OpenAPI description of the command side. What all operations have in common is said once,
//! here; a handler describes what is its own.

pub(super) mod bodies;
pub(super) mod params;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{
    ContentBuilder, Header, ObjectBuilder, OpenApi as Api, Ref, RefOr, Required, Response,
    ResponseBuilder, Type,
};
use utoipa::{Modify, OpenApi};

use super::answers::{LEDGER_REVISION, REPLAYED};

/// The OpenAPI document of the command side's routes.
pub fn openapi() -> Api {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    paths(
        super::ledgers::open_ledger,
        super::ledgers::update_ledger,
        super::ledgers::register_asset,
        super::accounts::open_account,
        super::accounts::update_account,
        super::accounts::freeze_account,
        super::accounts::unfreeze_account,
        super::accounts::close_account,
        super::transactions::post_transaction,
        super::transactions::update_transaction,
        super::transactions::capture_hold,
        super::transactions::void_hold,
        super::transactions::reverse,
        super::periods::close_period,
        super::periods::reopen_period,
        super::bulk::bulk,
    ),
    components(schemas(bodies::ProblemBody)),
    modifiers(&Common),
    tags((name = "commands", description = "What changes a ledger. 2xx means durable; 4xx means \
        nothing was written, but for a refusal that was to be recorded; after 5xx repeat with the \
        same key and be told."))
)]
struct Document;

/// What every command answers.
struct Common;

impl Modify for Common {
    fn modify(&self, api: &mut Api) {
        for (path, item) in &mut api.paths.paths {
            let operations = [&mut item.post, &mut item.patch];
            operations.into_iter().flatten().for_each(complete);
            if let Some(patch) = &mut item.patch {
                may_be_called_a_patch(patch);
            }
            if SETTLEMENTS.iter().any(|end| path.ends_with(end)) {
                item.post.as_mut().into_iter().for_each(may_lack_its_body);
            }
        }
    }
}

fn complete(operation: &mut Operation) {
    operation.tags = Some(vec!["commands".to_owned()]);
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        if let RefOr::T(response) = response {
            let described = headers().into_iter();
            let described = described.filter(|(name, _)| status == "201" || *name != "Location");
            let headers = described.map(|(name, header)| (name.to_owned(), header.into()));
            response.headers.extend(headers);
        }
    }
    responses.insert("default".to_owned(), problem().into());
}

/// The ends of the paths whose body may be left out.
const SETTLEMENTS: [&str; 2] = ["/post", "/void"];

fn may_lack_its_body(operation: &mut Operation) {
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.required = Some(Required::False);
    }
}

fn may_be_called_a_patch(operation: &mut Operation) {
    if let Some(RefOr::T(body)) = &mut operation.request_body
        && let Some(content) = body.content.get("application/json").cloned()
    {
        let patch = "application/merge-patch+json".to_owned();
        body.content.insert(patch, content);
    }
}

fn headers() -> [(&'static str, Header); 3] {
    [
        (
            LEDGER_REVISION,
            header(
                Type::Integer,
                "The ledger's revision after it; of a dry run, that it was judged at.",
            ),
        ),
        (
            REPLAYED,
            header(
                Type::Boolean,
                "`true` if this is the answer to an earlier request.",
            ),
        ),
        (
            "Location",
            header(Type::String, "The path of what was made."),
        ),
    ]
}

fn header(of: Type, description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(of)))
        .description(Some(description))
        .build()
}

fn problem() -> Response {
    let body = Ref::from_schema_name("ProblemBody");
    let body = ContentBuilder::new().schema(Some(body)).build();
    let at = "The ledger's revision that it was decided at, if a rule refused it.";
    let after = "Seconds to wait before asking again (429 and 503).";
    ResponseBuilder::new()
        .description("A problem: `code` says which, `/docs/errors.md` what to do about it.")
        .content("application/problem+json", body)
        .header(LEDGER_REVISION, header(Type::Integer, at))
        .header("Retry-After", header(Type::Integer, after))
        .build()
}
