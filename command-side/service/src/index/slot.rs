//! The index that ledgers are loaded over now.
//!
//! An index whose disk failed once takes no more writes, also when the disk has room again. It is
//! not repaired: whoever uses it lets go of the ledger, and the next load begins another index,
//! empty, in a directory of its own, and fills it from the log. While that fails, loads fail.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::disk::{Disk, IndexError};

/// How often a new index is tried: each try writes to a disk that may be full.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// How long anybody waits for the index: it is local, and its calls take milliseconds.
const CALL_MAX: Duration = Duration::from_secs(10);

/// Holds the index of the process.
pub(crate) struct IndexSlot {
    state: Mutex<State>,
}

struct State {
    disk: Arc<Disk>,
    tried: Option<Instant>,
}

impl IndexSlot {
    pub(crate) fn open(dir: &Path) -> Result<Self, IndexError> {
        let disk = Arc::new(Disk::open(dir)?);
        let state = Mutex::new(State { disk, tried: None });
        Ok(Self { state })
    }

    /// The index as it is.
    pub(crate) fn current(&self) -> Arc<Disk> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&state.disk)
    }

    /// The index, or a new one if it failed. Blocks.
    pub(crate) fn usable(&self) -> Result<Arc<Disk>, IndexError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = state.disk.failure() {
            if state
                .tried
                .is_some_and(|tried| tried.elapsed() < RETRY_EVERY)
            {
                return Err(failure);
            }
            state.tried = Some(Instant::now());
            state.disk = Arc::new(state.disk.successor()?);
            tracing::warn!("the ledgers' index failed; a new one is filled from the log");
        }
        Ok(Arc::clone(&state.disk))
    }
}

/// Runs a call that blocks where it holds nobody up. It always comes to an end: an index that does
/// not answer has failed.
pub(crate) async fn blocking<T: Send + 'static>(
    disk: &Arc<Disk>,
    work: impl FnOnce(&Disk) -> Result<T, IndexError> + Send + 'static,
) -> Result<T, IndexError> {
    let called = Arc::clone(disk);
    let call = tokio::task::spawn_blocking(move || work(&called));
    match tokio::time::timeout(CALL_MAX, call).await {
        Ok(Ok(result)) => result,
        Ok(Err(panicked)) => Err(disk.broken("use", panicked)),
        Err(elapsed) => Err(disk.broken("wait for", elapsed)),
    }
}
