//! What is acknowledged is on the disk; what cannot be put there is not acknowledged.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use daybook_events::ids::{Position, Revision};
use futures_util::future::join_all;
use futures_util::poll;

use super::support::*;
use crate::contract::{after, sized_unit, unit};
use crate::embedded::format::{BLOCK_U64, Kind};
use crate::embedded::{EmbeddedStore, Options};
use crate::port::{AppendError, Appended, EventStore as _, ExpectedRevision::NoStream};

async fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "waited for: {what}"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_is_fatal_and_acknowledges_nothing() {
    let (options, disk, fatal) = on_test_disk();
    let options = Options {
        segment_bytes: 1 << 20,
        ..options
    };
    let (store, dir) = open_log(options).await;
    let store = Arc::new(store);
    disk.hold_syncs(true);
    let appends: Vec<_> = ["a", "b", "c", "d"]
        .into_iter()
        .map(|name| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { append(&store, name, 0).await })
        })
        .collect();
    until("the sync", || disk.waiting.load(Ordering::SeqCst) == 1).await;
    disk.syncs_fail.store(true, Ordering::SeqCst);
    disk.hold_syncs(false);
    for append in appends {
        // Those of the group, those that waited behind it, and those that came too late.
        let outcome = append.await.unwrap();
        assert!(
            matches!(
                outcome,
                Err(AppendError::Unknown { .. } | AppendError::Unavailable { .. })
            ),
            "{outcome:?}"
        );
    }
    let reasons = fatal.lock().unwrap().clone();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert!(
        reasons[0].contains("failed to sync") && reasons[0].contains("EIO"),
        "{reasons:?}"
    );
    // No retry, no seal, and readers do not see what was not synced.
    let syncs = disk.calls.lock().unwrap().len();
    let late = append(&store, "e", 0).await;
    assert!(
        matches!(late, Err(AppendError::Unavailable { .. })),
        "{late:?}"
    );
    assert_eq!(everything(&*store).await.len(), 10);
    assert_eq!(store.head().await.unwrap().position, Position::new(10));
    let store = Arc::into_inner(store).unwrap();
    assert!(store.close().unwrap_err().to_string().contains("EIO"));
    assert_eq!(disk.calls.lock().unwrap().len(), syncs);
    assert!(everything(&reopen(dir.path()).unwrap()).await.len() >= 10);
}

