//! The command side's routes. A handler parses, makes one call, and maps what came of it.

mod accounts;
mod answers;
mod bulk;
mod headers;
mod items;
mod ledgers;
mod periods;
mod results;
mod schema;
mod submit;
mod transactions;

use actix_web::http::Method;
use actix_web::{Route, web};
use daybook_events::access::Permission::{
    self, AccountsManage, LedgersManage, PeriodsManage, TransactionsReverse, TransactionsWrite,
};
use daybook_platform::http::{Access, RouteSpec};

pub use schema::openapi;

/// The largest body of a bulk request.
pub const BULK_BODY_MAX: usize = 16 << 20;
/// The largest body of any other command.
pub const BODY_MAX: usize = 256 << 10;

/// Every route of the command side. The application holds `web::Data<CommandService>`.
pub fn routes() -> Vec<RouteSpec> {
    let mut routes = book_routes();
    routes.extend(transaction_routes());
    // Each item says what it needs: the handler checks them one by one.
    routes.push(RouteSpec {
        method: Method::POST,
        path: "/v1/ledgers/{ledger}/bulk",
        access: Access::Covered,
        body_max: BULK_BODY_MAX,
        route: || web::to(bulk::bulk),
    });
    routes
}

fn book_routes() -> Vec<RouteSpec> {
    vec![
        // The path names no ledger: the handler checks the one that the body names.
        RouteSpec {
            method: Method::POST,
            path: "/v1/ledgers",
            access: Access::SignedIn,
            body_max: BODY_MAX,
            route: || web::to(ledgers::open_ledger),
        },
        patch("/v1/ledgers/{ledger}", LedgersManage, || {
            web::to(ledgers::update_ledger)
        }),
        post("/v1/ledgers/{ledger}/assets", LedgersManage, || {
            web::to(ledgers::register_asset)
        }),
        post("/v1/ledgers/{ledger}/accounts", AccountsManage, || {
            web::to(accounts::open_account)
        }),
        patch(
            "/v1/ledgers/{ledger}/accounts/{account}",
            AccountsManage,
            || web::to(accounts::update_account),
        ),
        post(
            "/v1/ledgers/{ledger}/accounts/{account}/freeze",
            AccountsManage,
            || web::to(accounts::freeze_account),
        ),
        post(
            "/v1/ledgers/{ledger}/accounts/{account}/unfreeze",
            AccountsManage,
            || web::to(accounts::unfreeze_account),
        ),
        post(
            "/v1/ledgers/{ledger}/accounts/{account}/close",
            AccountsManage,
            || web::to(accounts::close_account),
        ),
        post("/v1/ledgers/{ledger}/periods/close", PeriodsManage, || {
            web::to(periods::close_period)
        }),
        post("/v1/ledgers/{ledger}/periods/reopen", PeriodsManage, || {
            web::to(periods::reopen_period)
        }),
    ]
}

fn transaction_routes() -> Vec<RouteSpec> {
    vec![
        post(
            "/v1/ledgers/{ledger}/transactions",
            TransactionsWrite,
            || web::to(transactions::post_transaction),
        ),
        patch(
            "/v1/ledgers/{ledger}/transactions/{id}",
            TransactionsWrite,
            || web::to(transactions::update_transaction),
        ),
        post(
            "/v1/ledgers/{ledger}/transactions/{id}/post",
            TransactionsWrite,
            || web::to(transactions::capture_hold),
        ),
        post(
            "/v1/ledgers/{ledger}/transactions/{id}/void",
            TransactionsWrite,
            || web::to(transactions::void_hold),
        ),
        post(
            "/v1/ledgers/{ledger}/transactions/{id}/reverse",
            TransactionsReverse,
            || web::to(transactions::reverse),
        ),
    ]
}

fn post(path: &'static str, needs: Permission, route: fn() -> Route) -> RouteSpec {
    RouteSpec {
        method: Method::POST,
        path,
        access: Access::Permission(needs.as_str()),
        body_max: BODY_MAX,
        route,
    }
}

fn patch(path: &'static str, needs: Permission, route: fn() -> Route) -> RouteSpec {
    RouteSpec {
        method: Method::PATCH,
        ..post(path, needs, route)
    }
}
