//! The ledger's index (D9): which revision an idempotency key, an id or a reference belongs to.
//!
//! Recent entries stand in memory, among them those of units that are not durable yet; older ones
//! stand on disk ([`disk`]). All of it is derived from the log. The argument for its truth:
//! - memory holds every entry after `flushed`, so what is in neither is in no event;
//! - an entry goes to disk only once its event is durable, together with the marker that names the
//!   last revision covered, so the disk never knows more than the log;
//! - on load the marker must name an event that the log has at that revision, else it is wiped.

pub(crate) mod disk;
mod slot;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use daybook_events::event::Event;
use daybook_events::ids::{EventId, GenerationId, IdempotencyKey, LedgerId, Reference, Revision};
use uuid::Uuid;

pub(crate) use disk::{Disk, IndexError, Marker};
pub(crate) use slot::{IndexSlot, blocking};

/// Something that a command may name, within one ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// An idempotency key.
    Key(IdempotencyKey),
    /// An event's id, which for a transaction is its own.
    Id(Uuid),
    /// A transaction's reference.
    Reference(Reference),
    /// The id of a transaction that was reversed; its revision is that of the reversal.
    Reversed(Uuid),
}

/// Entries that one flush writes: large enough to be rare, small enough to stay a short write.
const FLUSH_MAX: usize = 50_000;

/// The index of one loaded ledger.
pub(crate) struct LedgerIndex {
    ledger: LedgerId,
    generation: GenerationId,
    disk: Arc<Disk>,
    /// Names come from clients: the standard hasher withstands chosen collisions.
    recent: HashMap<Name, Revision>,
    /// The entries of `recent`, oldest first.
    order: VecDeque<(Revision, Name)>,
    /// How many entries at the front of `order` are on disk as well.
    flushed_entries: usize,
    /// What the disk covers.
    flushed: Option<Revision>,
    recent_max: usize,
}

/// A batch of entries on its way to disk.
pub(crate) struct Flush {
    entries: Vec<(Name, Revision)>,
    marker: Marker,
}

impl LedgerIndex {
    pub(crate) fn new(
        ledger: LedgerId,
        generation: GenerationId,
        disk: Arc<Disk>,
        flushed: Option<Revision>,
        recent_max: usize,
    ) -> Self {
        Self {
            ledger,
            generation,
            disk,
            recent: HashMap::new(),
            order: VecDeque::new(),
            flushed_entries: 0,
            flushed,
            recent_max,
        }
    }

    pub(crate) fn disk(&self) -> &Arc<Disk> {
        &self.disk
    }

    /// The last revision that this index covers without the log being read again.
    pub(crate) fn flushed(&self) -> Option<Revision> {
        self.flushed
    }

    /// Looks among the recent entries.
    pub(crate) fn get(&self, name: &Name) -> Option<Revision> {
        self.recent.get(name).copied()
    }

    /// Adds what an event makes known. Events are added in order.
    pub(crate) fn add(
        &mut self,
        revision: Revision,
        id: EventId,
        key: Option<&IdempotencyKey>,
        event: &Event,
    ) {
        self.put(revision, Name::Id(id.uuid()));
        if let Some(key) = key {
            self.put(revision, Name::Key(key.clone()));
        }
        match event {
            Event::TransactionPosted(posted) => {
                if let Some(reference) = &posted.reference {
                    self.put(revision, Name::Reference(reference.clone()));
                }
                if let Some(target) = posted.reverses {
                    self.put(revision, Name::Reversed(target.uuid()));
                }
            }
            Event::LedgerOpened(_) | Event::AssetRegistered(_) | Event::AccountOpened(_) => {}
        }
    }

    fn put(&mut self, revision: Revision, name: Name) {
        // The first holder of a name keeps it: the rules let no event take one twice.
        if self.recent.contains_key(&name) {
            return;
        }
        self.recent.insert(name.clone(), revision);
        self.order.push_back((revision, name));
    }

    /// Forgets the entries of events that did not come to be.
    pub(crate) fn forget_after(&mut self, durable: Option<Revision>) {
        while let Some((revision, name)) = self.order.back() {
            if durable.is_some_and(|durable| *revision <= durable) {
                break;
            }
            self.recent.remove(name);
            self.order.pop_back();
        }
    }

    /// How many entries wait for the disk.
    pub(crate) fn unflushed(&self) -> usize {
        self.order.len() - self.flushed_entries
    }

    /// Takes the next entries of durable events for the disk.
    pub(crate) fn take_flush(&self, durable: Option<Revision>) -> Option<Flush> {
        let durable = durable?;
        let mut entries = Vec::new();
        let mut last: Option<Revision> = None;
        let mut event_id = None;
        for (revision, name) in self.order.iter().skip(self.flushed_entries) {
            let next_event = last != Some(*revision);
            if *revision > durable || (next_event && entries.len() >= FLUSH_MAX) {
                break;
            }
            last = Some(*revision);
            if let Name::Id(id) = name {
                event_id = Some(EventId::new(*id));
            }
            entries.push((name.clone(), *revision));
        }
        Some(Flush {
            entries,
            marker: Marker {
                generation: self.generation,
                revision: last?,
                event_id: event_id?,
            },
        })
    }

    /// Writes a batch; blocks.
    pub(crate) fn write(disk: &Disk, ledger: &LedgerId, flush: &Flush) -> Result<(), IndexError> {
        disk.write(ledger, &flush.entries, &flush.marker)
    }

    /// Notes that a batch is on disk, and lets go of what memory need not hold any more.
    pub(crate) fn flush_done(&mut self, flush: &Flush) {
        self.flushed_entries += flush.entries.len();
        self.flushed = Some(flush.marker.revision);
        while self.order.len() > self.recent_max && self.flushed_entries > 0 {
            if let Some((_, name)) = self.order.pop_front() {
                self.recent.remove(&name);
            }
            self.flushed_entries -= 1;
        }
    }

    pub(crate) fn ledger(&self) -> &LedgerId {
        &self.ledger
    }
}
