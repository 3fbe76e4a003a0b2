//! Section 7 of the API, written out again: who has which permission, and what each route needs.

use reqwest::Method;
use serde_json::{Value, json};

pub(super) const ROLES: &[(&str, &[&str])] = &[
    ("client", &["transactions:write", "books:read"]),
    (
        "operator",
        &[
            "transactions:write",
            "transactions:reverse",
            "accounts:manage",
            "books:read",
        ],
    ),
    (
        "controller",
        &[
            "transactions:reverse",
            "periods:manage",
            "books:read",
            "reports:read",
            "export",
        ],
    ),
    ("reader", &["books:read"]),
    (
        "auditor",
        &["books:read", "reports:read", "export", "events:read"],
    ),
    ("analyst", &["books:read", "reports:read", "export"]),
    ("admin", &["ledgers:manage", "projections:manage"]),
];

/// What a route asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Needs {
    /// Nothing.
    Nothing,
    /// A token; the answer is cut to what it covers.
    Token,
    /// This permission on the ledger.
    Permission(&'static str),
}
use Needs::{Nothing, Permission, Token};

/// A route: method, path, what it needs, and the body it is asked with.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) needs: Needs,
    pub(super) body: Value,
}

fn public(path: &str) -> Route {
    Route {
        method: Method::GET,
        path: path.to_owned(),
        needs: Nothing,
        body: Value::Null,
    }
}

/// A read below a ledger.
fn read(path: &str, permission: &'static str) -> Route {
    Route {
        method: Method::GET,
        path: format!("/v1/ledgers/{{ledger}}{path}"),
        needs: Permission(permission),
        body: Value::Null,
    }
}

/// A write below a ledger.
fn write(path: &str, permission: &'static str, body: Value) -> Route {
    Route {
        method: Method::POST,
        path: format!("/v1/ledgers/{{ledger}}{path}"),
        needs: Permission(permission),
        body,
    }
}

/// A change below a ledger.
fn change(path: &str, permission: &'static str, body: Value) -> Route {
    Route {
        method: Method::PATCH,
        ..write(path, permission, body)
    }
}

/// Every command.
fn commands() -> Vec<Route> {
    let posting = json!({"debit": "cash", "credit": "plain", "amount": "1", "asset": "USD"});
    let (write_it, reverse) = ("transactions:write", "transactions:reverse");
    let (manage, periods, ledgers) = ("accounts:manage", "periods:manage", "ledgers:manage");
    let create = Route {
        method: Method::POST,
        path: "/v1/ledgers".to_owned(),
        needs: Permission(ledgers),
        body: json!({"ledger": "{ledger}"}),
    };
    vec![
        create,
        change("", ledgers, json!({})),
        write("/assets", ledgers, json!({})),
        write("/accounts", manage, json!({})),
        change("/accounts/{account}", manage, json!({})),
        write("/accounts/{account}/freeze", manage, json!({})),
        write("/accounts/{account}/unfreeze", manage, json!({})),
        write("/accounts/{account}/close", manage, json!({})),
        write("/transactions", write_it, json!({})),
        change(
            "/transactions/{transaction}",
            write_it,
            json!({"metadata": {}}),
        ),
        write("/transactions/{transaction}/post", write_it, json!({})),
        write("/transactions/{transaction}/void", write_it, json!({})),
        write("/transactions/{transaction}/reverse", reverse, json!({})),
        write("/periods/close", periods, json!({})),
        write("/periods/reopen", periods, json!({})),
        write("/bulk", write_it, json!([{"postings": [posting]}])),
    ]
}

/// Every route there may be.
pub(super) fn table() -> Vec<Route> {
    let list = Route {
        needs: Token,
        ..public("/v1/ledgers")
    };
    let mut table = vec![
        public("/livez"),
        public("/readyz"),
        public("/openapi.json"),
        public("/docs"),
        public("/docs/errors.md"),
        list,
        read("", "books:read"),
        read("/accounts", "books:read"),
        read("/accounts/{account}", "books:read"),
        read("/accounts/{account}/balances", "books:read"),
        read("/accounts/{account}/entries", "books:read"),
        read("/transactions", "books:read"),
        read("/transactions/{transaction}", "books:read"),
        read("/reports/trial-balance", "reports:read"),
        read("/events", "events:read"),
        read("/state", "events:read"),
    ];
    table.extend(commands());
    table
}
