//! Cases of reading and following.

use std::time::Duration;

use daybook_events::ids::{EventId, Position, Revision};
use uuid::Uuid;

use super::{Subject, WAIT, after, assert_ascending, ids, number, revisions, sized_unit, unit};
use crate::port::{ExpectedRevision::NoStream, READ_BYTES_MAX};

/// From anywhere, also in the middle of a unit.
pub async fn reads_honour_their_limits(subject: &Subject) {
    let ledger = subject.ledger("acme");
    let before = subject.head().await;
    subject
        .append(unit(&ledger, NoStream, 0..7))
        .await
        .expect("created");
    subject
        .append(unit(&ledger, after(6), 7..10))
        .await
        .expect("appended");
    for from in 0..12_u64 {
        for limit in [0, 1, 2, 5, 100] {
            let from_revision = Revision::new(from);
            let page = subject
                .store
                .read_ledger(&ledger, from_revision, limit)
                .await;
            let due: Vec<u64> = (from..10).take(limit).collect();
            assert_eq!(
                revisions(&page.expect("read")),
                due,
                "from {from}, limit {limit}"
            );
        }
    }
    let all = subject.all_events(before).await;
    for (number, event) in all.iter().enumerate() {
        let page = subject
            .store
            .read_all(event.position, 2)
            .await
            .expect("read");
        let page: Vec<_> = page
            .into_iter()
            .filter(|event| subject.owns(event))
            .collect();
        let due: Vec<_> = all.iter().skip(number + 1).take(2).cloned().collect();
        assert_eq!(page, due[..page.len()], "after {}", event.position);
    }
    assert!(
        subject
            .store
            .read_all(before, 0)
            .await
            .expect("read")
            .is_empty()
    );
}

/// A page is bounded, but never empty while there is something.
pub async fn reads_honour_the_limit_of_bytes(subject: &Subject) {
    const EVENT_BYTES: usize = 1 << 20;
    let ledger = subject.ledger("acme");
    let before = subject.head().await;
    let mut expected = NoStream;
    for id in 0..10 {
        let ids = [2 * id, 2 * id + 1];
        let big = subject
            .append(sized_unit(&ledger, expected, ids, EVENT_BYTES))
            .await;
        expected = crate::port::ExpectedRevision::from_last(big.expect("appended").last_revision);
    }
    let page = subject
        .store
        .read_ledger(&ledger, Revision::new(0), 100)
        .await
        .expect("read");
    let bytes: usize = page
        .iter()
        .map(|event| event.data.len() + event.meta.len())
        .sum();
    assert!(
        bytes <= READ_BYTES_MAX && page.len() >= 5,
        "{} events, {bytes} bytes",
        page.len()
    );
    let page = subject.store.read_all(before, 100).await.expect("read");
    let bytes: usize = page
        .iter()
        .map(|event| event.data.len() + event.meta.len())
        .sum();
    assert!(
        bytes <= READ_BYTES_MAX && !page.is_empty(),
        "{} events, {bytes} bytes",
        page.len()
    );
    assert_eq!(
        ids(&subject.ledger_events(&ledger).await),
        (0..20).collect::<Vec<_>>()
    );
    assert_eq!(
        ids(&subject.all_events(before).await),
        (0..20).collect::<Vec<_>>()
    );
}

/// Each event its own and the one it shares.
pub async fn metadata_is_joined_from_its_fragments(subject: &Subject) {
    use daybook_events::event::EventType;
    use daybook_events::time::Timestamp;

    let ledger = subject.ledger("acme");
    let recorded_at = Timestamp::try_from_micros(1).expect("a year before 9999");
    let mut unit = crate::unit::Unit::new(ledger.clone(), NoStream, recorded_at);
    let shared = [
        b"\"request_id\":\"a\"".as_slice(),
        b"",
        b"\"request_id\":\"b\"",
    ];
    let shared = shared.map(|fragment| unit.push_shared(fragment));
    let events = [
        (shared[0], "\"more\":1"),
        (shared[2], ""),
        (shared[1], "\"more\":1"),
        (shared[1], ""),
    ];
    for (id, (shared, own)) in (0..).zip(events) {
        unit.push(
            EventId::new(Uuid::from_u128(id)),
            EventType::AccountOpened,
            shared,
            |out| out.extend_from_slice(b"{}"),
            |out| out.extend_from_slice(own.as_bytes()),
        );
    }
    subject.append(unit).await.expect("created");
    let events = subject.ledger_events(&ledger).await;
    let metas: Vec<&[u8]> = events.iter().map(|event| event.meta.as_ref()).collect();
    let due = [
        r#"{"more":1,"request_id":"a"}"#,
        r#"{"request_id":"b"}"#,
        r#"{"more":1}"#,
        "{}",
    ];
    assert_eq!(metas, due.map(str::as_bytes));
}

