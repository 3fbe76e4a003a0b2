//! Holds and what becomes of them; the pairs of transactions; conditions and splits.

use daybook_events::time::Timestamp;
use daybook_platform::clock::Clock;
use serde_json::{Value, json};

use crate::harness::{Bench, PAY, payment, payout};

const ID: &str = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f";
const CAPTURE: &str = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e70";

/// Reserves `amount` of `users:1`.
fn hold(amount: u64) -> Value {
    let mut hold = payout(amount);
    hold["id"] = ID.into();
    hold["status"] = "pending".into();
    hold
}

/// A ledger with 100 on `users:1`, of which 30 are held by [`ID`] since revision 4.
async fn held() -> Bench {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.pay("fund", 100).await.expect(201);
    bench.post(PAY, None, &hold(30)).await.expect(201);
    bench
}

fn path(action: &str) -> String {
    format!("{PAY}/{ID}/{action}")
}

fn five(account: &str, direction: &str) -> Value {
    json!({"account": account, "direction": direction, "amount": "5", "asset": "USD"})
}

fn balance(posted: &str, pending: &str, available: &str) -> Value {
    json!({"posted": posted, "pending": pending, "available": available})
}

/// The time so many milliseconds from now.
pub(crate) fn in_ms(ms: i64) -> String {
    let at = Clock::system().now_micros() + ms * 1_000;
    Timestamp::try_from_micros(at).unwrap().to_string()
}

#[actix_web::test]
async fn a_hold_is_answered_with_every_field() {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.pay("fund", 100).await.expect(201);
    let mut body = hold(30);
    body["reference"] = "order-1".into();
    body["expires_at"] = "2100-01-01T01:00:00+01:00".into();
    body["effective_at"] = "2026-11-20".into();
    let reply = bench.post(PAY, None, &body).await.expect(201);
    assert_eq!(reply.revision(), Some(4));
    let location = format!("{PAY}/{ID}");
    assert_eq!(reply.header("Location"), Some(location.as_str()));
    let mut view = reply.json();
    view.as_object_mut().unwrap().remove("recorded_at");
    assert_eq!(
        view,
        json!({"id": ID, "ledger": "acme", "revision": 4, "status": "pending",
            "reference": "order-1", "code": null, "description": null,
            "effective_at": "2026-11-20", "expires_at": "2100-01-01T00:00:00.000000Z",
            "related_to": null, "entries": [
                {"id": format!("{ID}:0"), "account": "users:1", "direction": "debit",
                 "amount": "30", "asset": "USD", "balance": balance("100", "-30", "70")},
                {"id": format!("{ID}:1"), "account": "assets:bank", "direction": "credit",
                 "amount": "30", "asset": "USD", "balance": balance("100", "-30", "70")}],
            "reverses": null, "reversed_by": null, "captures": null, "reason": null,
            "ended": null, "metadata": {}})
    );
    let posted = bench.pay("k", 1).await.expect(201).json();
    assert!(posted.get("ended").is_none() && posted.get("expires_at").is_none());
}

#[actix_web::test]
async fn a_capture_without_a_body_posts_all_that_remains() {
    let bench = held().await;
    let key = [("Idempotency-Key", "c")];
    let reply = bench.request(&path("post"), &key, b"").await.expect(201);
    // The end of the hold is an event of its own, before the capture.
    assert_eq!(reply.revision(), Some(6));
    let view = reply.json();
    assert_eq!(
        (&view["captures"], &view["status"]),
        (&json!(ID), &json!("posted"))
    );
    assert_eq!(view["revision"], 6);
    assert_eq!(view["entries"][0]["balance"], balance("70", "0", "70"));
    let location = format!("{PAY}/{}", view["id"].as_str().unwrap());
    assert_eq!(reply.header("Location"), Some(location.as_str()));
    for action in ["post", "void"] {
        let again = bench.post(&path(action), Some("again"), &json!({})).await;
        again.expect_code(409, "already_settled");
    }
    let reverse = bench.post(&path("reverse"), Some("r"), &json!({"reason": "r"}));
    reverse.await.expect_code(409, "not_posted");
    let capture = format!("{location}/reverse");
    let reverse = bench.post(&capture, Some("r"), &json!({"reason": "r"}));
    assert_eq!(reverse.await.expect(201).json()["reverses"], view["id"]);
}

