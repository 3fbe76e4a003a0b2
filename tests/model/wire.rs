//! Requests as HTTP has them. One request has many spellings, and all of them are equal: numbers or
//! strings for amounts, times in any zone, ids in either case.

mod bodies;

use daybook_tests::Random;
use daybook_tests::model::request::{Command, Request, Turn};
use reqwest::Method;
use serde_json::{Value, json};

use bodies::{object, some};

use crate::sent::{Bulk, Item, Sent};

/// A request, written down.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// How one attempt spells what has several spellings.
struct Pen(Random);

/// Writes a request to a ledger.
pub(crate) fn write(ledger: &str, sent: &Sent, random: Random) -> Written {
    let mut pen = Pen(random);
    let mut written = match sent {
        Sent::Single(request) => pen.single(ledger, request),
        Sent::Bulk(bulk) => pen.bulk(ledger, bulk),
    };
    let revision = sent.requests().first().and_then(|first| first.if_match);
    if let Some(revision) = revision {
        let tag = if pen.0.once_in(2) {
            format!("\"{revision}\"")
        } else {
            revision.to_string()
        };
        written.headers.push(("If-Match", tag));
    }
    written
}

impl Pen {
    fn single(&mut self, ledger: &str, request: &Request) -> Written {
        let asked = &request.asked;
        let (method, rest) = route(&asked.command);
        let mut query = Vec::new();
        if request.dry_run {
            query.push("dry_run=true");
        }
        if asked.record_rejection {
            query.push("record_rejection=true");
        }
        let query = if query.is_empty() {
            String::new()
        } else {
            format!("?{}", query.join("&"))
        };
        let mut headers = vec![("Content-Type", "application/json".to_owned())];
        headers.extend(
            request
                .key
                .as_ref()
                .map(|key| ("Idempotency-Key", key.clone())),
        );
        Written {
            method,
            path: format!("/v1/ledgers/{ledger}{rest}{query}"),
            headers,
            body: self.body(&asked.command).to_string(),
        }
    }

    fn bulk(&mut self, ledger: &str, bulk: &Bulk) -> Written {
        let items = bulk.items.iter().map(|item| self.item(item));
        let items: Vec<Value> = items.collect();
        let body = if bulk.lines {
            items.iter().map(|item| format!("{item}\n")).collect()
        } else {
            Value::Array(items).to_string()
        };
        let mode = if bulk.atomic { "atomic" } else { "independent" };
        let records = bulk
            .items
            .iter()
            .any(|item| item.request.asked.record_rejection);
        let kept = if records {
            "&record_rejection=true"
        } else {
            ""
        };
        let media = if bulk.lines {
            "application/x-ndjson"
        } else {
            "application/json"
        };
        let mut headers = vec![("Content-Type", media.to_owned())];
        headers.extend(
            bulk.key
                .as_ref()
                .map(|key| ("Idempotency-Key", key.clone())),
        );
        if bulk.minimal {
            headers.push(("Prefer", "return=minimal".to_owned()));
        }
        Written {
            method: Method::POST,
            path: format!("/v1/ledgers/{ledger}/bulk?mode={mode}{kept}"),
            headers,
            body,
        }
    }

    fn item(&mut self, item: &Item) -> Value {
        let command = &item.request.asked.command;
        let mut data = self.body(command);
        let (action, target) = match command {
            Command::Transaction(_) if !item.own_key && self.0.once_in(2) => return data,
            Command::Transaction(_) => ("transaction", None),
            Command::Capture(capture) => ("post", Some(&capture.hold)),
            Command::Void { hold, .. } => ("void", Some(hold)),
            Command::Reverse(reverse) => ("reverse", Some(&reverse.target)),
            Command::OpenAccount(_) => ("account", None),
            Command::AccountPairs { .. } | Command::TransactionPairs { .. } => ("metadata", None),
            Command::RegisterAsset { .. }
            | Command::PatchLedger { .. }
            | Command::PatchAccount(_)
            | Command::Turn { .. }
            | Command::ClosePeriod { .. }
            | Command::ReopenPeriod { .. } => panic!("no bulk action: {command:?}"),
        };
        if let Command::TransactionPairs { transaction, .. } = command {
            data["transaction"] = json!(transaction);
        }
        if let Command::AccountPairs { account, .. } = command {
            data["account"] = json!(account);
        }
        let key = item.request.key.as_ref().filter(|_| item.own_key);
        object(vec![
            ("action", Some(action.into())),
            ("data", Some(data)),
            ("idempotency_key", some(key)),
            ("transaction", some(target)),
        ])
    }
}

/// Method and path below the ledger.
fn route(command: &Command) -> (Method, String) {
    let post = |path: String| (Method::POST, path);
    match command {
        Command::RegisterAsset { .. } => post("/assets".to_owned()),
        Command::OpenAccount(_) => post("/accounts".to_owned()),
        Command::PatchLedger { .. } => (Method::PATCH, String::new()),
        Command::PatchAccount(patch) => (Method::PATCH, format!("/accounts/{}", patch.account)),
        Command::Turn { account, to, .. } => {
            let to = match to {
                Turn::Freeze => "freeze",
                Turn::Unfreeze => "unfreeze",
                Turn::Close => "close",
            };
            post(format!("/accounts/{account}/{to}"))
        }
        Command::Transaction(_) => post("/transactions".to_owned()),
        Command::Capture(capture) => post(format!("/transactions/{}/post", capture.hold)),
        Command::Void { hold, .. } => post(format!("/transactions/{hold}/void")),
        Command::Reverse(reverse) => post(format!("/transactions/{}/reverse", reverse.target)),
        Command::TransactionPairs { transaction, .. } => {
            (Method::PATCH, format!("/transactions/{transaction}"))
        }
        Command::AccountPairs { .. } => panic!("only in bulk"),
        Command::ClosePeriod { .. } => post("/periods/close".to_owned()),
        Command::ReopenPeriod { .. } => post("/periods/reopen".to_owned()),
    }
}
