//! The OpenAPI document of this side's routes.

use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::{accounts, events, ledgers, reports, state, transactions};

#[derive(OpenApi)]
#[openapi(
    paths(
        ledgers::list,
        ledgers::one,
        accounts::list,
        accounts::one,
        accounts::balances,
        accounts::entries,
        transactions::list,
        transactions::one,
        reports::trial_balance,
        events::list,
        state::at,
    ),
    tags(
        (name = "queries", description = "Reads of the views; each answer names its revision"),
        (name = "reports", description = "Reports"),
        (name = "audit", description = "The history itself"),
    )
)]
struct Document;

/// An event as stored; what its `data` holds depends on its `type`.
#[derive(Serialize, ToSchema)]
pub(super) struct Event {
    ledger: String,
    revision: u64,
    id: String,
    r#type: String,
    /// Which shape `data` has.
    version: u32,
    #[schema(format = DateTime)]
    recorded_at: String,
    /// What happened.
    #[schema(value_type = Object)]
    data: String,
    /// Who, why and which request.
    #[schema(value_type = Object)]
    meta: String,
}

/// The document of this side's routes; the binary merges it with the command side's.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_route_is_in_the_document_and_nothing_else() {
        let document = super::openapi();
        let documented: BTreeSet<&str> = document.paths.paths.keys().map(String::as_str).collect();
        let routes = crate::http::routes();
        let routed: BTreeSet<&str> = routes.iter().map(|route| route.path).collect();
        assert_eq!(documented, routed);
    }
}
