//! The service: which ledgers are loaded, and the way to their writers.

mod shared;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use daybook_events::ids::{EventId, GenerationId, LedgerId};
use daybook_platform::clock::Clock;
use daybook_platform::health::Part;
use daybook_store::EventStore;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::config::CommandConfig;
use crate::index::{self, Disk, IndexError};
use crate::snapshot::SnapshotError;
use crate::work::{Answer, Detail, Failure, Outcome, Task, Work, tasks};
use crate::{due, measure, writer};

pub(crate) use shared::Shared;

/// How long a request waits for a place among the loaded ledgers while an idle one is let go.
const PLACE_WAIT: Duration = Duration::from_secs(2);
/// How often a request that met a writer on its way out looks for the next one.
const HANDOVERS_MAX: usize = 8;
/// The unit in which waiting bytes are counted: semaphores count in `u32`.
const PERMIT_BYTES: usize = 1024;

/// The command side of one process.
pub struct CommandService {
    shared: Arc<Shared>,
    slots: Mutex<Slots>,
    /// Places for loaded ledgers.
    places: Arc<Semaphore>,
    /// Bytes that may wait or be worked on.
    queued: Arc<Semaphore>,
    writers: TaskTracker,
    /// Writers live on the runtime that opened the service, not on the worker that met them first.
    runtime: tokio::runtime::Handle,
    /// Ends what runs beside the writers.
    stop: CancellationToken,
}

impl Drop for CommandService {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Slots {
    by_ledger: HashMap<LedgerId, Slot>,
    next_id: u64,
    open: bool,
}

struct Slot {
    id: u64,
    mailbox: mpsc::Sender<Vec<Task>>,
    last_used: Instant,
    /// Whether it was told to let go since it was last used.
    told: bool,
    retire: Arc<Notify>,
    finished: CancellationToken,
}

/// The command side could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("failed to open the command side")]
pub struct OpenError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl From<IndexError> for OpenError {
    fn from(error: IndexError) -> Self {
        Self(error.into())
    }
}

impl From<SnapshotError> for OpenError {
    fn from(error: SnapshotError) -> Self {
        Self(error.into())
    }
}

/// A place in the map of loaded ledgers, held by a writer for as long as it lives.
pub(crate) struct Place {
    service: std::sync::Weak<CommandService>,
    ledger: LedgerId,
    id: u64,
    _permit: OwnedSemaphorePermit,
    _finished: DropGuard,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(service) = self.service.upgrade() {
            let mut slots = service.slots();
            if slots
                .by_ledger
                .get(&self.ledger)
                .is_some_and(|slot| slot.id == self.id)
            {
                slots.by_ledger.remove(&self.ledger);
            }
            measure::ledgers_loaded(slots.by_ledger.len());
        }
    }
}

impl CommandService {
    /// Opens the index, takes commands from then on, and ends holds when they are due. Must be
    /// called on the tokio runtime that is to carry the writers.
    pub fn open(
        store: Arc<dyn EventStore>,
        config: CommandConfig,
        clock: Clock,
    ) -> Result<Arc<Self>, OpenError> {
        let service = Arc::new(Self {
            slots: Mutex::new(Slots {
                by_ledger: HashMap::new(),
                next_id: 0,
                open: true,
            }),
            places: Arc::new(Semaphore::new(config.ledgers_max)),
            queued: Arc::new(Semaphore::new(config.queued_bytes_max / PERMIT_BYTES)),
            writers: TaskTracker::new(),
            runtime: tokio::runtime::Handle::current(),
            stop: CancellationToken::new(),
            shared: Arc::new(Shared::new(store, config, clock)?),
        });
        let watch = due::run(
            Arc::clone(&service.shared),
            Arc::downgrade(&service),
            service.stop.clone(),
        );
        service.writers.spawn_on(watch, &service.runtime);
        Ok(service)
    }

    /// Keeps this part of the health report: ready while the store answers.
    pub fn report_to(&self, part: Part) {
        part.ready("taking commands");
        // A second part would be a mistake in the wiring; the first stays.
        drop(self.shared.health.set(part));
    }

