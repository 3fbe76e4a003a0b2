//! What tests start from: a ledger with a few accounts, and what was recorded in it.

use daybook_events::event::{Event, HoldEnded, MetadataOf, TransactionPosted};
use daybook_events::ids::{EventId, LedgerId, Revision, TransactionId};
use daybook_events::money::AccountType;
use daybook_events::time::{TimeZone, Timestamp};

pub(super) use super::words::*;
use crate::{
    Command, Context, Decision, Ledger, Named, NewEntry, OpenAccount, Recorded, Rejection, Target,
    TargetKind, decide, evolve, expire,
};

pub(super) fn at(micros: i64) -> Context {
    Context {
        now: time(micros),
        id: transaction_id(u64::try_from(micros).unwrap()).into(),
        if_match: None,
        named: Named::default(),
    }
}

/// A ledger and what was recorded in it.
#[derive(Debug, Clone)]
pub(super) struct Book {
    pub(super) ledger: Ledger,
    pub(super) events: Vec<(Recorded, Event)>,
}

impl Book {
    /// A ledger that does not exist.
    pub(super) fn missing() -> Self {
        Self {
            ledger: Ledger::new(LedgerId::parse("acme").unwrap()),
            events: Vec::new(),
        }
    }

    /// A ledger in UTC without accounts.
    pub(super) fn opened() -> Self {
        let mut book = Self::missing();
        book.accept(&open_ledger(TimeZone::UTC));
        book
    }

    /// A ledger in UTC with the asset account `cash` and the liability account `users:1`.
    pub(super) fn ready() -> Self {
        Self::opened()
            .with(account("cash", AccountType::Asset))
            .with(account("users:1", AccountType::Liability))
    }

    pub(super) fn with(mut self, account: OpenAccount) -> Self {
        self.accept(&Command::OpenAccount(account));
        self
    }

    /// With a transaction that is accepted.
    pub(super) fn posted(mut self, entries: Vec<NewEntry>) -> Self {
        self.accept(&post(entries));
        self
    }

    /// The context of the next command: one microsecond later, nothing named.
    pub(super) fn next(&self) -> Context {
        let count = i64::try_from(self.events.len()).unwrap();
        let last = self.ledger.last_recorded_at().map_or(0, Timestamp::micros);
        Context {
            id: event_id(u64::try_from(count).unwrap() + 1),
            ..at(count.max(last) + 1)
        }
    }

    pub(super) fn decide(&self, command: &Command) -> Result<Decision, Rejection> {
        decide(&self.ledger, command, &self.next())
    }

    /// The code and the entry that a command is refused with.
    pub(super) fn refused(&self, command: &Command) -> Option<(&'static str, Option<usize>)> {
        refusal(&self.decide(command))
    }

    /// Decides and applies a command that must be accepted.
    pub(super) fn accept(&mut self, command: &Command) -> Event {
        let context = self.next();
        self.accept_with(command, &context)
    }

    /// Gives the event that answers the command.
    pub(super) fn accept_with(&mut self, command: &Command, context: &Context) -> Event {
        match decide(&self.ledger, command, context) {
            Ok(Decision::Event(event)) => {
                self.record(context.now, context.id, &event);
                event
            }
            Ok(Decision::Ending(ended, event)) => {
                let minted = self.minted();
                self.record(context.now, minted, &Event::HoldEnded(*ended));
                self.record(context.now, context.id, &event);
                event
            }
            other => panic!("{command:?} was to be accepted: {other:?}"),
        }
    }

    /// Decides and applies a command about an earlier transaction.
    pub(super) fn accept_about(&mut self, id: TransactionId, command: &Command) -> Event {
        let context = self.about(id);
        self.accept_with(command, &context)
    }

    /// Places a hold that must be accepted and gives its id.
    pub(super) fn hold(&mut self, command: &Command) -> TransactionId {
        let context = self.next();
        self.accept_with(command, &context);
        context.id.into()
    }

    /// Expires what is due, as the writer does before anything else at this time.
    pub(super) fn expire(&mut self, now: Timestamp) {
        for hold in self.ledger.due(now).collect::<Vec<_>>() {
            let ended = expire(&self.ledger, hold).unwrap();
            self.apply(now, &Event::HoldEnded(ended));
        }
    }

