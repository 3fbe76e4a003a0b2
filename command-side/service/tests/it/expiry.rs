//! Holds expire on time: whether anything else happens or not, whether their ledger is loaded or
//! not, over failing stores and over downtime.

mod unreadable;
mod woken;

use std::time::Duration;

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::{Event, HoldOutcome};
use daybook_store::testing::Fault;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::harness::{BULK, Bench, NOON, PAY, SECOND, hold, hold_path, id, payment, payout};

/// The holds that ended by expiry, with the times at which that was recorded.
fn expired(events: &[RecordedEvent]) -> Vec<(String, i64)> {
    let ends = events.iter().filter_map(|stored| {
        let Event::HoldEnded(ended) = stored.event().unwrap() else {
            return None;
        };
        let is_expiry = ended.outcome == HoldOutcome::Expired;
        is_expiry.then(|| (ended.hold.to_string(), stored.recorded_at.micros()))
    });
    ends.collect()
}

async fn a_while() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[actix_web::test]
async fn a_hold_expires_at_its_time_though_nothing_else_happens() {
    let (bench, hand) = Bench::start_by_hand(|_| {}).await;
    bench.funded(100).await;
    bench
        .post(PAY, None, &hold(1, 30, Some(10)))
        .await
        .expect(201);
    hand.set_micros(NOON + 10 * SECOND - 1);
    a_while().await;
    assert_eq!(bench.events("acme").await.len(), 5);
    hand.advance_micros(1);
    let events = bench.until_events("acme", 6).await;
    assert_eq!(expired(&events), [(id(1), NOON + 10 * SECOND)]);
    // Nobody asked for it: it bears no key, no request and no name.
    assert_eq!(&events[5].meta[..], b"{}");
    let Event::HoldEnded(ended) = events[5].event().unwrap() else {
        panic!("{events:?}");
    };
    let released: Vec<String> = ended
        .released
        .iter()
        .map(|e| e.amount.to_string())
        .collect();
    assert_eq!(released, ["30", "30"]);
    assert_eq!(ended.released[0].balance.available.to_string(), "100");
    for action in ["post", "void"] {
        let late = bench
            .post(&hold_path(1, action), Some("late"), &json!({}))
            .await;
        late.expect_code(422, "hold_expired");
    }
    bench.post(PAY, Some("all"), &payout(100)).await.expect(201);
}

#[actix_web::test]
async fn due_holds_end_before_anything_is_decided_that_came_after_their_time() {
    let (bench, hand) = Bench::start_by_hand(|_| {}).await;
    bench.funded(100).await;
    bench
        .post(PAY, None, &hold(1, 30, Some(10)))
        .await
        .expect(201);
    bench.store.hold();
    let first = bench.pay("first", 1);
    let steer = async {
        bench.store.wait_held(1).await;
        // A unit is open on top of the one in flight, and its time is before the hold's.
        let open = bench.post(PAY, Some("open"), &payout(1));
        let late = async {
            a_while().await;
            hand.set_micros(NOON + 10 * SECOND);
            let capture = bench.post(&hold_path(1, "post"), Some("late"), &json!({}));
            // What was held is free again: this takes all of it.
            let rest = bench.post(PAY, Some("rest"), &payout(100));
            let release = async {
                a_while().await;
                bench.store.release();
            };
            join(join(capture, rest), release).await.0
        };
        join(open, late).await
    };
    let (first, (open, (capture, rest))) = join(first, steer).await;
    assert_eq!(first.expect(201).revision(), Some(5));
    assert_eq!(open.expect(201).revision(), Some(6));
    let capture = capture.expect_code(422, "hold_expired");
    assert_eq!(capture.revision(), Some(7));
    assert_eq!(rest.expect(201).revision(), Some(8));
    let events = bench.events("acme").await;
    assert_eq!(expired(&events), [(id(1), NOON + 10 * SECOND)]);
    assert_eq!(events[7].event_type.as_str(), "HoldEnded");
    assert_eq!(events[7].recorded_at, events[8].recorded_at, "one unit");
}

#[actix_web::test]
async fn a_hold_that_fell_due_while_the_service_was_down_ends_first_of_all() {
    for ask in [true, false] {
        let (bench, hand) = Bench::start_by_hand(|_| {}).await;
        bench.funded(100).await;
        bench
            .post(PAY, None, &hold(1, 30, Some(10)))
            .await
            .expect(201);
        let bench = bench
            .restart(|_| hand.set_micros(NOON + 3_600 * SECOND))
            .await;
        if ask {
            let capture = bench.post(&hold_path(1, "post"), Some("late"), &json!({}));
            let capture = capture.await.expect_code(422, "hold_expired");
            assert_eq!(capture.revision(), Some(5));
            assert_eq!(bench.events("acme").await.len(), 6);
        }
        let events = bench.until_events("acme", 6).await;
        assert_eq!(expired(&events), [(id(1), NOON + 3_600 * SECOND)]);
        a_while().await;
        assert_eq!(bench.events("acme").await.len(), 6);
    }
}

