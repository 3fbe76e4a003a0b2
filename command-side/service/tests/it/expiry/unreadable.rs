//! Events that cannot be read, as a newer build may have written them: they keep the holds of their
//! own ledger from ending, and those of no other.

use std::time::Duration;

use daybook_events::event::EventType;
use daybook_events::ids::{EventId, LedgerId, Revision};
use daybook_events::time::Timestamp;
use daybook_store::{EventStore as _, ExpectedRevision, Unit};
use serde_json::json;
use uuid::Uuid;

use super::expired;
use crate::harness::{Bench, NOON, SECOND, hold, id};

/// A ledger with a hold that is due at noon and so many seconds.
async fn open(bench: &Bench, name: &str, due_s: i64) {
    let path = format!("/v1/ledgers/{name}");
    bench
        .post("/v1/ledgers", None, &json!({"ledger": name}))
        .await
        .expect(201);
    for account in ["assets:bank", "users:1"] {
        let account = json!({"account": account, "type": "asset"});
        let opened = bench.post(&format!("{path}/accounts"), None, &account);
        opened.await.expect(201);
    }
    let placed = bench.post(
        &format!("{path}/transactions"),
        None,
        &hold(1, 5, Some(due_s)),
    );
    placed.await.expect(201);
}

#[actix_web::test]
async fn a_ledger_that_cannot_be_loaded_keeps_no_other_waiting() {
    let (bench, hand) = Bench::start_by_hand(|_| {}).await;
    open(&bench, "bad", 10).await;
    open(&bench, "good", 20).await;
    let bad = LedgerId::parse("bad").unwrap();
    let at = Timestamp::try_from_micros(NOON + SECOND).unwrap();
    let mut unit = Unit::new(bad, ExpectedRevision::from_last(Some(Revision::new(3))), at);
    let shared = unit.push_shared(b"");
    unit.push(
        EventId::new(Uuid::from_u128(9)),
        EventType::HoldEnded,
        shared,
        |out| out.extend_from_slice(br#"{"from":"later"}"#),
        |_| {},
    );
    let bench = bench.restart(|_| {}).await;
    bench.store.append(unit).await.unwrap();
    hand.set_micros(NOON + 10 * SECOND);
    // Tried after 0, 0.2, 0.6, 1.4 and 3 seconds, and then not for three more.
    tokio::time::sleep(Duration::from_millis(3_300)).await;
    hand.set_micros(NOON + 20 * SECOND);
    let ended = bench.until_events("good", 5);
    let ended = tokio::time::timeout(Duration::from_secs(2), ended).await;
    assert_eq!(expired(&ended.unwrap()), [(id(1), NOON + 20 * SECOND)]);
    let account = json!({"account": "users:2", "type": "asset"});
    let reply = bench.post("/v1/ledgers/bad/accounts", None, &account).await;
    reply.expect_code(500, "internal");
}
