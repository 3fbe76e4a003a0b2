//! Holds under concurrency and failing appends: never captured twice, never more than there is,
//! never half.

use std::time::Duration;

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::{Event, HoldOutcome};
use daybook_store::testing::Fault;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::harness::{BULK, Bench, PAY, Reply, hold, hold_path, id, payout, types};

/// How often a command is decided before its caller is told that the store takes nothing.
const ATTEMPTS: usize = 5;

/// Everything that was captured of a hold, and how often it ended; a last capture follows its end
/// at once, in the same command.
fn captured(events: &[RecordedEvent], number: usize) -> (u64, usize) {
    let (mut sum, mut ends) = (0, 0);
    for (index, stored) in events.iter().enumerate() {
        let event = stored.event().unwrap();
        if let Event::TransactionPosted(posted) = &event
            && posted
                .captures()
                .is_some_and(|of| of.to_string() == id(number))
        {
            sum += posted.entries[0].amount.to_string().parse::<u64>().unwrap();
        }
        if let Event::HoldEnded(ended) = &event
            && ended.hold.to_string() == id(number)
        {
            ends += 1;
            if ended.outcome == HoldOutcome::Captured {
                let meta = stored.parsed_meta().unwrap();
                assert!(meta.more() && meta.key.is_none() && meta.request.is_none());
                let next = &events[index + 1];
                assert_eq!(next.recorded_at, stored.recorded_at);
                let Event::TransactionPosted(posted) = next.event().unwrap() else {
                    panic!("{next:?}");
                };
                assert_eq!(posted.captures(), Some(ended.hold));
            }
        }
    }
    (sum, ends)
}

fn count(replies: &[Reply], status: u16) -> usize {
    replies
        .iter()
        .filter(|reply| reply.status == status)
        .count()
}

async fn with_hold(amount: u64) -> Bench {
    let bench = Bench::start().await;
    bench.funded(100).await;
    bench
        .post(PAY, None, &hold(1, amount, None))
        .await
        .expect(201);
    bench
}

#[actix_web::test]
async fn partial_captures_at_once_never_exceed_their_hold() {
    let bench = with_hold(95).await;
    let part = json!({"amount": 10, "final": false});
    let path = hold_path(1, "post");
    let captures = (0..64).map(|n| bench.post(&path, Some(&format!("k{n}")), &part));
    let replies = join_all(captures).await;
    assert_eq!((count(&replies, 201), count(&replies, 422)), (9, 55));
    for reply in replies.iter().filter(|reply| reply.status == 422) {
        assert_eq!(reply.code(), "capture_exceeds_hold");
    }
    assert_eq!(captured(&bench.events("acme").await, 1), (90, 0));
    // The rest, by as many at once: one gets it.
    let rest = json!({"amount": 5, "final": false});
    let captures = (0..16).map(|n| bench.post(&path, Some(&format!("r{n}")), &rest));
    let replies = join_all(captures).await;
    assert_eq!((count(&replies, 201), count(&replies, 409)), (1, 15));
    let events = bench.events("acme").await;
    assert_eq!(captured(&events, 1), (95, 1));
    // A repetition of any of them is given its own answer.
    let bench = bench.restart(|_| {}).await;
    for reply in &replies {
        let key = replies.iter().position(|other| other.bytes == reply.bytes);
        let again = bench
            .post(&path, Some(&format!("r{}", key.unwrap())), &rest)
            .await;
        assert_eq!(again.status, reply.status);
        assert_eq!(again.is_replayed(), reply.status == 201);
    }
}

#[actix_web::test]
async fn a_hold_that_is_captured_twice_at_once_is_captured_once() {
    let bench = with_hold(30).await;
    let path = hold_path(1, "post");
    let void = hold_path(1, "void");
    let calls = (0..20).map(|n| {
        let path = if n % 2 == 0 { &path } else { &void };
        bench.post(path, Some(&format!("k{n}")), &json!({}))
    });
    let replies = join_all(calls).await;
    assert_eq!(count(&replies, 409), 19);
    for reply in replies.iter().filter(|reply| reply.status == 409) {
        assert_eq!(reply.code(), "already_settled");
    }
    let (_, ends) = captured(&bench.events("acme").await, 1);
    assert_eq!(ends, 1);
}

