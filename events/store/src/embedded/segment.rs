//! The files of a log: their names, how one comes to be, and the lock.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::disk::{Disk, is_full};
use super::error::OpenError;
use super::format::{BLOCK, FORMAT, HeaderError, SegmentHeader};

const SUFFIX: &str = "log";
/// A segment under construction; it gets its own name once its header is synced, so that a file
/// with a segment's name always has a whole header.
const TEMPORARY: &str = "segment.tmp";
const LOCK: &str = "LOCK";

/// Whether files are opened to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// The file of the segment whose first position is this.
pub(super) fn path_of(dir: &Path, first_position: u64) -> PathBuf {
    dir.join(format!("{first_position:020}.{SUFFIX}"))
}

/// The log's segments in order, by their names.
pub(super) fn list(dir: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(OpenError::io("read directory", dir))? {
        let path = entry.map_err(OpenError::io("read directory", dir))?.path();
        if path.extension().is_some_and(|suffix| suffix == SUFFIX) {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if !stem.is_some_and(|stem| stem.len() == 20 && stem.parse::<u64>().is_ok()) {
                return Err(OpenError::damaged(&path, 0, "not the name of a segment"));
            }
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Opens a segment and reads its header.
pub(super) fn open(path: &Path, access: Access) -> Result<(File, SegmentHeader), OpenError> {
    let file = File::options()
        .read(true)
        .write(access == Access::Write)
        .open(path)
        .map_err(OpenError::io("open", path))?;
    let mut block = [0; BLOCK];
    file.read_exact_at(&mut block, 0).map_err(|error| {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            OpenError::damaged(path, 0, "segment is shorter than its header")
        } else {
            OpenError::io("read", path)(error)
        }
    })?;
    let header = SegmentHeader::decode(&block).map_err(|error| match error {
        HeaderError::NotASegment => OpenError::damaged(path, 0, "not a segment of a log"),
        HeaderError::Damaged => OpenError::damaged(path, 0, "segment header does not check"),
        HeaderError::Format(found) => OpenError::Version {
            file: path.to_owned(),
            found,
            known: FORMAT,
        },
    })?;
    Ok((file, header))
}

/// Makes a new segment, durable under its name when this returns. After an error nothing stands
/// under that name, unless `Err(Fatal)` says that it cannot be known.
pub(super) fn create(
    dir: &Path,
    header: &SegmentHeader,
    disk: &dyn Disk,
) -> Result<(File, PathBuf), CreateError> {
    let temporary = dir.join(TEMPORARY);
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)
        .map_err(CreateError::Refused)?;
    let written = disk.write_all_at(&file, &header.encode(), 0);
    written.and_then(|()| disk.sync(&file)).map_err(|error| {
        if is_full(&error) {
            CreateError::Refused(error)
        } else {
            CreateError::Fatal(error)
        }
    })?;
    let path = path_of(dir, header.next.position);
    fs::rename(&temporary, &path).map_err(CreateError::Fatal)?;
    sync_dir(dir, disk).map_err(CreateError::Fatal)?;
    Ok((file, path))
}

/// Why a segment was not made.
#[derive(Debug)]
pub(super) enum CreateError {
    /// There is no room now, or no file can be opened now.
    Refused(io::Error),
    /// Anything else.
    Fatal(io::Error),
}

/// Makes the directory's entries durable.
pub(super) fn sync_dir(dir: &Path, disk: &dyn Disk) -> io::Result<()> {
    disk.sync(&File::open(dir)?)
}

/// Removes what a writer left that died while it made a segment.
pub(super) fn remove_temporary(dir: &Path) -> Result<(), OpenError> {
    let path = dir.join(TEMPORARY);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OpenError::io("remove", &path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes the directory if it is not there, with all that are lacking above it, and the entry of
/// each durable.
pub(super) fn create_dir(dir: &Path, disk: &dyn Disk) -> Result<(), OpenError> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    if parent != dir {
        create_dir(parent, disk)?;
    }
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(OpenError::io("create directory", dir)(error));
        }
        Ok(()) | Err(_) => {}
    }
    for made in [dir, parent] {
        sync_dir(made, disk).map_err(OpenError::io("sync directory", made))?;
    }
    Ok(())
}

/// Takes the log's lock; it is held until the file is dropped, and gone with the process.
pub(super) fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join(LOCK);
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(OpenError::io("open", &path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(errno) if errno == rustix::io::Errno::WOULDBLOCK => {
            return Err(OpenError::Locked {
                dir: dir.to_owned(),
                holder: holder(&mut file),
            });
        }
        Err(errno) => return Err(OpenError::io("lock", &path)(errno.into())),
    }
    // The number is for people only: the lock is the kernel's.
    let written = file
        .set_len(0)
        .and_then(|()| file.write_all_at(format!("{}\n", std::process::id()).as_bytes(), 0));
    match written {
        Err(error) if !is_full(&error) => Err(OpenError::io("write", &path)(error)),
        Ok(()) | Err(_) => Ok(file),
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // A pid has at most ten digits; whatever else stands there is not repeated.
    match file.take(16).read_to_string(&mut text) {
        Ok(_) => text.trim().parse::<u32>().map_or_else(
            |_| "another process".to_owned(),
            |pid| format!("process {pid}"),
        ),
        Err(_) => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::disk::RealDisk;
    use super::*;

    /// Notes what is synced.
    #[derive(Default)]
    struct Noting(Mutex<Vec<PathBuf>>);

    impl Disk for Noting {
        fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
            RealDisk.write_all_at(file, bytes, offset)
        }

        fn sync(&self, file: &File) -> io::Result<()> {
            use std::os::fd::AsRawFd as _;
            let path = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
            self.0.lock().unwrap().push(path);
            RealDisk.sync(file)
        }

        fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
            RealDisk.set_len(file, len)
        }
    }

    #[test]
    fn every_directory_that_is_made_is_synced_with_its_parent() {
        let temp = tempfile::tempdir().unwrap();
        let top = temp.path().canonicalize().unwrap();
        let disk = Noting::default();
        create_dir(&top.join("a").join("b").join("c"), &disk).unwrap();
        let synced = disk.0.into_inner().unwrap();
        for made in ["", "a", "a/b", "a/b/c"] {
            let path = if made.is_empty() {
                top.clone()
            } else {
                top.join(made)
            };
            assert!(synced.contains(&path), "{} of {synced:?}", path.display());
        }
    }
}
