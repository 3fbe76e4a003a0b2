//! The single commands and their answers.

mod books;
mod holds;
mod overflow;

use std::time::Duration;

use daybook_store::EventStore as _;
use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{BULK, Bench, PAY, eventually, payment, payout};

const ACCOUNTS: &str = "/v1/ledgers/acme/accounts";

#[actix_web::test]
async fn a_ledger_is_opened_and_answered() {
    let bench = Bench::start().await;
    let body = json!({"ledger": "acme", "name": "Acme", "metadata": {"a": "1"}});
    let reply = bench.post("/v1/ledgers", None, &body).await.expect(201);
    assert_eq!(reply.header("Location"), Some("/v1/ledgers/acme"));
    assert_eq!(reply.revision(), Some(0));
    let mut view = reply.json();
    view.as_object_mut().unwrap().remove("opened_at");
    assert_eq!(
        view,
        json!({"ledger": "acme", "name": "Acme", "time_zone": "UTC", "revision": 0, "accounts": 0,
            "transactions": 0, "closed_through": null, "metadata": {"a": "1"}})
    );
    let reply = bench
        .post("/v1/ledgers", None, &body)
        .await
        .expect_code(409, "already_exists");
    assert_eq!(reply.revision(), Some(0));
}

#[actix_web::test]
async fn a_transaction_is_answered_with_every_field() {
    let bench = Bench::start().await;
    bench.acme().await;
    let body = json!({
        "id": "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f", "reference": "order-1", "code": "sale",
        "description": "paid", "effective_at": "2026-11-20", "status": "posted",
        "entries": [
            {"account": "assets:bank", "direction": "debit", "amount": "1050", "asset": "USD"},
            {"account": "users:1", "direction": "credit", "amount": 1050, "asset": "USD",
             "description": "in"}],
        "metadata": {"channel": "web"}});
    let reply = bench.post(PAY, None, &body).await.expect(201);
    assert_eq!(reply.revision(), Some(3));
    let mut view = reply.json();
    view.as_object_mut().unwrap().remove("recorded_at");
    let id = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f";
    let balance = json!({"posted": "1050", "pending": "0", "available": "1050"});
    assert_eq!(
        view,
        json!({"id": id, "ledger": "acme", "revision": 3, "status": "posted",
            "reference": "order-1", "code": "sale", "description": "paid",
            "effective_at": "2026-11-20", "related_to": null, "entries": [
                {"id": format!("{id}:0"), "account": "assets:bank", "direction": "debit",
                 "amount": "1050", "asset": "USD", "balance": balance},
                {"id": format!("{id}:1"), "account": "users:1", "direction": "credit",
                 "amount": "1050", "asset": "USD", "description": "in", "balance": balance}],
            "reverses": null, "reversed_by": null, "captures": null, "reason": null,
            "metadata": {"channel": "web"}})
    );
    let path = format!("{PAY}/{id}/reverse");
    let reply = bench
        .post(&path, Some("r"), &json!({"reason": "oops"}))
        .await
        .expect(201);
    assert_eq!(reply.json()["reverses"], id);
    assert_eq!(reply.json()["reason"], "oops");
    assert_eq!(reply.json()["entries"][1]["balance"]["posted"], "0");
}

#[actix_web::test]
async fn events_carry_who_and_which_request() {
    let bench = Bench::start().await;
    bench.acme().await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let body = serde_json::to_vec(&payment(1)).unwrap();
    let headers = [
        ("Idempotency-Key", "k"),
        ("X-Request-Id", "req-1"),
        ("traceparent", trace),
    ];
    bench.request(PAY, &headers, &body).await.expect(201);
    let meta = bench.events("acme").await[3].parsed_meta().unwrap();
    assert_eq!(meta.by.unwrap().sub, "tester");
    assert_eq!(meta.request_id.as_deref(), Some("req-1"));
    assert_eq!(meta.trace.unwrap().get(3..35), trace.get(3..35));
    assert_eq!(meta.key.unwrap().as_str(), "k");
    assert!(meta.request.is_some());
}

