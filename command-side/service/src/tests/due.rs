//! The table of due holds, and what could not be read for it.

use std::sync::Arc;
use std::time::Duration;

use daybook_events::event::EventType;
use daybook_events::ids::{EventId, LedgerId, Revision, TransactionId};
use daybook_events::time::Timestamp;
use daybook_platform::clock::Clock;
use daybook_store::{EventStore as _, ExpectedRevision, Unit};
use uuid::Uuid;

use super::Bench;
use crate::index::{HoldChanges, Passed};
use crate::{CommandConfig, CommandService};

/// Waits until the table is so.
async fn until(service: &CommandService, is_so: impl Fn(&Passed) -> bool) -> Passed {
    for _ in 0..500 {
        let passed = service.index_in_use().due_passed().unwrap();
        if let Some(passed) = passed.filter(&is_so) {
            return passed;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the table was not so within five seconds");
}

/// A later build may be able to read it.
#[tokio::test]
async fn a_table_that_lacks_an_event_is_filled_anew_at_the_next_start() {
    let bench = Bench::start().await;
    let at = Timestamp::try_from_micros(4_000_000_000_000_000).unwrap();
    let below = ExpectedRevision::from_last(Some(Revision::new(0)));
    let mut unit = Unit::new(bench.ledger.clone(), below, at);
    let shared = unit.push_shared(b"");
    unit.push(
        EventId::new(Uuid::from_u128(9)),
        EventType::HoldPlaced,
        shared,
        |out| out.extend_from_slice(br#"{"from":"later"}"#),
        |_| {},
    );
    bench.store.append(unit).await.unwrap();
    let passed = until(&bench.service, |passed| !passed.whole).await;
    assert_eq!(passed.position, bench.store.head().await.unwrap().position);

    // What the table says wrongly tells whether it is filled anew.
    let Bench {
        service,
        store,
        dir,
        ..
    } = bench;
    service.shutdown().await;
    let wrong = (
        LedgerId::parse("wrong").unwrap(),
        TransactionId::new(Uuid::from_u128(1)),
    );
    let disk = service.index_in_use();
    let wrong = HoldChanges::from([(wrong, Some(at))]);
    disk.due_pass(&wrong, &passed).unwrap();
    drop((disk, service));
    let config = CommandConfig::new(dir.path().join("index"), dir.path().join("snapshots"));
    let service = CommandService::open(Arc::new(store), config, Clock::system()).unwrap();
    for _ in 0..500 {
        if service.index_in_use().due_first(None).unwrap().is_none() {
            // It is not whole this time either.
            until(&service, |now| {
                !now.whole && now.position == passed.position
            })
            .await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the table was not filled anew within five seconds");
}
