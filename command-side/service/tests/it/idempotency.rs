//! INV-3: one key, one effect, equal answers.

mod kinds;
mod recorded;

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::{Bench, PAY, payment};

#[actix_web::test]
async fn fifty_concurrent_requests_with_one_key_make_one_event_and_equal_answers() {
    let bench = Bench::start().await;
    bench.acme().await;
    let replies = join_all((0..50).map(|_| bench.pay("one", 5))).await;
    let fresh = replies.iter().filter(|reply| !reply.is_replayed()).count();
    assert_eq!(fresh, 1);
    for reply in &replies {
        assert_eq!(reply.status, 201);
        assert_eq!(reply.bytes, replies[0].bytes);
        assert_eq!(reply.revision(), replies[0].revision());
        assert_eq!(reply.header("Location"), replies[0].header("Location"));
    }
    assert_eq!(bench.events("acme").await.len(), 4);
}

#[actix_web::test]
async fn a_key_with_another_request_is_a_conflict_and_writes_nothing() {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.pay("k", 5).await.expect(201);
    let reply = bench
        .pay("k", 6)
        .await
        .expect_code(422, "idempotency_conflict");
    assert_eq!(reply.revision(), Some(3));
    assert_eq!(bench.events("acme").await.len(), 4);
}

#[actix_web::test]
async fn the_same_request_is_equal_in_any_spelling() {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.pay("k", 1050).await.expect(201);
    let spelled = br#" {"postings" : [{"asset":"USD","amount":"1050",
        "credit":"users:1","debit":"assets\u003abank"}]} "#;
    let reply = bench
        .request(PAY, &[("Idempotency-Key", "\"k\"")], spelled)
        .await;
    assert!(reply.expect(201).is_replayed());
}

#[actix_web::test]
async fn a_client_made_id_replaces_a_key() {
    let bench = Bench::start().await;
    bench.acme().await;
    let mut body = payment(7);
    body["id"] = json!("0198C5E2-3f4b-7c52-9d0e-1a2b3c4d5e6f");
    let first = bench.post(PAY, None, &body).await.expect(201);
    assert_eq!(first.json()["id"], "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f");
    let second = bench.post(PAY, Some("later"), &body).await.expect(201);
    assert!(second.is_replayed());
    assert_eq!(first.bytes, second.bytes);
    let mut other = payment(8);
    other["id"] = body["id"].clone();
    bench
        .post(PAY, None, &other)
        .await
        .expect_code(409, "already_exists");
    bench
        .post(PAY, None, &payment(1))
        .await
        .expect_code(400, "idempotency_required");
}

#[actix_web::test]
async fn a_rejection_burns_no_key() {
    let bench = Bench::start().await;
    bench.acme().await;
    let payout = crate::harness::payout(5);
    bench
        .post(PAY, Some("k"), &payout)
        .await
        .expect_code(422, "insufficient_funds");
    bench.pay("fund", 10).await.expect(201);
    assert!(
        !bench
            .post(PAY, Some("k"), &payout)
            .await
            .expect(201)
            .is_replayed()
    );
}

#[actix_web::test]
async fn a_denied_capture_freeze_or_close_burns_no_key_either() {
    let bench = Bench::start().await;
    bench.acme().await;
    let id = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f";
    let mut hold = payment(5);
    hold["id"] = id.into();
    hold["status"] = "pending".into();
    bench.post(PAY, None, &hold).await.expect(201);
    let bank = "/v1/ledgers/acme/accounts/assets:bank";
    let (capture, void) = (format!("{PAY}/{id}/post"), format!("{PAY}/{id}/void"));
    let why = json!({"reason": "because"});
    for (path, body, status, code) in [
        (
            &capture,
            json!({"amount": "6"}),
            422,
            "capture_exceeds_hold",
        ),
        (
            &format!("{PAY}/{id}/reverse"),
            why.clone(),
            409,
            "not_posted",
        ),
        (
            &format!("{bank}/close"),
            why.clone(),
            422,
            "account_not_empty",
        ),
        (&format!("{bank}/unfreeze"), why, 422, "validation"),
    ] {
        let denied = bench.post(path, Some("k"), &body).await;
        denied.expect_code(status, code);
    }
    assert_eq!(bench.events("acme").await.len(), 4);
    let voided = bench.post(&void, Some("k"), &json!({})).await.expect(200);
    assert!(!voided.is_replayed());
}