#[actix_web::test]
async fn a_dry_run_judges_and_writes_nothing() {
    let bench = Bench::start().await;
    bench.acme().await;
    let path = format!("{PAY}?dry_run=true");
    let reply = bench.post(&path, None, &payment(5)).await.expect(200);
    assert_eq!(reply.revision(), Some(2));
    assert_eq!(reply.json()["entries"][0]["balance"]["posted"], "5");
    bench
        .post(&path, Some("k"), &payout(5))
        .await
        .expect_code(422, "insufficient_funds");
    assert_eq!(bench.events("acme").await.len(), 3);
    assert!(!bench.pay("k", 5).await.expect(201).is_replayed());
    bench
        .post(&format!("{PAY}?dry_run=perhaps"), None, &payment(5))
        .await
        .expect(400);
    bench
        .post(&format!("{PAY}?dry=true"), None, &payment(5))
        .await
        .expect(400);
    bench
        .post(&format!("{ACCOUNTS}?dry_run=true"), None, &json!({}))
        .await
        .expect(400);
}

#[actix_web::test]
async fn if_match_holds_the_ledger_to_a_revision() {
    let bench = Bench::start().await;
    bench.acme().await;
    let body = serde_json::to_vec(&payment(1)).unwrap();
    let generation = bench.store.head().await.unwrap().generation.to_string();
    let own = format!("\"{}-1-2\"", &generation[..8]);
    let with = |key: &'static str, tag: &str| {
        bench.request(PAY, &[("Idempotency-Key", key), ("If-Match", tag)], &body)
    };
    with("a", "\"1\"")
        .await
        .expect_code(412, "revision_conflict");
    with("a", &own).await.expect(201);
    // A replay does not look at it: the key comes first.
    for tag in ["\"2\"", "\"00000000-1-2\""] {
        assert!(with("a", tag).await.expect(201).is_replayed());
    }
    with("b", "2").await.expect_code(412, "revision_conflict");
    with("b", "soon").await.expect_code(400, "validation");
}

#[actix_web::test]
async fn who_may_open_a_ledger_is_judged_by_the_name_in_the_body() {
    let bench = Bench::start().await;
    let body = serde_json::to_vec(&json!({"ledger": "acme"})).unwrap();
    for (roles, ledger, status, code) in [
        (["admin"], "other", 404, "ledger_not_found"),
        (["operator"], "acme", 403, "forbidden"),
        (["admin"], "acme", 201, ""),
    ] {
        let token = format!("Bearer {}", bench.token_of(&roles, ledger));
        let reply = bench
            .request("/v1/ledgers", &[("Authorization", &token)], &body)
            .await;
        assert_eq!(reply.status, status);
        if status != 201 {
            assert_eq!(reply.code(), code);
        }
    }
}

#[actix_web::test]
async fn a_ledger_that_does_not_exist_leaves_nothing_behind() {
    let bench = Bench::start().await;
    let replies = join_all((0..200).map(|n| {
        bench.post(
            &format!("/v1/ledgers/none-{}/transactions", n % 50),
            Some("k"),
            &payment(1),
        )
    }));
    for reply in replies.await {
        let reply = reply.expect_code(404, "ledger_not_found");
        assert_eq!(reply.revision(), None);
    }
    eventually(|| bench.service.ledgers_loaded() == 0).await;
    bench
        .post("/v1/ledgers/NONE/transactions", Some("k"), &payment(1))
        .await
        .expect(404);
    let path = format!("{PAY}/not-a-uuid/reverse");
    bench.acme().await;
    let body = json!({"reason": "x"});
    bench
        .post(&path, Some("k"), &body)
        .await
        .expect_code(404, "transaction_not_found");
    let path = format!("{PAY}/0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f/reverse");
    bench
        .post(&path, Some("k"), &body)
        .await
        .expect_code(404, "transaction_not_found");
}