/// In flight and held: a capture; ahead of it: everything that may follow. Then the fault.
#[actix_web::test]
async fn a_last_capture_that_is_decided_again_takes_effect_once_and_whole() {
    for fault in [
        Fault::Unavailable,
        Fault::UnknownAfterWriting,
        Fault::UnknownWithoutWriting,
        Fault::UnknownThenLate,
    ] {
        for with_id in [false, true] {
            let bench = with_hold(30).await;
            bench.post(PAY, None, &hold(2, 20, None)).await.expect(201);
            let mut body = json!({"amount": 25});
            if with_id {
                body["id"] = id(99).into();
            }
            let (path, other) = (hold_path(1, "post"), hold_path(2, "post"));
            bench.store.hold();
            let first = bench.post(&path, Some("first"), &body);
            let steer = async {
                bench.store.wait_held(1).await;
                let ahead = vec![
                    bench.post(&path, Some("first"), &body),
                    bench.post(&path, Some("second"), &json!({"amount": 5})),
                    bench.post(&other, Some("other"), &json!({})),
                    bench.post(PAY, Some("spend"), &payout(55)),
                ];
                let release = async {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    bench.store.fail_appends(fault, 1);
                    bench.store.release();
                };
                join(join_all(ahead), release).await.0
            };
            let (first, ahead) = join(first, steer).await;
            let first = first.expect(201);
            let again = ahead[0].clone().expect(201);
            assert!(!first.is_replayed() || with_id, "{fault:?}");
            assert!(again.is_replayed());
            assert_eq!(first.bytes, again.bytes, "{fault:?}");
            assert_eq!(first.revision(), Some(7), "the last event's: {fault:?}");
            ahead[1].clone().expect_code(409, "already_settled");
            ahead[2].clone().expect(201);
            ahead[3].clone().expect(201);
            let events = bench.events("acme").await;
            assert_eq!(captured(&events, 1), (25, 1), "{fault:?}");
            assert_eq!(captured(&events, 2), (20, 1), "{fault:?}");
            assert_eq!(events.len(), 11, "{fault:?}: {:?}", types(&events));
        }
    }
}

#[actix_web::test]
async fn a_store_that_stays_down_leaves_a_hold_as_it_was() {
    let bench = with_hold(30).await;
    bench.store.fail_appends(Fault::Unavailable, ATTEMPTS);
    let path = hold_path(1, "post");
    let reply = bench.post(&path, Some("k"), &json!({})).await;
    reply.expect_code(503, "store_unavailable");
    let again = bench.post(&path, Some("k"), &json!({})).await.expect(201);
    assert!(!again.is_replayed());
    assert_eq!(captured(&bench.events("acme").await, 1), (30, 1));
}