#[actix_web::test]
async fn twelve_hundred_holds_that_are_due_at_once_all_end_before_what_comes_then() {
    const HOLDS: usize = 1_200;
    let (bench, hand) = Bench::start_by_hand(|_| {}).await;
    bench.funded(10_000).await;
    let holds: Value = (0..HOLDS).map(|n| hold(n, 1, Some(10))).collect();
    bench.post(BULK, None, &holds).await.expect(200);
    let before = 4 + HOLDS;
    bench.store.hold();
    let first = bench.pay("first", 1);
    let steer = async {
        bench.store.wait_held(1).await;
        hand.set_micros(NOON + 10 * SECOND);
        let late = (0..20).map(|n| {
            let path = hold_path(HOLDS - 1 - n, "post");
            let (capture, key) = (json!({}), format!("c{n}"));
            let bench = &bench;
            async move {
                let capture = bench.post(&path, Some(&key), &capture);
                let items = json!([payment(1), payment(1)]);
                let batch = bench.post(BULK, Some(&format!("b{n}")), &items);
                join(batch, capture).await
            }
        });
        let release = async {
            a_while().await;
            bench.store.release();
        };
        join(join_all(late), release).await.0
    };
    let (first, late) = join(first, steer).await;
    first.expect(201);
    for (batch, capture) in late {
        capture.expect_code(422, "hold_expired");
        batch.expect(200);
    }
    let events = bench.events("acme").await;
    assert_eq!(events.len(), before + 1 + HOLDS + 40);
    assert_eq!(expired(&events[before + 1..][..HOLDS]).len(), HOLDS);
    let mut ended: Vec<String> = expired(&events).into_iter().map(|(id, _)| id).collect();
    ended.sort_unstable();
    ended.dedup();
    assert_eq!(ended.len(), HOLDS);
    bench
        .post(PAY, Some("all"), &payout(10_000))
        .await
        .expect(201);
}

/// More ends than the store takes at once, and a batch that has just room enough alone.
#[actix_web::test]
async fn ends_that_are_too_many_for_one_append_are_cut_and_take_no_commands_room() {
    const HOLDS: usize = 60;
    let (bench, hand) = Bench::start_small_by_hand(8 << 10).await;
    bench.funded(1_000).await;
    for n in 0..HOLDS {
        bench
            .post(PAY, None, &hold(n, 1, Some(10)))
            .await
            .expect(201);
    }
    let batch: Value = (0..14).map(|_| payment(1)).collect();
    bench.post(BULK, Some("fits"), &batch).await.expect(200);
    bench.store.hold();
    let first = bench.pay("first", 1);
    let steer = async {
        bench.store.wait_held(1).await;
        hand.set_micros(NOON + 10 * SECOND);
        let late = bench.post(BULK, Some("late"), &batch);
        let release = async {
            a_while().await;
            bench.store.release();
        };
        join(late, release).await.0
    };
    let (first, late) = join(first, steer).await;
    first.expect(201);
    late.expect(200);
    let events = bench.events("acme").await;
    let before = 4 + HOLDS + 14 + 1;
    assert_eq!(events.len(), before + HOLDS + 14);
    assert_eq!(expired(&events[before..][..HOLDS]).len(), HOLDS);
}

#[actix_web::test]
async fn an_end_whose_append_fails_or_is_unknown_is_recorded_once() {
    for fault in [
        Fault::Unavailable,
        Fault::UnknownAfterWriting,
        Fault::UnknownWithoutWriting,
        Fault::UnknownThenLate,
    ] {
        for asked in [false, true] {
            let (bench, hand) = Bench::start_by_hand(|_| {}).await;
            bench.funded(100).await;
            bench
                .post(PAY, None, &hold(1, 30, Some(10)))
                .await
                .expect(201);
            bench
                .post(PAY, None, &hold(2, 30, Some(10)))
                .await
                .expect(201);
            bench.store.fail_appends(fault, 3);
            hand.set_micros(NOON + 10 * SECOND);
            let asks = async {
                if asked {
                    let path = hold_path(2, "post");
                    let capture = bench.post(&path, Some("late"), &json!({}));
                    capture.await.expect_code(422, "hold_expired");
                    bench.pay("after", 1).await.expect(201);
                }
            };
            let count = if asked { 9 } else { 8 };
            let (events, ()) = join(bench.until_events("acme", count), asks).await;
            a_while().await;
            assert_eq!(bench.events("acme").await.len(), count, "{fault:?} {asked}");
            let ended: Vec<String> = expired(&events).into_iter().map(|(id, _)| id).collect();
            assert_eq!(ended, [id(1), id(2)], "{fault:?} {asked}");
        }
    }
}