#[actix_web::test]
async fn more_ledgers_than_places_take_turns() {
    let bench = Bench::start_with(|config| config.ledgers_max = 2).await;
    for n in 0..6 {
        let ledger = format!("l{n}");
        bench
            .post("/v1/ledgers", None, &json!({"ledger": ledger}))
            .await
            .expect(201);
    }
    for n in (0..6).rev() {
        let asset = json!({"asset": "PTS", "scale": 0});
        let path = format!("/v1/ledgers/l{n}/assets");
        assert_eq!(
            bench.post(&path, None, &asset).await.expect(201).revision(),
            Some(1)
        );
        assert!(bench.service.ledgers_loaded() <= 2);
    }
}

#[actix_web::test]
async fn an_idle_ledger_is_let_go_and_comes_back() {
    let bench = Bench::start_with(|config| config.idle_s = 0).await;
    bench.acme().await;
    bench.pay("k", 5).await.expect(201);
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    eventually(|| bench.service.ledgers_loaded() == 0).await;
    assert!(bench.pay("k", 5).await.expect(201).is_replayed());
}

#[actix_web::test]
async fn nothing_is_taken_after_shutdown_and_everything_before_is_answered() {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.store.hold();
    let taken = bench.pay("k", 5);
    let stop = async {
        bench.store.wait_held(1).await;
        let stop = bench.service.shutdown();
        let late = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            bench.pay("late", 5).await.expect_code(503, "overloaded");
            bench.store.release();
        };
        futures_util::future::join(stop, late).await;
    };
    let (taken, ()) = futures_util::future::join(taken, stop).await;
    taken.expect(201);
    assert_eq!(bench.service.ledgers_loaded(), 0);
}

#[actix_web::test]
async fn the_document_names_every_route() {
    let document = serde_json::to_value(daybook_command::http::openapi()).unwrap();
    for spec in daybook_command::http::routes() {
        let path = &document["paths"][spec.path];
        assert!(
            path[spec.method.as_str().to_lowercase()].is_object(),
            "{}",
            spec.path
        );
    }
}

#[actix_web::test]
async fn a_tag_of_another_log_matches_nothing() {
    let bench = Bench::start().await;
    bench.acme().await;
    let generation = bench.store.head().await.unwrap().generation.to_string();
    let body = serde_json::to_vec(&payment(1)).unwrap();
    let items = serde_json::to_vec(&serde_json::json!([payment(1)])).unwrap();
    for (path, body) in [(PAY, &body), (BULK, &items)] {
        for tag in ["\"00000000-1-2\"", "W/\"ffffffff-full-1-2\"", "\"-2\""] {
            let headers = [("Idempotency-Key", "k"), ("If-Match", tag)];
            let reply = bench.request(path, &headers, body).await;
            reply.expect_code(412, "revision_conflict");
        }
    }
    let own = format!("W/\"{}-full-1-2\"", &generation[..8]);
    let headers = [("Idempotency-Key", "k"), ("If-Match", own.as_str())];
    bench.request(PAY, &headers, &body).await.expect(201);
}

#[actix_web::test]
async fn a_dry_run_of_a_posted_id_tells_what_its_replay_would_say() {
    let bench = Bench::start().await;
    bench.acme().await;
    let mut body = payment(5);
    body["id"] = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f".into();
    let posted = bench.post(PAY, None, &body).await.expect(201);
    let path = format!("{PAY}?dry_run=true");
    let dry = bench.post(&path, Some("any"), &body).await.expect(200);
    assert_eq!(dry.bytes, posted.bytes);
    assert!(!dry.is_replayed());
    assert_eq!(dry.header("Location"), None);
    assert_eq!(bench.events("acme").await.len(), 4);
}

#[actix_web::test]
async fn as_many_idle_ledgers_are_let_go_as_requests_wait_for_a_place() {
    let bench = Bench::start_with(|config| config.ledgers_max = 8).await;
    let open = |name: String| {
        let body = serde_json::json!({"ledger": name});
        let bench = &bench;
        async move { bench.post("/v1/ledgers", None, &body).await }
    };
    for n in 0..8 {
        open(format!("old-{n}")).await.expect(201);
    }
    let began = std::time::Instant::now();
    let news = (0..8).map(|n| open(format!("new-{n}")));
    for reply in futures_util::future::join_all(news).await {
        reply.expect(201);
    }
    assert!(began.elapsed() < std::time::Duration::from_millis(1_500));
}