#[tokio::test]
async fn a_failed_sync_of_a_seal_is_fatal_as_well() {
    let (options, disk, fatal) = on_test_disk();
    let (store, _dir) = open_log(options).await;
    disk.syncs_fail.store(true, Ordering::SeqCst);
    assert!(store.close().is_err());
    assert_eq!(fatal.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_full_disk_refuses_and_heals() {
    let (options, disk, fatal) = on_test_disk();
    let (store, dir) = open_log(options).await;
    let path = last_segment(dir.path());
    let before = std::fs::read(&path).unwrap();
    disk.full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let refused = append(&store, "late", 0).await;
        assert!(
            matches!(refused, Err(AppendError::Unavailable { .. })),
            "{refused:?}"
        );
        assert_eq!(
            std::fs::read(&path).unwrap(),
            before,
            "the log is as it was"
        );
        assert_eq!(everything(&store).await.len(), 10, "reading goes on");
    }
    disk.full.store(false, Ordering::SeqCst);
    append(&store, "late", 0).await.unwrap();
    assert!(fatal.lock().unwrap().is_empty());
    store.close().unwrap();
    assert_eq!(everything(&reopen(dir.path()).unwrap()).await.len(), 12);
}

#[tokio::test]
async fn a_full_disk_that_cannot_be_cut_back_is_fatal() {
    let (options, disk, fatal) = on_test_disk();
    let (store, dir) = open_log(options).await;
    disk.full.store(true, Ordering::SeqCst);
    disk.cuts_fail.store(true, Ordering::SeqCst);
    let unknown = append(&store, "late", 0).await;
    assert!(
        matches!(unknown, Err(AppendError::Unknown { .. })),
        "{unknown:?}"
    );
    assert_eq!(fatal.lock().unwrap().len(), 1);
    drop(store);
    assert_eq!(everything(&reopen(dir.path()).unwrap()).await.len(), 10);
}

#[tokio::test]
async fn a_disk_that_fills_up_at_any_write_loses_nothing() {
    // A roll to a new segment is several writes; each of them is the one that fails once.
    for writes in 0..14 {
        let (options, disk, fatal) = on_test_disk();
        let dir = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(dir.path(), options).unwrap();
        *disk.writes_left.lock().unwrap() = Some(writes);
        let mut refused = 0;
        for units in 0..8 {
            while let Err(error) = append(&store, "acme", units).await {
                assert!(matches!(error, AppendError::Unavailable { .. }), "{error}");
                refused += 1;
                let copied = copy(dir.path());
                let events = everything(&reopen(copied.path()).unwrap()).await.len();
                assert_eq!(u64::try_from(events).unwrap(), 2 * units, "write {writes}");
                *disk.writes_left.lock().unwrap() = None;
            }
        }
        assert_eq!(refused, usize::from(writes < 14), "write {writes}");
        assert!(fatal.lock().unwrap().is_empty());
        store.close().unwrap();
        assert_eq!(everything(&reopen(dir.path()).unwrap()).await.len(), 16);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_answered_before_the_sync_that_covers_the_answer() {
    let (options, disk, _) = on_test_disk();
    let (store, _dir) = open_log(options).await;
    let store = Arc::new(store);
    disk.hold_syncs(true);
    let sender = Arc::clone(&store);
    let first = tokio::spawn(async move { append(&sender, "first", 0).await });
    until("the first group's sync", || {
        disk.waiting.load(Ordering::SeqCst) == 1
    })
    .await;
    let written = disk.calls.lock().unwrap().len();
    // A unit, what follows it, a check on top of it, its repetition, and a refusal because of it:
    // all are judged by something that is not durable yet.
    let ledger = ledger("new");
    let units = [
        unit(&ledger, NoStream, [1, 2]),
        unit(&ledger, after(1), [3]),
        unit(&ledger, after(2), []),
        unit(&ledger, NoStream, [1, 2]),
        unit(&ledger, after(0), [2, 3]),
        unit(&ledger, after(0), [9]),
    ];
    // The first poll puts them into the queue, in this order.
    let mut answers = Box::pin(join_all(units.map(|unit| store.append(unit))));
    assert!(poll!(&mut answers).is_pending());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(poll!(&mut answers).is_pending() && !first.is_finished());
    assert_eq!(
        store.head().await.unwrap().position,
        Position::new(10),
        "not durable, not seen"
    );
    assert_eq!(
        disk.calls.lock().unwrap().len(),
        written,
        "no group is written before the one before it was synced"
    );
    disk.hold_syncs(false);
    first.await.unwrap().unwrap();
    let mut outcomes = answers.await;
    let refusal = outcomes.pop().unwrap().unwrap_err();
    let actual = Some(Revision::new(2));
    assert!(
        matches!(&refusal, AppendError::WrongExpectedRevision { actual: found, .. }
            if *found == actual),
        "{refusal}"
    );
    let appended = outcomes.into_iter().map(Result::unwrap);
    let due = [(1, 14), (2, 15), (2, 15), (1, 14), (2, 15)];
    let due = due.map(|(revision, position)| Appended {
        last_revision: Some(Revision::new(revision)),
        last_position: Position::new(position),
    });
    assert_eq!(appended.collect::<Vec<_>>(), due);
    // All of them were one group: one write, one sync.
    let calls = disk.calls.lock().unwrap()[written..].to_vec();
    let groups = calls
        .iter()
        .filter(|call| matches!(call, Call::Write { .. }));
    assert!(
        groups.count() <= 4,
        "at most a roll and one group: {calls:?}"
    );
}

#[tokio::test]
async fn every_write_is_synced_before_the_next_one() {
    let (options, disk, _) = on_test_disk();
    let (store, _dir) = open_log(options).await;
    store.close().unwrap();
    let calls = disk.calls.lock().unwrap().clone();
    for pair in calls.windows(2) {
        if matches!(pair[0], Call::Write { .. }) {
            assert_eq!(pair[1], Call::Sync, "{calls:?}");
        }
    }
    assert_eq!(calls.last(), Some(&Call::Sync));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_says_so_at_once() {
    let (options, disk, _) = on_test_disk();
    let options = Options {
        queue_units_max: 3,
        ..options
    };
    let (store, _dir) = open_log(options).await;
    let store = Arc::new(store);
    disk.hold_syncs(true);
    let sender = Arc::clone(&store);
    let held = tokio::spawn(async move { append(&sender, "held", 0).await });
    until("the sync", || disk.waiting.load(Ordering::SeqCst) == 1).await;
    let names = ["a", "b", "c"];
    let mut waiting = Box::pin(join_all(names.map(|name| append(&store, name, 0))));
    assert!(poll!(&mut waiting).is_pending());
    let begun = Instant::now();
    let refused = append(&store, "late", 0).await;
    assert!(
        matches!(refused, Err(AppendError::Unavailable { .. })),
        "{refused:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(1));
    disk.hold_syncs(false);
    held.await.unwrap().unwrap();
    for outcome in waiting.await {
        outcome.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_does_not_answer_makes_the_outcome_unknown() {
    let (options, disk, _) = on_test_disk();
    let options = Options {
        append_wait: Duration::from_millis(20),
        ..options
    };
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(dir.path(), options).unwrap();
    disk.hold_syncs(true);
    let unknown = append(&store, "acme", 0).await;
    assert!(
        matches!(unknown, Err(AppendError::Unknown { .. })),
        "{unknown:?}"
    );
    disk.hold_syncs(false);
    // Asking again is a repetition: it has one effect, however often it is asked.
    let begun = Instant::now();
    while let Err(error) = append(&store, "acme", 0).await {
        assert!(matches!(error, AppendError::Unknown { .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{error}");
    }
    drop(store);
    assert_eq!(everything(&reopen(dir.path()).unwrap()).await.len(), 2);
}

#[tokio::test]
async fn a_unit_over_the_limit_is_refused_and_a_large_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(dir.path(), Options::default()).unwrap();
    let ledger = ledger("acme");
    let large = sized_unit(&ledger, NoStream, [1, 2, 3], 5 << 20);
    store.append(large).await.unwrap();
    let larger = sized_unit(&ledger, after(2), [4, 5, 6, 7], 5 << 20);
    let refused = store.append(larger).await;
    assert!(
        matches!(refused, Err(AppendError::TooLarge { .. })),
        "{refused:?}"
    );
    store.close().unwrap();
    assert_eq!(
        reopen(dir.path()).unwrap().head().await.unwrap().position,
        Position::new(3)
    );
}

#[tokio::test]
async fn the_log_is_sealed_after_a_while_without_appends_and_once_only() {
    let options = Options {
        seal_after: Duration::from_millis(30),
        ..options()
    };
    let (store, dir) = open_log(options).await;
    let path = last_segment(dir.path());
    until("the seal", || {
        frames(&path)
            .last()
            .is_some_and(|last| last.2 == Kind::Seal)
    })
    .await;
    let sealed = std::fs::metadata(&path).unwrap().len();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(std::fs::metadata(&path).unwrap().len(), sealed);
    store.close().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), sealed);
    assert_eq!(sealed % BLOCK_U64, 0);
}

#[tokio::test]
async fn a_roll_that_was_refused_leaves_nothing_behind() {
    let (options, disk, fatal) = on_test_disk();
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(dir.path(), options).unwrap();
    append(&store, "acme", 0).await.unwrap();
    // The new segment's header is still written, the old one's roll is not.
    *disk.writes_left.lock().unwrap() = Some(1);
    let large = store
        .append(sized_unit(&ledger("large"), NoStream, [1], 1_000))
        .await;
    assert!(
        matches!(large, Err(AppendError::Unavailable { .. })),
        "{large:?}"
    );
    *disk.writes_left.lock().unwrap() = None;
    assert_eq!(segments(dir.path()).len(), 1);
    // A smaller group still has room in the old segment.
    append(&store, "acme", 1).await.unwrap();
    assert_eq!(segments(dir.path()).len(), 1);
    let died = copy(dir.path());
    assert_eq!(everything(&reopen(died.path()).unwrap()).await.len(), 4);
    store
        .append(sized_unit(&ledger("large"), NoStream, [1], 1_000))
        .await
        .unwrap();
    assert_eq!(segments(dir.path()).len(), 2);
    store.close().unwrap();
    assert!(fatal.lock().unwrap().is_empty());
    assert_eq!(everything(&reopen(dir.path()).unwrap()).await.len(), 5);
}
