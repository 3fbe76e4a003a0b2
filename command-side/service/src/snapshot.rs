//! Snapshots: the state of a ledger at one of its revisions, one file per ledger, so that a load
//! replays what came after it alone.
//!
//! A file is `magic, format, generation, event id, revision, ledger, state as JSON, length of the
//! state, SHA-256 of all that`. It is written beside its predecessor, synced and renamed over it,
//! so that there is always a whole one. A snapshot is derived from the log and never trusted
//! further than it can be checked: a digest that differs, another format, log or ledger, an event
//! that the log does not have there, or a state that breaks a law refuse it, and the log is
//! replayed from its beginning.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use daybook_domain::{Ledger, LedgerSnapshot};
use daybook_events::Invalid;
use daybook_events::ids::{EventId, GenerationId, LedgerId, Revision};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

const MAGIC: &[u8; 16] = b"daybook-snapshot";
/// The layout of the file. Another one is refused.
const FORMAT: u32 = 1;
const DIGEST_BYTES: usize = 32;
const LENGTH_BYTES: usize = 8;
/// What is hashed and written at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// The snapshots of a process. Every call blocks.
#[derive(Debug)]
pub(crate) struct Snapshots {
    dir: PathBuf,
}

/// Where in which log a state stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) generation: GenerationId,
    pub(crate) ledger: LedgerId,
    pub(crate) revision: Revision,
    /// The event at that revision.
    pub(crate) event_id: EventId,
}

/// A snapshot cannot be written, read or believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("failed to {action} {path}")]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the snapshot is refused: {0}")]
    Refused(&'static str),
    #[error("the state in the snapshot cannot be read")]
    Unreadable(#[from] serde_json::Error),
    #[error("the state in the snapshot breaks a law")]
    Lawless(#[from] Invalid),
}

impl Snapshots {
    /// Opens the directory, and makes it if it is not there.
    pub(crate) fn open(dir: &Path) -> Result<Self, SnapshotError> {
        fs::create_dir_all(dir).map_err(failed("create", dir))?;
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    /// Writes a state down in the place of its predecessor; gives the bytes of the file.
    pub(crate) fn write(&self, at: &At, state: &Ledger) -> Result<usize, SnapshotError> {
        assert_eq!(
            state.revision(),
            Some(at.revision),
            "a snapshot is of the revision that it says"
        );
        let path = self.path_of(&at.ledger);
        // A ledger's name holds no point: no other ledger's file has this name.
        let new = path.with_extension("snapshot.new");
        let file = File::create(&new).map_err(failed("create", &new))?;
        let (file, bytes) =
            write_all(file, at, &state.snapshot()).map_err(failed("write", &new))?;
        file.sync_all().map_err(failed("sync", &new))?;
        fs::rename(&new, &path).map_err(failed("rename", &new))?;
        let dir = File::open(&self.dir).and_then(|dir| dir.sync_all());
        dir.map_err(failed("sync", &self.dir))?;
        Ok(bytes)
    }

    /// The snapshot of a ledger, if there is one that agrees with itself and is of this log.
    /// Whether the log agrees with it is for the caller to ask.
    pub(crate) fn read(
        &self,
        ledger: &LedgerId,
        generation: GenerationId,
    ) -> Result<Option<(At, Ledger)>, SnapshotError> {
        let path = self.path_of(ledger);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let (at, state) = check(&bytes)?;
        if at.ledger != *ledger {
            return Err(SnapshotError::Refused("it is of another ledger"));
        }
        if at.generation != generation {
            return Err(SnapshotError::Refused("it is of another log"));
        }
        let state: LedgerSnapshot = serde_json::from_slice(state)?;
        let state = Ledger::restore(state)?;
        if state.id() != ledger || state.revision() != Some(at.revision) {
            return Err(SnapshotError::Refused(
                "its state is of another ledger or revision",
            ));
        }
        Ok(Some((at, state)))
    }

    fn path_of(&self, ledger: &LedgerId) -> PathBuf {
        self.dir.join(format!("{ledger}.snapshot"))
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_owned();
    move |source| SnapshotError::Io {
        action,
        path,
        source,
    }
}

/// Writes the whole file; gives it with the bytes that it has.
fn write_all(file: File, at: &At, state: &LedgerSnapshot) -> io::Result<(File, usize)> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, Hashing::new(file));
    out.write_all(MAGIC)?;
    out.write_all(&FORMAT.to_be_bytes())?;
    out.write_all(at.generation.uuid().as_bytes())?;
    out.write_all(at.event_id.uuid().as_bytes())?;
    out.write_all(&at.revision.get().to_be_bytes())?;
    out.write_all(at.ledger.as_str().as_bytes())?;
    out.write_all(&[0])?;
    // What was counted is all that was written, once it is flushed.
    out.flush()?;
    let before = out.get_ref().bytes;
    serde_json::to_writer(&mut out, state)?;
    out.flush()?;
    let length = out.get_ref().bytes - before;
    out.write_all(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes())?;
    let Hashing {
        mut file,
        hash,
        bytes,
    } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.write_all(&hash.finalize())?;
    Ok((file, bytes + DIGEST_BYTES))
}

/// What stands in a file whose digest is right: the header and the state, still as JSON.
fn check(bytes: &[u8]) -> Result<(At, &[u8]), SnapshotError> {
    let refused = |why| move || SnapshotError::Refused(why);
    let rest = bytes.strip_prefix(MAGIC);
    let rest = rest.ok_or_else(refused("it is not a snapshot"))?;
    let (format, rest) = rest
        .split_first_chunk::<4>()
        .ok_or_else(refused("it is cut short"))?;
    if u32::from_be_bytes(*format) != FORMAT {
        return Err(SnapshotError::Refused("its format is another one"));
    }
    let (rest, digest) = rest
        .split_last_chunk::<DIGEST_BYTES>()
        .ok_or_else(refused("it is cut short"))?;
    let covered = bytes.get(..bytes.len() - DIGEST_BYTES).unwrap_or_default();
    if Sha256::digest(covered).as_slice() != digest {
        return Err(SnapshotError::Refused("it is damaged"));
    }
    read(rest).ok_or_else(refused("its parts do not fit together"))
}

fn read(rest: &[u8]) -> Option<(At, &[u8])> {
    let (generation, rest) = rest.split_first_chunk::<16>()?;
    let (event_id, rest) = rest.split_first_chunk::<16>()?;
    let (revision, rest) = rest.split_first_chunk::<8>()?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (ledger, rest) = rest.split_at_checked(end)?;
    let (state, length) = rest.get(1..)?.split_last_chunk::<LENGTH_BYTES>()?;
    let at = At {
        generation: GenerationId::new(Uuid::from_bytes(*generation)),
        event_id: EventId::new(Uuid::from_bytes(*event_id)),
        revision: Revision::new(u64::from_be_bytes(*revision)),
        ledger: LedgerId::parse(std::str::from_utf8(ledger).ok()?).ok()?,
    };
    let is_whole = u64::try_from(state.len()).ok()? == u64::from_be_bytes(*length);
    is_whole.then_some((at, state))
}

/// A file that is hashed while it is written.
struct Hashing {
    file: File,
    hash: Sha256,
    bytes: usize,
}

impl Hashing {
    fn new(file: File) -> Self {
        Self {
            file,
            hash: Sha256::new(),
            bytes: 0,
        }
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
