//! Temporary directories that do not outlive their test, not even one that is killed.
//!
//! Each has a file that its process holds a lock on. The lock goes with the process, so whoever
//! makes the next directory can tell the ones that nobody owns any more, and removes them.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::Once;

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

const PREFIX: &str = "daybook-test-";
const OWNER: &str = "owner";

/// A temporary directory; removed on drop.
#[derive(Debug)]
pub(crate) struct Scratch {
    directory: TempDir,
    _owner: File,
}

impl Scratch {
    /// Makes one; `kind` is part of its name.
    pub(crate) fn new(kind: &str) -> Self {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(|| sweep(&std::env::temp_dir()));
        let directory = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{kind}-"))
            .tempdir()
            .expect("a temporary directory can be made");
        // Locked before it has its name: a sweep never meets it unlocked.
        let unnamed = directory.path().join("owner.new");
        let owner = lock(&unnamed, true).expect("a new file can be locked");
        std::fs::rename(unnamed, directory.path().join(OWNER)).expect("own directory");
        Self {
            directory,
            _owner: owner,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Removes what killed tests left. One that somebody makes right now has no lock file yet.
fn sweep(temporary: &Path) {
    let entries = std::fs::read_dir(temporary).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let abandoned = lock(&entry.path().join(OWNER), false);
        if abandoned.is_ok() && std::fs::remove_dir_all(entry.path()).is_ok() {
            eprintln!(
                "removed {}, which a killed test left",
                entry.path().display()
            );
        }
    }
}

fn lock(file: &Path, create: bool) -> std::io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(create)
        .truncate(false)
        .open(file)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_swept_when_its_owner_is_gone_and_not_before() {
        let temporary = tempfile::tempdir().unwrap();
        let left = temporary.path().join(format!("{PREFIX}x"));
        std::fs::create_dir(&left).unwrap();
        sweep(temporary.path());
        assert!(left.exists(), "not locked yet");
        let owner = lock(&left.join(OWNER), true).unwrap();
        sweep(temporary.path());
        assert!(left.exists(), "locked");
        drop(owner);
        sweep(temporary.path());
        assert!(!left.exists());
    }
}
