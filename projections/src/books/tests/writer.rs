//! Writes lawful histories, event by event, and keeps the books as simply as can be.

use std::collections::BTreeMap;

use bytes::Bytes;
use daybook_events::envelope::RecordedEvent;
use daybook_events::event::{
    AccountAfter, AccountStatus, AccountStatusChanged, Entry, Event, HoldEnded, HoldOutcome,
    HoldPlaced, LedgerAfter, LedgerOpened, MetadataOf, MetadataSet, Origin, TransactionPosted,
    Turnover,
};
use daybook_events::ids::{
    AssetCode, Description, EventId, LedgerId, Position, Revision, TransactionId,
};
use daybook_events::metadata::Metadata;
use daybook_events::money::{Amount, Minor, Side};
use daybook_events::time::{Day, TimeZone, Timestamp};
use uuid::Uuid;

use super::parts::{account_id, balance, normal, opened, posted, sums};

pub(super) const ACCOUNTS: [&str; 4] = ["bank", "users:1", "users:2", "fees"];
pub(super) const ASSETS: [&str; 2] = ["USD", "POINTS"];
pub(super) const LEDGERS: [&str; 2] = ["a", "b"];

/// An entry in short: account, side, amount, asset.
pub(super) type Leg = (usize, Side, i128, usize);

pub(super) fn debit(account: usize, amount: i128) -> Leg {
    (account, Side::Debit, amount, 0)
}

pub(super) fn credit(account: usize, amount: i128) -> Leg {
    (account, Side::Credit, amount, 0)
}

pub(super) fn time(micros: i64) -> Timestamp {
    Timestamp::try_from_micros(micros).unwrap()
}

pub(super) fn text(text: &str) -> Description {
    Description::parse(text).unwrap()
}

pub(super) fn pairs(value: usize) -> Metadata {
    let pairs = [("value".to_owned(), value.to_string())];
    Metadata::try_new(pairs.into()).unwrap()
}

/// What an entry does: to the posted and to the pending turnover.
#[derive(Clone, Copy)]
enum Move {
    Post,
    Capture,
    Hold,
    Release,
}

pub(super) struct Hold {
    pub(super) id: TransactionId,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) remaining: Vec<Leg>,
}

/// One ledger as its writer knows it.
#[derive(Default)]
pub(super) struct Book {
    revision: u64,
    pub(super) turnovers: BTreeMap<(usize, usize), Turnover>,
    pub(super) statuses: BTreeMap<usize, AccountStatus>,
    pub(super) holds: Vec<Hold>,
    pub(super) transactions: Vec<TransactionId>,
    pub(super) closed_through: Option<Day>,
}

/// Two ledgers, in one order of positions. The micros of an event's time are its position.
pub(super) struct Writer {
    pub(super) events: Vec<RecordedEvent>,
    pub(super) books: [Book; 2],
}

impl Writer {
    /// Two ledgers with their accounts. Half of these grow by credits.
    pub(super) fn new() -> Self {
        let mut writer = Self {
            events: Vec::new(),
            books: [Book::default(), Book::default()],
        };
        for ledger in 0..LEDGERS.len() {
            writer.push(
                ledger,
                &Event::LedgerOpened(LedgerOpened {
                    name: None,
                    time_zone: TimeZone::UTC,
                    metadata: Metadata::default(),
                }),
            );
            for account in 0..ACCOUNTS.len() {
                writer.push(ledger, &Event::AccountOpened(opened(account)));
            }
        }
        writer
    }

    pub(super) fn push(&mut self, ledger: usize, event: &Event) -> TransactionId {
        self.push_with(ledger, event, b"{}")
    }

    fn push_with(&mut self, ledger: usize, event: &Event, meta: &'static [u8]) -> TransactionId {
        let position = self.now();
        let id = Uuid::from_u128(u128::try_from(position).unwrap());
        let mut data = Vec::new();
        event.write(&mut data);
        self.events.push(RecordedEvent {
            position: Position::from_i64(position),
            ledger: LedgerId::parse(LEDGERS[ledger]).unwrap(),
            revision: Revision::new(self.books[ledger].revision),
            id: EventId::new(id),
            event_type: event.event_type(),
            version: event.event_type().version(),
            recorded_at: time(position),
            data: Bytes::from(data),
            meta: Bytes::from_static(meta),
        });
        self.books[ledger].revision += 1;
        TransactionId::new(id)
    }

