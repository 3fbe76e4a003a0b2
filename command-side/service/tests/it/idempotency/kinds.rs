//! One request of every kind of command: its repetitions, and its key with another request.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::harness::{Bench, PAY, Reply, payment};

const ACME: &str = "/v1/ledgers/acme";
const PAID: &str = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f";
const CAPTURED: &str = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e70";
const VOIDED: &str = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e71";
const PART: &str = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e72";

/// A request, and the status of its answer.
struct Kind {
    method: Method,
    path: String,
    body: Value,
    status: u16,
}

fn post(path: impl Into<String>, body: Value, status: u16) -> Kind {
    Kind {
        method: Method::POST,
        path: path.into(),
        body,
        status,
    }
}

fn patch(path: impl Into<String>, body: Value) -> Kind {
    Kind {
        method: Method::PATCH,
        ..post(path, body, 200)
    }
}

/// Every kind; each stands on what those before it left.
fn every_kind() -> Vec<Kind> {
    let mut kinds = books();
    kinds.extend(transactions());
    kinds.extend(periods());
    kinds
}

fn books() -> Vec<Kind> {
    let accounts = format!("{ACME}/accounts");
    let open = |account: &str, of_type: &str| {
        let body = json!({"account": account, "type": of_type});
        post(&accounts, body, 201)
    };
    let change = |action: &str| {
        let path = format!("{accounts}/users:2/{action}");
        post(path, json!({"reason": "because"}), 200)
    };
    let ledger = json!({"ledger": "acme", "time_zone": "Asia/Tokyo"});
    let asset = json!({"asset": "POINTS", "scale": 0});
    let limits = json!({"name": "n", "limits": {"USD": {"max_balance": "9"}}, "reason": "r"});
    vec![
        post("/v1/ledgers", ledger, 201),
        patch(ACME, json!({"name": "Acme", "metadata": {"a": null}})),
        post(format!("{ACME}/assets"), asset, 201),
        open("assets:bank", "asset"),
        open("users:1", "liability"),
        open("users:2", "liability"),
        patch(format!("{accounts}/users:2"), limits),
        change("freeze"),
        change("unfreeze"),
        change("close"),
    ]
}

fn transactions() -> Vec<Kind> {
    let reserve = |id: &str| {
        let mut hold = payment(3);
        hold["id"] = id.into();
        hold["status"] = "pending".into();
        hold["expires_at"] = "2100-01-01T00:00:00Z".into();
        post(PAY, hold, 201)
    };
    let of = |id: &str, action: &str, body: Value, status: u16| {
        post(format!("{PAY}/{id}/{action}"), body, status)
    };
    let why = json!({"reason": "because"});
    let pairs = json!({"metadata": {"a": "1"}});
    let mut paid = payment(3);
    paid["id"] = PAID.into();
    let part = json!({"id": PART, "amount": "1", "final": false, "reference": "part"});
    vec![
        post(PAY, payment(3), 201),
        post(PAY, paid, 201),
        reserve(CAPTURED),
        reserve(VOIDED),
        patch(format!("{PAY}/{VOIDED}"), pairs.clone()),
        of(CAPTURED, "post", part, 201),
        of(CAPTURED, "post", json!({}), 201),
        of(VOIDED, "void", why.clone(), 200),
        patch(format!("{PAY}/{PAID}"), pairs),
        of(PAID, "reverse", why, 201),
    ]
}

fn periods() -> Vec<Kind> {
    let through = |day: Value| json!({"through": day, "reason": "month end"});
    let path = format!("{ACME}/periods");
    vec![
        post(format!("{path}/close"), through("2026-10-31".into()), 200),
        post(format!("{path}/reopen"), through(Value::Null), 200),
    ]
}

async fn ask(bench: &Bench, number: usize, kind: &Kind) -> Reply {
    let key = format!("kind-{number}");
    let headers = [("Idempotency-Key", key.as_str())];
    let body = serde_json::to_vec(&kind.body).unwrap();
    let method = kind.method.clone();
    bench.send(method, &kind.path, &headers, &body).await
}

#[track_caller]
fn assert_replay(first: &Reply, again: &Reply) {
    assert!(!first.is_replayed() && again.is_replayed());
    assert_eq!((first.status, &first.bytes), (again.status, &again.bytes));
    assert_eq!(first.revision(), again.revision());
    assert_eq!(first.header("Location"), again.header("Location"));
}

#[actix_web::test]
async fn every_kind_of_command_replays_at_once_later_and_after_a_restart() {
    let bench = Bench::start().await;
    let mut firsts = Vec::new();
    for (number, kind) in every_kind().iter().enumerate() {
        let first = ask(&bench, number, kind).await.expect(kind.status);
        assert_replay(&first, &ask(&bench, number, kind).await);
        firsts.push(first);
    }
    let replay_all = async |bench: &Bench| {
        for (number, kind) in every_kind().iter().enumerate() {
            assert_replay(&firsts[number], &ask(bench, number, kind).await);
        }
    };
    // Later facts, such as a reversal or the end of a hold, are no part of an earlier answer.
    replay_all(&bench).await;
    let bench = bench.restart(|_| {}).await;
    replay_all(&bench).await;
    let bench = bench
        .restart(|dir| std::fs::remove_dir_all(dir.join("index")).unwrap())
        .await;
    replay_all(&bench).await;
}

#[actix_web::test]
async fn every_kind_of_command_refuses_its_key_to_another_request() {
    let bench = Bench::start().await;
    for (number, mut kind) in every_kind().into_iter().enumerate() {
        ask(&bench, number, &kind).await.expect(kind.status);
        let reason = kind.body.get("reason").is_some() || kind.path.ends_with("/void");
        let assets = kind.path.ends_with("/assets");
        let (field, other) = match (reason, assets) {
            (true, _) => ("reason", json!("another")),
            (false, true) => ("name", json!("another")),
            (false, false) => ("metadata", json!({"another": "one"})),
        };
        kind.body[field] = other;
        let conflict = ask(&bench, number, &kind).await;
        conflict.expect_code(422, "idempotency_conflict");
    }
}
