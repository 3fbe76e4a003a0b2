//! What an unclean stop leaves is put right, and nothing else is touched.

use std::fs;
use std::time::Duration;

use daybook_events::ids::Revision;

use super::support::*;
use crate::embedded::format::{BLOCK, Kind};
use crate::embedded::{EmbeddedStore, OpenError, Options, ReadOnlyLog, Tail};
use crate::port::{AppendError, EventStore};

#[tokio::test]
async fn a_closed_log_opens_as_it_was() {
    let (store, dir) = open_log(options()).await;
    let (before, head) = (everything(&store).await, store.head().await.unwrap());
    store.close().unwrap();
    let bytes = files(dir.path());
    assert_eq!(ReadOnlyLog::open(dir.path()).unwrap().tail(), Tail::Sealed);
    for _ in 0..3 {
        let store = reopen(dir.path()).unwrap();
        assert_eq!(everything(&store).await, before);
        assert_eq!(store.head().await.unwrap(), head);
        drop(store);
        assert!(
            bytes == files(dir.path()),
            "opening and closing adds nothing"
        );
    }
    let store = reopen(dir.path()).unwrap();
    append(&store, "acme", 3).await.unwrap();
    assert_eq!(everything(&store).await[..10], before);
}

#[tokio::test]
async fn cutting_an_unsealed_log_anywhere_in_its_last_group_loses_only_that_group() {
    let dir = unsealed_log().await;
    let before = everything(&ReadOnlyLog::open(dir.path()).unwrap()).await;
    let path = last_segment(dir.path());
    let bytes = fs::read(&path).unwrap();
    let (at, len, kind) = *frames(&path).last().unwrap();
    assert_eq!((at + len, kind), (bytes.len(), Kind::Units));
    for cut in at..bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let reader = ReadOnlyLog::open(dir.path()).unwrap();
        if cut > at {
            let (file, offset) = (path.clone(), u64::try_from(at).unwrap());
            assert_eq!(reader.tail(), Tail::Torn { file, offset }, "cut at {cut}");
        }
        assert_eq!(everything(&reader).await, before[..8], "cut at {cut}");
        assert_eq!(
            fs::read(&path).unwrap(),
            bytes[..cut],
            "a reader cuts nothing"
        );
        let store = reopen(dir.path()).unwrap();
        assert_eq!(everything(&store).await, before[..8], "cut at {cut}");
        append(&store, "acme", 2).await.unwrap();
        assert_eq!(
            everything(&store).await,
            before,
            "appends go on after a cut at {cut}"
        );
        store.close().unwrap();
        assert_eq!(ReadOnlyLog::open(dir.path()).unwrap().tail(), Tail::Sealed);
    }
}

#[tokio::test]
async fn a_last_group_with_lost_sectors_is_cut() {
    let dir = unsealed_log().await;
    let path = last_segment(dir.path());
    let bytes = fs::read(&path).unwrap();
    let (at, len, _) = *frames(&path).last().unwrap();
    for from in (at..at + len).step_by(BLOCK) {
        let mut lost = bytes.clone();
        lost[from..from + BLOCK].fill(0);
        fs::write(&path, lost).unwrap();
        assert_eq!(
            everything(&reopen(dir.path()).unwrap()).await.len(),
            8,
            "without {from}"
        );
    }
}

#[tokio::test]
async fn garbage_and_zeros_after_the_end_are_cut() {
    for dir in [unsealed_log().await, sealed_log().await] {
        let before = everything(&ReadOnlyLog::open(dir.path()).unwrap()).await;
        let path = last_segment(dir.path());
        let bytes = fs::read(&path).unwrap();
        for len in [1, 7, 63, 64, 65, 128, 1_000, 5_000, 3 << 20] {
            let noise: Vec<u8> = (0..len)
                .map(|at: usize| (at * 31 + at / 7 + 5).to_le_bytes()[0])
                .collect();
            for tail in [vec![0; len], noise] {
                fs::write(&path, [&bytes[..], &tail].concat()).unwrap();
                let store = reopen(dir.path()).unwrap();
                assert_eq!(everything(&store).await, before, "{len} bytes");
                assert_eq!(fs::read(&path).unwrap(), bytes, "{len} bytes");
                drop(store);
            }
        }
    }
}

#[tokio::test]
async fn an_unsealed_last_group_is_written_and_synced_again_before_anything_is_served() {
    let dir = unsealed_log().await;
    assert_eq!(
        ReadOnlyLog::open(dir.path()).unwrap().tail(),
        Tail::Unsealed
    );
    let path = last_segment(dir.path());
    let (at, len, _) = *frames(&path).last().unwrap();
    let bytes = files(dir.path());
    let (options, disk, _) = on_test_disk();
    let store = EmbeddedStore::open(dir.path(), options).unwrap();
    let offset = u64::try_from(at).unwrap();
    let again = [Call::Write { offset, len }, Call::Sync, Call::Sync];
    assert_eq!(
        *disk.calls.lock().unwrap(),
        again,
        "the group, then the directory"
    );
    assert!(bytes == files(dir.path()), "the same bytes");
    assert_eq!(everything(&store).await.len(), 10);
}

