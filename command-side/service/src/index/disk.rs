//! The older part of every ledger's index, in one keyspace of the process.
//!
//! A key is `<ledger> 0x00 <kind> <name>`, its value the revision, eight bytes big-endian. A ledger
//! id holds no NUL, so no ledger's keys are a prefix of another's. The marker's kind is `m`.
//! Nothing here is synced before a clean stop: what a crash loses is rebuilt from the log.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use daybook_events::ids::{EventId, GenerationId, LedgerId, Revision};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use uuid::Uuid;

use super::{Name, due};

/// The layout of keys and values; another one is wiped and rebuilt.
const KEYSPACE: &str = "names-1";
/// Present when a read or write of the index failed: the next start begins with an empty one.
const REBUILD_FILE: &str = "REBUILD";
/// Keys that one removal takes at a time.
const WIPE_BATCH: usize = 10_000;

/// The index on disk cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} the ledgers' index")]
pub(crate) struct IndexError {
    action: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// What the disk covers of one ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) generation: GenerationId,
    pub(crate) revision: Revision,
    pub(crate) event_id: EventId,
}

/// The keyspace of the process. Every call blocks.
pub(crate) struct Disk {
    root: PathBuf,
    /// Its directory in `root`: each index that follows a failed one has the next number, so that
    /// what the failed one still does touches nothing of it.
    number: u64,
    pub(super) database: Database,
    names: Keyspace,
    /// When open holds expire, of all ledgers: see [`super::due`].
    pub(super) due: Keyspace,
    failed: AtomicBool,
    /// Stands for a disk without room.
    #[cfg(test)]
    pub(crate) full: std::sync::Arc<AtomicBool>,
}

impl Disk {
    /// Opens the index; one that is damaged is thrown away, with a warning, and rebuilt as ledgers
    /// are loaded.
    pub(crate) fn open(root: &Path) -> Result<Self, IndexError> {
        std::fs::create_dir_all(root).map_err(|error| failed("create", error))?;
        let wanted = root.join(REBUILD_FILE).exists();
        let last = last_number(root)?;
        if let Some(number) = last.filter(|_| !wanted) {
            match Self::open_kept(root, number) {
                Ok(disk) => {
                    remove_others(root, number)?;
                    return Ok(disk);
                }
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the ledgers' index is damaged and will be rebuilt from the log"
                ),
            }
        }
        let number = last.map_or(1, |last| last.saturating_add(1));
        remove_others(root, number)?;
        Self::open_kept(root, number)
    }

    fn open_kept(root: &Path, number: u64) -> Result<Self, IndexError> {
        let database = Database::builder(root.join(number.to_string()))
            .open()
            .map_err(|error| failed("open", error))?;
        let names = database
            .keyspace(KEYSPACE, KeyspaceCreateOptions::default)
            .map_err(|error| failed("open", error))?;
        let due = database
            .keyspace(due::KEYSPACE, KeyspaceCreateOptions::default)
            .map_err(|error| failed("open", error))?;
        Ok(Self {
            root: root.to_owned(),
            number,
            database,
            names,
            due,
            failed: AtomicBool::new(false),
            #[cfg(test)]
            full: std::sync::Arc::default(),
        })
    }

    /// An empty index to go on with after this one failed.
    pub(crate) fn successor(&self) -> Result<Self, IndexError> {
        #[cfg(test)]
        self.room()?;
        let number = self.number.saturating_add(1);
        // This one too, whoever still has it open: its room may be just what is lacking.
        remove_others(&self.root, number)?;
        let next = self.root.join(number.to_string());
        if next.exists() {
            // An earlier try was cut short.
            std::fs::remove_dir_all(next).map_err(|error| failed("remove", error))?;
        }
        let opened = Self::open_kept(&self.root, number)?;
        #[cfg(test)]
        let opened = Self {
            full: std::sync::Arc::clone(&self.full),
            ..opened
        };
        Ok(opened)
    }

    /// That it takes no more writes, if so.
    pub(crate) fn failure(&self) -> Option<IndexError> {
        let has = self.failed.load(Ordering::Acquire);
        has.then(|| failed("go on with", std::io::Error::other("it failed before")))
    }

    #[cfg(test)]
    fn room(&self) -> Result<(), IndexError> {
        let full = self.full.load(Ordering::Acquire);
        let no_room = || {
            failed(
                "write",
                std::io::Error::from(std::io::ErrorKind::StorageFull),
            )
        };
        if full { Err(no_room()) } else { Ok(()) }
    }

    /// Looks up many names of a ledger, in order.
    pub(crate) fn get_many(
        &self,
        ledger: &LedgerId,
        names: &[Name],
    ) -> Result<Vec<Option<Revision>>, IndexError> {
        let mut key = Vec::with_capacity(128);
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            write_key(&mut key, ledger, name);
            let value = self
                .names
                .get(&key)
                .map_err(|error| self.broken("read", error))?;
            found.push(value.as_deref().and_then(read_revision));
        }
        Ok(found)
    }

    /// The marker of a ledger.
    pub(crate) fn marker(&self, ledger: &LedgerId) -> Result<Option<Marker>, IndexError> {
        let value = self
            .names
            .get(marker_key(ledger))
            .map_err(|error| self.broken("read", error))?;
        Ok(value.as_deref().and_then(read_marker))
    }

    /// Writes entries and the marker that covers them, both or neither.
    pub(super) fn write(
        &self,
        ledger: &LedgerId,
        entries: &[(Name, Revision)],
        marker: &Marker,
    ) -> Result<(), IndexError> {
        #[cfg(test)]
        self.room().map_err(|error| self.broken("write", error))?;
        let mut batch = self.database.batch();
        let mut key = Vec::with_capacity(128);
        for (name, revision) in last_holders(entries) {
            write_key(&mut key, ledger, name);
            batch.insert(&self.names, key.as_slice(), revision.get().to_be_bytes());
        }
        batch.insert(&self.names, marker_key(ledger), write_marker(marker));
        batch.commit().map_err(|error| self.broken("write", error))
    }

    /// Removes everything about a ledger. The marker goes first: a ledger without one is wiped, so
    /// a wipe that was cut short is begun again. Where nothing is, it looks and writes nothing.
    pub(crate) fn wipe(&self, ledger: &LedgerId) -> Result<(), IndexError> {
        if self.marker(ledger)?.is_some() {
            self.names
                .remove(marker_key(ledger))
                .map_err(|error| self.broken("wipe", error))?;
        }
        let mut prefix = ledger.as_str().as_bytes().to_vec();
        prefix.push(0);
        loop {
            let mut batch = self.database.batch();
            for guard in self.names.prefix(&prefix).take(WIPE_BATCH) {
                let key = guard.key().map_err(|error| self.broken("wipe", error))?;
                batch.remove(&self.names, key);
            }
            if batch.is_empty() {
                return Ok(());
            }
            batch.commit().map_err(|error| self.broken("wipe", error))?;
        }
    }

    /// Makes everything written so far safe, at a clean stop.
    pub(crate) fn persist(&self) -> Result<(), IndexError> {
        self.database
            .persist(PersistMode::SyncAll)
            .map_err(|error| self.broken("persist", error))
    }

    /// An error while in use: from then on there is another index, in this process or the next.
    pub(super) fn broken(
        &self,
        action: &'static str,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> IndexError {
        if !self.failed.swap(true, Ordering::AcqRel)
            && let Err(error) = std::fs::write(self.root.join(REBUILD_FILE), b"")
        {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "failed to mark the ledgers' index for rebuilding"
            );
        }
        failed(action, error)
    }
}

