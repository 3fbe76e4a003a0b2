//! Opening a log to write: what an unclean stop left is put right before anything is served.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use daybook_events::ids::GenerationId;

use super::disk::Disk;
use super::error::OpenError;
use super::format::{FrameHeader, Identity, Kind, Next, SegmentHeader};
use super::index::Index;
use super::scan::{End, Scanner, Segment};
use super::segment::{self, Access, CreateError};

/// Reads the log in a directory, or begins one, and repairs its end.
pub(super) fn recover(
    dir: &Path,
    disk: &dyn Disk,
    index: Index,
) -> Result<(Scanner, Index), OpenError> {
    segment::remove_temporary(dir)?;
    if segment::list(dir)?.is_empty() {
        begin(dir, disk)?;
    }
    let (mut scanner, mut index, end) = Scanner::open(dir, Access::Write, index)?;
    match end {
        End::Whole => {}
        End::Torn => cut(&scanner, disk)?,
        End::RollUnfinished => {
            cut(&scanner, disk)?;
            finish_roll(&mut scanner, &mut index, disk)?;
        }
    }
    rewrite_last(&scanner, disk)?;
    segment::sync_dir(dir, disk).map_err(OpenError::io("sync directory", dir))?;
    Ok((scanner, index))
}

/// The first segment of a new log.
fn begin(dir: &Path, disk: &dyn Disk) -> Result<(), OpenError> {
    let header = SegmentHeader {
        identity: Identity {
            generation: GenerationId::new(uuid::Builder::from_random_bytes(random()?).into_uuid()),
            marker: random()?,
        },
        number: 1,
        next: Next::FIRST,
    };
    segment::create(dir, &header, disk)
        .map(drop)
        .map_err(|error| match error {
            CreateError::Refused(source) | CreateError::Fatal(source) => {
                OpenError::io("create the first segment in", dir)(source)
            }
        })
}

/// Bytes from the system's generator: the same device on every system that Daybook runs on.
fn random<const N: usize>() -> Result<[u8; N], OpenError> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; N];
    File::open(path)
        .and_then(|mut device| device.read_exact(&mut bytes))
        .map_err(OpenError::io("read", path))?;
    Ok(bytes)
}

/// Cuts what was being written when the last writer died; nobody was ever told of it.
fn cut(scanner: &Scanner, disk: &dyn Disk) -> Result<(), OpenError> {
    let Segment { path, file } = &*scanner.segment;
    tracing::warn!(
        log.segment = %path.display(),
        log.offset = scanner.offset,
        "log ends in a torn write at byte {} of {}: cut",
        scanner.offset,
        path.display()
    );
    disk.set_len(file, scanner.offset)
        .and_then(|()| disk.sync(file))
        .map_err(OpenError::io("cut", path))
}

/// The last writer made a segment and died before the one before it said so.
fn finish_roll(scanner: &mut Scanner, index: &mut Index, disk: &dyn Disk) -> Result<(), OpenError> {
    let roll = FrameHeader::mark(Kind::Roll, scanner.next);
    let (block, chain) = roll.encode(scanner.header.identity.marker);
    let Segment { path, file } = &*scanner.segment;
    disk.write_all_at(file, &block, scanner.offset)
        .and_then(|()| disk.sync(file))
        .map_err(OpenError::io("write", path))?;
    scanner.take(&roll, chain, index)?;
    scanner.advance(index).map(drop)
}

/// Writes the last frame again, the same bytes at the same place, and syncs it. Its first sync may
/// have failed: then it is in the kernel's memory, marked as clean, and on no disk. The frames
/// before it were synced, else it would not have been written. A seal is no exception: what comes
/// after it must not be on the disk without it.
fn rewrite_last(scanner: &Scanner, disk: &dyn Disk) -> Result<(), OpenError> {
    let Some(last) = &scanner.last else {
        return Ok(());
    };
    let Segment { path, file } = &*last.segment;
    let mut bytes = vec![0; usize::try_from(last.len).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, last.offset)
        .map_err(OpenError::io("read", path))?;
    disk.write_all_at(file, &bytes, last.offset)
        .and_then(|()| disk.sync(file))
        .map_err(OpenError::io("write the last group again in", path))
}
