//! Limits of the command side (INV-9), each with the reason for its number.

use std::path::PathBuf;

/// How the command side is set up.
#[derive(Debug, Clone)]
pub struct CommandConfig {
    /// Where the ledgers' index is kept. Derived from the log: it may be deleted at any time.
    pub index_dir: PathBuf,
    /// Where the ledgers' snapshots are kept. Derived from the log as well.
    pub snapshot_dir: PathBuf,
    /// Requests that may wait for one ledger's writer; one more is answered `overloaded`.
    pub mailbox_max: usize,
    /// Bytes of request bodies that may wait or be worked on in this process.
    pub queued_bytes_max: usize,
    /// Ledgers that may be loaded at the same time.
    pub ledgers_max: usize,
    /// Seconds without a request after which a ledger is dropped from memory.
    pub idle_s: u64,
    /// Whether other processes may append to the same store: then a batch that appends nothing is
    /// confirmed by a zero-event append before anyone is answered (D2).
    pub multi_writer: bool,
    /// Commands after which a unit takes no more.
    pub unit_commands_max: usize,
    /// Bytes after which a unit takes no more.
    pub unit_bytes_max: usize,
    /// Bytes of events that a request which takes effect as a whole may come to. Learned to be less
    /// if the store takes less in one append.
    pub batch_bytes_max: usize,
    /// Bytes of stored events that one look-up for a ledger's commands reads, as far as more than
    /// one command is concerned.
    pub lookup_bytes_max: usize,
    /// Bytes of stored events that a request which takes effect as a whole may have read: its
    /// ledger does nothing else meanwhile.
    pub batch_read_bytes_max: usize,
    /// Index entries of one ledger that are kept in memory.
    pub index_recent_max: usize,
    /// Events of a ledger after which its state is written down again, so that a load replays the
    /// rest alone. A ledger with more accounts than that waits for as many events as accounts.
    pub snapshot_events: u64,
    /// The same when a ledger is let go.
    pub snapshot_events_at_stop: u64,
    /// Seconds that an answer may take before the caller is told that the outcome is unknown.
    pub answer_timeout_s: u64,
}

impl CommandConfig {
    /// The defaults, with what is derived from the log in these directories.
    pub fn new(index_dir: impl Into<PathBuf>, snapshot_dir: impl Into<PathBuf>) -> Self {
        Self {
            index_dir: index_dir.into(),
            snapshot_dir: snapshot_dir.into(),
            // A unit's worth of single requests twice over: one batch in flight, one decided.
            mailbox_max: 4_096,
            // Sixteen bulk bodies of the largest size.
            queued_bytes_max: 256 << 20,
            ledgers_max: 1_024,
            idle_s: 900,
            multi_writer: false,
            // Large enough that a sync is shared by all who wait, small enough that nobody waits
            // for more than a few milliseconds of deciding.
            unit_commands_max: 2_048,
            unit_bytes_max: 1 << 20,
            // What the embedded store takes in one append.
            batch_bytes_max: 16 << 20,
            // A few units' worth: the events of one look-up are held while its commands are decided.
            lookup_bytes_max: 4 << 20,
            // About a second's worth of reading, and far more than ten thousand usual transactions
            // come to.
            batch_read_bytes_max: 256 << 20,
            // About 100 bytes each.
            index_recent_max: 100_000,
            // Replayed in about a quarter of a second. Of ten thousand accounts the copy takes the
            // writer two milliseconds, and the file takes a thread beside it fifteen.
            snapshot_events: 50_000,
            // Replayed in about the time in which a snapshot is written and synced.
            snapshot_events_at_stop: 5_000,
            answer_timeout_s: 30,
        }
    }
}