#[actix_web::test]
async fn a_hold_is_captured_right_after_its_creation_in_one_unit_and_in_one_batch() {
    let bench = Bench::start().await;
    bench.funded(100).await;
    bench.store.hold();
    let first = bench.pay("first", 1);
    let steer = async {
        bench.store.wait_held(1).await;
        let placed = bench.post(PAY, None, &hold(1, 30, None));
        let capture = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            bench
                .post(&hold_path(1, "post"), Some("c"), &json!({"amount": 20}))
                .await
        };
        let release = async {
            tokio::time::sleep(Duration::from_millis(150)).await;
            bench.store.release();
        };
        join(join(placed, capture), release).await.0
    };
    let (_, (placed, capture)) = join(first, steer).await;
    placed.expect(201);
    assert_eq!(capture.expect(201).revision(), Some(7));
    let events = bench.events("acme").await;
    assert_eq!(events[5].recorded_at, events[7].recorded_at, "one unit");
    assert_eq!(captured(&events, 1), (20, 1));
    for (number, mode) in [(2, "atomic"), (3, "independent")] {
        let items = json!([
            {"action": "transaction", "data": hold(number, 10, None)},
            {"action": "post", "transaction": id(number), "data": {"amount": 4, "final": false}},
            {"action": "metadata", "data": {"transaction": id(number), "metadata": {"a": "1"}}},
            {"action": "post", "transaction": id(number), "data": {"amount": 5}},
        ]);
        let path = format!("{BULK}?mode={mode}");
        let reply = bench.post(&path, Some(mode), &items).await.expect(200);
        let results = reply.json()["results"].as_array().unwrap().clone();
        assert!(
            results.iter().all(|result| result["status"] == "applied"),
            "{results:?}"
        );
        assert_eq!(captured(&bench.events("acme").await, number), (9, 1));
        // A batch's events are one command's: only the last says that no more follow.
        let again = bench.post(&path, Some(mode), &items).await.expect(200);
        assert!(again.is_replayed());
    }
    let events = bench.events("acme").await;
    let more: Vec<bool> = events[8..13]
        .iter()
        .map(|event| event.parsed_meta().unwrap().more())
        .collect();
    assert_eq!(more, [true, true, true, true, false]);
}

/// A batch that fails after a hold, its pairs and its end leaves none of them behind.
#[actix_web::test]
async fn a_batch_that_fails_at_its_end_leaves_no_hold_no_end_and_no_pairs() {
    let bench = with_hold(30).await;
    let items = json!([
        {"action": "metadata", "data": {"transaction": id(1), "metadata": {"a": "1"}}},
        {"action": "void", "transaction": id(1), "data": {}},
        {"action": "transaction", "data": hold(2, 10, None)},
        {"action": "transaction", "data": payout(1_000)},
    ]);
    let reply = bench.post(BULK, Some("b"), &items).await;
    let reply = reply.expect_code(422, "insufficient_funds");
    assert_eq!(reply.json()["index"], 3);
    let none = bench
        .post(&hold_path(2, "void"), Some("n"), &json!({}))
        .await;
    none.expect_code(404, "transaction_not_found");
    let void = bench
        .post(&hold_path(1, "void"), Some("v"), &json!({}))
        .await;
    assert_eq!(void.expect(200).json()["metadata"], json!({}));
}

#[actix_web::test]
async fn the_last_change_of_a_transactions_pairs_is_the_one_that_counts() {
    let bench = Bench::start_with(|config| config.index_recent_max = 4).await;
    bench.funded(100).await;
    bench.post(PAY, None, &hold(1, 30, None)).await.expect(201);
    let path = format!("{PAY}/{}", id(1));
    let pairs = |n: usize| json!({"metadata": {"last": n.to_string(), format!("k{n}"): "1"}});
    for n in 0..6 {
        bench.patch(&path, None, &pairs(n)).await.expect(200);
        if n == 2 {
            // On disk by now, as the older names are.
            tokio::time::sleep(Duration::from_millis(1_300)).await;
        }
    }
    // One more that is thrown away: the one before counts again, wherever it is known from.
    bench.store.fail_appends(Fault::Unavailable, ATTEMPTS);
    let thrown = bench.patch(&path, Some("thrown"), &pairs(9)).await;
    thrown.expect_code(503, "store_unavailable");
    let told = |reply: &Reply| -> Value { reply.json()["metadata"].clone() };
    let reply = bench.patch(&path, None, &pairs(6)).await.expect(200);
    let all = json!({"last": "6", "k0": "1", "k1": "1", "k2": "1", "k3": "1", "k4": "1",
        "k5": "1", "k6": "1"});
    assert_eq!(told(&reply), all);
    let mut bench = bench;
    for wiped in [false, true] {
        bench = bench
            .restart(|dir| {
                if wiped {
                    std::fs::remove_dir_all(dir.join("index")).unwrap();
                }
            })
            .await;
        let reply = bench.patch(&path, None, &json!({"metadata": {}})).await;
        assert_eq!(told(&reply.expect(200)), all, "wiped: {wiped}");
    }
    let void = bench.post(&hold_path(1, "void"), Some("v"), &json!({"reason": "r"}));
    let void = void.await.expect(200);
    assert_eq!(told(&void), all);
    // What came later is not part of the answer to the void, whenever it is given again.
    bench.patch(&path, None, &pairs(7)).await.expect(200);
    let bench = bench.restart(|_| {}).await;
    let again = bench.post(&hold_path(1, "void"), Some("v"), &json!({"reason": "r"}));
    let again = again.await.expect(200);
    assert!(again.is_replayed());
    assert_eq!(
        (again.revision(), &again.bytes),
        (void.revision(), &void.bytes)
    );
}

