//! `?record_rejection=true`: a refusal that was shown stays one.

use serde_json::{Value, json};

use crate::harness::{BULK, Bench, PAY, Reply, payment, payout};

const RECORD: &str = "/v1/ledgers/acme/transactions?record_rejection=true";

/// Equal answers, but for the ids of the two requests.
#[track_caller]
fn assert_equal_refusals(first: &Reply, again: &Reply) {
    let without_id = |reply: &Reply| {
        let mut problem = reply.json();
        assert!(problem["request_id"].is_string());
        problem.as_object_mut().unwrap().remove("request_id");
        problem
    };
    assert_eq!(first.status, again.status);
    assert_eq!(without_id(first), without_id(again));
    assert_eq!(first.revision(), again.revision());
    assert!(!first.is_replayed() && again.is_replayed());
}

#[actix_web::test]
async fn a_recorded_refusal_is_replayed_when_the_state_has_become_good() {
    let bench = Bench::start().await;
    bench.acme().await;
    let ask = |bench: &Bench| bench.post(RECORD, Some("k"), &payout(5));
    let first = ask(&bench).await.expect_code(422, "insufficient_funds");
    assert_eq!(first.revision(), Some(3), "the refusal is an event");
    assert_eq!(first.json()["index"], 0);
    bench.pay("fund", 10).await.expect(201);
    assert_equal_refusals(&first, &ask(&bench).await);
    let bench = bench.restart(|_| {}).await;
    assert_equal_refusals(&first, &ask(&bench).await);
    // The key is that request's for ever; another key is decided afresh.
    let other = bench.post(RECORD, Some("k"), &payout(4)).await;
    other.expect_code(422, "idempotency_conflict");
    let plain = bench.post(PAY, Some("k"), &payout(5)).await;
    plain.expect_code(422, "idempotency_conflict");
    bench.post(RECORD, Some("k2"), &payout(5)).await.expect(201);
    assert_eq!(bench.events("acme").await.len(), 6);
}

#[actix_web::test]
async fn a_client_made_id_carries_a_recorded_refusal_as_well() {
    let bench = Bench::start().await;
    bench.acme().await;
    let mut body = payout(5);
    body["id"] = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f".into();
    let first = bench.post(RECORD, None, &body).await;
    let first = first.expect_code(422, "insufficient_funds");
    bench.pay("fund", 10).await.expect(201);
    let again = bench.post(RECORD, None, &body).await;
    assert_equal_refusals(&first, &again);
    bench
        .post(PAY, None, &body)
        .await
        .expect_code(409, "already_exists");
    // It names no transaction.
    let path = format!("{PAY}/0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f/reverse");
    let reverse = bench.post(&path, Some("r"), &json!({"reason": "r"})).await;
    reverse.expect_code(404, "transaction_not_found");
}

#[actix_web::test]
async fn every_command_route_records_its_refusal() {
    let bench = Bench::start().await;
    bench.acme().await;
    let nobody = "/v1/ledgers/acme/accounts/nobody";
    let nothing = format!("{PAY}/0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f");
    let why = json!({"reason": "r"});
    let period = json!({"through": null, "reason": "r"});
    let refused: Vec<(&str, String, Value, u16)> = vec![
        ("PATCH", nobody.to_owned(), json!({"name": "n"}), 404),
        ("POST", format!("{nobody}/freeze"), why.clone(), 404),
        ("POST", format!("{nobody}/unfreeze"), why.clone(), 404),
        ("POST", format!("{nobody}/close"), why.clone(), 404),
        ("POST", PAY.to_owned(), payout(5), 422),
        ("PATCH", nothing.clone(), json!({"metadata": null}), 404),
        ("POST", format!("{nothing}/post"), json!({}), 404),
        ("POST", format!("{nothing}/void"), json!({}), 404),
        ("POST", format!("{nothing}/reverse"), why, 404),
        (
            "POST",
            "/v1/ledgers/acme/periods/reopen".to_owned(),
            period,
            422,
        ),
    ];
    let count = refused.len();
    for (number, (method, path, body, status)) in refused.into_iter().enumerate() {
        let (path, key) = (
            format!("{path}?record_rejection=true"),
            format!("k{number}"),
        );
        let ask = |key: Option<&str>| match method {
            "PATCH" => bench.patch(&path, key, &body),
            _ => bench.post(&path, key, &body),
        };
        ask(None).await.expect_code(400, "idempotency_required");
        let first = ask(Some(&key)).await.expect(status);
        assert_equal_refusals(&first, &ask(Some(&key)).await);
    }
    assert_eq!(bench.events("acme").await.len(), 3 + count);
}