    /// Applies an event under an id of its own.
    pub(super) fn apply(&mut self, now: Timestamp, event: &Event) {
        let minted = self.minted();
        self.record(now, minted, event);
    }

    fn record(&mut self, at: Timestamp, id: EventId, event: &Event) {
        let recorded = Recorded {
            revision: self.next_revision(),
            id,
            at,
        };
        evolve(&mut self.ledger, recorded, event).unwrap();
        self.events.push((recorded, event.clone()));
    }

    /// An id that no context has.
    fn minted(&self) -> EventId {
        event_id((1 << 60) + self.next_revision().get())
    }

    pub(super) fn next_revision(&self) -> Revision {
        self.ledger
            .revision()
            .map_or(revision(0), |last| last.plus(1))
    }

    /// The transaction at a revision, as a target.
    pub(super) fn target(&self, at: u64) -> Target {
        let (recorded, event) = &self.events[usize::try_from(at).unwrap()];
        let id = TransactionId::from(recorded.id);
        let later = || self.events.iter().skip(usize::try_from(at).unwrap() + 1);
        let kind = match event {
            Event::TransactionPosted(posted) => TargetKind::Posted {
                posted: posted.clone(),
                reversed_by: later().find_map(|(recorded, event)| match event {
                    Event::TransactionPosted(posted) if posted.reverses() == Some(id) => {
                        Some(recorded.revision)
                    }
                    _ => None,
                }),
            },
            Event::HoldPlaced(placed) => TargetKind::Hold {
                placed: placed.clone(),
                ended: later().find_map(|(recorded, event)| match event {
                    Event::HoldEnded(ended) if ended.hold == id => {
                        Some((recorded.revision, ended.outcome))
                    }
                    _ => None,
                }),
            },
            _ => panic!("not a transaction: {event:?}"),
        };
        let metadata = later().rev().find_map(|(_, event)| match event {
            Event::MetadataSet(set) if set.of == MetadataOf::Transaction(id) => {
                Some(set.metadata.clone())
            }
            _ => None,
        });
        Target {
            revision: recorded.revision,
            recorded_at: recorded.at,
            metadata,
            kind,
        }
    }

    /// The context of the next command, which is about an earlier transaction.
    pub(super) fn about(&self, id: TransactionId) -> Context {
        let known = |(recorded, event): &(Recorded, Event)| {
            event.transaction().is_some() && TransactionId::from(recorded.id) == id
        };
        let at = self.events.iter().position(known).unwrap();
        let mut context = self.next();
        context.named.target = Some(self.target(at.try_into().unwrap()));
        context
    }

    /// The code and the entry that a command about an earlier transaction is refused with.
    pub(super) fn refused_about(
        &self,
        id: TransactionId,
        command: &Command,
    ) -> Option<(&'static str, Option<usize>)> {
        refusal(&decide(&self.ledger, command, &self.about(id)))
    }

    /// Posted, pending and available balance of an account in USD.
    pub(super) fn sums(&self, id: &str) -> (i128, i128, i128) {
        let view = self.ledger.account(&account_id(id)).unwrap();
        let after = view.balance(&asset("USD")).after(view.normal_balance);
        (
            after.posted.get(),
            after.pending.get(),
            after.available.get(),
        )
    }

    /// Posted balance of an account in USD.
    pub(super) fn balance(&self, id: &str) -> i128 {
        let view = self.ledger.account(&account_id(id)).unwrap();
        let balance = view.balance(&asset("USD"));
        balance.posted(view.normal_balance).get()
    }
}

pub(super) fn as_posted(event: &Event) -> &TransactionPosted {
    let Event::TransactionPosted(posted) = event else {
        panic!("not a transaction: {event:?}");
    };
    posted
}

pub(super) fn as_ended(event: &Event) -> &HoldEnded {
    let Event::HoldEnded(ended) = event else {
        panic!("not the end of a hold: {event:?}");
    };
    ended
}

pub(super) fn refusal(
    decided: &Result<Decision, Rejection>,
) -> Option<(&'static str, Option<usize>)> {
    let rejection = decided.as_ref().err()?;
    Some((rejection.problem().code, rejection.index()))
}
