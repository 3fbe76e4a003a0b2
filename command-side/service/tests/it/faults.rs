//! What a failing store may do to answers: nothing but delay them or end them with 503.

use std::time::Duration;

use daybook_store::testing::Fault;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::harness::{BULK, Bench, PAY, Reply, payment, payout};

/// Every answer is true of the log: 201 has its event, 4xx has none, 503 may have either.
async fn assert_true_of_the_log(bench: &Bench, replies: &[Reply]) {
    let events = bench.events("acme").await;
    for reply in replies {
        let body: Value = reply.json();
        match reply.status {
            201 => {
                let revision = usize::try_from(reply.revision().unwrap()).unwrap();
                assert_eq!(
                    events[revision].id.to_string(),
                    body["id"].as_str().unwrap()
                );
                assert_eq!(
                    events[revision].recorded_at.to_string(),
                    body["recorded_at"].as_str().unwrap()
                );
            }
            422 | 503 => {}
            other => panic!("unexpected {other}: {body}"),
        }
    }
    let keys: Vec<_> = events
        .iter()
        .filter_map(|e| e.parsed_meta().unwrap().key)
        .collect();
    let distinct: std::collections::HashSet<_> = keys.iter().map(|k| k.as_str()).collect();
    assert_eq!(keys.len(), distinct.len(), "INV-3: a key has one effect");
}

/// One command in flight and held, fifty decided ahead of it, then the fault.
async fn fifty_ahead_of(fault: Option<(Fault, usize)>) -> (Bench, Vec<Reply>) {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.store.hold();
    let first = bench.pay("first", 100);
    let steer = async {
        bench.store.wait_held(1).await;
        // The first fifty stand on what is in flight: half of them take what it brings.
        let ahead = join_all((0..50).map(|n| {
            let body = if n % 2 == 0 { payout(10) } else { payment(1) };
            bench.post(PAY, Some(&format!("k{n}")), &body)
        }));
        let release = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if let Some((fault, times)) = fault {
                bench.store.fail_appends(fault, times);
            }
            bench.store.release();
        };
        join(ahead, release).await.0
    };
    let (first, mut replies) = join(first, steer).await;
    replies.push(first);
    (bench, replies)
}

#[actix_web::test]
async fn a_failed_append_leaves_every_answer_of_fifty_decided_ahead_true() {
    for fault in [
        Fault::Unavailable,
        Fault::UnknownAfterWriting,
        Fault::UnknownWithoutWriting,
    ] {
        let (bench, replies) = fifty_ahead_of(Some((fault, 1))).await;
        assert!(
            replies
                .iter()
                .all(|reply| matches!(reply.status, 201 | 422)),
            "{fault:?}"
        );
        assert!(
            replies.iter().all(|reply| !reply.is_replayed()),
            "{fault:?}"
        );
        assert_true_of_the_log(&bench, &replies).await;
        let applied = replies.iter().filter(|reply| reply.status == 201).count();
        assert_eq!(bench.events("acme").await.len(), 3 + applied, "{fault:?}");
    }
}

#[actix_web::test]
async fn a_store_that_stays_down_is_told_and_the_same_keys_find_out() {
    let (bench, replies) = fifty_ahead_of(Some((Fault::Unavailable, 1_000))).await;
    for reply in &replies {
        reply.clone().expect_code(503, "store_unavailable");
        assert!(reply.header("Retry-After").is_some());
    }
    assert_eq!(bench.events("acme").await.len(), 3);
}

#[actix_web::test]
async fn an_unknown_outcome_with_an_unreadable_store_is_503_for_all_and_then_replays() {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.store.hold();
    let steer = async {
        bench.store.wait_held(1).await;
        bench.store.fail_appends(Fault::UnknownAfterWriting, 1);
        bench.store.fail_reads(1);
        bench.store.release();
    };
    let (reply, ()) = join(bench.pay("k", 5), steer).await;
    reply.expect_code(503, "store_unavailable");
    let again = bench.pay("k", 5).await.expect(201);
    assert!(again.is_replayed());
    assert_eq!(bench.events("acme").await.len(), 4);
}

