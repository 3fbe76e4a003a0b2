//! Ledgers, accounts and periods that change.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::harness::{Bench, PAY, Reply, payment};

const LEDGER: &str = "/v1/ledgers/acme";
const USER: &str = "/v1/ledgers/acme/accounts/users:1";
const BANK: &str = "/v1/ledgers/acme/accounts/assets:bank";

/// The body without the times, which no test can know.
fn timeless(reply: &Reply) -> Value {
    let mut view = reply.json();
    assert!(view["opened_at"].is_string(), "{view}");
    view.as_object_mut().unwrap().remove("opened_at");
    view
}

fn why(reason: &str) -> Value {
    json!({ "reason": reason })
}

#[actix_web::test]
async fn a_ledgers_name_and_pairs_are_patched() {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.pay("k", 5).await.expect(201);
    let body = json!({"name": "Acme", "metadata": {"a": "1", "b": "2"}});
    let reply = bench.patch(LEDGER, None, &body).await.expect(200);
    assert_eq!(reply.revision(), Some(4));
    assert_eq!(reply.header("Location"), None);
    let whole = |name: Value, metadata: Value, revision: u64| {
        json!({"ledger": "acme", "name": name, "time_zone": "UTC", "revision": revision,
            "accounts": 2, "transactions": 1, "closed_through": null, "metadata": metadata})
    };
    let pairs = json!({"a": "1", "b": "2"});
    assert_eq!(timeless(&reply), whole("Acme".into(), pairs, 4));
    let body = json!({"metadata": {"a": null, "c": "3"}});
    let reply = bench.patch(LEDGER, None, &body).await.expect(200);
    let pairs = json!({"b": "2", "c": "3"});
    assert_eq!(timeless(&reply), whole("Acme".into(), pairs, 5));
    let body = json!({"name": null, "metadata": null});
    let reply = bench.patch(LEDGER, None, &body).await.expect(200);
    assert_eq!(timeless(&reply), whole(Value::Null, json!({}), 6));
}

#[actix_web::test]
async fn an_account_is_patched_down_to_a_single_bound() {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.pay("k", 5).await.expect(201);
    let body = json!({"name": "One", "metadata": {"a": "1"}, "reason": "credit line",
        "limits": {"USD": {"min_available": -100, "max_balance": "500"}}});
    let reply = bench.patch(USER, None, &body).await.expect(200);
    assert_eq!(
        timeless(&reply),
        json!({"account": "users:1", "type": "liability", "normal_balance": "credit",
            "name": "One", "status": "open", "metadata": {"a": "1"}, "revision": 4,
            "limits": {"*": {"min_available": "0"},
                "USD": {"min_available": "-100", "max_balance": "500"}},
            "balances": {"USD": {"posted": "5", "pending": "0", "available": "5", "debits": "0",
                "credits": "5", "pending_debits": "0", "pending_credits": "0"}}})
    );
    let limits = async |limits: Value| {
        let body = json!({ "limits": limits });
        let reply = bench.patch(USER, None, &body).await.expect(200);
        reply.json()["limits"].clone()
    };
    assert_eq!(
        limits(json!({"USD": {"max_balance": null}})).await,
        json!({"*": {"min_available": "0"}, "USD": {"min_available": "-100"}})
    );
    assert_eq!(
        limits(json!({"USD": {"min_available": null}})).await,
        json!({"*": {"min_available": "0"}, "USD": {}}),
        "a limit without bounds takes its asset out of *"
    );
    assert_eq!(limits(json!({"*": null, "USD": null})).await, json!({}));
    limits(json!({"EUR": {"min_available": "0"}})).await;
    assert_eq!(limits(Value::Null).await, json!({}));
    let unknown = json!({"limits": {"QQQ1": {"min_available": "0"}}});
    let reply = bench.patch(USER, None, &unknown).await;
    reply.expect_code(422, "asset_unknown");
}

#[actix_web::test]
async fn an_account_is_frozen_unfrozen_emptied_and_closed() {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.pay("k", 5).await.expect(201);
    let act = |action: &str| bench.post(&format!("{USER}/{action}"), None, &why("because"));
    act("unfreeze").await.expect_code(422, "validation");
    let frozen = act("freeze").await.expect(200);
    assert_eq!(
        (&frozen.json()["status"], frozen.revision()),
        (&json!("frozen"), Some(4))
    );
    act("freeze").await.expect_code(422, "account_frozen");
    let refused = bench.pay("frozen", 5).await;
    assert_eq!(
        refused.expect_code(422, "account_frozen").json()["index"],
        1
    );
    assert_eq!(act("unfreeze").await.expect(200).json()["status"], "open");
    act("close").await.expect_code(422, "account_not_empty");
    let back = crate::harness::payout(5);
    bench.post(PAY, Some("back"), &back).await.expect(201);
    act("freeze").await.expect(200);
    let closed = act("close").await.expect(200).json();
    assert_eq!(closed["status"], "closed");
    assert_eq!(closed["balances"]["USD"]["debits"], "5");
    for action in ["freeze", "unfreeze", "close"] {
        act(action).await.expect_code(422, "account_closed");
    }
    bench
        .pay("late", 5)
        .await
        .expect_code(422, "account_closed");
    let named = bench.patch(USER, None, &json!({"name": "was ours"})).await;
    assert_eq!(named.expect(200).json()["status"], "closed");
}

