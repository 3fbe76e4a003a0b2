//! Bulk requests.

mod actions;

use serde_json::{Value, json};

use crate::harness::{BULK, Bench, PAY, payment, payout};

fn items(amounts: &[u64]) -> Value {
    amounts
        .iter()
        .map(|amount| json!({"action": "transaction", "data": payment(*amount)}))
        .collect()
}

#[actix_web::test]
async fn an_atomic_batch_is_one_unit_and_replays_whole() {
    let bench = Bench::start().await;
    bench.acme().await;
    let first = bench
        .post(BULK, Some("b"), &items(&[1, 2, 3]))
        .await
        .expect(200);
    assert_eq!(first.revision(), Some(5));
    let events = bench.events("acme").await;
    let more: Vec<bool> = events[3..]
        .iter()
        .map(|e| e.parsed_meta().unwrap().more())
        .collect();
    assert_eq!(more, [true, true, false]);
    bench.pay("later", 1).await.expect(201);
    let again = bench
        .post(BULK, Some("b"), &items(&[1, 2, 3]))
        .await
        .expect(200);
    assert!(again.is_replayed());
    assert_eq!(again.revision(), Some(5));
    let (first, again) = (first.json(), again.json());
    assert_eq!(first["revision"], again["revision"]);
    for index in 0..3 {
        assert_eq!(first["results"][index]["status"], "applied");
        assert_eq!(again["results"][index]["status"], "replayed");
        assert_eq!(first["results"][index]["id"], again["results"][index]["id"]);
        assert_eq!(
            first["results"][index]["revision"],
            again["results"][index]["revision"]
        );
    }
    assert_eq!(bench.events("acme").await.len(), 7);
}

#[actix_web::test]
async fn an_atomic_batch_whose_last_item_fails_leaves_nothing() {
    let bench = Bench::start().await;
    bench.acme().await;
    let mut batch = items(&[1, 2]);
    let account = json!({"account": "users:2", "type": "liability"});
    let list = batch.as_array_mut().unwrap();
    list.insert(0, json!({"action": "account", "data": account}));
    list.push(json!({"action": "transaction", "data": payout(100)}));
    let reply = bench.post(BULK, Some("b"), &batch).await;
    let reply = reply.expect_code(422, "insufficient_funds");
    assert_eq!(reply.json()["index"], 3);
    assert_eq!(reply.revision(), Some(2));
    assert_eq!(bench.events("acme").await.len(), 3);
    // Nothing of it is remembered either: account, keys and balances are as before.
    bench
        .post("/v1/ledgers/acme/accounts", None, &account)
        .await
        .expect(201);
    let reply = bench.post(PAY, Some("b#1"), &payment(7)).await.expect(201);
    assert_eq!(reply.json()["entries"][1]["balance"]["posted"], "7");
}

