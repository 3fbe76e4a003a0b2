//! Every action of a bulk item, in both modes.

use serde_json::{Value, json};

use crate::harness::{BULK, Bench, PAY, payment, payout};

const HOLD: &str = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f";
const OTHER: &str = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e70";
const PAID: &str = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e71";

fn with_id(mut body: Value, id: &str, status: &str) -> Value {
    body["id"] = id.into();
    body["status"] = status.into();
    body
}

/// One item of each action, each with a key of its own but for what has an id.
fn one_of_each() -> Value {
    json!([
        {"action": "account", "idempotency_key": "k0",
         "data": {"account": "users:2", "type": "liability"}},
        with_id(payment(100), PAID, "posted"),
        {"action": "transaction", "data": with_id(payout(30), HOLD, "pending")},
        {"action": "transaction", "data": with_id(payout(20), OTHER, "pending")},
        {"action": "post", "idempotency_key": "k4", "transaction": HOLD},
        {"action": "void", "idempotency_key": "k5", "transaction": OTHER,
         "data": {"reason": "r"}},
        {"action": "reverse", "idempotency_key": "k6", "transaction": PAID,
         "data": {"reason": "r"}},
        {"action": "metadata", "idempotency_key": "k7",
         "data": {"transaction": HOLD, "metadata": {"a": "1"}}},
        {"action": "metadata", "idempotency_key": "k8",
         "data": {"account": "users:2", "metadata": {"a": "1"}}},
    ])
}

async fn prepared() -> Bench {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.pay("fund", 100).await.expect(201);
    bench
}

#[actix_web::test]
async fn every_action_is_answered_with_its_own_revision_and_id() {
    for mode in ["atomic", "independent"] {
        let bench = prepared().await;
        let path = format!("{BULK}?mode={mode}");
        let reply = bench.post(&path, None, &one_of_each()).await.expect(200);
        // The capture brings the end of its hold along.
        assert_eq!(reply.revision(), Some(13));
        let reply = reply.json();
        let results = reply["results"].as_array().unwrap();
        let shown = results.iter().map(|result| {
            assert_eq!(result["status"], "applied", "{result}");
            (result["revision"].as_u64().unwrap(), result["id"].as_str())
        });
        let shown: Vec<(u64, Option<&str>)> = shown.collect();
        let (capture, reversal) = (shown[4].1, shown[6].1);
        assert!(capture.is_some() && reversal.is_some());
        let expected = [
            (4, None),
            (5, Some(PAID)),
            (6, Some(HOLD)),
            (7, Some(OTHER)),
            (9, capture),
            (10, Some(OTHER)),
            (11, reversal),
            (12, Some(HOLD)),
            (13, None),
        ];
        assert_eq!(shown, expected, "{mode}");
        let again = bench.post(&path, None, &one_of_each()).await.expect(200);
        assert!(again.is_replayed());
        assert_eq!(again.revision(), Some(13));
        let again = again.json();
        for (index, first) in results.iter().enumerate() {
            let again = &again["results"][index];
            assert_eq!(again["status"], "replayed");
            assert_eq!(
                (&first["id"], &first["revision"]),
                (&again["id"], &again["revision"])
            );
        }
        assert_eq!(bench.events("acme").await.len(), 14);
    }
}

#[actix_web::test]
async fn an_item_and_its_route_are_one_request() {
    let bench = prepared().await;
    bench.post(BULK, None, &one_of_each()).await.expect(200);
    let body = json!({"account": "users:2", "type": "liability"});
    let account = bench.post("/v1/ledgers/acme/accounts", Some("k0"), &body);
    assert!(account.await.expect(201).is_replayed());
    for (path, key, body, status) in [
        (format!("{PAY}/{HOLD}/post"), "k4", json!({}), 201),
        (
            format!("{PAY}/{OTHER}/void"),
            "k5",
            json!({"reason": "r"}),
            200,
        ),
        (
            format!("{PAY}/{PAID}/reverse"),
            "k6",
            json!({"reason": "r"}),
            201,
        ),
    ] {
        let reply = bench.post(&path, Some(key), &body).await.expect(status);
        assert!(reply.is_replayed(), "{path}");
        let other = json!({"reason": "another"});
        let other = bench.post(&path, Some(key), &other).await;
        assert!([400, 422].contains(&other.status), "{path}");
    }
    let pairs = json!({"metadata": {"a": "1"}});
    let patch = bench
        .patch(&format!("{PAY}/{HOLD}"), Some("k7"), &pairs)
        .await;
    assert!(patch.expect(200).is_replayed());
    // A patch of the account is another command: it may change more, and answers the account.
    let path = "/v1/ledgers/acme/accounts/users:2";
    let patch = bench.patch(path, Some("k8"), &pairs).await;
    patch.expect_code(422, "idempotency_conflict");
}

