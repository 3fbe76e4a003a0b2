//! The command side's routes. A handler parses, makes one call, and maps what came of it.

mod answers;
mod bulk;
mod handlers;
mod headers;
mod items;
mod schema;

use actix_web::http::Method;
use actix_web::web;
use daybook_events::access::Permission;
use daybook_platform::http::{Access, RouteSpec};

pub use schema::openapi;

/// The largest body of a bulk request.
pub const BULK_BODY_MAX: usize = 16 << 20;
/// The largest body of any other command.
pub const BODY_MAX: usize = 256 << 10;

/// Every route of the command side. The application holds `web::Data<CommandService>`.
pub fn routes() -> Vec<RouteSpec> {
    let post = |path, access, body_max, route| RouteSpec {
        method: Method::POST,
        path,
        access,
        body_max,
        route,
    };
    let needs = |permission: Permission| Access::Permission(permission.as_str());
    vec![
        // The path names no ledger: the handler checks the one that the body names.
        post("/v1/ledgers", Access::SignedIn, BODY_MAX, || {
            web::to(handlers::open_ledger)
        }),
        post(
            "/v1/ledgers/{ledger}/assets",
            needs(Permission::LedgersManage),
            BODY_MAX,
            || web::to(handlers::register_asset),
        ),
        post(
            "/v1/ledgers/{ledger}/accounts",
            needs(Permission::AccountsManage),
            BODY_MAX,
            || web::to(handlers::open_account),
        ),
        post(
            "/v1/ledgers/{ledger}/transactions",
            needs(Permission::TransactionsWrite),
            BODY_MAX,
            || web::to(handlers::post_transaction),
        ),
        post(
            "/v1/ledgers/{ledger}/transactions/{id}/reverse",
            needs(Permission::TransactionsReverse),
            BODY_MAX,
            || web::to(handlers::reverse),
        ),
        // Each item says what it needs: the handler checks them one by one.
        post(
            "/v1/ledgers/{ledger}/bulk",
            Access::Covered,
            BULK_BODY_MAX,
            || web::to(bulk::bulk),
        ),
    ]
}
