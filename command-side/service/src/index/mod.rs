//! The ledger's index (D9): which revision an idempotency key, an id or a reference belongs to.
//!
//! Recent entries stand in memory, among them those of units that are not durable yet; older ones
//! stand on disk ([`disk`]). All of it is derived from the log. The argument for its truth:
//! - memory holds every entry after `flushed`, so what is in neither is in no event;
//! - an entry goes to disk only once its event is durable, together with the marker that names the
//!   last revision covered, so the disk never knows more than the log;
//! - on load the marker must name an event that the log has at that revision, else it is wiped.

pub(crate) mod disk;
mod due;
mod slot;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use daybook_events::event::{Event, MetadataOf};
use daybook_events::ids::{EventId, GenerationId, IdempotencyKey, LedgerId, Reference, Revision};
use uuid::Uuid;

pub(crate) use disk::{Disk, IndexError, Marker};
pub(crate) use due::{DueHold, HoldChanges, Passed};
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
    /// The id of a hold that has ended; its revision is that of the end.
    Ended(Uuid),
    /// The id of a transaction whose pairs were changed; its revision is that of the last change.
    MetadataOf(Uuid),
}

impl Name {
    /// Whether a later event takes the name over from an earlier one.
    const fn moves(&self) -> bool {
        match self {
            Self::MetadataOf(_) => true,
            Self::Key(_)
            | Self::Id(_)
            | Self::Reference(_)
            | Self::Reversed(_)
            | Self::Ended(_) => false,
        }
    }
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
    order: VecDeque<Entry>,
    /// How many entries at the front of `order` are on disk as well.
    flushed_entries: usize,
    /// What the disk covers.
    flushed: Option<Revision>,
    recent_max: usize,
}

/// A name that an event took.
struct Entry {
    revision: Revision,
    name: Name,
    /// Of a name that moves: who held it before, if memory knew.
    before: Option<Revision>,
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

    /// Which life of the log it is derived from.
    pub(crate) fn generation(&self) -> GenerationId {
        self.generation
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
        if let Some(reference) = event.transaction().and_then(|facts| facts.reference) {
            self.put(revision, Name::Reference(reference.clone()));
        }
        if let Some(name) = changed_by(event) {
            self.put(revision, name);
        }
    }

    fn put(&mut self, revision: Revision, name: Name) {
        // The first holder of a name keeps it, unless it moves: the rules let no event take one
        // twice.
        if self.recent.contains_key(&name) && !name.moves() {
            return;
        }
        let before = self.recent.insert(name.clone(), revision);
        self.order.push_back(Entry {
            revision,
            name,
            before,
        });
    }

    /// Forgets the entries of events that did not come to be.
    pub(crate) fn forget_after(&mut self, durable: Option<Revision>) {
        while let Some(last) = self.order.back()
            && durable.is_none_or(|durable| last.revision > durable)
            && let Some(Entry { name, before, .. }) = self.order.pop_back()
        {
            match before.filter(|before| self.remembers(*before, &name)) {
                Some(before) => self.recent.insert(name, before),
                None => self.recent.remove(&name),
            };
        }
    }

    /// Whether the entry of a revision is still in memory; if it was let go, the disk has it.
    fn remembers(&self, revision: Revision, name: &Name) -> bool {
        // The entries of a revision are let go one by one: only those are looked through.
        self.order
            .front()
            .is_some_and(|first| first.revision < revision)
            || self
                .order
                .iter()
                .take_while(|entry| entry.revision == revision)
                .any(|entry| entry.name == *name)
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
        for Entry { revision, name, .. } in self.order.iter().skip(self.flushed_entries) {
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
            if let Some(Entry { revision, name, .. }) = self.order.pop_front()
                // A name that moved on has a later entry, which stays.
                && self.recent.get(&name) == Some(&revision)
            {
                self.recent.remove(&name);
            }
            self.flushed_entries -= 1;
        }
    }

