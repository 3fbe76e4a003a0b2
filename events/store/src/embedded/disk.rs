//! The few operations through which the writer touches the disk, so that tests can let them fail.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Writing, syncing and cutting of files.
pub trait Disk: Send + Sync + 'static {
    /// Writes all bytes at an offset.
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Returns when the file's content, or a directory's entries, are on stable storage.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Cuts the file to a length.
    fn set_len(&self, file: &File, len: u64) -> io::Result<()>;
}

/// The machine's own disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }
}

/// Whether the operation failed because there is no room, which may pass.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
