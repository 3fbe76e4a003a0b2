//! Ledgers written into a store the way a command does it.

use std::collections::HashMap;
use std::sync::Arc;

use daybook_domain::{
    Command, Context, Decision, Entries, Ledger, Named, NewEntry, OpenAccount, OpenLedger,
    PostTransaction, Recorded, ReverseTransaction, SetMetadata, Target, TargetKind, decide, evolve,
};
use daybook_events::event::{Event, Limits, MetadataOf, MetadataSet};
use daybook_events::ids::{
    AccountId, AssetCode, Description, EventId, IdempotencyKey, LedgerId, Reference, Revision,
    TransactionId,
};
use daybook_events::meta::{Actor, OwnMeta, SharedMeta};
use daybook_events::metadata::Metadata;
use daybook_events::money::{AccountType, Amount, Side};
use daybook_events::time::{Effective, TimeZone, Timestamp};
use daybook_platform::clock::Clock;
use daybook_store::embedded::EmbeddedStore;
use daybook_store::{EventStore as _, ExpectedRevision, Unit};

/// Writes ledgers the way a command does: decided by the domain, appended to the store.
pub(crate) struct Book {
    store: Arc<EmbeddedStore>,
    pub(super) clock: Clock,
    /// How far this book's time is ahead of the clock's.
    ahead_s: i64,
    pub(super) ledgers: HashMap<LedgerId, Ledger>,
    targets: HashMap<EventId, Target>,
}

impl Book {
    /// Knows only the ledgers that it opens itself.
    pub(crate) fn new(store: Arc<EmbeddedStore>, clock: Clock) -> Self {
        Self {
            store,
            clock,
            ahead_s: 0,
            ledgers: HashMap::new(),
            targets: HashMap::new(),
        }
    }

    /// Now, to this book.
    pub(crate) fn now(&self) -> Timestamp {
        let micros = self.clock.now_micros() + self.ahead_s * 1_000_000;
        Timestamp::try_from_micros(micros).unwrap()
    }

    /// Lets time go by.
    pub(crate) fn wait_s(&mut self, seconds: i64) {
        self.ahead_s += seconds;
    }

    /// A ledger's last revision.
    pub(crate) fn revision(&self, ledger: &str) -> u64 {
        let ledger = &self.ledgers[&LedgerId::parse(ledger).unwrap()];
        ledger.revision().unwrap().get()
    }

    pub(crate) async fn open(&mut self, ledger: &str) {
        self.open_in(ledger, "UTC").await;
    }

    /// Opens a ledger whose days are those of a zone.
    pub(crate) async fn open_in(&mut self, ledger: &str, time_zone: &str) {
        let command = Command::OpenLedger(OpenLedger {
            name: None,
            time_zone: TimeZone::parse(time_zone).unwrap(),
            metadata: Metadata::default(),
        });
        self.run(ledger, &command, None).await;
    }

    pub(crate) async fn account(&mut self, ledger: &str, account: &str, kind: AccountType) {
        self.account_with(ledger, account, kind, &[]).await;
    }

    pub(crate) async fn account_with(
        &mut self,
        ledger: &str,
        account: &str,
        account_type: AccountType,
        metadata: &[(&str, &str)],
    ) {
        let command = Command::OpenAccount(OpenAccount {
            account: AccountId::parse(account).unwrap(),
            account_type,
            normal_balance: None,
            name: None,
            assets: None,
            limits: Limits::default(),
            metadata: pairs(metadata),
        });
        self.run(ledger, &command, None).await;
    }

    /// Moves dollars.
    pub(crate) async fn post(
        &mut self,
        ledger: &str,
        debit: &str,
        credit: &str,
        amount: i128,
    ) -> EventId {
        let command = transfer(debit, credit, amount);
        self.run(ledger, &Command::PostTransaction(command), None)
            .await
    }

    /// Posts what was made elsewhere, with an idempotency key.
    pub(crate) async fn post_whole(
        &mut self,
        ledger: &str,
        command: PostTransaction,
        key: &str,
    ) -> EventId {
        self.run(ledger, &Command::PostTransaction(command), Some(key))
            .await
    }

    pub(crate) async fn reverse(&mut self, ledger: &str, target: EventId) -> EventId {
        let command = Command::Reverse(ReverseTransaction {
            target: TransactionId::from(target),
            effective_at: None,
            reference: None,
            reason: Description::parse("a mistake").unwrap(),
            metadata: Metadata::default(),
        });
        self.run(ledger, &command, None).await
    }

