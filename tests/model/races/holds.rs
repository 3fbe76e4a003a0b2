//! Holds that are settled by several at once.

use daybook_tests::client::Answer;
use futures_util::future::{join, join_all};
use serde_json::json;

use super::{Bench, ROUNDS, codes, hold, payment, succeeded};

/// So many captures of one hold are under way at once.
const AT_ONCE: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_partial_captures_never_take_more_than_was_held() {
    let bench = Bench::start().await;
    bench.pay_in("in", 10_000).await;
    for round in 0..5 {
        let id = bench.hold(&format!("hold-{round}"), 1_000).await;
        let captures = (0..AT_ONCE).map(|n| {
            let body = json!({"amount": "30", "final": false});
            let rest = format!("/{id}/post");
            let bench = &bench;
            async move {
                bench
                    .post(&rest, &format!("capture-{round}-{n}"), body)
                    .await
            }
        });
        let answers = join_all(captures).await;
        // 33 of them fit; 10 remain.
        assert_eq!(succeeded(&answers), 33);
        assert_eq!(codes(&answers), ["", "capture_exceeds_hold"]);
        let rest = bench
            .post(&format!("/{id}/post"), &format!("rest-{round}"), json!({}))
            .await;
        let rest = rest.expect(201);
        assert_eq!(rest["entries"][0]["amount"], "10");
        assert_eq!(rest["entries"][0]["balance"]["pending"], "0");
        let over = bench
            .post(&format!("/{id}/post"), &format!("over-{round}"), json!({}))
            .await;
        assert_eq!(
            (over.status, over.code().as_str()),
            (409, "already_settled")
        );
    }
    let ended = bench.of_type("HoldEnded").await;
    assert!(
        ended.iter().all(|event| event.data["released"].is_null()),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_captures_of_one_hold_at_once_one_wins() {
    let bench = Bench::start().await;
    bench.pay_in("in", 100_000).await;
    for round in 0..ROUNDS {
        let id = bench.hold(&format!("hold-{round}"), 100).await;
        let capture = |key: String| {
            let (rest, bench) = (format!("/{id}/post"), &bench);
            async move { bench.post(&rest, &key, json!({})).await }
        };
        if round % 2 == 0 {
            let keys = [format!("a-{round}"), format!("b-{round}")];
            let answers = join_all(keys.map(capture)).await;
            assert_eq!(succeeded(&answers), 1);
            assert_eq!(codes(&answers), ["", "already_settled"]);
        } else {
            let key = || format!("c-{round}");
            let (one, other) = join(capture(key()), capture(key())).await;
            let replayed = |answer: &Answer| answer.header("Idempotent-Replayed").is_some();
            assert_eq!((one.status, other.status), (201, 201));
            assert_ne!(replayed(&one), replayed(&other));
            assert_eq!((one.revision(), &one.body), (other.revision(), &other.body));
        }
    }
    assert_eq!(bench.of_type("HoldEnded").await.len(), ROUNDS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capture_and_a_void_at_once_settle_a_hold_once() {
    let bench = Bench::start().await;
    bench.pay_in("in", 100_000).await;
    for round in 0..ROUNDS {
        let id = bench.hold(&format!("hold-{round}"), 100).await;
        let (capture, void) = (format!("/{id}/post"), format!("/{id}/void"));
        let (capture_key, void_key) = (format!("capture-{round}"), format!("void-{round}"));
        let answers = join(
            bench.post(&capture, &capture_key, json!({})),
            bench.post(&void, &void_key, json!({"reason": "no"})),
        );
        let answers: [Answer; 2] = answers.await.into();
        assert_eq!(succeeded(&answers), 1);
        assert_eq!(codes(&answers), ["", "already_settled"]);
    }
    assert_eq!(bench.of_type("HoldEnded").await.len(), ROUNDS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_just_made_can_be_captured_if_it_is_a_hold() {
    let bench = Bench::start().await;
    bench.pay_in("in", 100_000).await;
    for round in 0..ROUNDS {
        let id = uuid::Uuid::from_u128(u128::try_from(round).expect("small") + 1).to_string();
        let is_hold = round % 2 == 0;
        let mut body = if is_hold {
            hold(10)
        } else {
            payment("bank", "user", 10)
        };
        body["id"] = id.clone().into();
        let early_key = format!("early-{round}");
        let rest = format!("/{id}/post");
        // One capture goes with it, one right after it.
        let (made, early) = join(
            bench.post_keyless("", body),
            bench.post(&rest, &early_key, json!({})),
        )
        .await;
        assert_eq!(made.status, 201, "{made}");
        let late = bench.post(&rest, &format!("late-{round}"), json!({})).await;
        let said = (early.status, early.code(), late.status, late.code());
        let said = (said.0, said.1.as_str(), said.2, said.3.as_str());
        if is_hold {
            let right = [
                (201, "", 409, "already_settled"),
                (404, "transaction_not_found", 201, ""),
            ];
            assert!(right.contains(&said), "{said:?}");
        } else {
            let right = [
                (409, "not_a_hold", 409, "not_a_hold"),
                (404, "transaction_not_found", 409, "not_a_hold"),
            ];
            assert!(right.contains(&said), "{said:?}");
        }
    }
}