    /// Takes no more commands, finishes those that were taken, and writes the index down.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        let slots = {
            let mut slots = self.slots();
            slots.open = false;
            std::mem::take(&mut slots.by_ledger)
        };
        // Without senders the mailboxes end; each writer finishes what is in its own.
        drop(slots);
        self.writers.close();
        self.writers.wait().await;
        match index::blocking(&self.shared.index.current(), Disk::persist).await {
            Ok(()) => tracing::info!("command side stopped"),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the ledgers' index was not written down; it is rebuilt from the log"
            ),
        }
    }

    pub(crate) fn new_event_id(&self) -> EventId {
        EventId::new(self.shared.clock.uuid_v7())
    }

    /// Which life of the log this is. It stays the same while the log is open.
    pub(crate) async fn generation(&self) -> Result<GenerationId, Failure> {
        if let Some(generation) = self.shared.generation.get() {
            return Ok(*generation);
        }
        let head = self.shared.store.head().await;
        let head = head.map_err(|error| {
            tracing::warn!(%error, "the log's generation cannot be read");
            Failure::StoreUnavailable
        })?;
        Ok(*self.shared.generation.get_or_init(|| head.generation))
    }

    /// Room for the body of a request, before any of it is read: what waits, is read or is worked on
    /// is bounded in all (INV-9).
    pub(crate) fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Failure> {
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES).max(1)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.queued).try_acquire_many_owned(permits);
        room.map_err(|_full| Failure::Overloaded)
    }

    /// Hands work to the ledger's writer and waits for the outcome of each group.
    pub(crate) async fn submit(
        self: &Arc<Self>,
        ledger: &LedgerId,
        groups: Vec<Vec<Work>>,
        detail: Detail,
        room: OwnedSemaphorePermit,
    ) -> Result<Vec<Outcome>, Failure> {
        let (mail, outcomes) = tasks(groups, detail, Some(room));
        self.hand_over(ledger, mail, outcomes).await
    }

    /// Has the due holds of a ledger ended, as its writer does by itself before it decides
    /// anything: a task of no command waits for just that.
    pub(crate) async fn end_due_holds(self: &Arc<Self>, ledger: &LedgerId) -> Result<(), Failure> {
        let (mail, outcomes) = tasks(vec![Vec::new()], Detail::Brief, None);
        let outcomes = self.hand_over(ledger, mail, outcomes).await?;
        let mut answers = outcomes.iter().flat_map(|outcome| &outcome.answers);
        let failure = answers.find_map(|answer| match answer {
            Answer::Failed(failure) => Some(*failure),
            Answer::Applied(_)
            | Answer::Replayed(_)
            | Answer::WouldApply(_)
            | Answer::Noted(_)
            | Answer::Declined { .. }
            | Answer::Rejected(_) => None,
        });
        failure.map_or(Ok(()), Err)
    }

    async fn hand_over(
        self: &Arc<Self>,
        ledger: &LedgerId,
        mut mail: Vec<Task>,
        outcomes: oneshot::Receiver<Vec<Outcome>>,
    ) -> Result<Vec<Outcome>, Failure> {
        for _ in 0..HANDOVERS_MAX {
            let mailbox = self.mailbox_of(ledger).await?;
            match mailbox.try_send(mail) {
                Ok(()) => {
                    drop(mailbox);
                    let wait = Duration::from_secs(self.shared.config.answer_timeout_s);
                    return match tokio::time::timeout(wait, outcomes).await {
                        Ok(Ok(outcomes)) => Ok(outcomes),
                        // The writer died with the work: its panic is in the log.
                        Ok(Err(_)) => Err(Failure::Internal),
                        Err(_) => Err(Failure::StoreUnavailable),
                    };
                }
                Err(TrySendError::Full(_)) => return Err(Failure::Overloaded),
                // The writer is letting go of the ledger: the next one takes the work.
                Err(TrySendError::Closed(back)) => mail = back,
            }
        }
        Err(Failure::Overloaded)
    }

    async fn mailbox_of(
        self: &Arc<Self>,
        ledger: &LedgerId,
    ) -> Result<mpsc::Sender<Vec<Task>>, Failure> {
        if let Some(mailbox) = self.loaded(ledger)? {
            return Ok(mailbox);
        }
        let permit = self.place().await?;
        let mut slots = self.slots();
        if !slots.open {
            return Err(Failure::Stopping);
        }
        let predecessor = match slots.by_ledger.get(ledger) {
            // Another request was faster: its writer loads for all of us.
            Some(slot) if !slot.mailbox.is_closed() => return Ok(slot.mailbox.clone()),
            Some(slot) => Some(slot.finished.clone()),
            None => None,
        };
        let (mailbox, received) = mpsc::channel(self.shared.config.mailbox_max);
        let finished = CancellationToken::new();
        let retire = Arc::new(Notify::new());
        let id = slots.next_id;
        slots.next_id += 1;
        let place = Place {
            service: Arc::downgrade(self),
            ledger: ledger.clone(),
            id,
            _permit: permit,
            _finished: finished.clone().drop_guard(),
        };
        let slot = Slot {
            id,
            mailbox: mailbox.clone(),
            last_used: Instant::now(),
            told: false,
            retire: Arc::clone(&retire),
            finished,
        };
        slots.by_ledger.insert(ledger.clone(), slot);
        measure::ledgers_loaded(slots.by_ledger.len());
        // A place that is dropped takes the lock: it must be free before anything may drop one.
        drop(slots);
        let shared = Arc::clone(&self.shared);
        let ledger = ledger.clone();
        self.writers.spawn_on(
            async move {
                // Two writers of one process would share the index: the older one ends first.
                if let Some(predecessor) = predecessor {
                    predecessor.cancelled().await;
                }
                writer::run(shared, ledger, received, retire).await;
                drop(place);
            },
            &self.runtime,
        );
        Ok(mailbox)
    }

    fn loaded(&self, ledger: &LedgerId) -> Result<Option<mpsc::Sender<Vec<Task>>>, Failure> {
        let mut slots = self.slots();
        if !slots.open {
            return Err(Failure::Stopping);
        }
        Ok(slots.by_ledger.get_mut(ledger).and_then(|slot| {
            slot.last_used = Instant::now();
            slot.told = false;
            (!slot.mailbox.is_closed()).then(|| slot.mailbox.clone())
        }))
    }

    /// A place for one more ledger; if all are taken, the ledger that was idle longest is let go.
    async fn place(&self) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(permit);
        }
        {
            let mut slots = self.slots();
            // Another ledger for each that waits: one that was told already brings one place only.
            let untold = slots.by_ledger.values_mut().filter(|slot| !slot.told);
            if let Some(oldest) = untold.min_by_key(|slot| slot.last_used) {
                oldest.told = true;
                oldest.retire.notify_one();
            }
        }
        match tokio::time::timeout(PLACE_WAIT, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Failure::Stopping),
            Err(_) => Err(Failure::Overloaded),
        }
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        // A panic while it was held cannot leave the map half changed.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody looks after ledgers that are not loaded from now on.
    #[cfg(test)]
    pub(crate) fn stop_watching(&self) {
        self.stop.cancel();
    }

    #[cfg(test)]
    pub(crate) fn index_in_use(&self) -> Arc<Disk> {
        self.shared.index.current()
    }

    /// How many ledgers are in memory now.
    pub fn ledgers_loaded(&self) -> usize {
        self.slots().by_ledger.len()
    }
}
