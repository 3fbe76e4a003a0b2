//! Loading: the state from its snapshot and by replay of what the log has after it, the index from
//! disk where its marker is true of the log. The two need not be of the same revision.

use std::sync::Arc;
use std::time::Instant;

use daybook_domain::{Corrupt, Ledger, Recorded, evolve};
use daybook_events::Invalid;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{EventId, GenerationId, LedgerId, Revision};
use daybook_store::ReadError;

use super::lookup::Found;
use super::{expected, snapshot};
use crate::index::{Disk, IndexError, LedgerIndex, Marker, blocking};
use crate::measure;
use crate::service::Shared;
use crate::work::{Failure, Record};

/// Events that one read of a replay asks for.
const PAGE_EVENTS: usize = 2_000;
/// Index entries of a replay that are written at a time, so that a rebuild is bounded in memory.
const FLUSH_ENTRIES: usize = 50_000;
/// Single events that are read together if no more than this many others lie between them.
const GAP_MAX: u64 = 16;
/// Events that one read of single events may span.
const SPAN_MAX: u64 = 1_000;

/// A ledger could not be loaded, or what it names could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error("failed to read the event store")]
    Store(#[from] ReadError),
    #[error("failed to use the ledgers' index")]
    Index(#[from] IndexError),
    #[error("failed to read a stored event")]
    Event(#[from] Invalid),
    #[error("the history breaks a law of the ledger")]
    Corrupt(#[from] Corrupt),
    #[error("the store ends at {now:?}, but {before:?} was acknowledged")]
    Shrunk {
        before: Option<Revision>,
        now: Option<Revision>,
    },
    #[error("revision {0} is in the index, but not in the store")]
    Missing(Revision),
}

impl LoadError {
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Store(_) | Self::Index(_) | Self::Shrunk { .. } | Self::Missing(_) => {
                Failure::StoreUnavailable
            }
            Self::Event(_) | Self::Corrupt(_) => Failure::Internal,
        }
    }

    /// Whether it is the index that failed, and not the log.
    pub(super) fn is_index(&self) -> bool {
        matches!(self, Self::Index(_))
    }

    pub(super) fn log(&self, ledger: &LedgerId) {
        tracing::error!(
            %ledger,
            error = self as &dyn std::error::Error,
            "the ledger cannot be read"
        );
    }
}

/// A ledger as the log has it.
pub(super) struct Loaded {
    pub(super) state: Ledger,
    /// Its last event.
    pub(super) last_id: Option<EventId>,
    /// The revision of the snapshot that it was loaded from.
    pub(super) snapshot: Option<Revision>,
}

impl Loaded {
    fn nothing(ledger: &LedgerId) -> Self {
        Self {
            state: Ledger::new(ledger.clone()),
            last_id: None,
            snapshot: None,
        }
    }
}

/// Loads a ledger that is not in memory.
pub(super) async fn first(
    shared: &Shared,
    ledger: &LedgerId,
) -> Result<(Loaded, LedgerIndex), LoadError> {
    let head = shared.store.head().await?;
    let disk = usable_disk(shared).await?;
    let marker = checked_marker(shared, &disk, ledger, head.generation).await?;
    let mut index = LedgerIndex::new(
        ledger.clone(),
        head.generation,
        disk,
        marker.map(|marker| marker.revision),
        shared.config.index_recent_max,
    );
    let flushed = index.flushed();
    let loaded = load(shared, &mut index, flushed).await?;
    Ok((loaded, index))
}

/// Loads a ledger again whose index holds everything up to `known`.
pub(super) async fn again(
    shared: &Shared,
    index: &mut LedgerIndex,
    known: Option<Revision>,
) -> Result<Loaded, LoadError> {
    let loaded = load(shared, index, known).await?;
    if loaded.state.revision() < known {
        return Err(LoadError::Shrunk {
            before: known,
            now: loaded.state.revision(),
        });
    }
    Ok(loaded)
}

/// The state by snapshot and replay; events after `known` are added to the index.
async fn load(
    shared: &Shared,
    index: &mut LedgerIndex,
    known: Option<Revision>,
) -> Result<Loaded, LoadError> {
    let from = snapshot::newest(shared, index.ledger(), index.generation()).await?;
    let Some(from) = from else {
        let from = Loaded::nothing(index.ledger());
        return replay(shared, index, from, known).await;
    };
    match replay(shared, index, from, known).await {
        Err(LoadError::Corrupt(error)) => {
            // Either the log breaks a law or the snapshot is not of it: the log alone can say.
            snapshot::refused(index.ledger(), &error);
            let known = known.max(index.flushed());
            index.forget_after(known);
            let from = Loaded::nothing(index.ledger());
            replay(shared, index, from, known).await
        }
        done => done,
    }
}

/// Applies what the log has after a state; events after `known` are added to the index, from before
/// that state on if need be.
async fn replay(
    shared: &Shared,
    index: &mut LedgerIndex,
    mut loaded: Loaded,
    known: Option<Revision>,
) -> Result<Loaded, LoadError> {
    let (ledger, began) = (index.ledger().clone(), Instant::now());
    let mut read = 0;
    let mut from = expected(loaded.state.revision().min(known)).next();
    loop {
        let page = shared.store.read_ledger(&ledger, from, PAGE_EVENTS).await?;
        let Some(last) = page.last() else { break };
        (from, loaded.last_id) = (last.revision.plus(1), Some(last.id));
        read += page.len();
        for stored in page {
            let event = stored.event()?;
            if Some(stored.revision) > loaded.state.revision() {
                evolve(&mut loaded.state, Recorded::from(&stored), &event)?;
            }
            if Some(stored.revision) > known {
                let meta = stored.parsed_meta()?;
                index.add(stored.revision, stored.id, meta.key.as_ref(), &event);
            }
        }
        if index.unflushed() >= FLUSH_ENTRIES {
            flush(index, loaded.state.revision()).await?;
        }
        // A long history is read on a thread that others need as well.
        tokio::task::yield_now().await;
    }
    measure::loaded(read, began.elapsed());
    tracing::debug!(
        %ledger,
        revision = loaded.state.revision().map(Revision::get),
        snapshot.revision = loaded.snapshot.map(Revision::get),
        events = read,
        took_ms = began.elapsed().as_millis(),
        "the ledger was loaded"
    );
    Ok(loaded)
}

async fn flush(index: &mut LedgerIndex, durable: Option<Revision>) -> Result<(), LoadError> {
    let Some(flush) = index.take_flush(durable) else {
        return Ok(());
    };
    let ledger = index.ledger().clone();
    let written = blocking(index.disk(), move |disk| {
        LedgerIndex::write(disk, &ledger, &flush).map(|()| flush)
    });
    index.flush_done(&written.await?);
    Ok(())
}

/// The marker if it is true of the log; else what the disk knows of this ledger is wiped.
async fn checked_marker(
    shared: &Shared,
    disk: &Arc<Disk>,
    ledger: &LedgerId,
    generation: GenerationId,
) -> Result<Option<Marker>, LoadError> {
    let of = ledger.clone();
    let found = blocking(disk, move |disk| {
        let marker = disk.marker(&of)?;
        if marker.is_none() {
            // What stands there without one was left by a wipe that was cut short.
            disk.wipe(&of)?;
        }
        Ok(marker)
    });
    let Some(marker) = found.await? else {
        return Ok(None);
    };
    let there = shared.store.read_ledger(ledger, marker.revision, 1).await?;
    let is_true = marker.generation == generation
        && there
            .first()
            .is_some_and(|event| event.id == marker.event_id && event.revision == marker.revision);
    if is_true {
        return Ok(Some(marker));
    }
    tracing::warn!(
        %ledger,
        index.revision = %marker.revision,
        "the ledger's index belongs to another log; it is rebuilt"
    );
    measure::index_rebuilt();
    let of = ledger.clone();
    blocking(disk, move |disk| disk.wipe(&of)).await?;
    Ok(None)
}

/// The index, or a new one in its place if it failed.
async fn usable_disk(shared: &Shared) -> Result<Arc<Disk>, LoadError> {
    let slot = Arc::clone(&shared.index);
    let current = slot.current();
    Ok(blocking(&current, move |_| slot.usable()).await?)
}

/// Reads the durable events at these revisions (ascending), neighbours together, until `found` holds
/// `bytes_max`.
pub(super) async fn read_records(
    shared: &Shared,
    ledger: &LedgerId,
    wanted: &[Revision],
    bytes_max: usize,
    found: &mut Found,
) -> Result<(), LoadError> {
    let mut rest = wanted;
    while let Some((first, _)) = rest.split_first() {
        let together = run_of(rest, *first);
        let (run, after) = rest.split_at(together);
        let last = run.last().copied().unwrap_or(*first);
        let mut from = *first;
        while from <= last {
            if found.bytes() >= bytes_max {
                return Ok(());
            }
            let span = usize::try_from(last.get() - from.get() + 1).unwrap_or(usize::MAX);
            let page = shared.store.read_ledger(ledger, from, span).await?;
            let Some(reached) = page.last().map(|event| event.revision) else {
                return Err(LoadError::Missing(from));
            };
            keep(found, run, page)?;
            from = reached.plus(1);
        }
        rest = after;
    }
    Ok(())
}

/// How many of the revisions are read together with the first.
fn run_of(wanted: &[Revision], first: Revision) -> usize {
    let mut last = first;
    let mut count = 0;
    for revision in wanted {
        let near = revision.get() - last.get() <= GAP_MAX;
        if !near || revision.get() - first.get() >= SPAN_MAX {
            break;
        }
        last = *revision;
        count += 1;
    }
    count
}

fn keep(found: &mut Found, run: &[Revision], page: Vec<RecordedEvent>) -> Result<(), LoadError> {
    for stored in page {
        if run.binary_search(&stored.revision).is_ok() {
            let bytes = stored.data.len() + stored.meta.len();
            found.put(Record::read(stored)?, bytes);
        }
    }
    Ok(())
}

/// Whether a unit whose outcome is unknown is in the log: every one of its events at its place, as
/// it was decided. An earlier attempt at some of its commands may stand there instead.
pub(super) async fn is_applied(
    shared: &Shared,
    ledger: &LedgerId,
    records: &[Arc<Record>],
) -> Result<bool, LoadError> {
    let mut rest = records;
    // A zero-event append writes nothing: it is simply asked again.
    let mut all = !records.is_empty();
    while let (true, Some(first)) = (all, rest.first()) {
        let limit = rest.len().min(PAGE_EVENTS);
        let page = shared
            .store
            .read_ledger(ledger, first.revision, limit)
            .await?;
        let (due, later) = rest.split_at(page.len().min(rest.len()));
        all = !page.is_empty();
        for (stored, decided) in page.into_iter().zip(due) {
            all = all && Record::read(stored)? == **decided;
        }
        rest = later;
    }
    Ok(all)
}
