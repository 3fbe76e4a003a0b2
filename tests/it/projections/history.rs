//! Writes random histories straight into an event store: what the domain decides, in units such as
//! a ledger's writer appends.

mod book;
mod wishes;

use std::collections::BTreeMap;
use std::sync::Arc;

use daybook_domain::{Command, Decision, PlaceHold, decide, expire};
use daybook_events::event::{Event, Origin, TransactionPosted};
use daybook_events::ids::{Description, EventId, IdempotencyKey, LedgerId, Reference};
use daybook_events::meta::{OwnMeta, SharedMeta};
use daybook_events::money::{Amount, Side};
use daybook_events::time::{Effective, Timestamp};
use daybook_store::port::{EventStore, ExpectedRevision};
use daybook_store::unit::Unit;
use uuid::Uuid;

use book::Book;

const ACCOUNTS: [&str; 5] = [
    "assets:bank",
    "users:1",
    "users:2",
    "income:fees",
    "a\u{2d}b.c_d",
];
const ASSETS: [&str; 3] = ["USD", "EUR", "JPY"];
/// 2026-01-01.
const FIRST_MICROS: i64 = 1_767_225_600_000_000;
/// Between two units.
const STEP_MICROS: i64 = 1_000;

/// An entry in short: account, side, amount, asset.
type Leg = (usize, Side, i128, usize);

/// Writes histories.
pub(crate) struct History {
    store: Arc<dyn EventStore>,
    books: BTreeMap<String, Book>,
    random: u64,
    minted: u128,
    micros: i64,
}

/// A unit that is being decided. The book is already ahead of the store.
struct Draft {
    ledger: String,
    expected: ExpectedRevision,
    now: Timestamp,
    events: Vec<Drafted>,
}

struct Drafted {
    id: EventId,
    event: Event,
    has_key: bool,
    more: bool,
}

impl History {
    /// A history with its own randomness.
    pub(crate) fn new(store: Arc<dyn EventStore>, seed: u64) -> Self {
        Self {
            store,
            books: BTreeMap::new(),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            minted: u128::from(seed) << 64,
            micros: FIRST_MICROS,
        }
    }

