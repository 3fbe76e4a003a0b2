//! What tests start from: a ledger with a few accounts, and short words for entries.

use std::collections::BTreeMap;

use daybook_events::event::{Event, Limit, LimitedAsset, Limits, TransactionPosted};
use daybook_events::ids::{
    AccountId, AssetCode, Description, EventId, LedgerId, Revision, TransactionId,
};
use daybook_events::metadata::Metadata;
use daybook_events::money::{AccountType, Amount, Minor, Side};
use daybook_events::time::{TimeZone, Timestamp};

use crate::{
    AllowedAssets, Command, Context, Decision, Entries, Ledger, Named, NewEntry, OpenAccount,
    OpenLedger, PostTransaction, Rejection, ReverseTransaction, Target, decide, evolve,
};

pub(super) fn account_id(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

pub(super) fn asset(code: &str) -> AssetCode {
    AssetCode::parse(code).unwrap()
}

pub(super) fn minor(number: i128) -> Minor {
    Minor::try_new(number).unwrap()
}

pub(super) fn time(micros: i64) -> Timestamp {
    Timestamp::try_from_micros(micros).unwrap()
}

pub(super) fn revision(number: u64) -> Revision {
    Revision::new(number)
}

pub(super) fn transaction_id(number: u64) -> TransactionId {
    let (high, low) = (number >> 48, number & 0xffff_ffff_ffff);
    let text = format!("00000000-0000-4000-{high:04x}-{low:012x}");
    TransactionId::parse(&text).unwrap()
}

pub(super) fn entry(direction: Side, account: &str, amount: i128, code: &str) -> NewEntry {
    NewEntry {
        account: account_id(account),
        direction,
        amount: Amount::new(amount).unwrap(),
        asset: asset(code),
        description: None,
        metadata: Metadata::default(),
    }
}

/// A debit in USD.
pub(super) fn debit(account: &str, amount: i128) -> NewEntry {
    entry(Side::Debit, account, amount, "USD")
}

/// A credit in USD.
pub(super) fn credit(account: &str, amount: i128) -> NewEntry {
    entry(Side::Credit, account, amount, "USD")
}

/// A debit and a credit in USD.
pub(super) fn transfer(debited: &str, credited: &str, amount: i128) -> Vec<NewEntry> {
    vec![debit(debited, amount), credit(credited, amount)]
}

pub(super) fn transaction(entries: Vec<NewEntry>) -> PostTransaction {
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

pub(super) fn post(entries: Vec<NewEntry>) -> Command {
    Command::PostTransaction(transaction(entries))
}

pub(super) fn reversal(target: u64) -> ReverseTransaction {
    ReverseTransaction {
        target: transaction_id(target),
        effective_at: None,
        reference: None,
        reason: Description::parse("a mistake").unwrap(),
        metadata: Metadata::default(),
    }
}

pub(super) fn open_ledger(zone: TimeZone) -> Command {
    Command::OpenLedger(OpenLedger {
        name: None,
        time_zone: zone,
        metadata: Metadata::default(),
    })
}

pub(super) fn account(id: &str, account_type: AccountType) -> OpenAccount {
    OpenAccount {
        account: account_id(id),
        account_type,
        normal_balance: None,
        name: None,
        assets: None,
        limits: Limits::default(),
        metadata: Metadata::default(),
    }
}

/// Limits of one asset or `*`.
pub(super) fn limits(of: &str, min_available: Option<i128>, max_balance: Option<i128>) -> Limits {
    let limit = Limit {
        min_available: min_available.map(minor),
        max_balance: max_balance.map(minor),
    };
    Limits::try_new(BTreeMap::from([(LimitedAsset::parse(of).unwrap(), limit)])).unwrap()
}

pub(super) fn restricted_to(codes: &[&str]) -> Option<AllowedAssets> {
    let codes = codes.iter().map(|code| asset(code)).collect();
    Some(AllowedAssets::try_new(codes).unwrap())
}

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
    pub(super) events: Vec<(Timestamp, Event)>,
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
        at(i64::try_from(self.events.len()).unwrap() + 1)
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

    pub(super) fn accept_with(&mut self, command: &Command, context: &Context) -> Event {
        match decide(&self.ledger, command, context) {
            Ok(Decision::Event(event)) => {
                self.apply(context.now, &event);
                event
            }
            other => panic!("{command:?} was to be accepted: {other:?}"),
        }
    }

    pub(super) fn apply(&mut self, now: Timestamp, event: &Event) {
        let due = self.next_revision();
        evolve(&mut self.ledger, due, now, event).unwrap();
        self.events.push((now, event.clone()));
    }

    pub(super) fn next_revision(&self) -> Revision {
        self.ledger
            .revision()
            .map_or(revision(0), |last| last.plus(1))
    }

    /// The transaction at a revision, as a target.
    pub(super) fn target(&self, at: u64) -> Target {
        let (recorded_at, event) = &self.events[usize::try_from(at).unwrap()];
        Target {
            revision: revision(at),
            recorded_at: *recorded_at,
            posted: as_posted(event).clone(),
            reversed_by: None,
        }
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

pub(super) fn refusal(
    decided: &Result<Decision, Rejection>,
) -> Option<(&'static str, Option<usize>)> {
    let rejection = decided.as_ref().err()?;
    Some((rejection.problem().code, rejection.index()))
}

pub(super) fn event_id(number: u64) -> EventId {
    transaction_id(number).into()
}