#[tokio::test]
async fn a_sync_that_fails_while_opening_refuses_to_serve() {
    let dir = unsealed_log().await;
    let (options, disk, _) = on_test_disk();
    disk.syncs_fail
        .store(true, std::sync::atomic::Ordering::SeqCst);
    let refused = EmbeddedStore::open(dir.path(), options).map(drop);
    assert!(matches!(refused, Err(OpenError::Io { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_writer_that_died_at_any_step_of_a_roll_is_recovered_from() {
    let (store, dir) = open_log(options()).await;
    let all = segments(dir.path());
    let (old, new) = (&all[all.len() - 2], &all[all.len() - 1]);
    let before = everything(&store).await;
    let copied = copy(dir.path());
    drop(store);
    assert!(all.len() >= 3);
    let old = copied.path().join(old.file_name().unwrap());
    let new = copied.path().join(new.file_name().unwrap());
    let (old_bytes, new_bytes) = (fs::read(&old).unwrap(), fs::read(&new).unwrap());
    let (roll, len, kind) = *frames(&old).last().unwrap();
    assert_eq!((len, kind), (BLOCK, Kind::Roll));
    let first = usize::try_from(
        new.file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .parse::<u64>()
            .unwrap(),
    );
    let before = &before[..first.unwrap() - 1];
    let mut ends = vec![
        old_bytes.clone(),
        [&old_bytes[..roll], &[0; BLOCK]].concat(),
    ];
    ends.extend((0..BLOCK).map(|cut| old_bytes[..roll + cut].to_vec()));
    for end in ends {
        fs::write(&old, &end).unwrap();
        fs::write(&new, &new_bytes[..BLOCK]).unwrap();
        fs::write(copied.path().join("segment.tmp"), b"half a header").unwrap();
        let reader = ReadOnlyLog::open(copied.path()).unwrap();
        assert_eq!(reader.tail(), Tail::Unsealed);
        assert_eq!(everything(&reader).await, before);
        let store = reopen(copied.path()).unwrap();
        assert_eq!(everything(&store).await, before);
        assert_eq!(fs::read(&old).unwrap(), old_bytes, "the same roll");
        append(&store, "later", 0).await.unwrap();
        assert_eq!(everything(&reader).await.len(), before.len() + 2);
        store.close().unwrap();
        assert_eq!(
            everything(&reopen(copied.path()).unwrap()).await.len(),
            before.len() + 2
        );
    }
    // Once the new segment holds a group, the old one must have said so.
    fs::write(&new, &new_bytes).unwrap();
    fs::write(&old, &old_bytes[..roll]).unwrap();
    assert_refused(copied.path(), "a segment that does not lead to the next");
}

#[tokio::test]
async fn a_second_writer_is_refused_and_told_who_holds_the_log() {
    let (store, dir) = open_log(options()).await;
    let Err(refused) = reopen(dir.path()) else {
        panic!("two writers");
    };
    assert!(matches!(refused, OpenError::Locked { .. }));
    let line = refused.to_string();
    assert!(
        line.contains(&format!("process {}", std::process::id())),
        "{line}"
    );
    assert!(!line.contains('\n'));
    append(&store, "acme", 3).await.unwrap();
    drop(store);
    assert_eq!(everything(&reopen(dir.path()).unwrap()).await.len(), 12);
}

#[tokio::test]
async fn a_read_only_log_follows_a_writer_and_changes_nothing() {
    let (store, dir) = open_log(options()).await;
    let reader = ReadOnlyLog::open(dir.path()).unwrap();
    let mut subscription = reader.subscribe(store.head().await.unwrap().position);
    for units in 3..30 {
        let appended = append(&store, "acme", units).await.unwrap();
        let events = tokio::time::timeout(Duration::from_secs(20), subscription.next(10)).await;
        let events = events.unwrap().unwrap();
        assert_eq!(events.last().unwrap().position, appended.last_position);
        assert_eq!(everything(&reader).await, everything(&store).await);
    }
    assert!(
        segments(dir.path()).len() > 6,
        "it followed over several segments"
    );
    let refused = reader.append(crate::contract::unit(
        &ledger("acme"),
        crate::contract::after(59),
        [99],
    ));
    assert!(matches!(
        refused.await,
        Err(AppendError::Unavailable { .. })
    ));
    store.close().unwrap();
    let bytes = files(dir.path());
    let last = reader.last_revision(&ledger("acme")).await.unwrap();
    assert_eq!(
        (last, reader.tail()),
        (Some(Revision::new(59)), Tail::Sealed)
    );
    assert!(bytes == files(dir.path()));
}

#[tokio::test]
async fn reading_while_a_writer_is_busy_never_finds_damage() {
    let (store, dir) = open_log(options()).await;
    let path = dir.path().to_owned();
    let reading = std::thread::spawn(move || {
        for _ in 0..200 {
            ReadOnlyLog::open(&path).unwrap();
        }
    });
    for units in 3..600 {
        append(&store, "acme", units).await.unwrap();
    }
    reading.join().unwrap();
}

#[test]
fn what_is_no_log_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let error = ReadOnlyLog::open(dir.path()).map(drop).unwrap_err();
    assert!(matches!(error, OpenError::NoLog { .. }), "{error}");
    let missing = dir.path().join("missing");
    let error = ReadOnlyLog::open(&missing).map(drop).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    let file = dir.path().join("00000000000000000001.log");
    fs::write(&file, b"not a log").unwrap();
    assert_refused(dir.path(), "a short file");
    fs::write(&file, [b'x'; 4_096]).unwrap();
    assert_refused(dir.path(), "a file of another kind");
    fs::write(&missing, b"a file").unwrap();
    let error = EmbeddedStore::open(&missing, Options::default())
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
}
