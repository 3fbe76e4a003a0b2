//! Keys, ids, references and reversals: each takes effect once, and what was denied not at all.

use futures_util::future::{join, join_all};
use serde_json::json;

use super::{Bench, ROUNDS, codes, hold, payment, succeeded};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_was_refused_cannot_be_captured_later() {
    let bench = Bench::start().await;
    let (plain, kept) = (
        "11111111-1111-4111-8111-111111111111",
        "22222222-2222-4222-8222-222222222222",
    );
    for (id, query) in [(plain, ""), (kept, "?record_rejection=true")] {
        let mut body = hold(50);
        body["id"] = id.into();
        let refused = bench.post_keyless(query, body).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (422, "insufficient_funds")
        );
    }
    bench.pay_in("in", 100).await;
    for id in [plain, kept] {
        for route in ["post", "void"] {
            let (rest, key) = (format!("/{id}/{route}"), format!("{id}-{route}"));
            let answer = bench.post(&rest, &key, json!({})).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (404, "transaction_not_found")
            );
        }
    }
    // What was shown as declined stays declined; what nobody kept is decided afresh.
    let mut again = hold(50);
    again["id"] = kept.into();
    let declined = bench.post_keyless("?record_rejection=true", again).await;
    assert_eq!(
        (declined.status, declined.code().as_str()),
        (422, "insufficient_funds")
    );
    assert_eq!(declined.header("Idempotent-Replayed"), Some("true"));
    let mut again = hold(50);
    again["id"] = plain.into();
    bench.post_keyless("", again).await.expect(201);
    bench
        .post(&format!("/{plain}/post"), "now", json!({}))
        .await
        .expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_command_does_not_use_up_its_key() {
    let bench = Bench::start().await;
    for round in 0..ROUNDS {
        let payout = |key: String| {
            let bench = &bench;
            async move { bench.post("", &key, payment("user", "bank", 100)).await }
        };
        let key = format!("out-{round}");
        let denied = payout(key.clone()).await;
        assert_eq!(
            (denied.status, denied.code().as_str()),
            (422, "insufficient_funds")
        );
        // The money comes while the client asks again and again.
        let deposit_key = format!("in-{round}");
        let deposit = bench.pay_in(&deposit_key, 100);
        let again = join_all((0..8).map(|_| payout(key.clone())));
        let (answers, ()) = join(again, deposit).await;
        assert!(
            codes(&answers)
                .iter()
                .all(|code| code.is_empty() || code == "insufficient_funds")
        );
        let last = payout(key).await.checked(201);
        let applied = answers.iter().chain([&last]);
        let first = applied.filter(|answer| {
            answer.status == 201 && answer.header("Idempotent-Replayed").is_none()
        });
        assert_eq!(first.count(), 1);
    }
    assert_eq!(bench.of_type("TransactionPosted").await.len(), 2 * ROUNDS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_equal_references_and_reversals_at_once_one_wins() {
    let bench = Bench::start().await;
    for round in 0..ROUNDS {
        let mut body = payment("bank", "user", 10);
        body["reference"] = format!("order-{round}").into();
        let posts = (0..8).map(|n| {
            let (bench, body, key) = (&bench, body.clone(), format!("post-{round}-{n}"));
            async move { bench.post("", &key, body).await }
        });
        let answers = join_all(posts).await;
        assert_eq!(succeeded(&answers), 1);
        assert_eq!(codes(&answers), ["", "reference_conflict"]);
        let first = answers
            .iter()
            .find(|answer| answer.status == 201)
            .expect("one");
        let id = first.json()["id"].as_str().expect("an id").to_owned();
        let reversals = (0..8).map(|n| {
            let (bench, rest) = (&bench, format!("/{id}/reverse"));
            let key = format!("reverse-{round}-{n}");
            async move { bench.post(&rest, &key, json!({"reason": "x"})).await }
        });
        let answers = join_all(reversals).await;
        assert_eq!(succeeded(&answers), 1);
        assert_eq!(codes(&answers), ["", "already_reversed"]);
    }
}
