//! What commands name, looked up before they are decided (D9): among the recent entries, then on
//! disk, then the events themselves from the store.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

use daybook_domain::{Command, Earlier, Named, Target};
use daybook_events::event::Event;
use daybook_events::ids::Revision;

use super::Writer;
use super::load::{LoadError, read_records};
use crate::index::Name;
use crate::work::{Record, Task, Work};

/// What was found for a batch of tasks.
#[derive(Default)]
pub(super) struct Past {
    /// Names that only the disk knew.
    older: HashMap<Name, Revision>,
    /// The durable events behind the names.
    records: HashMap<Revision, Arc<Record>>,
}

impl Writer {
    /// Looks up what the tasks name, as far as it was decided before this batch.
    pub(super) async fn look_up(&self, tasks: &VecDeque<Task>) -> Result<Past, LoadError> {
        let mut past = Past::default();
        let works = || {
            let works = tasks.iter();
            works.flat_map(|task| task.works.iter().map(|work| (task.again, work)))
        };
        if self.index.flushed().is_some() {
            let unknown: Vec<Name> = works()
                .flat_map(|(again, work)| names(again, work))
                .filter(|name| self.index.get(name).is_none())
                .collect();
            past.older = self.look_on_disk(unknown).await?;
        }
        let mut wanted: Vec<Revision> = works()
            .flat_map(|(again, work)| names(again, work))
            .filter(|name| matches!(name, Name::Key(_) | Name::Id(_)))
            .filter_map(|name| self.find(&name, &past))
            // What is not durable yet is in memory, and not in the store.
            .filter(|revision| Some(*revision) <= self.durable)
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        past.records = read_records(&self.shared, self.state.id(), &wanted).await?;
        Ok(past)
    }

    async fn look_on_disk(&self, names: Vec<Name>) -> Result<HashMap<Name, Revision>, LoadError> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        let disk = Arc::clone(self.index.disk());
        let ledger = self.state.id().clone();
        // The disk may have to be read: not on a thread that others' requests need.
        let looked = tokio::task::spawn_blocking(move || {
            disk.get_many(&ledger, &names).map(|found| (names, found))
        });
        let (names, found) = looked.await??;
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

    fn find_record(&self, name: &Name, past: &Past) -> Option<Arc<Record>> {
        let revision = self.find(name, past)?;
        let known = past.records.get(&revision).map(Arc::clone);
        known.or_else(|| self.undurable(revision))
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
        let Command::Reverse(reverse) = command else {
            return None;
        };
        let record = self.find_record(&Name::Id(reverse.target.uuid()), past)?;
        let Event::TransactionPosted(posted) = &record.event else {
            return None;
        };
        Some(Target {
            revision: record.revision,
            recorded_at: record.recorded_at,
            posted: posted.clone(),
            reversed_by: self.find(&Name::Reversed(reverse.target.uuid()), past),
        })
    }
}

fn reference(command: &Command) -> Option<&daybook_events::ids::Reference> {
    match command {
        Command::PostTransaction(post) => post.reference.as_ref(),
        Command::Reverse(reverse) => reverse.reference.as_ref(),
        Command::OpenLedger(_) | Command::RegisterAsset(_) | Command::OpenAccount(_) => None,
    }
}

/// Everything that a command names.
fn names(again: bool, work: &Work) -> impl Iterator<Item = Name> {
    let key = work.key.as_ref().filter(|_| !work.dry_run);
    let own = again.then_some(work.event_id.uuid());
    let id = work.request.id.map(|id| id.uuid());
    let target = match &work.request.command {
        Command::Reverse(reverse) => Some(reverse.target.uuid()),
        Command::OpenLedger(_)
        | Command::RegisterAsset(_)
        | Command::OpenAccount(_)
        | Command::PostTransaction(_) => None,
    };
    let key = key.cloned().map(Name::Key);
    let ids = [own, id, target].into_iter().flatten().map(Name::Id);
    let reference = reference(&work.request.command)
        .cloned()
        .map(Name::Reference);
    key.into_iter()
        .chain(ids)
        .chain(reference)
        .chain(target.map(Name::Reversed))
}