    /// xorshift: enough for variety, equal for equal seeds.
    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % u64::try_from(bound).unwrap()).unwrap()
    }

    fn mint(&mut self) -> EventId {
        self.minted += 1;
        EventId::new(Uuid::from_u128(self.minted))
    }

    /// Opens a ledger with all accounts, in one unit of single commands.
    pub(crate) async fn open(&mut self, ledger: &str) {
        let id = LedgerId::parse(ledger).unwrap();
        self.books.insert(ledger.to_owned(), Book::new(id));
        let mut draft = self.begin(ledger);
        for command in wishes::openings() {
            assert!(self.decide(&mut draft, &command), "{command:?}");
        }
        self.append(draft).await;
    }

    /// Posts `count` transactions as one unit; as one command if `atomic`.
    pub(crate) async fn post(&mut self, ledger: &str, count: usize, atomic: bool) {
        let mut draft = self.begin(ledger);
        let first = draft.events.len();
        for _ in 0..count {
            let command = self.transaction();
            assert!(self.decide(&mut draft, &command), "{command:?}");
        }
        if atomic {
            draft.make_one_command(first);
        }
        self.append(draft).await;
    }

    /// Posts transactions of about a megabyte each, as one command if `atomic`.
    pub(crate) async fn post_wide(&mut self, ledger: &str, count: usize, atomic: bool) {
        let text = Description::parse(&"x".repeat(1_000)).unwrap();
        for index in 0..count {
            let legs = [(0, Side::Debit, 1, 0), (1, Side::Credit, 1, 0)].repeat(450);
            let command = Command::PostTransaction(wishes::plain(&legs, Some(&text)));
            let mut draft = self.begin(ledger);
            assert!(self.decide(&mut draft, &command), "{command:?}");
            for drafted in &mut draft.events {
                drafted.more = atomic && index + 1 < count;
            }
            self.append(draft).await;
        }
    }

    /// Reverses the ledger's last transaction that is no reversal and was not reversed, if there is
    /// one.
    pub(crate) async fn reverse(&mut self, ledger: &str) {
        let Some(target) = self.books[ledger].last_to_reverse() else {
            return;
        };
        let mut draft = self.begin(ledger);
        // An account may be frozen meanwhile.
        self.decide(&mut draft, &wishes::reversal(target));
        self.append(draft).await;
    }

    /// Appends a transaction whose debits and credits differ: no honest writer would.
    pub(crate) async fn post_unbalanced(&mut self, ledger: &str) {
        self.post_forged(ledger, |posted| {
            posted.entries[1].amount = Amount::new(6).unwrap();
        })
        .await;
    }

    /// Appends a transaction that reverses a hold, which only its captures can be: no honest writer
    /// would.
    pub(crate) async fn reverse_a_hold(&mut self, ledger: &str) {
        let legs = [(0, Side::Debit, 5, 0), (1, Side::Credit, 5, 0)];
        let mut draft = self.begin(ledger);
        let command = Command::PlaceHold(PlaceHold {
            transaction: wishes::plain(&legs, None),
            expires_at: None,
        });
        assert!(self.decide(&mut draft, &command), "{command:?}");
        let hold = draft.events.last().unwrap().id;
        self.append(draft).await;
        self.post_forged(ledger, |posted| {
            posted.origin = Some(Origin::Reversal {
                of: hold.into(),
                reason: Description::parse("forged").unwrap(),
            });
        })
        .await;
    }

    async fn post_forged(&mut self, ledger: &str, forge: impl FnOnce(&mut TransactionPosted)) {
        let mut draft = self.begin(ledger);
        let legs = [(0, Side::Debit, 5, 0), (1, Side::Credit, 5, 0)];
        let command = Command::PostTransaction(wishes::plain(&legs, None));
        assert!(self.decide(&mut draft, &command), "{command:?}");
        if let Some(Event::TransactionPosted(posted)) =
            draft.events.last_mut().map(|drafted| &mut drafted.event)
        {
            forge(posted);
        }
        self.append(draft).await;
    }

    /// Random writing: `units` appends over the ledgers.
    pub(crate) async fn write(&mut self, ledgers: &[&str], units: usize) {
        for _ in 0..units {
            let ledger = ledgers[self.below(ledgers.len())];
            match self.below(8) {
                0 => self.reverse(ledger).await,
                1 => {
                    let count = self.below(30) + 2;
                    self.post(ledger, count, true).await;
                }
                2 | 3 => {
                    let count = self.below(8) + 1;
                    self.post(ledger, count, false).await;
                }
                kind => {
                    let count = self.below(12) + 1;
                    self.write_anything(ledger, count, kind == 4).await;
                }
            }
        }
    }

    /// Wishes of every kind as one unit; as one command if `atomic`. The domain refuses some.
    async fn write_anything(&mut self, ledger: &str, count: usize, atomic: bool) {
        let mut draft = self.begin(ledger);
        let first = draft.events.len();
        for _ in 0..count {
            let wish = self.wish(&draft);
            if !self.decide(&mut draft, &wish) && self.below(3) == 0 {
                let id = self.mint();
                self.record(&mut draft, id, wishes::refusal());
            }
        }
        if atomic {
            draft.make_one_command(first);
        }
        self.append(draft).await;
    }

    fn transaction(&mut self) -> Command {
        let legs = self.legs(ACCOUNTS.len());
        let mut posted = wishes::plain(&legs, None);
        if self.below(3) == 0 {
            posted.reference = Reference::parse(&format!("order-{}", self.minted)).ok();
            posted.metadata = serde_json::from_str(r#"{"path":"C:\\new\ttab\nline"}"#).unwrap();
        }
        if self.below(3) == 0 {
            posted.effective_at = Some(Effective::parse("2026-01-15").unwrap());
        }
        Command::PostTransaction(posted)
    }

    /// Debits of some of the first accounts against credits of one, in one asset or two.
    fn legs(&mut self, accounts: usize) -> Vec<Leg> {
        let mut legs = Vec::new();
        for _ in 0..=self.below(2) {
            let asset = self.below(ASSETS.len());
            let mut sum = 0;
            for _ in 0..=self.below(3) {
                let huge = self.below(20) == 0;
                let amount = i128::try_from(self.below(100_000)).unwrap() + 1;
                let amount = if huge {
                    amount * 10_i128.pow(24)
                } else {
                    amount
                };
                legs.push((self.below(accounts), Side::Debit, amount, asset));
                sum += amount;
            }
            legs.push((self.below(accounts), Side::Credit, sum, asset));
        }
        legs
    }

    /// Begins a unit: a moment later, and with the holds expired that are due by then.
    fn begin(&mut self, ledger: &str) -> Draft {
        self.micros += STEP_MICROS;
        let now = Timestamp::try_from_micros(self.micros).unwrap();
        let book = &self.books[ledger];
        let mut draft = Draft {
            ledger: ledger.to_owned(),
            expected: ExpectedRevision::from_last(book.ledger.revision()),
            now,
            events: Vec::new(),
        };
        for hold in book.ledger.due(now).collect::<Vec<_>>() {
            let ended = expire(&self.books[ledger].ledger, hold).unwrap();
            let id = self.mint();
            self.record(&mut draft, id, Event::HoldEnded(ended));
        }
        draft
    }

    /// Decides a command, and adds what comes of it; `false` if a rule refuses it.
    fn decide(&mut self, draft: &mut Draft, command: &Command) -> bool {
        let id = self.mint();
        let book = &self.books[&draft.ledger];
        let context = book.context(draft.now, id, command);
        match decide(&book.ledger, command, &context) {
            Ok(Decision::Event(event)) => self.record(draft, id, event).has_key = true,
            Ok(Decision::Ending(ended, event)) => {
                let minted = self.mint();
                self.record(draft, minted, Event::HoldEnded(*ended)).more = true;
                self.record(draft, id, event).has_key = true;
            }
            Ok(Decision::Replay(revision)) => unreachable!("every id is new: {revision:?}"),
            Err(_) => return false,
        }
        true
    }

    fn record<'d>(&mut self, draft: &'d mut Draft, id: EventId, event: Event) -> &'d mut Drafted {
        let book = self.books.get_mut(&draft.ledger).unwrap();
        book.take(draft.now, id, &event);
        draft.events.push(Drafted {
            id,
            event,
            has_key: false,
            more: false,
        });
        draft.events.last_mut().unwrap()
    }

    async fn append(&mut self, draft: Draft) {
        if draft.events.is_empty() {
            return;
        }
        let ledger = LedgerId::parse(&draft.ledger).unwrap();
        let mut unit = Unit::new(ledger, draft.expected, draft.now);
        let trace = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
        let shared = unit.push_shared(
            &SharedMeta {
                trace,
                ..SharedMeta::default()
            }
            .fragment(),
        );
        for drafted in draft.events {
            let key = IdempotencyKey::parse(&format!("key \\ {}", drafted.id)).ok();
            let own = OwnMeta {
                key: key.filter(|_| drafted.has_key),
                request: None,
                more: drafted.more,
            };
            unit.push(
                drafted.id,
                drafted.event.event_type(),
                shared,
                |out| drafted.event.write(out),
                |out| own.write(out),
            );
        }
        self.store.append(unit).await.expect("a lawful append");
    }
}

impl Draft {
    /// Makes the events from `first` on one command.
    fn make_one_command(&mut self, first: usize) {
        let mut events = self.events.iter_mut().skip(first).rev();
        if let Some(last) = events.next() {
            last.more = false;
        }
        events.for_each(|event| event.more = true);
    }
}