/// The highest number of an index in the directory.
fn last_number(root: &Path) -> Result<Option<u64>, IndexError> {
    let mut last = None;
    for entry in std::fs::read_dir(root).map_err(|error| failed("list", error))? {
        let entry = entry.map_err(|error| failed("list", error))?;
        let name = entry.file_name();
        last = last.max(name.to_str().and_then(|name| name.parse().ok()));
    }
    Ok(last)
}

/// Removes everything in the directory but the index of this number.
fn remove_others(root: &Path, number: u64) -> Result<(), IndexError> {
    let kept = number.to_string();
    for entry in std::fs::read_dir(root).map_err(|error| failed("list", error))? {
        let entry = entry.map_err(|error| failed("list", error))?;
        if entry.file_name().to_str() == Some(kept.as_str()) {
            continue;
        }
        let path = entry.path();
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(path)
        } else {
            std::fs::remove_file(path)
        };
        removed.map_err(|error| failed("remove", error))?;
    }
    Ok(())
}

/// The entries without those whose name moved on within them: what a batch makes of two values of
/// one key is not ours to say.
fn last_holders(entries: &[(Name, Revision)]) -> impl Iterator<Item = &(Name, Revision)> {
    let moving = entries.iter().filter(|(name, _)| name.moves());
    let last: HashMap<&Name, Revision> = moving.map(|(name, at)| (name, *at)).collect();
    entries
        .iter()
        .filter(move |(name, at)| last.get(name).is_none_or(|last| last == at))
}

fn failed(
    action: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> IndexError {
    IndexError {
        action,
        source: Box::new(error),
    }
}

fn write_key(key: &mut Vec<u8>, ledger: &LedgerId, name: &Name) {
    key.clear();
    key.extend_from_slice(ledger.as_str().as_bytes());
    key.push(0);
    match name {
        Name::Key(text) => {
            key.push(b'k');
            key.extend_from_slice(text.as_str().as_bytes());
        }
        Name::Id(id) => {
            key.push(b'i');
            key.extend_from_slice(id.as_bytes());
        }
        Name::Reference(text) => {
            key.push(b'r');
            key.extend_from_slice(text.as_str().as_bytes());
        }
        Name::Reversed(id) => {
            key.push(b'x');
            key.extend_from_slice(id.as_bytes());
        }
        Name::Ended(id) => {
            key.push(b'e');
            key.extend_from_slice(id.as_bytes());
        }
        Name::MetadataOf(id) => {
            key.push(b'd');
            key.extend_from_slice(id.as_bytes());
        }
    }
}

fn marker_key(ledger: &LedgerId) -> Vec<u8> {
    let mut key = ledger.as_str().as_bytes().to_vec();
    key.extend_from_slice(b"\0m");
    key
}

fn write_marker(marker: &Marker) -> Vec<u8> {
    let mut value = Vec::with_capacity(40);
    value.extend_from_slice(marker.generation.uuid().as_bytes());
    value.extend_from_slice(marker.event_id.uuid().as_bytes());
    value.extend_from_slice(&marker.revision.get().to_be_bytes());
    value
}

fn read_marker(value: &[u8]) -> Option<Marker> {
    let (generation, rest) = value.split_first_chunk::<16>()?;
    let (event_id, rest) = rest.split_first_chunk::<16>()?;
    Some(Marker {
        generation: GenerationId::new(Uuid::from_bytes(*generation)),
        event_id: EventId::new(Uuid::from_bytes(*event_id)),
        revision: read_revision(rest)?,
    })
}

fn read_revision(value: &[u8]) -> Option<Revision> {
    Some(Revision::new(u64::from_be_bytes(value.try_into().ok()?)))
}
