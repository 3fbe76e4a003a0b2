//! An embedded event store in a temporary directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use daybook_store::embedded::{EmbeddedStore, Options};

use crate::scratch::Scratch;

/// A store, and the directory that goes with it.
pub struct TempStore {
    /// The store, as every part of Daybook takes it.
    pub store: Arc<EmbeddedStore>,
    log: PathBuf,
    _directory: Scratch,
}

impl TempStore {
    /// Where the log is.
    pub fn path(&self) -> &Path {
        &self.log
    }
}

/// Opens a new, empty store.
///
/// # Panics
/// When it cannot be opened.
pub fn temp_store() -> TempStore {
    let directory = Scratch::new("store");
    let log = directory.path().join("log");
    std::fs::create_dir(&log).expect("own directory");
    let store =
        EmbeddedStore::open(&log, Options::default()).expect("an empty directory becomes a store");
    TempStore {
        store: Arc::new(store),
        log,
        _directory: directory,
    }
}