#[actix_web::test]
async fn independent_items_stand_on_their_own() {
    let bench = Bench::start_with(|config| config.unit_commands_max = 2).await;
    bench.acme().await;
    let path = format!("{BULK}?mode=independent");
    let mut batch = items(&[5, 6]);
    let list = batch.as_array_mut().unwrap();
    list.push(json!({"action": "transaction", "data": payout(100)}));
    list.push(payout(11));
    let reply = bench
        .post(&path, Some("b"), &batch)
        .await
        .expect(200)
        .json();
    let statuses: Vec<&str> = (0..4)
        .map(|n| reply["results"][n]["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["applied", "applied", "rejected", "applied"]);
    assert_eq!(reply["results"][2]["code"], "insufficient_funds");
    assert_eq!(reply["revision"], 5);
    bench.pay("fund", 100).await.expect(201);
    let again = bench
        .post(&path, Some("b"), &batch)
        .await
        .expect(200)
        .json();
    let statuses: Vec<&str> = (0..4)
        .map(|n| again["results"][n]["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["replayed", "replayed", "applied", "replayed"]);
}

#[actix_web::test]
async fn lines_and_minimal_answers() {
    let bench = Bench::start().await;
    bench.acme().await;
    let path = format!("{BULK}?mode=independent");
    let body = format!("{}\n\n{}\r\n{}\n", payment(1), payout(50), payment(2));
    let headers = [
        ("Content-Type", "application/x-ndjson; charset=utf-8"),
        ("Idempotency-Key", "n"),
        ("Prefer", "return=minimal"),
    ];
    let reply = bench
        .request(&path, &headers, body.as_bytes())
        .await
        .expect(200);
    assert_eq!(reply.header("Preference-Applied"), Some("return=minimal"));
    let reply = reply.json();
    assert_eq!(
        (&reply["applied"], &reply["rejected"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(reply["failures"][0]["index"], 1);
    assert_eq!(reply["failures"].as_array().unwrap().len(), 1);
    assert!(reply.get("results").is_none());
}

#[actix_web::test]
async fn one_key_twice_in_a_batch_replays_the_first() {
    let bench = Bench::start().await;
    bench.acme().await;
    let item = json!({"action": "transaction", "idempotency_key": "k", "data": payment(1)});
    let reply = bench
        .post(BULK, None, &json!([item, item]))
        .await
        .expect(200)
        .json();
    assert_eq!(reply["results"][0]["status"], "applied");
    assert_eq!(reply["results"][1]["status"], "replayed");
    assert_eq!(reply["results"][0]["id"], reply["results"][1]["id"]);
    assert_eq!(bench.events("acme").await.len(), 4);
    let other = json!({"action": "transaction", "idempotency_key": "k", "data": payment(2)});
    bench
        .post(BULK, None, &json!([other]))
        .await
        .expect_code(422, "idempotency_conflict");
    // The single route is the same key space and the same request.
    assert!(bench.pay("k", 1).await.expect(201).is_replayed());
}

#[actix_web::test]
async fn items_may_reverse_what_the_batch_posted() {
    let bench = Bench::start().await;
    bench.acme().await;
    let id = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f";
    let mut post = payment(9);
    post["id"] = json!(id);
    let reverse = json!({"action": "reverse", "transaction": id, "data": {"reason": "wrong"}});
    let batch = json!([{"action": "transaction", "data": post}, reverse]);
    let reply = bench.post(BULK, Some("b"), &batch).await.expect(200).json();
    assert_eq!(reply["results"][1]["status"], "applied");
    let path = format!("{PAY}/{id}/reverse");
    let again = bench
        .post(&path, Some("b#1"), &json!({"reason": "wrong"}))
        .await
        .expect(201);
    assert!(again.is_replayed());
    assert_eq!(again.json()["reverses"], id);
}

#[actix_web::test]
async fn a_batch_is_refused_for_its_shape_as_a_whole() {
    let bench = Bench::start().await;
    bench.acme().await;
    let good = json!({"action": "transaction", "data": payment(1)});
    for (batch, code, pointer) in [
        (
            json!([good, {"action": "fly", "data": {}}]),
            "validation",
            "/1/action",
        ),
        (
            json!([good, {"action": "void", "transaction": null, "data": {}}]),
            "validation",
            "/1/transaction",
        ),
        (
            json!([good, {"action": "reverse", "data": {"reason": "x"}}]),
            "validation",
            "/1/transaction",
        ),
        (
            json!([good, {"action": "transaction"}]),
            "validation",
            "/1/data",
        ),
        (
            json!([good, {"action": "transaction", "data": {"entries": []}}]),
            "validation",
            "/1/data/entries",
        ),
        (json!([good, 7]), "validation", "/1"),
        (json!([]), "validation", ""),
        (json!({}), "validation", ""),
    ] {
        for mode in ["atomic", "independent"] {
            let reply = bench
                .post(&format!("{BULK}?mode={mode}"), Some("b"), &batch)
                .await;
            let reply = reply.expect_code(400, code).json();
            assert_eq!(reply["errors"][0]["pointer"], pointer, "{reply}");
        }
    }
    let reply = bench.post(BULK, None, &json!([good])).await;
    assert_eq!(
        reply.expect_code(400, "idempotency_required").json()["index"],
        0
    );
    bench
        .post(&format!("{BULK}?mode=some"), Some("b"), &json!([good]))
        .await
        .expect(400);
    let many: Value = (0..10_001).map(|_| payment(1)).collect();
    bench
        .post(BULK, Some("b"), &many)
        .await
        .expect_code(400, "validation");
    assert_eq!(bench.events("acme").await.len(), 3);
}

#[actix_web::test]
async fn permissions_are_checked_per_item() {
    let bench = Bench::start().await;
    bench.acme().await;
    let client = format!("Bearer {}", bench.token_of(&["client"], "acme"));
    let account = json!({"account": "users:2", "type": "liability"});
    let batch = json!([payment(1), {"action": "account", "data": account}]);
    let body = serde_json::to_vec(&batch).unwrap();
    let headers = [("Authorization", client.as_str()), ("Idempotency-Key", "b")];
    let reply = bench
        .request(BULK, &headers, &body)
        .await
        .expect_code(403, "forbidden");
    assert_eq!(reply.json()["index"], 1);
    let path = format!("{BULK}?mode=independent");
    let reply = bench
        .request(&path, &headers, &body)
        .await
        .expect(200)
        .json();
    assert_eq!(reply["results"][0]["status"], "applied");
    assert_eq!(reply["results"][1]["code"], "forbidden");
    let foreign = format!("Bearer {}", bench.token_of(&["client"], "other"));
    let headers = [
        ("Authorization", foreign.as_str()),
        ("Idempotency-Key", "b"),
    ];
    bench
        .request(BULK, &headers, &body)
        .await
        .expect_code(404, "ledger_not_found");
}

#[actix_web::test]
async fn ten_thousand_items_are_one_unit() {
    let bench = Bench::start().await;
    bench.acme().await;
    let batch: Value = (0..10_000).map(|n| payment(n + 1)).collect();
    let reply = bench.post(BULK, Some("b"), &batch).await.expect(200);
    assert_eq!(reply.revision(), Some(10_002));
    let again = bench.post(BULK, Some("b"), &batch).await.expect(200);
    assert!(again.is_replayed());
    assert_eq!(bench.events("acme").await.len(), 10_003);
}

/// A ledger with `count` transactions of 40 entries, and one bulk request that reverses them all,
/// the last one first.
async fn many_to_reverse(bench: &Bench, count: usize) -> Value {
    bench.acme().await;
    let postings: Vec<Value> = (0..20).map(|_| payment(1)["postings"][0].clone()).collect();
    let batch: Value = (0..count).map(|_| json!({"postings": postings})).collect();
    let path = format!("{BULK}?mode=independent");
    let posted = bench.post(&path, Some("post"), &batch).await.expect(200);
    let posted = posted.json()["results"].as_array().unwrap().clone();
    posted
        .iter()
        .rev()
        .map(
            |item| json!({"action": "reverse", "transaction": item["id"], "data": {"reason": "r"}}),
        )
        .collect()
}

#[actix_web::test]
async fn what_a_bulk_request_names_is_read_once_and_in_bounded_pieces() {
    for lookup_bytes_max in [1, 20 << 10, 4 << 20] {
        let bench = Bench::start_with(|config| {
            config.lookup_bytes_max = lookup_bytes_max;
            // Each unit takes but one or two of the reversals: the rest waits.
            config.unit_bytes_max = 4 << 10;
        })
        .await;
        let reversals = many_to_reverse(&bench, 100).await;
        let before = bench.store.events_read();
        let path = format!("{BULK}?mode=independent");
        let reply = bench.post(&path, Some("b"), &reversals).await.expect(200);
        let reply = reply.json();
        let results = reply["results"].as_array().unwrap();
        assert!(results.iter().all(|result| result["status"] == "applied"));
        let read = bench.store.events_read() - before;
        assert!(read <= 400, "{read} events were read for 100 reversals");
        let again = bench.post(&path, Some("b"), &reversals).await.expect(200);
        assert!(again.is_replayed());
        assert_eq!(again.json()["results"][7]["id"], results[7]["id"]);
        assert_eq!(bench.events("acme").await.len(), 203);
    }
}

#[actix_web::test]
async fn a_batch_is_given_up_once_it_is_more_than_the_store_takes() {
    let bench = Bench::start_with(|config| {
        config.batch_bytes_max = 20 << 10;
        config.lookup_bytes_max = 20 << 10;
    })
    .await;
    let reversals = many_to_reverse(&bench, 100).await;
    let before = bench.store.events_read();
    let reply = bench.post(BULK, Some("b"), &reversals).await;
    reply.expect_code(413, "batch_too_large");
    assert!(bench.store.events_read() - before < 70);
    assert_eq!(bench.events("acme").await.len(), 103);
    let few: Value = reversals.as_array().unwrap()[..2].into();
    bench.post(BULK, Some("c"), &few).await.expect(200);
    assert_eq!(bench.events("acme").await.len(), 105);
}

#[actix_web::test]
async fn a_batch_is_given_up_once_too_much_was_read_for_it() {
    let bench = Bench::start_with(|config| {
        config.lookup_bytes_max = 20 << 10;
        config.batch_read_bytes_max = 60 << 10;
    })
    .await;
    let reversals = many_to_reverse(&bench, 100).await;
    let before = bench.store.events_read();
    let reply = bench.post(BULK, Some("b"), &reversals).await;
    reply.expect_code(413, "batch_too_large");
    assert!(bench.store.events_read() - before < 70);
    assert_eq!(bench.events("acme").await.len(), 103);
    // What others read before counts for nothing.
    for (key, items) in [("c", 0..2), ("d", 2..4)] {
        let few: Value = reversals.as_array().unwrap()[items].into();
        bench.post(BULK, Some(key), &few).await.expect(200);
    }
}

#[actix_web::test]
async fn a_batch_replays_after_look_ups_in_several_pieces() {
    let bench = Bench::start_with(|config| config.lookup_bytes_max = 10 << 10).await;
    let reversals = many_to_reverse(&bench, 60).await;
    bench.post(BULK, Some("b"), &reversals).await.expect(200);
    let again = bench.post(BULK, Some("b"), &reversals).await.expect(200);
    assert!(again.is_replayed());
    assert_eq!(bench.events("acme").await.len(), 123);
}
