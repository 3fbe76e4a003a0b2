//! How a log is run. The defaults are right for one machine; tests change them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::disk::{Disk, RealDisk};

/// What happens when the writer can no longer know what is on the disk.
pub type FatalHook = Arc<dyn Fn(&str) + Send + Sync>;

/// The process's exit code when the log can no longer be trusted to the disk (`EX_IOERR`).
pub const EXIT_DISK_FAILED: i32 = 74;

/// See [`Options::recent_bytes_max`].
pub(super) const RECENT_BYTES_MAX: usize = 32 << 20;

/// How a log is run.
#[derive(Clone)]
pub struct Options {
    /// A segment that has events gets no group that would make it longer than this. 256 MiB: few
    /// files, and one is still copied in seconds.
    pub segment_bytes: u64,
    /// How long nothing is appended before the log is sealed.
    pub seal_after: Duration,
    /// How many units may wait. Each ledger writer sends one at a time, so this is ledgers.
    pub queue_units_max: usize,
    /// How many bytes may wait: four of the largest groups.
    pub queue_bytes_max: usize,
    /// How many bytes are written at once, unless one unit is larger: a tenth of a second of a
    /// slow disk.
    pub group_bytes_max: usize,
    /// The largest unit. Twice the largest bulk request, events being longer than commands.
    pub unit_bytes_max: usize,
    /// How many bytes of the newest records stay in memory: the relay and those who read their own
    /// writes then never ask the disk, and a bulk import of the largest units still fits twice.
    pub recent_bytes_max: usize,
    /// How long an append waits for the disk before its outcome is called unknown.
    pub append_wait: Duration,
    /// Called once, from the writer's thread, when a write or a sync failed in a way that leaves
    /// unknown what is on the disk. Nobody was or will be told of a success after the last group
    /// that was synced. The default logs one line and ends the process with
    /// [`EXIT_DISK_FAILED`]; where it returns, the log takes no more appends.
    pub fatal: FatalHook,
    /// The disk.
    pub disk: Arc<dyn Disk>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 256 << 20,
            seal_after: Duration::from_secs(1),
            queue_units_max: 4_096,
            queue_bytes_max: 64 << 20,
            group_bytes_max: 16 << 20,
            unit_bytes_max: 16 << 20,
            recent_bytes_max: RECENT_BYTES_MAX,
            append_wait: Duration::from_secs(30),
            fatal: Arc::new(|reason| {
                tracing::error!("event log cannot go on, process ends: {reason}");
                std::process::exit(EXIT_DISK_FAILED);
            }),
            disk: Arc::new(RealDisk),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("segment_bytes", &self.segment_bytes)
            .field("seal_after", &self.seal_after)
            .finish_non_exhaustive()
    }
}