    /// Decides a command and records what comes of it.
    pub(crate) async fn run(
        &mut self,
        ledger: &str,
        command: &Command,
        key: Option<&str>,
    ) -> EventId {
        let id = LedgerId::parse(ledger).unwrap();
        let now = self.now();
        let state = self
            .ledgers
            .entry(id.clone())
            .or_insert_with(|| Ledger::new(id.clone()));
        let target = match command {
            Command::Reverse(command) => Some(command.target),
            Command::Capture(command) => Some(command.hold),
            Command::Void(command) => Some(command.hold),
            Command::SetMetadata(SetMetadata {
                of: MetadataOf::Transaction(id),
                ..
            }) => Some(*id),
            Command::SetMetadata(_)
            | Command::OpenLedger(_)
            | Command::UpdateLedger(_)
            | Command::RegisterAsset(_)
            | Command::OpenAccount(_)
            | Command::UpdateAccount(_)
            | Command::ChangeAccountStatus(_)
            | Command::PostTransaction(_)
            | Command::PlaceHold(_)
            | Command::ClosePeriod(_)
            | Command::ReopenPeriod(_) => None,
        };
        let target = target.and_then(|id| self.targets.get(&EventId::from(id)));
        let context = Context {
            now: now.after(state.last_recorded_at()),
            id: EventId::new(self.clock.uuid_v7()),
            if_match: None,
            named: Named {
                target: target.cloned(),
                ..Named::default()
            },
        };
        let events = match decide(state, command, &context).unwrap() {
            Decision::Event(event) => vec![(context.id, event)],
            Decision::Ending(ended, event) => {
                let ending = EventId::new(self.clock.uuid_v7());
                vec![(ending, Event::HoldEnded(*ended)), (context.id, event)]
            }
            Decision::Replay(_) => panic!("a new command is no replay"),
        };
        self.record(&id, events, key).await;
        context.id
    }

    /// Appends the events of one command, and knows of them from now on.
    pub(super) async fn record(
        &mut self,
        ledger: &LedgerId,
        events: Vec<(EventId, Event)>,
        key: Option<&str>,
    ) {
        let now = self.now();
        let state = &self.ledgers[ledger];
        let at = now.after(state.last_recorded_at());
        let expected = ExpectedRevision::from_last(state.revision());
        append(&self.store, (ledger, expected, at), &events, key).await;
        let mut revision = expected.next();
        for (id, event) in events {
            let recorded = Recorded { revision, id, at };
            evolve(self.ledgers.get_mut(ledger).unwrap(), recorded, &event).unwrap();
            self.know(recorded, event);
            revision = revision.plus(1);
        }
    }

    fn know(&mut self, recorded: Recorded, event: Event) {
        if let Event::MetadataSet(MetadataSet { of, metadata }) = &event
            && let MetadataOf::Transaction(id) = of
        {
            let target = self.targets.get_mut(&EventId::from(*id)).unwrap();
            target.metadata = Some(metadata.clone());
        }
        let kind = if let Event::TransactionPosted(posted) = event {
            TargetKind::Posted {
                posted,
                reversed_by: None,
            }
        } else if let Event::HoldPlaced(placed) = event {
            TargetKind::Hold {
                placed,
                ended: None,
            }
        } else {
            return;
        };
        let target = Target {
            revision: recorded.revision,
            recorded_at: recorded.at,
            metadata: None,
            kind,
        };
        self.targets.insert(recorded.id, target);
    }
}

async fn append(
    store: &EmbeddedStore,
    (ledger, expected, at): (&LedgerId, ExpectedRevision, Timestamp),
    events: &[(EventId, Event)],
    key: Option<&str>,
) {
    let shared = SharedMeta {
        by: Some(Actor {
            iss: "test".to_owned(),
            sub: "test".to_owned(),
        }),
        request_id: None,
        trace: None,
    };
    let mut unit = Unit::new(ledger.clone(), expected, at);
    let shared = unit.push_shared(&shared.fragment());
    for (index, (id, event)) in events.iter().enumerate() {
        // The last event answers the command, and bears its key.
        let is_last = index + 1 == events.len();
        let own = OwnMeta {
            key: key
                .filter(|_| is_last)
                .map(|key| IdempotencyKey::parse(key).unwrap()),
            request: None,
            more: !is_last,
        };
        unit.push(
            *id,
            event.event_type(),
            shared,
            |out| event.write(out),
            |out| own.write(out),
        );
    }
    let appended = store.append(unit).await.unwrap();
    let last = expected.next().get() + u64::try_from(events.len()).unwrap() - 1;
    assert_eq!(appended.last_revision, Some(Revision::new(last)));
}

/// One debit and one credit of dollars.
pub(crate) fn transfer(debit: &str, credit: &str, amount: i128) -> PostTransaction {
    let entry = |account, direction| NewEntry {
        account: AccountId::parse(account).unwrap(),
        direction,
        amount: Amount::new(amount).unwrap(),
        asset: AssetCode::parse("USD").unwrap(),
        description: None,
        metadata: Metadata::default(),
        condition: None,
    };
    let entries = vec![entry(debit, Side::Debit), entry(credit, Side::Credit)];
    PostTransaction {
        reference: None,
        code: None,
        description: None,
        effective_at: None,
        related_to: None,
        entries: Entries::try_new(entries).unwrap(),
        metadata: Metadata::default(),
    }
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Metadata {
    let pairs = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Metadata::try_new(pairs.collect()).unwrap()
}

pub(crate) fn reference(text: &str) -> Option<Reference> {
    Some(Reference::parse(text).unwrap())
}

pub(crate) fn effective(text: &str) -> Option<Effective> {
    Some(Effective::parse(text).unwrap())
}

pub(crate) const fn revision(number: u64) -> Revision {
    Revision::new(number)
}
