//! A log that somebody changed is refused, with file and offset.

use std::fs;

use super::support::*;
use crate::contract::{sized_unit, unit};
use crate::embedded::format::{BLOCK, Kind};
use crate::embedded::{EmbeddedStore, OpenError, Options, ReadOnlyLog};
use crate::port::{EventStore as _, ExpectedRevision::NoStream, ReadError};

#[tokio::test]
async fn every_flipped_byte_of_a_sealed_log_is_refused() {
    let dir = sealed_log().await;
    let mut flips = 0;
    for (path, bytes) in files(dir.path()) {
        for at in 0..bytes.len() {
            // One bit, and the byte wiped out.
            let wiped = if bytes[at] == 0 { 0xff } else { 0 };
            for wrong in [bytes[at] ^ (1 << (at % 8)), wiped] {
                let mut flipped = bytes.clone();
                flipped[at] = wrong;
                fs::write(&path, &flipped).unwrap();
                let what = format!("{wrong:#04x} at byte {at} of {}", path.display());
                let error = assert_refused_only(dir.path(), &what);
                assert!(error.contains(".log"), "{error}");
                flips += 1;
            }
            assert_eq!(
                fs::read(&path).unwrap().len(),
                bytes.len(),
                "nothing was cut"
            );
        }
        fs::write(&path, &bytes).unwrap();
    }
    assert!(flips > 3_000, "{flips} flips");
    assert_eq!(everything(&reopen(dir.path()).unwrap()).await.len(), 10);
}

#[tokio::test]
async fn every_flipped_byte_of_a_log_sealed_in_an_empty_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    EmbeddedStore::open(dir.path(), options())
        .unwrap()
        .close()
        .unwrap();
    let path = last_segment(dir.path());
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 2 * BLOCK);
    for at in 0..bytes.len() {
        for mask in [1, 0x80, 0xff] {
            let mut flipped = bytes.clone();
            flipped[at] ^= mask;
            fs::write(&path, &flipped).unwrap();
            assert_refused(dir.path(), &format!("{mask:#04x} at byte {at}"));
        }
    }
}

#[tokio::test]
async fn a_seal_damaged_in_several_bytes_is_refused() {
    let dir = sealed_log().await;
    let path = last_segment(dir.path());
    let bytes = fs::read(&path).unwrap();
    let (seal, _, kind) = *frames(&path).last().unwrap();
    assert_eq!(kind, Kind::Seal);
    for (from, to) in [(0, 8), (8, 24), (40, 64), (56, 64)] {
        let mut wiped = bytes.clone();
        wiped[seal + from..seal + to].fill(0xee);
        fs::write(&path, &wiped).unwrap();
        assert_refused(dir.path(), &format!("a seal wiped from {from} to {to}"));
    }
}

#[tokio::test]
async fn a_missing_segment_is_refused_whichever_it_is() {
    let dir = sealed_log().await;
    let all = segments(dir.path());
    for path in &all {
        let bytes = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        assert_refused(dir.path(), &format!("a log without {}", path.display()));
        fs::write(path, bytes).unwrap();
    }
    assert!(all.len() >= 3, "a first, a middle and a last one");
}

#[tokio::test]
async fn swapped_duplicated_and_foreign_segments_are_refused() {
    let dir = sealed_log().await;
    let all = segments(dir.path());
    let contents: Vec<Vec<u8>> = all.iter().map(|path| fs::read(path).unwrap()).collect();
    for (first, second) in [(0, 1), (1, 2), (0, 2)] {
        fs::write(&all[first], &contents[second]).unwrap();
        assert_refused(dir.path(), "a segment in the place of another");
        fs::write(&all[second], &contents[first]).unwrap();
        assert_refused(dir.path(), "two segments swapped");
        fs::write(&all[first], &contents[first]).unwrap();
        fs::write(&all[second], &contents[second]).unwrap();
    }
    for position in [2_u64, 4, 6, 11, 4_711] {
        let path = dir.path().join(format!("{position:020}.log"));
        if path.exists() {
            continue;
        }
        for content in &contents {
            fs::write(&path, content).unwrap();
            assert_refused(dir.path(), &format!("a copy of a segment as {position}"));
        }
        fs::remove_file(&path).unwrap();
    }
    let stray = dir.path().join("copy of 1.log");
    fs::write(&stray, &contents[0]).unwrap();
    assert_refused(dir.path(), "a file that ends in .log");
    fs::remove_file(&stray).unwrap();

    let other = sealed_log().await;
    for (own, foreign) in all.iter().zip(segments(other.path())) {
        let bytes = fs::read(own).unwrap();
        fs::copy(foreign, own).unwrap();
        assert_refused(dir.path(), "a segment of another log");
        fs::write(own, bytes).unwrap();
    }
    assert_eq!(everything(&reopen(dir.path()).unwrap()).await.len(), 10);
}