#[actix_web::test]
async fn an_atomic_batch_undoes_every_action_when_its_last_one_fails() {
    let bench = prepared().await;
    let mut batch = one_of_each();
    let late = json!({"action": "void", "idempotency_key": "late", "transaction": HOLD});
    batch.as_array_mut().unwrap().push(late);
    let reply = bench.post(BULK, None, &batch).await;
    let reply = reply.expect_code(409, "already_settled");
    assert_eq!(
        (&reply.json()["index"], reply.revision()),
        (&json!(9), Some(3))
    );
    assert_eq!(bench.events("acme").await.len(), 4);
    bench.post(BULK, None, &one_of_each()).await.expect(200);
}

#[actix_web::test]
async fn the_pairs_of_what_is_not_there_are_refused_as_what_the_body_names() {
    let bench = prepared().await;
    for (data, status, code) in [
        (
            json!({"account": "nobody", "metadata": {}}),
            422,
            "account_not_found",
        ),
        (
            json!({"transaction": HOLD, "metadata": {}}),
            404,
            "transaction_not_found",
        ),
    ] {
        let item = json!([{"action": "metadata", "data": data}]);
        let reply = bench.post(BULK, Some("b"), &item).await;
        assert_eq!(reply.expect_code(status, code).json()["index"], 0);
    }
}

#[actix_web::test]
async fn each_item_needs_the_permission_of_its_command() {
    let bench = prepared().await;
    bench.post(BULK, None, &one_of_each()).await.expect(200);
    let of = |role: &str| format!("Bearer {}", bench.token_of(&[role], "acme"));
    let path = format!("{BULK}?mode=independent");
    let body = serde_json::to_vec(&one_of_each()).unwrap();
    for (role, allowed) in [
        ("client", [1, 2, 3, 4, 5, 7].as_slice()),
        ("controller", &[6]),
        ("operator", &[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("reader", &[]),
        ("admin", &[]),
    ] {
        let token = of(role);
        let headers = [("Authorization", token.as_str())];
        let reply = bench.request(&path, &headers, &body).await.expect(200);
        let reply = reply.json();
        for (index, result) in reply["results"].as_array().unwrap().iter().enumerate() {
            let expected = if allowed.contains(&index) {
                (json!("replayed"), Value::Null)
            } else {
                (json!("rejected"), json!("forbidden"))
            };
            let shown = (result["status"].clone(), result["code"].clone());
            assert_eq!(shown, expected, "{role}, item {index}");
        }
    }
}

#[actix_web::test]
async fn an_item_of_wrong_shape_is_refused_where_it_stands() {
    let bench = prepared().await;
    let target = json!(HOLD);
    for (item, pointer) in [
        (json!({"action": "post", "data": {}}), "/0/transaction"),
        (
            json!({"action": "void", "transaction": null}),
            "/0/transaction",
        ),
        (
            json!({"action": "void", "transaction": "7"}),
            "/0/transaction",
        ),
        (
            json!({"action": "account", "transaction": target, "data": {}}),
            "/0/transaction",
        ),
        (
            json!({"action": "metadata", "transaction": target, "data": {"metadata": {}}}),
            "/0/transaction",
        ),
        (json!({"action": "metadata"}), "/0/data"),
        (
            json!({"action": "metadata", "data": {"metadata": {}}}),
            "/0/data",
        ),
        (
            json!({"action": "metadata",
                "data": {"account": "a", "transaction": target, "metadata": {}}}),
            "/0/data",
        ),
        (
            json!({"action": "metadata", "data": {"account": "a"}}),
            "/0/data",
        ),
        (
            json!({"action": "post", "transaction": target, "data": {"amount": "0"}}),
            "/0/data/amount",
        ),
        (
            json!({"action": "void", "transaction": target, "data": {"id": target}}),
            "/0/data/id",
        ),
        (
            json!({"action": "transaction", "data": {"entries": [{"condition": {}}]}}),
            "/0/data/entries/0/condition",
        ),
    ] {
        let reply = bench.post(BULK, Some("b"), &json!([item])).await;
        let reply = reply.expect_code(400, "validation").json();
        assert_eq!(reply["errors"][0]["pointer"], pointer, "{reply}");
    }
    let item = json!([{"action": "void", "transaction": target}]);
    let reply = bench.post(BULK, None, &item).await;
    reply.expect_code(400, "idempotency_required");
    assert_eq!(bench.events("acme").await.len(), 4);
}