    /// The time, and position, of the next event.
    pub(super) fn now(&self) -> i64 {
        i64::try_from(self.events.len()).unwrap() + 1
    }

    pub(super) fn post(&mut self, ledger: usize, legs: &[Leg]) -> TransactionId {
        let event = self.posted(ledger, legs, None);
        self.record(ledger, &Event::TransactionPosted(event))
    }

    pub(super) fn reverse(&mut self, ledger: usize, of: TransactionId, legs: &[Leg]) {
        let reason = text("a mistake");
        let event = self.posted(ledger, legs, Some(Origin::Reversal { of, reason }));
        self.record(ledger, &Event::TransactionPosted(event));
    }

    pub(super) fn place(
        &mut self,
        ledger: usize,
        legs: &[Leg],
        expires_at: Option<Timestamp>,
    ) -> TransactionId {
        let event = self.placed(ledger, legs, expires_at);
        let id = self.record(ledger, &Event::HoldPlaced(event));
        let remaining = sums(legs);
        self.books[ledger].holds.push(Hold {
            id,
            expires_at,
            remaining,
        });
        id
    }

    /// Captures a part, or all that remains: then, and if it is `last`, the hold ends first.
    pub(super) fn capture(&mut self, ledger: usize, hold: usize, legs: &[Leg], last: bool) {
        let (id, left) = self.take_from(ledger, hold, legs);
        if last || left.is_empty() {
            let ended = self.ended(ledger, id, HoldOutcome::Captured, &left);
            self.push_with(ledger, &Event::HoldEnded(ended), b"{\"more\":1}");
            self.books[ledger].holds.remove(hold);
        }
        let event = self.captured(ledger, id, legs);
        self.record(ledger, &Event::TransactionPosted(event));
    }

    /// Takes legs out of what remains of a hold; returns its id, and what is left.
    fn take_from(&mut self, ledger: usize, hold: usize, legs: &[Leg]) -> (TransactionId, Vec<Leg>) {
        let hold = &mut self.books[ledger].holds[hold];
        for (account, side, amount, asset) in legs {
            let mut remaining = hold.remaining.iter_mut();
            let same = |rest: &&mut Leg| (rest.0, rest.1, rest.3) == (*account, *side, *asset);
            remaining.find(same).unwrap().2 -= amount;
        }
        hold.remaining.retain(|rest| rest.2 != 0);
        (hold.id, hold.remaining.clone())
    }

    /// Voids a hold, or lets it expire.
    pub(super) fn end(&mut self, ledger: usize, hold: usize, outcome: HoldOutcome) {
        let hold = self.books[ledger].holds.remove(hold);
        let ended = self.ended(ledger, hold.id, outcome, &hold.remaining);
        self.push(ledger, &Event::HoldEnded(ended));
    }

    pub(super) fn set_status(&mut self, ledger: usize, account: usize, status: AccountStatus) {
        self.books[ledger].statuses.insert(account, status);
        let change = AccountStatusChanged {
            account: account_id(account),
            reason: text("because"),
            after: self.account(ledger, account),
        };
        let event = match status {
            AccountStatus::Open => Event::AccountUnfrozen(change),
            AccountStatus::Frozen => Event::AccountFrozen(change),
            AccountStatus::Closed => Event::AccountClosed(change),
        };
        self.push(ledger, &event);
    }

    pub(super) fn set_metadata(&mut self, ledger: usize, of: MetadataOf, metadata: Metadata) {
        self.push(ledger, &Event::MetadataSet(MetadataSet { of, metadata }));
    }

    /// Records a transaction that was made and moved the books already.
    pub(super) fn record(&mut self, ledger: usize, event: &Event) -> TransactionId {
        let id = self.push(ledger, event);
        self.books[ledger].transactions.push(id);
        id
    }

