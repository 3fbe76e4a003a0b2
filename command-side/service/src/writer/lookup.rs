//! What commands name, looked up before they are decided (D9): among the recent entries, then on
//! disk, then the events themselves from the store.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use daybook_domain::{Command, Earlier, Named, Target, TargetKind};
use daybook_events::event::{Event, HoldOutcome, MetadataOf};
use daybook_events::ids::{Reference, Revision, TransactionId};
use daybook_events::metadata::Metadata;

use super::Writer;
use super::load::{LoadError, read_records};
use crate::index::{Name, blocking};
use crate::work::{Record, Work};

/// Commands that are looked up together at first; each further step of one look-up takes twice as
/// many, as long as what was read leaves room.
const STEP_FIRST: usize = 32;
/// Where that ends.
const STEP_MAX: usize = 1_024;

/// What was found for some commands.
#[derive(Default)]
pub(super) struct Past {
    /// Names that only the disk knew.
    older: HashMap<Name, Revision>,
    /// The durable events behind the names.
    pub(super) found: Found,
}

/// Durable events that were read. What stands at a revision never changes, so they may be kept from
/// one look-up to the next; names are asked anew each time.
#[derive(Default)]
pub(super) struct Found {
    records: HashMap<Revision, (Arc<Record>, usize)>,
    bytes: usize,
    /// Bytes of all that was ever put here, kept or not.
    read: usize,
}

impl Found {
    pub(super) fn put(&mut self, record: Record, bytes: usize) {
        let known = self
            .records
            .insert(record.revision, (Arc::new(record), bytes));
        self.bytes += bytes - known.map_or(0, |(_, bytes)| bytes);
        self.read += bytes;
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How much was read in all since nothing was known.
    pub(super) fn read(&self) -> usize {
        self.read
    }

    fn get(&self, revision: Revision) -> Option<Arc<Record>> {
        let (record, _) = self.records.get(&revision)?;
        Some(Arc::clone(record))
    }

    fn has(&self, revision: Revision) -> bool {
        self.records.contains_key(&revision)
    }

    fn retain(&mut self, wanted: &BTreeSet<Revision>) {
        self.records.retain(|revision, _| wanted.contains(revision));
        self.bytes = self.records.values().map(|(_, bytes)| bytes).sum();
    }
}

impl Writer {
    /// Looks up what the commands name, as far as it was decided before, for as many of them as the
    /// bytes to be read allow, and at least for the first. Gives how many were looked up.
    pub(super) async fn look_up(
        &mut self,
        works: &[(bool, &Work)],
    ) -> Result<(Past, usize), LoadError> {
        let mut past = Past {
            older: HashMap::new(),
            found: std::mem::take(&mut self.found),
        };
        let (mut ready, mut step) = (0, STEP_FIRST);
        let mut all_wanted = BTreeSet::new();
        while let Some(rest) = works.get(ready..).filter(|rest| !rest.is_empty()) {
            let now = rest.get(..step).unwrap_or(rest);
            let covered = self.look_up_step(now, &mut past, &mut all_wanted).await?;
            ready += covered;
            if covered < now.len() {
                break;
            }
            step = (step * 2).min(STEP_MAX);
        }
        Ok((past, ready))
    }