#[tokio::test]
async fn frames_that_are_removed_repeated_or_swapped_are_refused() {
    let dir = sealed_log().await;
    for path in segments(dir.path()) {
        let bytes = fs::read(&path).unwrap();
        let frames = frames(&path);
        let whole = |at: usize, len: usize| bytes[at..at + len].to_vec();
        for (number, (at, len, _)) in frames.iter().copied().enumerate() {
            let last = number + 1 == frames.len();
            let (before, frame, rest) = (whole(0, at), whole(at, len), &bytes[at + len..]);
            let mut changed = vec![
                ("repeated", [&before[..], &frame, &frame, rest].concat()),
                ("copied to the end", [&bytes[..], &frame].concat()),
                (
                    "copied to the end, moved by a byte",
                    [&bytes[..], b"x", &frame].concat(),
                ),
            ];
            if !last {
                let (_, next, _) = frames[number + 1];
                let swapped = [&before[..], &rest[..next], &frame, &rest[next..]].concat();
                changed.push(("swapped with the next", swapped));
                changed.push(("removed", [&before[..], rest].concat()));
                let shorter = [&before[..], &frame[1..], rest].concat();
                changed.push(("made shorter by a byte", shorter));
                let longer = [&before[..], b"\0", &frame, rest].concat();
                changed.push(("moved by a byte", longer));
            }
            for (how, bytes) in changed {
                fs::write(&path, bytes).unwrap();
                let what = format!("frame {number} of {} {how}", path.display());
                assert_refused(dir.path(), &what);
            }
        }
        fs::write(&path, &bytes).unwrap();
    }
}

#[tokio::test]
async fn an_old_frame_after_an_unsealed_tail_is_refused() {
    let dir = unsealed_log().await;
    let first = segments(dir.path()).remove(0);
    let (at, len, _) = frames(&first)[0];
    let old = fs::read(&first).unwrap()[at..at + len].to_vec();
    let path = last_segment(dir.path());
    let bytes = fs::read(&path).unwrap();
    // The search goes in steps of 1 MiB: also a frame across two steps is found.
    let step = 1 << 20;
    for torn in [0, 4, 300, step - 63, step - 62, step - 1, step, step + 1] {
        let torn = vec![0; torn];
        fs::write(&path, [&bytes[..], &torn, &old].concat()).unwrap();
        assert_refused(
            dir.path(),
            &format!("an old frame after {} bytes", torn.len()),
        );
    }
}

#[tokio::test]
async fn another_format_version_is_named() {
    let dir = sealed_log().await;
    let path = segments(dir.path()).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..BLOCK - 4]);
    bytes[BLOCK - 4..BLOCK].copy_from_slice(&crc.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    for error in [
        EmbeddedStore::open(dir.path(), Options::default())
            .map(drop)
            .unwrap_err(),
        ReadOnlyLog::open(dir.path()).map(drop).unwrap_err(),
    ] {
        assert!(
            matches!(
                error,
                OpenError::Version {
                    found: 2,
                    known: 1,
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_record_damaged_after_opening_is_noticed_when_it_is_read() {
    let dir = sealed_log().await;
    let store = EmbeddedStore::open(
        dir.path(),
        Options {
            recent_bytes_max: 0,
            ..options()
        },
    )
    .unwrap();
    let path = segments(dir.path()).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[2 * BLOCK + 40] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let read = store
        .read_all(daybook_events::ids::Position::new(0), 1)
        .await;
    let Err(ReadError::Damaged { reason }) = read else {
        panic!("got {read:?}");
    };
    assert!(
        reason.contains("00000000000000000001.log at byte 128"),
        "{reason}"
    );
    // Neither is a repeated append answered from it.
    let repeated = append(&store, "acme", 0).await;
    assert!(
        matches!(repeated, Err(crate::AppendError::Unavailable { .. })),
        "{repeated:?}"
    );
}

#[tokio::test]
async fn data_that_looks_like_a_frame_is_only_data() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(dir.path(), options()).unwrap();
    // Another log's frames, as a client could know them, as an event's data.
    let other = sealed_log().await;
    let image = fs::read(last_segment(other.path())).unwrap();
    let mut hostile = unit(&ledger("acme"), NoStream, []);
    let shared = hostile.push_shared(b"");
    hostile.push(
        daybook_events::ids::EventId::new(uuid::Uuid::from_u128(1)),
        daybook_events::event::EventType::LedgerOpened,
        shared,
        |out| (0..BLOCK).for_each(|_| out.extend_from_slice(&[&image[..], b"x"].concat())),
        |_| {},
    );
    store
        .append(sized_unit(&ledger("berka"), NoStream, [1], 1))
        .await
        .unwrap();
    store.append(hostile).await.unwrap();
    let torn = copy(dir.path());
    drop(store);
    let path = last_segment(torn.path());
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let store = reopen(torn.path()).expect("a torn group is cut, whatever its data");
    assert_eq!(everything(&store).await.len(), 1);
}

#[tokio::test]
async fn a_group_that_follows_another_history_is_refused() {
    let options = || Options {
        segment_bytes: 1 << 20,
        ..options()
    };
    let (store, own) = open_log(options()).await;
    drop(store);
    let other = copy(own.path());
    // Two histories of one log, alike in all their numbers, apart in one event's data.
    let mut lasts = Vec::new();
    for (dir, bytes) in [(&own, 20), (&other, 21)] {
        let store = EmbeddedStore::open(dir.path(), options()).unwrap();
        let first = sized_unit(&ledger("new"), NoStream, [1], bytes);
        store.append(first).await.unwrap();
        append(&store, "last", 0).await.unwrap();
        let copied = copy(dir.path());
        let path = last_segment(copied.path());
        let (at, _, _) = *frames(&path).last().unwrap();
        lasts.push((copied, path.clone(), at, fs::read(&path).unwrap()));
    }
    let [(own, path, at, bytes), (_, _, foreign_at, foreign)] = &lasts[..] else {
        panic!("two histories");
    };
    fs::write(path, [&bytes[..*at], &foreign[*foreign_at..]].concat()).unwrap();
    assert_refused(own.path(), "a group of another history");
}