/// The append in flight turns up in the log only after its commands were decided again, now together
/// with another one: what then stands first is not the unit that was sent.
#[actix_web::test]
async fn an_append_that_takes_effect_late_makes_no_answer_untrue() {
    for then in [None, Some(Fault::UnknownWithoutWriting)] {
        let bench = Bench::start().await;
        bench.acme().await;
        bench.store.hold();
        let steer = async {
            bench.store.wait_held(1).await;
            let ahead = bench.pay("second", 7);
            let release = async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                bench.store.fail_appends(Fault::UnknownThenLate, 1);
                if let Some(then) = then {
                    bench.store.fail_appends(then, 1);
                }
                bench.store.release();
            };
            join(ahead, release).await.0
        };
        let (first, second) = join(bench.pay("first", 5), steer).await;
        let replies = [first.expect(201), second.expect(201)];
        assert_eq!(bench.events("acme").await.len(), 5, "{then:?}");
        assert_true_of_the_log(&bench, &replies).await;
    }
}

/// A client-made id that nobody got an answer for may come again with something else.
#[actix_web::test]
async fn an_id_whose_first_append_takes_effect_late_is_not_taken_for_another_amount() {
    let bench = Bench::start().await;
    bench.acme().await;
    let with_id = |amount: u64| {
        let mut body = payment(amount);
        body["id"] = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f".into();
        body
    };
    bench.store.fail_appends(Fault::UnknownThenLate, 1);
    bench.store.hold();
    let first = bench.post(PAY, None, &with_id(1));
    let steer = async {
        bench.store.wait_held(1).await;
        // Nobody can say what became of it: its caller is told so, and it waits in the store.
        bench.store.fail_reads(1);
        bench.store.release();
    };
    let (first, ()) = join(first, steer).await;
    first.expect_code(503, "store_unavailable");
    let other = bench.post(PAY, None, &with_id(999)).await;
    assert_ne!(other.status, 201, "{:?}", other.bytes);
    let again = bench.post(PAY, None, &with_id(1)).await.expect(201);
    assert!(again.is_replayed());
    assert_eq!(bench.events("acme").await.len(), 4);
}

#[actix_web::test]
async fn no_answer_leaves_before_what_it_was_decided_on_is_durable() {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.pay("old", 1).await.expect(201);
    bench.store.hold();
    let first = bench.pay("first", 100);
    let steer = async {
        bench.store.wait_held(1).await;
        let dry = format!("{PAY}?dry_run=true");
        // Applied, replayed (of the undurable, of the durable), rejected, dry run, not matching.
        let all = vec![
            bench.pay("second", 1),
            bench.pay("first", 100),
            bench.pay("old", 1),
            bench.pay("old", 2),
            bench.post(PAY, Some("no"), &payout(1_000)),
            bench.post(&dry, None, &payment(3)),
        ];
        let mut all = join_all(all);
        let early = tokio::time::timeout(Duration::from_millis(300), &mut all).await;
        assert!(
            early.is_err(),
            "an answer left before its state was durable"
        );
        assert_eq!(bench.events("acme").await.len(), 4);
        bench.store.release();
        all.await
    };
    let (first, rest) = join(first, steer).await;
    assert_eq!(first.expect(201).revision(), Some(4));
    let statuses: Vec<u16> = rest.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [201, 201, 201, 422, 422, 200]);
    assert!(rest[1].is_replayed() && rest[2].is_replayed());
    // Rejections and dry runs say at which revision they were decided.
    assert_eq!(rest[4].revision(), Some(5));
    assert_eq!(rest[5].revision(), Some(5));
}

/// Each answer on its own: none is early, not even one that shares nothing with the others.
#[actix_web::test]
async fn a_lone_rejection_waits_for_the_append_in_flight() {
    let bench = Bench::start().await;
    bench.acme().await;
    bench.store.hold();
    let first = bench.pay("first", 100);
    let steer = async {
        bench.store.wait_held(1).await;
        let body = payout(1_000);
        let mut rejected = bench.post(PAY, Some("no"), &body);
        let early = tokio::time::timeout(Duration::from_millis(200), &mut rejected).await;
        assert!(early.is_err());
        bench.store.release();
        rejected.await.expect_code(422, "insufficient_funds");
    };
    join(first, steer).await.0.expect(201);
}