    pub(crate) fn ledger(&self) -> &LedgerId {
        &self.ledger
    }
}

/// The name under which an event is found that changes an earlier transaction.
fn changed_by(event: &Event) -> Option<Name> {
    match event {
        Event::TransactionPosted(posted) => posted.reverses().map(|id| Name::Reversed(id.uuid())),
        Event::HoldEnded(ended) => Some(Name::Ended(ended.hold.uuid())),
        Event::MetadataSet(set) => match &set.of {
            MetadataOf::Transaction(id) => Some(Name::MetadataOf(id.uuid())),
            MetadataOf::Account(_) => None,
        },
        Event::LedgerOpened(_)
        | Event::LedgerUpdated(_)
        | Event::AssetRegistered(_)
        | Event::AccountOpened(_)
        | Event::AccountUpdated(_)
        | Event::AccountFrozen(_)
        | Event::AccountUnfrozen(_)
        | Event::AccountClosed(_)
        | Event::HoldPlaced(_)
        | Event::PeriodClosed(_)
        | Event::PeriodReopened(_)
        | Event::CommandRejected(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::event::MetadataSet;
    use daybook_events::ids::TransactionId;
    use daybook_events::metadata::Metadata;

    use super::*;

    const TRANSACTION: Uuid = Uuid::from_u128(7);
    const NAME: Name = Name::MetadataOf(TRANSACTION);

    struct Bench {
        index: LedgerIndex,
        _dir: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let disk = Arc::new(Disk::open(dir.path()).unwrap());
            let ledger = LedgerId::parse("acme").unwrap();
            let generation = GenerationId::new(Uuid::from_u128(1));
            Self {
                index: LedgerIndex::new(ledger, generation, disk, None, 0),
                _dir: dir,
            }
        }

        /// Changes the transaction's pairs at a revision.
        fn change(&mut self, revision: u64) {
            let id = EventId::new(Uuid::from_u128(100 + u128::from(revision)));
            let event = Event::MetadataSet(MetadataSet {
                of: MetadataOf::Transaction(TransactionId::new(TRANSACTION)),
                metadata: Metadata::default(),
            });
            self.index.add(Revision::new(revision), id, None, &event);
        }

        fn write(&self, flush: &Flush) {
            LedgerIndex::write(self.index.disk(), self.index.ledger(), flush).unwrap();
        }

        fn on_disk(&self) -> Option<u64> {
            let found = self.index.disk().get_many(self.index.ledger(), &[NAME]);
            found.unwrap()[0].map(Revision::get)
        }

        fn in_memory(&self) -> Option<u64> {
            self.index.get(&NAME).map(Revision::get)
        }
    }

    #[test]
    fn a_name_that_moves_is_its_last_holders_in_memory_and_on_disk() {
        let mut bench = Bench::new();
        bench.change(0);
        bench.change(1);
        let flush = bench.index.take_flush(Some(Revision::new(1))).unwrap();
        // It moves on while the first two are on their way.
        bench.change(2);
        bench.write(&flush);
        assert_eq!(bench.on_disk(), Some(1));
        bench.index.flush_done(&flush);
        assert_eq!(bench.in_memory(), Some(2));
        bench.index.forget_after(Some(Revision::new(1)));
        assert_eq!((bench.in_memory(), bench.on_disk()), (None, Some(1)));
    }

    #[test]
    fn a_name_that_moved_goes_back_when_its_last_event_did_not_come_to_be() {
        let mut bench = Bench::new();
        for revision in 0..4 {
            bench.change(revision);
        }
        bench.index.forget_after(Some(Revision::new(1)));
        assert_eq!(bench.in_memory(), Some(1));
        bench.change(2);
        assert_eq!(bench.in_memory(), Some(2));
        bench.index.forget_after(None);
        assert_eq!(bench.in_memory(), None);
        assert_eq!(bench.index.unflushed(), 0);
    }
}