#[actix_web::test]
async fn what_a_path_names_and_is_not_there_is_404() {
    let bench = Bench::start().await;
    bench.acme().await;
    let id = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f";
    for account in ["nobody", "a::b"] {
        let path = format!("/v1/ledgers/acme/accounts/{account}");
        let reply = bench.patch(&path, None, &json!({"name": "n"})).await;
        reply.expect_code(404, "account_not_found");
        for action in ["freeze", "unfreeze", "close"] {
            let reply = bench.post(&format!("{path}/{action}"), None, &why("r"));
            reply.await.expect_code(404, "account_not_found");
        }
    }
    for id in [id, "7"] {
        let path = format!("{PAY}/{id}");
        let reply = bench.patch(&path, None, &json!({"metadata": {}})).await;
        reply.expect_code(404, "transaction_not_found");
        for action in ["post", "void"] {
            let reply = bench.post(&format!("{path}/{action}"), Some("k"), &json!({}));
            reply.await.expect_code(404, "transaction_not_found");
        }
    }
    let nowhere = bench.patch("/v1/ledgers/none", None, &json!({"name": "n"}));
    nowhere.await.expect_code(404, "ledger_not_found");
}

#[actix_web::test]
async fn periods_close_later_and_reopen_earlier() {
    let bench = Bench::start().await;
    bench.acme().await;
    let period = |action: &str, through: Value| {
        let body = json!({"through": through, "reason": "month end"});
        bench.post(&format!("{LEDGER}/periods/{action}"), None, &body)
    };
    period("reopen", Value::Null)
        .await
        .expect_code(422, "validation");
    let closed = period("close", "2026-10-31".into()).await.expect(200);
    assert_eq!(closed.revision(), Some(3));
    assert_eq!(
        timeless(&closed),
        json!({"ledger": "acme", "name": null, "time_zone": "UTC", "revision": 3, "accounts": 2,
            "transactions": 0, "closed_through": "2026-10-31", "metadata": {}})
    );
    for through in ["2026-10-31", "2026-09-30"] {
        period("close", through.into())
            .await
            .expect_code(422, "validation");
    }
    for through in ["2026-10-31", "2026-11-01"] {
        period("reopen", through.into())
            .await
            .expect_code(422, "validation");
    }
    let mut dated = payment(5);
    dated["effective_at"] = "2026-10-31".into();
    let refused = bench.post(PAY, Some("k"), &dated).await;
    refused.expect_code(422, "period_closed");
    let opened = period("reopen", "2026-10-30".into()).await.expect(200);
    assert_eq!(opened.json()["closed_through"], "2026-10-30");
    bench.post(PAY, Some("k"), &dated).await.expect(201);
    let opened = period("reopen", Value::Null).await.expect(200);
    assert_eq!(opened.json()["closed_through"], Value::Null);
}

#[actix_web::test]
async fn every_write_is_held_to_the_revision_that_it_names() {
    let bench = Bench::start().await;
    bench.acme().await;
    let mut hold = payment(5);
    hold["id"] = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f".into();
    hold["status"] = "pending".into();
    bench.post(PAY, None, &hold).await.expect(201);
    let hold = format!("{PAY}/0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f");
    let name = json!({"name": "n"});
    let through = json!({"through": "2026-10-31", "reason": "r"});
    let rows: Vec<(Method, String, Value)> = vec![
        (Method::PATCH, LEDGER.to_owned(), name.clone()),
        (Method::PATCH, USER.to_owned(), name),
        (Method::POST, format!("{BANK}/freeze"), why("r")),
        (Method::POST, format!("{BANK}/unfreeze"), why("r")),
        (Method::POST, format!("{USER}/close"), why("r")),
        (Method::PATCH, hold.clone(), json!({"metadata": {"a": "1"}})),
        (Method::POST, format!("{hold}/post"), json!({})),
        (Method::POST, format!("{hold}/void"), json!({})),
        (
            Method::POST,
            format!("{LEDGER}/periods/close"),
            through.clone(),
        ),
        (Method::POST, format!("{LEDGER}/periods/reopen"), through),
    ];
    for (method, path, body) in rows {
        let body = serde_json::to_vec(&body).unwrap();
        let headers = [("Idempotency-Key", "k"), ("If-Match", "2")];
        let reply = bench.send(method, &path, &headers, &body).await;
        reply.expect_code(412, "revision_conflict");
    }
    assert_eq!(bench.events("acme").await.len(), 4);
}

#[actix_web::test]
async fn a_patch_may_be_called_one_and_nothing_else() {
    let bench = Bench::start().await;
    bench.acme().await;
    for (media, status) in [
        ("application/merge-patch+json", 200),
        ("application/json", 200),
        ("application/json-patch+json", 415),
    ] {
        let headers = [("Content-Type", media)];
        let reply = bench.send(Method::PATCH, LEDGER, &headers, br#"{"name":"n"}"#);
        reply.await.expect(status);
    }
    let headers = [("Content-Type", "application/merge-patch+json")];
    let reply = bench.request(&format!("{BANK}/freeze"), &headers, br#"{"reason":"r"}"#);
    reply.await.expect_code(415, "media_type");
}
