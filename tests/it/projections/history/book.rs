//! One ledger as its writer knows it: the domain's state, and what of the past a command may name.

use std::collections::BTreeMap;

use daybook_domain::{Command, Context, Ledger, Named, Recorded, Target, TargetKind, evolve};
use daybook_events::event::{Event, MetadataOf};
use daybook_events::ids::{EventId, LedgerId, Revision, TransactionId};
use daybook_events::time::Timestamp;

pub(super) struct Book {
    pub(super) ledger: Ledger,
    /// In the order of their recording.
    pub(super) transactions: Vec<TransactionId>,
    targets: BTreeMap<TransactionId, Target>,
}

impl Book {
    pub(super) fn new(id: LedgerId) -> Self {
        Self {
            ledger: Ledger::new(id),
            transactions: Vec::new(),
            targets: BTreeMap::new(),
        }
    }

    /// What a decision needs beyond the state.
    pub(super) fn context(&self, now: Timestamp, id: EventId, command: &Command) -> Context {
        let target = target_of(command);
        Context {
            now,
            id,
            if_match: None,
            named: Named {
                target: target.and_then(|id| self.targets.get(&id).cloned()),
                ..Named::default()
            },
        }
    }

    /// The last transaction that is no reversal and was not reversed.
    pub(super) fn last_to_reverse(&self) -> Option<TransactionId> {
        let can_be = |id: &&TransactionId| match &self.targets[*id].kind {
            TargetKind::Posted {
                posted,
                reversed_by,
            } => posted.reverses().is_none() && reversed_by.is_none(),
            TargetKind::Hold { .. } => false,
        };
        // Among the last, so that it costs the same in a long history.
        let last = self.transactions.iter().rev().take(1_000);
        last.copied().find(|id| can_be(&id))
    }

    /// Applies an event that is about to be appended.
    pub(super) fn take(&mut self, now: Timestamp, id: EventId, event: &Event) {
        let last = self.ledger.revision();
        let revision = last.map_or(Revision::new(0), |last| last.plus(1));
        let recorded = Recorded {
            revision,
            id,
            at: now,
        };
        evolve(&mut self.ledger, recorded, event).expect("what was decided can be applied");
        if let Event::TransactionPosted(posted) = event {
            if let Some(target) = posted.reverses()
                && let TargetKind::Posted { reversed_by, .. } = self.kind(target)
            {
                *reversed_by = Some(revision);
            }
            let kind = TargetKind::Posted {
                posted: posted.clone(),
                reversed_by: None,
            };
            self.add(recorded, kind);
        } else if let Event::HoldPlaced(placed) = event {
            let kind = TargetKind::Hold {
                placed: placed.clone(),
                ended: None,
            };
            self.add(recorded, kind);
        } else if let Event::HoldEnded(end) = event {
            if let TargetKind::Hold { ended, .. } = self.kind(end.hold) {
                *ended = Some((revision, end.outcome));
            }
        } else if let Event::MetadataSet(set) = event
            && let MetadataOf::Transaction(id) = &set.of
        {
            self.targets.get_mut(id).unwrap().metadata = Some(set.metadata.clone());
        }
    }

    fn kind(&mut self, id: TransactionId) -> &mut TargetKind {
        &mut self.targets.get_mut(&id).unwrap().kind
    }

    fn add(&mut self, recorded: Recorded, kind: TargetKind) {
        let id = TransactionId::from(recorded.id);
        let target = Target {
            revision: recorded.revision,
            recorded_at: recorded.at,
            metadata: None,
            kind,
        };
        self.transactions.push(id);
        self.targets.insert(id, target);
    }
}

/// The transaction that a command names.
fn target_of(command: &Command) -> Option<TransactionId> {
    if let Command::Capture(capture) = command {
        return Some(capture.hold);
    }
    if let Command::Void(void) = command {
        return Some(void.hold);
    }
    if let Command::Reverse(reverse) = command {
        return Some(reverse.target);
    }
    if let Command::SetMetadata(set) = command
        && let MetadataOf::Transaction(id) = &set.of
    {
        return Some(*id);
    }
    None
}