#[actix_web::test]
async fn a_hold_is_captured_in_parts_and_the_last_releases_the_rest() {
    let bench = held().await;
    let part = json!({"amount": 10, "final": false, "reference": "part-1", "id": CAPTURE,
        "effective_at": "2026-11-20", "metadata": {"n": "1"}});
    let first = bench.post(&path("post"), None, &part).await.expect(201);
    assert_eq!(first.revision(), Some(5));
    let view = first.json();
    assert_eq!(
        (&view["id"], &view["reference"]),
        (&json!(CAPTURE), &json!("part-1"))
    );
    assert_eq!(
        (&view["effective_at"], &view["metadata"]["n"]),
        (&json!("2026-11-20"), &json!("1"))
    );
    assert_eq!(view["entries"][0]["balance"], balance("90", "-20", "70"));
    let too_much = json!({"amount": "21"});
    let refused = bench.post(&path("post"), Some("c"), &too_much).await;
    refused.expect_code(422, "capture_exceeds_hold");
    let rest = json!({"entries": [five("users:1", "debit"), five("assets:bank", "credit")]});
    let last = bench
        .post(&path("post"), Some("c"), &rest)
        .await
        .expect(201);
    assert_eq!(last.revision(), Some(7));
    assert_eq!(
        last.json()["entries"][0]["balance"],
        balance("85", "0", "85")
    );
}

#[actix_web::test]
async fn a_voided_hold_is_answered_with_its_end() {
    let bench = held().await;
    let without = bench.post(&path("void"), None, &json!({})).await;
    without.expect_code(400, "idempotency_required");
    let body = json!({"reason": "order cancelled"});
    let reply = bench
        .post(&path("void"), Some("v"), &body)
        .await
        .expect(200);
    assert_eq!(
        (reply.revision(), reply.header("Location")),
        (Some(5), None)
    );
    let view = reply.json();
    assert_eq!(
        (&view["id"], &view["status"]),
        (&json!(ID), &json!("voided"))
    );
    assert_eq!(view["revision"], 4, "the revision that recorded the hold");
    assert_eq!(view["entries"][0]["balance"], balance("100", "-30", "70"));
    let mut ended = view["ended"].clone();
    assert!(
        ended
            .as_object_mut()
            .unwrap()
            .remove("at")
            .unwrap()
            .is_string()
    );
    let released = |account: &str, direction: &str| {
        json!({"account": account, "direction": direction, "amount": "30", "asset": "USD",
            "balance": balance("100", "0", "100")})
    };
    assert_eq!(
        ended,
        json!({"revision": 5, "outcome": "voided", "reason": "order cancelled",
            "released": [released("users:1", "debit"), released("assets:bank", "credit")]})
    );
}

#[actix_web::test]
async fn a_hold_that_is_over_is_neither_captured_nor_voided() {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.pay("fund", 100).await.expect(201);
    let mut body = hold(30);
    body["expires_at"] = in_ms(-1).into();
    let refused = bench.post(PAY, None, &body).await;
    refused.expect_code(422, "hold_expired");
    body["expires_at"] = in_ms(200).into();
    bench.post(PAY, None, &body).await.expect(201);
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    for action in ["post", "void"] {
        let late = bench.post(&path(action), Some("late"), &json!({})).await;
        late.expect_code(422, "hold_expired");
    }
    // What it reserved can be spent again.
    bench.post(PAY, Some("all"), &payout(100)).await.expect(201);
}

#[actix_web::test]
async fn a_posted_transaction_is_no_hold_and_an_amount_is_for_two_entries() {
    let bench = Bench::start().await;
    bench.acme().await;
    let mut posted = payment(5);
    posted["id"] = ID.into();
    bench.post(PAY, None, &posted).await.expect(201);
    for action in ["post", "void"] {
        let reply = bench.post(&path(action), Some("k"), &json!({})).await;
        reply.expect_code(409, "not_a_hold");
    }
    let split = json!({"status": "pending", "id": CAPTURE, "postings": [
        {"debit": "assets:bank", "amount": "10", "asset": "USD", "credit": {"split": [
            {"account": "users:1", "ratio": "1"}, {"account": "users:1", "ratio": "2"}]}}]});
    bench.post(PAY, None, &split).await.expect(201);
    let capture = format!("{PAY}/{CAPTURE}/post");
    let reply = bench
        .post(&capture, Some("k"), &json!({"amount": "1"}))
        .await;
    reply.expect_code(422, "validation");
}

#[actix_web::test]
async fn a_dry_run_of_a_capture_a_void_and_a_reversal_writes_nothing() {
    let bench = held().await;
    let mut other = hold(5);
    other["id"] = CAPTURE.into();
    let dry = |action: &str, body: Value| {
        let path = if action.is_empty() {
            format!("{PAY}?dry_run=true")
        } else {
            format!("{}?dry_run=true", path(action))
        };
        let bench = &bench;
        async move { bench.post(&path, None, &body).await }
    };
    let placed = dry("", other).await.expect(200);
    assert_eq!(
        (placed.revision(), placed.header("Location")),
        (Some(4), None)
    );
    assert_eq!(placed.json()["status"], "pending");
    let captured = dry("post", json!({})).await.expect(200);
    assert_eq!(captured.json()["captures"], ID);
    assert_eq!(
        captured.json()["entries"][0]["balance"],
        balance("70", "0", "70")
    );
    let voided = dry("void", json!({})).await.expect(200).json();
    assert_eq!(
        (&voided["status"], &voided["ended"]["revision"]),
        (&json!("voided"), &json!(5))
    );
    dry("post", json!({"amount": "31"}))
        .await
        .expect_code(422, "capture_exceeds_hold");
    dry("reverse", json!({"reason": "r"}))
        .await
        .expect_code(409, "not_posted");
    assert_eq!(bench.events("acme").await.len(), 5);
}