    /// Looks up these commands; gives how many of them, from the first on, have all that they name.
    async fn look_up_step(
        &self,
        works: &[(bool, &Work)],
        past: &mut Past,
        all_wanted: &mut BTreeSet<Revision>,
    ) -> Result<usize, LoadError> {
        let named = works.iter().map(|(again, work)| names(*again, work));
        let named: Vec<Vec<Wanted>> = named.collect();
        if self.index.flushed().is_some() {
            let names = named.iter().flatten().map(|wanted| &wanted.name);
            let unknown = names.filter(|name| self.index.get(name).is_none());
            let found = self.look_on_disk(unknown.cloned().collect()).await?;
            past.older.extend(found);
        }
        let wanted_by = |named: &Vec<Wanted>| -> Vec<Revision> {
            let read = named.iter().filter(|wanted| wanted.read);
            read.filter_map(|wanted| self.find(&wanted.name, past))
                // What is not durable yet is in memory, and not in the store.
                .filter(|revision| Some(*revision) <= self.durable)
                .collect()
        };
        let wanted: Vec<Vec<Revision>> = named.iter().map(wanted_by).collect();
        let first_step = all_wanted.is_empty();
        all_wanted.extend(wanted.iter().flatten().copied());
        if past.found.bytes() >= self.shared.config.lookup_bytes_max {
            past.found.retain(all_wanted);
        }
        let bytes_max = self.shared.config.lookup_bytes_max;
        let (shared, ledger) = (&self.shared, self.state.id());
        let missing: BTreeSet<Revision> = wanted.iter().flatten().copied().collect();
        let missing = missing
            .into_iter()
            .filter(|revision| !past.found.has(*revision));
        let missing: Vec<Revision> = missing.collect();
        read_records(shared, ledger, &missing, bytes_max, &mut past.found).await?;
        let has_all = |wanted: &[Revision], found: &Found| wanted.iter().all(|r| found.has(*r));
        let covered = wanted
            .iter()
            .take_while(|wanted| has_all(wanted, &past.found));
        let covered = covered.count();
        if covered > 0 || !first_step {
            return Ok(covered);
        }
        // The bound was reached without the first one's: it is read whatever it takes.
        let mut first = wanted.into_iter().next().unwrap_or_default();
        first.retain(|revision| !past.found.has(*revision));
        first.sort_unstable();
        first.dedup();
        read_records(shared, ledger, &first, usize::MAX, &mut past.found).await?;
        Ok(1)
    }

    /// How much was read in all for the commands that wait.
    pub(super) fn bytes_read(&self) -> usize {
        self.found.read()
    }

    /// Keeps what was read for commands that are still to be decided.
    pub(super) fn keep(&mut self, past: Past) {
        self.found = past.found;
    }

    /// Forgets what was read.
    pub(super) fn forget_found(&mut self) {
        self.found = Found::default();
    }

    async fn look_on_disk(&self, names: Vec<Name>) -> Result<HashMap<Name, Revision>, LoadError> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let ledger = self.state.id().clone();
        // The disk may have to be read: not on a thread that others' requests need.
        let looked = blocking(self.index.disk(), move |disk| {
            disk.get_many(&ledger, &names).map(|found| (names, found))
        });
        let (names, found) = looked.await?;
        let known = names.into_iter().zip(found);
        Ok(known
            .filter_map(|(name, revision)| Some((name, revision?)))
            .collect())
    }

    fn find(&self, name: &Name, past: &Past) -> Option<Revision> {
        self.index
            .get(name)
            .or_else(|| past.older.get(name).copied())
    }

    pub(super) fn find_record(&self, name: &Name, past: &Past) -> Option<Arc<Record>> {
        let revision = self.find(name, past)?;
        past.found
            .get(revision)
            .or_else(|| self.undurable(revision))
    }

    /// The event that this very command made in an earlier attempt.
    pub(super) fn find_own(&self, work: &Work, past: &Past) -> Option<Arc<Record>> {
        let own = self.find_record(&Name::Id(work.event_id.uuid()), past)?;
        // Another request's event may have the client-made id: that is judged by the rules.
        let same = own.hash.is_none_or(|hash| hash == work.request.hash);
        (same && work.request.id.is_none()).then_some(own)
    }

    /// What the past knows under the command's names, and the events that it may replay.
    pub(super) fn named(&self, work: &Work, past: &Past) -> (Named, Vec<Arc<Record>>) {
        let key = work.key.as_ref().filter(|_| !work.dry_run);
        let key = key.and_then(|key| self.find_record(&Name::Key(key.clone()), past));
        let id = work.request.id;
        let id = id.and_then(|id| self.find_record(&Name::Id(id.uuid()), past));
        let earlier = |record: &Arc<Record>| Earlier {
            revision: record.revision,
            same_request: record.hash == Some(work.request.hash),
        };
        let named = Named {
            key: key.as_ref().map(earlier),
            id: id.as_ref().map(earlier),
            reference: reference(&work.request.command)
                .and_then(|reference| self.find(&Name::Reference(reference.clone()), past)),
            target: self.target(&work.request.command, past),
        };
        (named, key.into_iter().chain(id).collect())
    }