/// The answer to a change of pairs names the reversal and the end that were there, no later one.
#[actix_web::test]
async fn a_replayed_change_of_pairs_knows_nothing_of_what_came_later() {
    let bench = with_hold(30).await;
    let path = format!("{PAY}/{}", id(1));
    let before = bench
        .patch(&path, Some("before"), &json!({"metadata": {"a": "1"}}))
        .await;
    let before = before.expect(200);
    assert_eq!(before.json()["status"], "pending");
    let capture = bench
        .post(&hold_path(1, "post"), Some("c"), &json!({}))
        .await
        .expect(201);
    let after = bench
        .patch(&path, Some("after"), &json!({"metadata": {"b": "1"}}))
        .await;
    assert_eq!(after.expect(200).json()["ended"]["outcome"], "captured");
    let capture = format!("{PAY}/{}", capture.json()["id"].as_str().unwrap());
    let pairs = bench
        .patch(&capture, Some("pairs"), &json!({"metadata": {"c": "1"}}))
        .await;
    let pairs = pairs.expect(200);
    assert_eq!(pairs.json()["reversed_by"], Value::Null);
    let reverse = bench.post(
        &format!("{capture}/reverse"),
        Some("r"),
        &json!({"reason": "r"}),
    );
    let reverse = reverse.await.expect(201);
    let reversed = bench
        .patch(&capture, None, &json!({"metadata": {"d": "1"}}))
        .await;
    assert_eq!(
        reversed.expect(200).json()["reversed_by"],
        reverse.json()["id"]
    );
    let bench = bench.restart(|_| {}).await;
    let again = bench
        .patch(&path, Some("before"), &json!({"metadata": {"a": "1"}}))
        .await;
    assert!(again.is_replayed());
    assert_eq!(again.bytes, before.bytes);
    let again = bench
        .patch(&capture, Some("pairs"), &json!({"metadata": {"c": "1"}}))
        .await;
    assert!(again.is_replayed());
    assert_eq!(again.bytes, pairs.bytes);
}

/// A refusal that was to be kept, and whose append nobody could tell the outcome of.
#[actix_web::test]
async fn a_refusal_is_recorded_once_whatever_became_of_its_append() {
    for fault in [
        Fault::Unavailable,
        Fault::UnknownAfterWriting,
        Fault::UnknownWithoutWriting,
        Fault::UnknownThenLate,
    ] {
        let bench = with_hold(30).await;
        let path = format!("{}?record_rejection=true", hold_path(1, "post"));
        let body = json!({"amount": 31});
        bench.store.fail_appends(fault, 1);
        let first = bench.post(&path, Some("k"), &body).await;
        let first = first.expect_code(422, "capture_exceeds_hold");
        assert!(!first.is_replayed(), "{fault:?}");
        assert_eq!(first.revision(), Some(5), "{fault:?}");
        let again = bench.post(&path, Some("k"), &body).await;
        let again = again.expect_code(422, "capture_exceeds_hold");
        assert!(again.is_replayed(), "{fault:?}");
        assert_eq!(again.revision(), Some(5));
        bench.pay("next", 1).await.expect(201);
        let events = bench.events("acme").await;
        assert_eq!(
            types(&events)[5..],
            ["CommandRejected", "TransactionPosted"],
            "{fault:?}"
        );
    }
}