#[actix_web::test]
async fn what_says_nothing_of_the_state_is_not_recorded() {
    let bench = Bench::start().await;
    bench.acme().await;
    let account = json!({"account": "users:1", "type": "liability"});
    let path = "/v1/ledgers/acme/accounts?record_rejection=true";
    let exists = bench.post(path, Some("k"), &account).await;
    exists.expect_code(409, "already_exists");
    let ledger = json!({"ledger": "acme"});
    let exists = bench.post("/v1/ledgers?record_rejection=true", Some("k"), &ledger);
    exists.await.expect_code(409, "already_exists");
    let none = "/v1/ledgers/none/transactions?record_rejection=true";
    let none = bench.post(none, Some("k"), &payout(5)).await;
    none.expect_code(404, "ledger_not_found");
    let body = serde_json::to_vec(&payout(5)).expect("JSON");
    let path = "/v1/ledgers/acme/transactions?record_rejection=true";
    let headers = [("Idempotency-Key", "k"), ("If-Match", "99")];
    let moved_on = bench.request(path, &headers, &body).await;
    moved_on.expect_code(412, "revision_conflict");
    bench.pay("k", 5).await.expect(201);
    assert_eq!(bench.events("acme").await.len(), 4);
}

#[actix_web::test]
async fn a_ledger_that_does_not_exist_records_nothing_whatever_refuses_it() {
    let bench = Bench::start().await;
    let path = "/v1/ledgers?record_rejection=true";
    let body = br#"{"ledger":"acme"}"#;
    let headers = [("Idempotency-Key", "k"), ("If-Match", "2")];
    let refused = bench.request(path, &headers, body).await;
    refused.expect_code(412, "revision_conflict");
    assert!(bench.events("acme").await.is_empty());
    bench.request(path, &headers[..1], body).await.expect(201);
    assert_eq!(bench.events("acme").await.len(), 1);
}

#[actix_web::test]
async fn where_nothing_can_be_recorded_asking_for_it_is_refused() {
    let bench = Bench::start().await;
    bench.acme().await;
    let both = format!("{RECORD}&dry_run=true");
    let atomic = format!("{BULK}?record_rejection=true");
    let items = json!([payout(5)]);
    for (path, body) in [(&both, &payout(5)), (&atomic, &items)] {
        let reply = bench.post(path, Some("k"), body).await;
        let problem = reply.expect_code(400, "validation").json();
        assert_eq!(problem["errors"][0]["pointer"], "record_rejection");
    }
    let odd = bench.post(&format!("{PAY}?record_rejection=1"), Some("k"), &payout(5));
    odd.await.expect_code(400, "validation");
    assert_eq!(bench.events("acme").await.len(), 3);
}

#[actix_web::test]
async fn independent_items_record_their_refusals_one_by_one() {
    let bench = Bench::start().await;
    bench.acme().await;
    let path = format!("{BULK}?mode=independent&record_rejection=true");
    let batch = json!([payout(5), payment(10), payout(100)]);
    let first = bench.post(&path, Some("b"), &batch).await.expect(200);
    assert_eq!(first.revision(), Some(5));
    let first = first.json();
    for (index, status, code, revision) in [
        (0, "rejected", json!("insufficient_funds"), 3),
        (1, "applied", Value::Null, 4),
        (2, "rejected", json!("insufficient_funds"), 5),
    ] {
        let result = &first["results"][index];
        assert_eq!(
            (&result["status"], &result["code"]),
            (&json!(status), &code)
        );
        assert_eq!(result["revision"], revision);
    }
    bench.pay("fund", 1_000).await.expect(201);
    let again = bench.post(&path, Some("b"), &batch).await.expect(200);
    assert!(again.is_replayed());
    assert_eq!(again.revision(), Some(5));
    let again = again.json();
    for index in [0, 2] {
        assert_eq!(again["results"][index], first["results"][index]);
    }
    // An item's refusal is that of its route, and the other way round.
    let single = bench.post(RECORD, Some("b#0"), &payout(5)).await;
    assert!(single.expect_code(422, "insufficient_funds").is_replayed());
    let account = json!([{"action": "account", "data": {"account": "x", "type": "asset"}}]);
    let keyless = bench.post(&path, None, &account).await;
    assert_eq!(
        keyless.expect_code(400, "idempotency_required").json()["index"],
        0
    );
    assert_eq!(bench.events("acme").await.len(), 7);
}