    fn target(&self, command: &Command, past: &Past) -> Option<Target> {
        let id = subject(command)?.uuid();
        let record = self.find_record(&Name::Id(id), past)?;
        let kind = if let Event::TransactionPosted(posted) = &record.event {
            TargetKind::Posted {
                posted: posted.clone(),
                reversed_by: self.find(&Name::Reversed(id), past),
            }
        } else if let Event::HoldPlaced(placed) = &record.event {
            let ended = self.find_record(&Name::Ended(id), past);
            TargetKind::Hold {
                placed: placed.clone(),
                ended: ended.and_then(|record| outcome(&record)),
            }
        } else {
            return None;
        };
        let metadata = self.find_record(&Name::MetadataOf(id), past);
        Some(Target {
            revision: record.revision,
            recorded_at: record.recorded_at,
            metadata: metadata.and_then(|record| pairs(&record)),
            kind,
        })
    }
}

fn outcome(record: &Record) -> Option<(Revision, HoldOutcome)> {
    let Event::HoldEnded(ended) = &record.event else {
        return None;
    };
    Some((record.revision, ended.outcome))
}

fn pairs(record: &Record) -> Option<Metadata> {
    let Event::MetadataSet(set) = &record.event else {
        return None;
    };
    Some(set.metadata.clone())
}

fn reference(command: &Command) -> Option<&Reference> {
    match command {
        Command::PostTransaction(post) => post.reference.as_ref(),
        Command::PlaceHold(hold) => hold.transaction.reference.as_ref(),
        Command::Capture(capture) => capture.reference.as_ref(),
        Command::Reverse(reverse) => reverse.reference.as_ref(),
        Command::OpenLedger(_)
        | Command::UpdateLedger(_)
        | Command::RegisterAsset(_)
        | Command::OpenAccount(_)
        | Command::UpdateAccount(_)
        | Command::ChangeAccountStatus(_)
        | Command::Void(_)
        | Command::SetMetadata(_)
        | Command::ClosePeriod(_)
        | Command::ReopenPeriod(_) => None,
    }
}

/// The earlier transaction that a command is about.
fn subject(command: &Command) -> Option<TransactionId> {
    match command {
        Command::Capture(capture) => Some(capture.hold),
        Command::Void(void) => Some(void.hold),
        Command::Reverse(reverse) => Some(reverse.target),
        Command::SetMetadata(set) => match &set.of {
            MetadataOf::Transaction(id) => Some(*id),
            MetadataOf::Account(_) => None,
        },
        Command::OpenLedger(_)
        | Command::UpdateLedger(_)
        | Command::RegisterAsset(_)
        | Command::OpenAccount(_)
        | Command::UpdateAccount(_)
        | Command::ChangeAccountStatus(_)
        | Command::PostTransaction(_)
        | Command::PlaceHold(_)
        | Command::ClosePeriod(_)
        | Command::ReopenPeriod(_) => None,
    }
}

/// Something that a command names.
struct Wanted {
    name: Name,
    /// Whether the event behind it is needed, and not only where it is.
    read: bool,
}

/// Everything that a command names.
fn names(again: bool, work: &Work) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    let mut want = |name, read| wanted.push(Wanted { name, read });
    if let Some(key) = work.key.as_ref().filter(|_| !work.dry_run) {
        want(Name::Key(key.clone()), true);
    }
    if again {
        want(Name::Id(work.event_id.uuid()), true);
    }
    if let Some(id) = work.request.id {
        want(Name::Id(id.uuid()), true);
    }
    if let Some(reference) = reference(&work.request.command) {
        want(Name::Reference(reference.clone()), false);
    }
    if let Some(id) = subject(&work.request.command) {
        let id = id.uuid();
        // The answer to a change of pairs names the reversal.
        let sets_pairs = matches!(work.request.command, Command::SetMetadata(_));
        want(Name::Id(id), true);
        want(Name::Ended(id), true);
        want(Name::MetadataOf(id), true);
        want(Name::Reversed(id), sets_pairs);
    }
    wanted
}