#[actix_web::test]
async fn a_transactions_pairs_are_patched_and_shown_with_what_became_of_it() {
    let bench = held().await;
    let patch = |id: &str, metadata: Value| {
        let path = format!("{PAY}/{id}");
        bench.patch(&path, None, &json!({ "metadata": metadata }))
    };
    let open = patch(ID, json!({"a": "1", "b": "2"})).await.expect(200);
    assert_eq!((open.revision(), open.header("Location")), (Some(5), None));
    let view = open.json();
    assert_eq!(
        (&view["status"], &view["ended"]),
        (&json!("pending"), &Value::Null)
    );
    assert_eq!(
        (&view["revision"], &view["metadata"]),
        (&json!(4), &json!({"a": "1", "b": "2"}))
    );
    let voided = bench
        .post(&path("void"), Some("v"), &json!({}))
        .await
        .expect(200);
    assert_eq!(voided.json()["metadata"], json!({"a": "1", "b": "2"}));
    let ended = patch(ID, json!({"a": null})).await.expect(200).json();
    assert_eq!(
        (&ended["status"], &ended["metadata"]),
        (&json!("voided"), &json!({"b": "2"}))
    );
    assert_eq!(ended["ended"], voided.json()["ended"]);

    let mut posted = payment(5);
    posted["id"] = CAPTURE.into();
    posted["metadata"] = json!({"a": "1"});
    bench.post(PAY, None, &posted).await.expect(201);
    let reverse = format!("{PAY}/{CAPTURE}/reverse");
    let reversal = bench.post(&reverse, Some("r"), &json!({"reason": "r"}));
    let reversal = reversal.await.expect(201).json();
    let none = patch(CAPTURE, Value::Null).await.expect(200).json();
    assert_eq!(
        (&none["metadata"], &none["status"]),
        (&json!({}), &json!("posted"))
    );
    assert_eq!(none["reversed_by"], reversal["id"]);
    assert!(none.get("ended").is_none());
}

#[actix_web::test]
async fn conditions_are_judged_after_the_whole_transaction() {
    let bench = Bench::start().await;
    bench.acme().await;
    let body = |condition: Value| {
        json!({"entries": [
            {"account": "assets:bank", "direction": "debit", "amount": "5", "asset": "USD"},
            {"account": "users:1", "direction": "credit", "amount": "5", "asset": "USD",
             "condition": condition}]})
    };
    for refused in [
        json!({"available": {"gte": "6"}}),
        json!({"posted": {"lte": 4}}),
        json!({"posted": {"eq": "-5"}}),
        json!({"posted": {"gte": 5}, "available": {"eq": 0}}),
    ] {
        let reply = bench.post(PAY, Some("k"), &body(refused)).await;
        assert_eq!(
            reply.expect_code(422, "condition_failed").json()["index"],
            1
        );
    }
    let fine = json!({"posted": {"gte": 5, "lte": "5"}, "available": {"eq": 5}});
    let view = bench
        .post(PAY, Some("k"), &body(fine))
        .await
        .expect(201)
        .json();
    assert!(
        view["entries"][1].get("condition").is_none(),
        "it is not part of what happened"
    );
}

#[actix_web::test]
async fn a_split_amount_adds_up_to_the_unit() {
    let bench = Bench::start().await;
    bench.acme().await;
    let body = json!({"postings": [{"debit": "assets:bank", "amount": "100", "asset": "USD",
        "credit": {"split": [{"account": "users:1", "ratio": 1},
            {"account": "users:1", "ratio": "1.0"}, {"account": "assets:bank", "ratio": "1"}]}}]});
    let view = bench.post(PAY, Some("k"), &body).await.expect(201).json();
    let amounts: Vec<&str> = (0..4)
        .map(|n| view["entries"][n]["amount"].as_str().unwrap())
        .collect();
    assert_eq!(amounts, ["100", "34", "33", "33"]);
    // Another spelling of the same ratios is the same request.
    let spelled = body.to_string().replace("\"1.0\"", "1");
    let reply = bench.request(PAY, &[("Idempotency-Key", "k")], spelled.as_bytes());
    assert!(reply.await.expect(201).is_replayed());
}
