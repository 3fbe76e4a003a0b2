//! Ledgers written into a store the way a command does it.

use std::collections::HashMap;
use std::sync::Arc;

use daybook_domain::{
    Command, Context, Decision, Entries, Ledger, Named, NewEntry, OpenAccount, OpenLedger,
    PostTransaction, ReverseTransaction, Target, decide, evolve,
};
use daybook_events::event::{Event, Limits};
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
    clock: Clock,
    ledgers: HashMap<LedgerId, Ledger>,
    posted: HashMap<EventId, Target>,
}

impl Book {
    /// Knows only the ledgers that it opens itself.
    pub(crate) fn new(store: Arc<EmbeddedStore>, clock: Clock) -> Self {
        Self {
            store,
            clock,
            ledgers: HashMap::new(),
            posted: HashMap::new(),
        }
    }

    /// A ledger's last revision.
    pub(crate) fn revision(&self, ledger: &str) -> u64 {
        let ledger = &self.ledgers[&LedgerId::parse(ledger).unwrap()];
        ledger.revision().unwrap().get()
    }

    pub(crate) async fn open(&mut self, ledger: &str) {
        let command = Command::OpenLedger(OpenLedger {
            name: None,
            time_zone: TimeZone::UTC,
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

    async fn run(&mut self, ledger: &str, command: &Command, key: Option<&str>) -> EventId {
        let id = LedgerId::parse(ledger).unwrap();
        let state = self
            .ledgers
            .entry(id.clone())
            .or_insert_with(|| Ledger::new(id.clone()));
        let now = Timestamp::try_from_micros(self.clock.now_micros()).unwrap();
        let mut named = Named::default();
        if let Command::Reverse(reverse) = command {
            named.target = self.posted.get(&EventId::from(reverse.target)).cloned();
        }
        let context = Context {
            now: now.after(state.last_recorded_at()),
            id: EventId::new(self.clock.uuid_v7()),
            if_match: None,
            named,
        };
        let Decision::Event(event) = decide(state, command, &context).unwrap() else {
            panic!("a new command is no replay");
        };
        let expected = ExpectedRevision::from_last(state.revision());
        evolve(state, expected.next(), context.now, &event).unwrap();
        append(&self.store, (&id, expected), &context, &event, key).await;
        if let Event::TransactionPosted(posted) = event {
            self.posted.insert(
                context.id,
                Target {
                    revision: expected.next(),
                    recorded_at: context.now,
                    posted,
                    reversed_by: None,
                },
            );
        }
        context.id
    }
}

async fn append(
    store: &EmbeddedStore,
    (ledger, expected): (&LedgerId, ExpectedRevision),
    context: &Context,
    event: &Event,
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
    let own = OwnMeta {
        key: key.map(|key| IdempotencyKey::parse(key).unwrap()),
        request: None,
        more: false,
    };
    let mut unit = Unit::new(ledger.clone(), expected, context.now);
    let shared = unit.push_shared(&shared.fragment());
    unit.push(
        context.id,
        event.event_type(),
        shared,
        |out| event.write(out),
        |out| own.write(out),
    );
    let appended = store.append(unit).await.unwrap();
    assert_eq!(appended.last_revision, Some(expected.next()));
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
