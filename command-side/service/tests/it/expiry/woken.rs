//! Ledgers that nobody has loaded: whoever looks after due holds wakes them, whatever became of the
//! table that says when.

use std::path::Path;
use std::time::Duration;

use daybook_store::testing::Fault;
use serde_json::json;

use super::{a_while, expired};
use crate::harness::{Bench, NOON, PAY, SECOND, hold, hold_path, id, types};
use crate::restart::{copy, damage};

/// A hold of the ledger, which nobody asks anything of from then on, while the service is down.
async fn expires_after(meddle: impl FnOnce(&Path)) {
    let (bench, hand) = Bench::start_by_hand(|_| {}).await;
    bench.funded(100).await;
    for n in 0..20 {
        bench.pay(&format!("k{n}"), 1).await.expect(201);
    }
    bench
        .post(PAY, None, &hold(1, 30, Some(10)))
        .await
        .expect(201);
    bench
        .post(PAY, None, &hold(2, 30, Some(20)))
        .await
        .expect(201);
    let void = bench.post(&hold_path(1, "void"), Some("v"), &json!({}));
    void.await.expect(200);
    let bench = bench
        .restart(|dir| {
            meddle(dir);
            hand.set_micros(NOON + 11 * SECOND);
        })
        .await;
    // What was given up wakes nobody.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.service.ledgers_loaded(), 0);
    assert_eq!(bench.events("acme").await.len(), 27);
    hand.set_micros(NOON + 20 * SECOND);
    let events = bench.until_events("acme", 28).await;
    assert_eq!(expired(&events), [(id(2), NOON + 20 * SECOND)]);
}

#[actix_web::test]
async fn a_ledger_that_nobody_has_loaded_is_woken() {
    expires_after(|_| {}).await;
}

#[actix_web::test]
async fn a_ledger_is_woken_though_the_table_of_due_holds_was_deleted() {
    expires_after(|dir| std::fs::remove_dir_all(dir.join("index")).unwrap()).await;
}

#[actix_web::test]
async fn a_ledger_is_woken_though_the_table_of_due_holds_is_damaged() {
    expires_after(damage).await;
}

#[actix_web::test]
async fn a_ledger_is_woken_though_the_table_of_due_holds_is_of_another_log() {
    // The other log is longer, and has a hold at the same place.
    let (foreign, _hand) = Bench::start_by_hand(|_| {}).await;
    foreign.funded(100).await;
    for n in 0..60 {
        foreign
            .post(PAY, None, &hold(n, 1, Some(3_600)))
            .await
            .expect(201);
    }
    // Written down by its reader within half a second or so.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    foreign.service.shutdown().await;
    expires_after(|dir| {
        std::fs::remove_dir_all(dir.join("index")).unwrap();
        copy(&foreign.index_dir(), &dir.join("index"));
    })
    .await;
}

#[actix_web::test]
async fn a_ledger_is_woken_though_the_table_of_due_holds_is_from_before() {
    let kept = tempfile::tempdir().unwrap();
    let (bench, hand) = Bench::start_by_hand(|_| {}).await;
    bench.funded(100).await;
    bench
        .post(PAY, None, &hold(1, 30, Some(10)))
        .await
        .expect(201);
    let bench = bench
        .restart(|dir| copy(&dir.join("index"), kept.path()))
        .await;
    bench
        .post(PAY, None, &hold(2, 30, Some(20)))
        .await
        .expect(201);
    let void = bench.post(&hold_path(1, "void"), Some("v"), &json!({}));
    void.await.expect(200);
    let bench = bench
        .restart(|dir| {
            std::fs::remove_dir_all(dir.join("index")).unwrap();
            copy(kept.path(), &dir.join("index"));
            hand.set_micros(NOON + 20 * SECOND);
        })
        .await;
    let events = bench.until_events("acme", 8).await;
    assert_eq!(expired(&events), [(id(2), NOON + 20 * SECOND)]);
}

#[actix_web::test]
async fn a_store_that_fails_when_the_service_starts_delays_an_end_and_loses_none() {
    let (bench, hand) = Bench::start_by_hand(|_| {}).await;
    bench.funded(100).await;
    bench
        .post(PAY, None, &hold(1, 30, Some(10)))
        .await
        .expect(201);
    let bench = bench.restart(|_| {}).await;
    // Whoever looks after due holds is at rest: it fails at the load, at the append and after it.
    a_while().await;
    bench.store.fail_reads(3);
    bench.store.fail_appends(Fault::Unavailable, 4);
    bench.store.fail_appends(Fault::UnknownThenLate, 1);
    hand.set_micros(NOON + 10 * SECOND);
    let events = bench.until_events("acme", 6).await;
    assert_eq!(expired(&events).len(), 1);
    a_while().await;
    assert_eq!(bench.events("acme").await.len(), 6);
}

#[actix_web::test]
async fn more_ledgers_than_may_be_loaded_have_their_holds_ended() {
    let (bench, hand) = Bench::start_by_hand(|config| config.ledgers_max = 2).await;
    let names: Vec<String> = (0..7).map(|n| format!("l{n}")).collect();
    for name in &names {
        let path = format!("/v1/ledgers/{name}");
        bench
            .post("/v1/ledgers", None, &json!({"ledger": name}))
            .await
            .expect(201);
        for account in ["assets:bank", "users:1"] {
            let account = json!({"account": account, "type": "asset"});
            bench
                .post(&format!("{path}/accounts"), None, &account)
                .await
                .expect(201);
        }
        let transactions = format!("{path}/transactions");
        bench
            .post(&transactions, None, &hold(1, 5, Some(10)))
            .await
            .expect(201);
    }
    assert!(bench.service.ledgers_loaded() <= 2);
    // What was written last is known to whoever looks after due holds within half a second or so.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    hand.set_micros(NOON + 10 * SECOND);
    for name in &names {
        let events = bench.until_events(name, 5).await;
        assert_eq!(expired(&events), [(id(1), NOON + 10 * SECOND)], "{name}");
    }
}

/// A node that has never heard of the ledger looks after its holds when the other is gone.
#[actix_web::test]
async fn a_node_ends_the_holds_of_ledgers_that_another_wrote() {
    let (one, hand) = Bench::start_by_hand(|config| config.multi_writer = true).await;
    let two = one.beside().await;
    one.funded(100).await;
    one.post(PAY, None, &hold(1, 30, Some(10)))
        .await
        .expect(201);
    one.post(PAY, None, &hold(2, 30, Some(20)))
        .await
        .expect(201);
    // Both are awake: one of them ends it, and the other finds that it has ended.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    hand.set_micros(NOON + 10 * SECOND);
    two.until_events("acme", 7).await;
    a_while().await;
    assert_eq!(two.events("acme").await.len(), 7);
    one.service.shutdown().await;
    hand.set_micros(NOON + 20 * SECOND);
    let events = two.until_events("acme", 8).await;
    let ended: Vec<String> = expired(&events).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ended, [id(1), id(2)]);
    assert_eq!(types(&events)[6..], ["HoldEnded", "HoldEnded"]);
}
