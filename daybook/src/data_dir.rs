//! The data directory: one folder with everything that one `daybook up` keeps.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What the file `VERSION` says. A change of the layout changes the number.
const VERSION: &str = "daybook-data 1";

/// A data directory whose version was checked.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
}

/// Keeps every other process out of the data directory. The system lets go of it when we end,
/// however we end.
#[derive(Debug)]
pub struct DataDirLock {
    _file: fs::File,
}

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It is not there.
    #[error("there is no data directory {path}")]
    Missing {
        /// Which.
        path: PathBuf,
    },
    /// It holds something else.
    #[error("{path} is not a data directory of Daybook: it is not empty and has no VERSION file")]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// Another process works in it.
    #[error("another daybook is using the data directory {path}")]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// Another version of Daybook made it.
    #[error("data directory {path} says {found:?}, this program reads {VERSION:?}")]
    OtherVersion {
        /// Which.
        path: PathBuf,
        /// What its VERSION file says.
        found: String,
    },
    /// The operating system said no.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl DataDir {
    /// Opens a data directory, and makes it if it is missing or empty.
    pub fn open_or_create(path: &Path) -> Result<Self, DataDirError> {
        create_dir_durably(path).map_err(io_error("create the data directory", path))?;
        let path = path.canonicalize().map_err(io_error("find", path))?;
        let mut entries = fs::read_dir(&path).map_err(io_error("read", &path))?;
        let version = path.join("VERSION");
        if entries.next().is_none() {
            set_mode(&path, directory_mode())?;
            write_private(&version, format!("{VERSION}\n").as_bytes())?;
        } else if !version.exists() {
            return Err(DataDirError::Foreign { path });
        }
        Self::check(path)
    }

    /// Opens a data directory that has to be there; changes nothing.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        if !path.join("VERSION").exists() {
            return Err(DataDirError::Missing {
                path: path.to_owned(),
            });
        }
        Self::check(path.canonicalize().map_err(io_error("find", path))?)
    }

    fn check(path: PathBuf) -> Result<Self, DataDirError> {
        let file = path.join("VERSION");
        let found = fs::read(&file).map_err(io_error("read", &file))?;
        let found = String::from_utf8_lossy(&found).trim_end().to_owned();
        if found == VERSION {
            Ok(Self { path })
        } else {
            Err(DataDirError::OtherVersion { path, found })
        }
    }

    /// The directory itself, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes this process the only one that works in the directory, until the answer is dropped.
    pub fn lock(&self) -> Result<DataDirLock, DataDirError> {
        let path = self.path.join("lock");
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let file = file.map_err(io_error("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(DataDirLock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(DataDirError::InUse {
                path: self.path.clone(),
            }),
            Err(fs::TryLockError::Error(source)) => Err(io_error("lock", &path)(source)),
        }
    }

    /// The event store.
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// What the command side derives from the event store.
    pub fn index(&self) -> PathBuf {
        self.path.join("index")
    }

    /// The ledgers' states that the command side writes down, so that it starts fast.
    pub fn snapshots(&self) -> PathBuf {
        self.path.join("snapshots")
    }

    /// The private PostgreSQL's data.
    pub fn postgres(&self) -> PathBuf {
        self.path.join("postgres")
    }

    /// The private NATS server's data.
    pub fn nats(&self) -> PathBuf {
        self.path.join("nats")
    }

    /// The key that signs development tokens.
    pub fn development_key(&self) -> PathBuf {
        self.path.join("keys").join("development.key")
    }

    /// The development token.
    pub fn token(&self) -> PathBuf {
        self.path.join("token")
    }

    /// Which children run, for whoever has to find them.
    pub fn children(&self) -> PathBuf {
        self.path.join("children.json")
    }
}

/// Makes a directory with all that are lacking above it, and syncs each of them and its parent: what
/// is acknowledged inside must not be lost with the directory around it.
fn create_dir_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    if parent != path {
        create_dir_durably(parent)?;
    }
    match fs::create_dir(path) {
        // Somebody else may have made it meanwhile; a file in its place is no directory.
        Err(error) if !path.is_dir() => return Err(error),
        Ok(()) | Err(_) => {}
    }
    sync_dir(path)?;
    sync_dir(parent)
}

fn parent_of(path: &Path) -> &Path {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

fn sync_dir(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Under root, PostgreSQL runs as another user, who has to pass through the directory. What is
/// private in it has its own mode.
fn directory_mode() -> u32 {
    if rustix::process::geteuid().is_root() {
        0o711
    } else {
        0o700
    }
}

/// Makes a private directory, mode 700, unless it is there.
pub fn create_private_dir(path: &Path) -> Result<(), DataDirError> {
    if !path.is_dir() {
        fs::create_dir(path).map_err(io_error("create", path))?;
        set_mode(path, 0o700)?;
    }
    Ok(())
}

/// Writes a file that only its owner reads, whole or not at all.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), DataDirError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let write = || {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        sync_dir(parent_of(path))
    };
    write().map_err(io_error("write", path))
}

fn set_mode(path: &Path, mode: u32) -> Result<(), DataDirError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(io_error("set the mode of", path))
}

/// For `map_err`: what was tried, and on which path.
pub fn io_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> DataDirError + use<> {
    let path = path.to_owned();
    move |source| DataDirError::Io {
        action,
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_directory_is_made_and_opened_again() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a").join("b");
        assert!(matches!(
            DataDir::open(&path),
            Err(DataDirError::Missing { .. })
        ));
        let made = DataDir::open_or_create(&path).unwrap();
        assert_eq!(
            fs::read_to_string(path.join("VERSION")).unwrap(),
            "daybook-data 1\n"
        );
        let again = DataDir::open_or_create(&path).unwrap();
        assert_eq!(made.path(), again.path());
        assert_eq!(DataDir::open(&path).unwrap().log(), made.path().join("log"));
    }

    #[test]
    fn a_directory_of_another_version_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("VERSION"), "daybook-data 2\n").unwrap();
        let refused = DataDir::open_or_create(temp.path()).unwrap_err();
        assert!(
            matches!(&refused, DataDirError::OtherVersion { found, .. } if found.ends_with('2'))
        );
    }

    #[test]
    fn a_directory_with_something_else_in_it_is_refused_and_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("holiday.jpg"), "").unwrap();
        let refused = DataDir::open_or_create(temp.path());
        assert!(matches!(refused, Err(DataDirError::Foreign { .. })));
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    }

    #[test]
    fn one_process_at_a_time_works_in_a_directory() {
        let temp = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open_or_create(temp.path()).unwrap();
        let lock = data_dir.lock().unwrap();
        assert!(matches!(data_dir.lock(), Err(DataDirError::InUse { .. })));
        drop(lock);
        data_dir.lock().unwrap();
    }

    #[test]
    fn a_private_file_is_readable_by_its_owner_alone() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("token");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    }
}
