//! Small logs, their frames, and a disk that fails.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{LedgerId, Position};
use tempfile::TempDir;

use crate::contract::{after, sized_unit};
use crate::embedded::disk::{Disk, RealDisk};
use crate::embedded::format::{BLOCK, Block, FrameHeader, Kind, SegmentHeader};
use crate::embedded::{EmbeddedStore, OpenError, Options, ReadOnlyLog};
use crate::port::{AppendError, Appended, EventStore, ExpectedRevision};

pub(super) fn ledger(name: &str) -> LedgerId {
    LedgerId::parse(name).unwrap()
}

/// Two units per segment, and no seal but at the end.
pub(super) fn options() -> Options {
    Options {
        segment_bytes: 1_024,
        seal_after: Duration::from_secs(3_600),
        ..Options::default()
    }
}

/// Appends two events to a ledger that has `units` such units.
pub(super) async fn append(
    store: &EmbeddedStore,
    name: &str,
    units: u64,
) -> Result<Appended, AppendError> {
    let expected = units.checked_mul(2).and_then(|next| next.checked_sub(1));
    let expected = expected.map_or(ExpectedRevision::NoStream, after);
    let first = u128::from(units) * 2;
    store
        .append(sized_unit(&ledger(name), expected, [first, first + 1], 20))
        .await
}

/// A log of five groups and three ledgers, its store still open; with [`options`] it has three
/// segments.
pub(super) async fn open_log(options: Options) -> (EmbeddedStore, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(dir.path(), options).unwrap();
    for (name, units) in [
        ("acme", 0),
        ("berka", 0),
        ("acme", 1),
        ("shop", 0),
        ("acme", 2),
    ] {
        append(&store, name, units).await.unwrap();
    }
    (store, dir)
}

/// The same log, closed and sealed.
pub(super) async fn sealed_log() -> TempDir {
    let (store, dir) = open_log(options()).await;
    store.close().unwrap();
    dir
}

/// The same log as a dead writer leaves it.
pub(super) async fn unsealed_log() -> TempDir {
    let (store, dir) = open_log(options()).await;
    let copied = copy(dir.path());
    drop(store);
    copied
}

pub(super) fn copy(dir: &Path) -> TempDir {
    let copied = tempfile::tempdir().unwrap();
    for (path, bytes) in files(dir) {
        fs::write(copied.path().join(path.file_name().unwrap()), bytes).unwrap();
    }
    copied
}

/// Every file but the lock, with its content.
pub(super) fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| !path.ends_with("LOCK"));
    paths
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect()
}

pub(super) fn segments(dir: &Path) -> Vec<PathBuf> {
    let logs = files(dir)
        .into_keys()
        .filter(|path| path.extension().unwrap() == "log");
    logs.collect()
}

pub(super) fn last_segment(dir: &Path) -> PathBuf {
    segments(dir).pop().unwrap()
}

/// Offset, length and kind of a segment's frames.
pub(super) fn frames(path: &Path) -> Vec<(usize, usize, Kind)> {
    let bytes = fs::read(path).unwrap();
    let header = SegmentHeader::decode(bytes[..BLOCK].try_into().unwrap()).unwrap();
    let (mut frames, mut at) = (Vec::new(), BLOCK);
    while at < bytes.len() {
        let block = bytes[at..at + BLOCK].try_into().unwrap();
        let Block::Header(frame, _) = FrameHeader::decode(block, header.identity.marker) else {
            panic!("no frame at {at}");
        };
        let len = BLOCK + usize::try_from(frame.payload_len).unwrap();
        frames.push((at, len, frame.kind));
        at += len;
    }
    frames
}

pub(super) fn reopen(dir: &Path) -> Result<EmbeddedStore, OpenError> {
    EmbeddedStore::open(dir, options())
}

pub(super) async fn everything(store: &dyn EventStore) -> Vec<RecordedEvent> {
    store.read_all(Position::new(0), usize::MAX).await.unwrap()
}

/// Both ways of opening must refuse the log and leave it alone; the error names file and offset.
pub(super) fn assert_refused(dir: &Path, what: &str) -> String {
    let before = files(dir);
    let error = assert_refused_only(dir, what);
    assert!(
        before == files(dir),
        "a refused log is not changed ({what})"
    );
    error
}

/// As [`assert_refused`], without looking at the files.
pub(super) fn assert_refused_only(dir: &Path, what: &str) -> String {
    let errors = [
        reopen(dir)
            .map(drop)
            .expect_err(&format!("writer accepted {what}")),
        ReadOnlyLog::open(dir)
            .map(drop)
            .expect_err(&format!("reader accepted {what}")),
    ];
    for error in &errors {
        assert!(
            matches!(error, OpenError::Damaged { .. } | OpenError::Version { .. }),
            "{what}: {error}"
        );
    }
    errors[0].to_string()
}

/// What a [`TestDisk`] was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    Write { offset: u64, len: usize },
    Sync,
    SetLen(u64),
}

/// A disk that writes down what it does, and fails or waits when told to.
#[derive(Default)]
pub(super) struct TestDisk {
    pub(super) calls: Mutex<Vec<Call>>,
    pub(super) full: AtomicBool,
    pub(super) syncs_fail: AtomicBool,
    pub(super) cuts_fail: AtomicBool,
    /// How many more writes succeed before the disk is full.
    pub(super) writes_left: Mutex<Option<usize>>,
    held: Mutex<bool>,
    released: Condvar,
    pub(super) waiting: AtomicUsize,
}

impl TestDisk {
    pub(super) fn hold_syncs(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.released.notify_all();
    }

    fn has_room(&self) -> bool {
        let mut left = self.writes_left.lock().unwrap();
        if let Some(writes) = &mut *left {
            if *writes == 0 {
                return false;
            }
            *writes -= 1;
        }
        !self.full.load(Ordering::SeqCst)
    }
}

impl Disk for TestDisk {
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let len = bytes.len();
        self.calls.lock().unwrap().push(Call::Write { offset, len });
        if self.has_room() {
            return RealDisk.write_all_at(file, bytes, offset);
        }
        // As a real one: as much as there is room for, then the error.
        RealDisk.write_all_at(file, &bytes[..len / 2], offset)?;
        Err(io::ErrorKind::StorageFull.into())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let held = self.held.lock().unwrap();
        let held = self.released.wait_while(held, |held| *held).unwrap();
        drop(held);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        self.calls.lock().unwrap().push(Call::Sync);
        if self.syncs_fail.load(Ordering::SeqCst) {
            return Err(io::Error::other("injected EIO"));
        }
        RealDisk.sync(file)
    }

    fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        self.calls.lock().unwrap().push(Call::SetLen(len));
        if self.cuts_fail.load(Ordering::SeqCst) {
            return Err(io::Error::other("injected EIO"));
        }
        RealDisk.set_len(file, len)
    }
}

/// Options with a disk to play with, and where the fatal reason goes.
pub(super) fn on_test_disk() -> (Options, Arc<TestDisk>, Arc<Mutex<Vec<String>>>) {
    let disk = Arc::new(TestDisk::default());
    let fatal = Arc::new(Mutex::new(Vec::new()));
    let reasons = Arc::clone(&fatal);
    let options = Options {
        disk: Arc::clone(&disk) as Arc<dyn Disk>,
        fatal: Arc::new(move |reason| reasons.lock().unwrap().push(reason.to_owned())),
        ..options()
    };
    (options, disk, fatal)
}