/// Not an error.
pub async fn an_unknown_ledger_is_empty(subject: &Subject) {
    let ledger = subject.ledger("nobody");
    let events = subject
        .store
        .read_ledger(&ledger, Revision::new(0), 10)
        .await;
    assert!(events.expect("read").is_empty());
    assert_eq!(
        subject.store.last_revision(&ledger).await.expect("read"),
        None
    );
}

/// And not where none is.
pub async fn events_are_found_by_position(subject: &Subject) {
    let ledger = subject.ledger("acme");
    let before = subject.head().await;
    subject
        .append(unit(&ledger, NoStream, 1..4))
        .await
        .expect("created");
    for event in subject.all_events(before).await {
        let found = subject
            .store
            .event_id_at(event.position)
            .await
            .expect("read");
        assert_eq!(found, Some(event.id));
    }
    for nowhere in [
        Position::new(0),
        subject.head().await.plus(1_000_000),
        Position::new(u64::MAX),
    ] {
        let found = subject.store.event_id_at(nowhere).await.expect("read");
        assert_eq!(found, None, "at {nowhere}");
    }
}

/// From the beginning and from the middle, while appends go on.
pub async fn a_subscription_has_no_gap_and_no_duplicate(subject: &Subject) {
    const UNITS: u64 = 60;
    let ledger = subject.ledger("acme");
    let before = subject.head().await;
    let first = subject
        .append(unit(&ledger, NoStream, [0, 1]))
        .await
        .expect("created");
    let follow = |from: Position, count: usize, limit: usize| {
        let subject = subject.clone();
        tokio::spawn(async move {
            let mut subscription = subject.store.subscribe(from);
            let mut events = Vec::new();
            while events.len() < count {
                let page = tokio::time::timeout(WAIT, subscription.next(limit)).await;
                let page = page.expect("the subscription goes on").expect("followed");
                assert!(
                    !page.is_empty() && page.len() <= limit,
                    "a page of {}",
                    page.len()
                );
                events.extend(page.into_iter().filter(|event| subject.owns(event)));
            }
            events
        })
    };
    let total = 2 + 2 * usize::try_from(UNITS).unwrap_or(0);
    let whole = follow(before, total, 7);
    let middle = follow(first.last_position, total - 2, 100);
    for id in 1..=UNITS {
        let ids = [u128::from(2 * id), u128::from(2 * id + 1)];
        subject
            .append(unit(&ledger, after(2 * id - 1), ids))
            .await
            .expect("appended");
        if id % 10 == 0 {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }
    let whole = whole.await.expect("follower");
    assert_eq!(revisions(&whole), (0..number(total)).collect::<Vec<_>>());
    assert_ascending(&whole);
    assert_eq!(middle.await.expect("follower"), whole[2..]);
}

/// Cancel-safety.
pub async fn a_subscription_that_is_dropped_while_it_waits_loses_nothing(subject: &Subject) {
    let ledger = subject.ledger("acme");
    let mut subscription = subject.store.subscribe(subject.head().await);
    let (mut events, mut revision) = (Vec::new(), NoStream);
    for id in 0..20 {
        // Short waits are dropped at any point; all that is read is kept.
        for wait_us in [0, 50, 500] {
            let page = tokio::time::timeout(Duration::from_micros(wait_us), subscription.next(3));
            if let Ok(page) = page.await {
                events.extend(page.expect("followed"));
            }
        }
        let appended = subject
            .append(unit(&ledger, revision, [id]))
            .await
            .expect("appended");
        revision = crate::port::ExpectedRevision::from_last(appended.last_revision);
    }
    while events.iter().filter(|event| subject.owns(event)).count() < 20 {
        let page = tokio::time::timeout(WAIT, subscription.next(3)).await;
        events.extend(page.expect("the subscription goes on").expect("followed"));
    }
    events.retain(|event| subject.owns(event));
    assert_eq!(ids(&events), (0..20).collect::<Vec<_>>());
}

/// Whoever reads first and asks for the head afterwards never holds more than the head.
pub async fn nothing_is_read_beyond_the_head(subject: &Subject) {
    let ledger = subject.ledger("acme");
    let writer = {
        let (subject, ledger) = (subject.clone(), ledger.clone());
        tokio::spawn(async move {
            subject
                .append(unit(&ledger, NoStream, [0]))
                .await
                .expect("created");
            for id in 1..100_u64 {
                let next = unit(&ledger, after(id - 1), [u128::from(id)]);
                subject.append(next).await.expect("appended");
            }
        })
    };
    while !writer.is_finished() {
        let events = subject
            .store
            .read_ledger(&ledger, Revision::new(0), 1_000)
            .await;
        let head = subject.head().await;
        for event in events.expect("read") {
            assert!(
                event.position <= head,
                "{} is beyond the head {head}",
                event.position
            );
        }
        tokio::task::yield_now().await;
    }
    writer.await.expect("writer");
}
