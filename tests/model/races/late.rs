//! What is decided late, or turns up late.

use std::sync::Arc;

use daybook_store::testing::Fault;
use daybook_tests::model::calendar::{micros, text};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Bench, hold, payment};

const SECOND: i64 = 1_000_000;
/// So many holds are over at one time.
const AT_ONCE: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_is_captured_before_its_time_or_it_expires_and_never_both() {
    let bench = Bench::start().await;
    bench.pay_in("in", 100_000).await;
    for round in 0..10_i64 {
        let expires_at = bench.server.clock.now_micros() + SECOND;
        let holds = (0..AT_ONCE).map(|n| {
            let (bench, key) = (&bench, format!("hold-{round}-{n}"));
            let mut body = hold(10);
            body["expires_at"] = text(expires_at).into();
            async move { bench.post("", &key, body).await.expect(201) }
        });
        let holds = join_all(holds).await;
        let captures = holds.iter().enumerate().map(|(n, held)| {
            let (bench, key) = (&bench, format!("capture-{round}-{n}"));
            let rest = format!("/{}/post", held["id"].as_str().expect("an id"));
            async move {
                if n == AT_ONCE / 2 {
                    bench.server.hand.advance_micros(SECOND);
                }
                let now = bench.server.clock.now_micros();
                (now, bench.post(&rest, &key, json!({})).await)
            }
        });
        for (sent, answer) in join_all(captures).await {
            if answer.status == 201 {
                let recorded = micros(answer.json()["recorded_at"].as_str().expect("a time"));
                assert!(recorded < expires_at && sent < expires_at, "{answer}");
            } else {
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (422, "hold_expired")
                );
            }
        }
    }
    let ended = bench.of_type("HoldEnded").await;
    assert_eq!(ended.len(), 10 * AT_ONCE);
    let captured = ended
        .iter()
        .filter(|event| event.data["outcome"] == "captured")
        .count();
    assert_eq!(bench.of_type("TransactionPosted").await.len(), 1 + captured);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capture_sent_after_the_expiry_is_refused_however_long_the_store_takes() {
    let bench = Arc::new(Bench::start().await);
    bench.pay_in("in", 1_000).await;
    let mut body = hold(10);
    body["expires_at"] = text(bench.server.clock.now_micros() + SECOND).into();
    let held = bench.post("", "hold", body).await.expect(201);
    let capture = format!("/{}/post", held["id"].as_str().expect("an id"));
    bench.server.store.hold();
    let send = |rest: String, key: &'static str, body: Value| {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move { bench.post(&rest, key, body).await })
    };
    // One append is under way, and what is decided meanwhile waits for it.
    let first = send(String::new(), "first", payment("bank", "user", 1));
    bench.server.store.wait_held(1).await;
    let second = send(String::new(), "second", payment("bank", "user", 1));
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    bench.server.hand.advance_micros(2 * SECOND);
    let late = send(capture, "late", json!({}));
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    bench.server.store.release();
    for earlier in [first, second] {
        earlier.await.expect("no panic").expect(201);
    }
    let late = late.await.expect("no panic");
    assert_eq!(
        (late.status, late.code().as_str()),
        (422, "hold_expired"),
        "{late}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_refused_after_an_unknown_append_does_not_happen_late() {
    let bench = Arc::new(Bench::start().await);
    bench.pay_in("in", 1_000).await;
    bench.server.store.hold();
    let mut body = hold(10);
    body["expires_at"] = text(bench.server.clock.now_micros() + SECOND).into();
    let placing = {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move { bench.post("", "hold", body).await })
    };
    bench.server.store.wait_held(1).await;
    // Nobody knows whether it was written, and when it is decided again its time is over.
    bench.server.store.fail_appends(Fault::UnknownThenLate, 1);
    bench.server.hand.advance_micros(2 * SECOND);
    bench.server.store.release();
    let placed = placing.await.expect("no panic");
    bench.pay_in("later", 1).await;
    let there = !bench.of_type("HoldPlaced").await.is_empty();
    assert_eq!(
        placed.status == 201,
        there,
        "INV-2: the answer is true of the log: {placed}"
    );
}