#[actix_web::test]
async fn a_full_mailbox_answers_overloaded_at_once() {
    let bench = Bench::start_with(|config| {
        config.mailbox_max = 4;
        config.unit_commands_max = 2;
    })
    .await;
    bench.acme().await;
    bench.store.hold();
    let flood = join_all((0..40).map(|n| bench.pay(&format!("k{n}"), 1)));
    let steer = async {
        bench.store.wait_held(1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        bench.store.release();
    };
    let (replies, ()) = join(flood, steer).await;
    let (applied, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|r| r.status == 201);
    assert!(!applied.is_empty() && !refused.is_empty());
    for reply in refused {
        reply.clone().expect_code(503, "overloaded");
        assert!(reply.header("Retry-After").is_some());
    }
    assert_eq!(bench.events("acme").await.len(), 3 + applied.len());
}

#[actix_web::test]
async fn two_writers_of_one_ledger_stay_linearizable() {
    let one = Bench::start_with(|config| config.multi_writer = true).await;
    one.acme().await;
    let two = one.beside().await;
    let bodies: Vec<_> = (0..30).map(|n| format!("k{}", n / 2)).collect();
    let calls = bodies.iter().enumerate().map(|(n, key)| {
        let bench = if n % 2 == 0 { &one } else { &two };
        bench.pay(key, 2)
    });
    let replies = join_all(calls).await;
    // The same key on both sides has one effect and one answer.
    for pair in replies.chunks(2) {
        for reply in pair {
            assert!(matches!(reply.status, 201 | 503), "{:?}", reply.bytes);
        }
        if let [a, b] = pair
            && a.status == 201
            && b.status == 201
        {
            assert_eq!(a.bytes, b.bytes);
        }
    }
    assert_true_of_the_log(&one, &replies).await;
    // A rejection from a state that the other writer has left behind is not given.
    two.post(PAY, Some("out"), &payout(2)).await.expect(201);
    let left = one.events("acme").await.len();
    let reply = one.post(PAY, Some("more"), &payout(1_000)).await;
    let reply = reply.expect_code(422, "insufficient_funds");
    assert_eq!(reply.revision(), Some(u64::try_from(left - 1).unwrap()));
}

#[actix_web::test]
async fn a_unit_that_is_too_large_for_the_store_is_cut_and_a_batch_is_told() {
    let bench = Bench::start_with_small_units(8 << 10).await;
    bench.acme().await;
    bench.store.hold();
    let first = bench.pay("first", 1);
    let steer = async {
        bench.store.wait_held(1).await;
        let ahead = join_all((0..60).map(|n| bench.post(PAY, Some(&format!("k{n}")), &payment(1))));
        let release = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            bench.store.release();
        };
        join(ahead, release).await.0
    };
    let (first, replies) = join(first, steer).await;
    first.expect(201);
    for reply in replies {
        assert!(!reply.expect(201).is_replayed());
    }
    assert_eq!(bench.events("acme").await.len(), 64);
    let batch: Value = (0..100).map(|_| payment(1)).collect();
    let reply = bench.post(BULK, Some("b"), &batch).await;
    reply.expect_code(413, "batch_too_large");
    let path = format!("{BULK}?mode=independent");
    let reply = bench.post(&path, Some("b"), &batch).await.expect(200);
    assert_eq!(reply.revision(), Some(163));
    assert!(
        reply.json()["results"]
            .as_array()
            .unwrap()
            .iter()
            .all(|r| r["status"] == "applied")
    );
}

#[actix_web::test]
async fn independent_items_of_which_one_is_unknown_are_503_and_then_complete() {
    let bench = Bench::start_with(|config| config.unit_commands_max = 2).await;
    bench.acme().await;
    bench.pay("old", 1).await.expect(201);
    let last = json!({"action": "transaction", "idempotency_key": "old", "data": payment(1)});
    let batch = json!([payment(2), payment(3), last]);
    let path = format!("{BULK}?mode=independent");
    // The first two are written; what the third may replay cannot be read.
    bench.store.fail_reads(1);
    let reply = bench.post(&path, Some("b"), &batch).await;
    reply.expect_code(503, "store_unavailable");
    assert_eq!(bench.events("acme").await.len(), 6);
    let reply = bench.post(&path, Some("b"), &batch).await.expect(200);
    assert!(reply.is_replayed());
    assert_eq!(bench.events("acme").await.len(), 6);
}

#[actix_web::test]
async fn a_stampede_on_a_ledger_that_is_not_loaded_loads_it_once() {
    let bench = Bench::start().await;
    bench.acme().await;
    let bench = bench.restart(|_| {}).await;
    assert_eq!(bench.service.ledgers_loaded(), 0);
    let replies = join_all((0..50).map(|n| bench.pay(&format!("k{n}"), 1))).await;
    assert!(replies.iter().all(|reply| reply.status == 201));
    assert_eq!(bench.service.ledgers_loaded(), 1);
    assert_eq!(bench.events("acme").await.len(), 53);
}