    pub(super) fn posted(
        &mut self,
        ledger: usize,
        legs: &[Leg],
        origin: Option<Origin>,
    ) -> TransactionPosted {
        posted(self.entries(ledger, legs, Move::Post), origin)
    }

    pub(super) fn captured(
        &mut self,
        ledger: usize,
        of: TransactionId,
        legs: &[Leg],
    ) -> TransactionPosted {
        let entries = self.entries(ledger, legs, Move::Capture);
        posted(entries, Some(Origin::Capture { of }))
    }

    pub(super) fn placed(
        &mut self,
        ledger: usize,
        legs: &[Leg],
        expires_at: Option<Timestamp>,
    ) -> HoldPlaced {
        HoldPlaced {
            reference: None,
            code: None,
            description: None,
            effective_at: None,
            effective_local: None,
            related_to: None,
            expires_at,
            entries: self.entries(ledger, legs, Move::Hold),
            metadata: pairs(0),
        }
    }

    pub(super) fn ended(
        &mut self,
        ledger: usize,
        hold: TransactionId,
        outcome: HoldOutcome,
        released: &[Leg],
    ) -> HoldEnded {
        HoldEnded {
            hold,
            outcome,
            reason: None,
            released: self.entries(ledger, released, Move::Release),
            metadata: None,
        }
    }

    /// Moves the books, and gives the entries with the balances after all of them.
    fn entries(&mut self, ledger: usize, legs: &[Leg], moves: Move) -> Vec<Entry> {
        let turnovers = &mut self.books[ledger].turnovers;
        for (account, side, amount, asset) in legs {
            let turnover = turnovers.entry((*account, *asset)).or_default();
            let (posted, pending) = match side {
                Side::Debit => (&mut turnover.debits, &mut turnover.pending_debits),
                Side::Credit => (&mut turnover.credits, &mut turnover.pending_credits),
            };
            let (more, held) = match moves {
                Move::Post => (*amount, 0),
                Move::Capture => (*amount, -amount),
                Move::Hold => (0, *amount),
                Move::Release => (0, -amount),
            };
            *posted = Minor::try_new(posted.get() + more).unwrap();
            *pending = Minor::try_new(pending.get() + held).unwrap();
        }
        let entry = |(account, direction, amount, asset): &Leg| Entry {
            account: account_id(*account),
            direction: *direction,
            amount: Amount::new(*amount).unwrap(),
            asset: AssetCode::parse(ASSETS[*asset]).unwrap(),
            description: None,
            metadata: Metadata::default(),
            balance: balance(normal(*account), turnovers[&(*account, *asset)]),
        };
        legs.iter().map(entry).collect()
    }

    /// An account as an event shows it whole, with the name and limits it was opened with.
    pub(super) fn account(&self, ledger: usize, account: usize) -> AccountAfter {
        let book = &self.books[ledger];
        let opened = opened(account);
        let of_account = book.turnovers.range((account, 0)..(account + 1, 0));
        let balances = of_account
            .map(|((_, asset), turnover)| (AssetCode::parse(ASSETS[*asset]).unwrap(), *turnover));
        AccountAfter {
            account_type: opened.account_type,
            normal_balance: opened.normal_balance,
            name: opened.name,
            status: book.statuses.get(&account).copied().unwrap_or_default(),
            assets: opened.assets,
            limits: opened.limits,
            metadata: opened.metadata,
            opened_at: time(i64::try_from(account).unwrap() + 2),
            balances: balances.collect(),
        }
    }

    /// A ledger as an event shows it whole, with the name and pairs it was opened with.
    pub(super) fn ledger(&self, ledger: usize) -> LedgerAfter {
        let book = &self.books[ledger];
        LedgerAfter {
            name: None,
            time_zone: TimeZone::UTC,
            accounts: u64::try_from(ACCOUNTS.len()).unwrap(),
            transactions: u64::try_from(book.transactions.len()).unwrap(),
            closed_through: book.closed_through,
            opened_at: time(1),
            metadata: Metadata::default(),
        }
    }
}
