//! Writes random, lawful histories straight into an event store.

use std::collections::BTreeMap;
use std::sync::Arc;

use daybook_events::event::transaction::{BalanceAfter, Entry};
use daybook_events::event::{AccountOpened, Event, LedgerOpened, Limits, TransactionPosted};
use daybook_events::ids::{
    AccountId, AssetCode, Description, EventId, IdempotencyKey, LedgerId, Reference, Revision,
    TransactionId,
};
use daybook_events::meta::{OwnMeta, SharedMeta};
use daybook_events::metadata::Metadata;
use daybook_events::money::{AccountType, Amount, Minor, Side};
use daybook_events::time::{Effective, TimeZone, Timestamp};
use daybook_store::port::{EventStore, ExpectedRevision};
use daybook_store::unit::Unit;
use uuid::Uuid;

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

/// One ledger as its writer knows it.
#[derive(Default)]
struct Writer {
    last: Option<Revision>,
    turnover: BTreeMap<(usize, usize), (i128, i128)>,
    posted: Vec<(TransactionId, TransactionPosted)>,
}

/// Writes histories.
pub(crate) struct History {
    store: Arc<dyn EventStore>,
    writers: BTreeMap<String, Writer>,
    random: u64,
    minted: u128,
    micros: i64,
}

impl History {
    /// A history with its own randomness.
    pub(crate) fn new(store: Arc<dyn EventStore>, seed: u64) -> Self {
        Self {
            store,
            writers: BTreeMap::new(),
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
        let mut events = vec![Event::LedgerOpened(LedgerOpened {
            name: None,
            time_zone: TimeZone::parse("Europe/Prague").unwrap(),
            metadata: Metadata::default(),
        })];
        events.extend(ACCOUNTS.iter().map(|account| {
            Event::AccountOpened(AccountOpened {
                account: AccountId::parse(account).unwrap(),
                account_type: AccountType::Asset,
                normal_balance: Side::Debit,
                name: None,
                assets: None,
                limits: Limits::default(),
                metadata: Metadata::default(),
            })
        }));
        let events = events
            .into_iter()
            .map(|event| (self.mint(), event, false))
            .collect();
        self.writers.insert(ledger.to_owned(), Writer::default());
        self.append(ledger, events).await;
    }

    /// Posts `count` transactions as one unit; as one command if `atomic`.
    pub(crate) async fn post(&mut self, ledger: &str, count: usize, atomic: bool) {
        let mut events = Vec::new();
        for index in 0..count {
            let id = self.mint();
            let posted = self.transaction(ledger);
            let writer = self.writers.get_mut(ledger).unwrap();
            writer.posted.push((id.into(), posted.clone()));
            events.push((
                id,
                Event::TransactionPosted(posted),
                atomic && index + 1 < count,
            ));
        }
        self.append(ledger, events).await;
    }

    /// Posts transactions of about a megabyte each, as one command if `atomic`.
    pub(crate) async fn post_wide(&mut self, ledger: &str, count: usize, atomic: bool) {
        let text = Description::parse(&"x".repeat(1_000)).unwrap();
        for index in 0..count {
            let legs = [(0, Side::Debit, 1, 0), (1, Side::Credit, 1, 0)].repeat(450);
            let mut posted = self.with_entries(ledger, &legs);
            for entry in &mut posted.entries {
                entry.description = Some(text.clone());
            }
            let event = Event::TransactionPosted(posted);
            let more = atomic && index + 1 < count;
            let id = self.mint();
            self.append(ledger, vec![(id, event, more)]).await;
        }
    }

    /// Reverses the ledger's last transaction that is no reversal and was not reversed.
    pub(crate) async fn reverse(&mut self, ledger: &str) {
        let Some((target, posted)) = self.writers.get_mut(ledger).unwrap().posted.pop() else {
            return;
        };
        let id = self.mint();
        let legs: Vec<(usize, Side, i128, usize)> = posted
            .entries
            .iter()
            .map(|entry| {
                let account = ACCOUNTS
                    .iter()
                    .position(|known| *known == entry.account.as_str());
                let asset = ASSETS
                    .iter()
                    .position(|known| *known == entry.asset.as_str());
                let side = entry.direction.opposite();
                (account.unwrap(), side, entry.amount.get(), asset.unwrap())
            })
            .collect();
        let mut reversal = self.with_entries(ledger, &legs);
        reversal.reverses = Some(target);
        reversal.reason = Some(Description::parse("a mistake \\ \"quoted\"").unwrap());
        self.append(
            ledger,
            vec![(id, Event::TransactionPosted(reversal), false)],
        )
        .await;
    }

    /// Appends a transaction whose debits and credits differ: no honest writer would.
    pub(crate) async fn post_unbalanced(&mut self, ledger: &str) -> EventId {
        let id = self.mint();
        let posted = self.with_entries(ledger, &[(0, Side::Debit, 5, 0), (1, Side::Credit, 6, 0)]);
        self.append(ledger, vec![(id, Event::TransactionPosted(posted), false)])
            .await;
        id
    }

    fn transaction(&mut self, ledger: &str) -> TransactionPosted {
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
                legs.push((self.below(ACCOUNTS.len()), Side::Debit, amount, asset));
                sum += amount;
            }
            legs.push((self.below(ACCOUNTS.len()), Side::Credit, sum, asset));
        }
        let mut posted = self.with_entries(ledger, &legs);
        if self.below(3) == 0 {
            let reference = format!("order\t{}", self.minted);
            posted.reference = Reference::parse(&reference.replace('\t', "-")).ok();
            posted.metadata = serde_json::from_str(r#"{"path":"C:\\new\ttab\nline"}"#).unwrap();
        }
        if self.below(3) == 0 {
            posted.effective_at = Some(Effective::parse("2026-01-15").unwrap());
        }
        posted
    }

    fn with_entries(
        &mut self,
        ledger: &str,
        legs: &[(usize, Side, i128, usize)],
    ) -> TransactionPosted {
        let turnover = &mut self.writers.get_mut(ledger).unwrap().turnover;
        for (account, side, amount, asset) in legs {
            let (debits, credits) = turnover.entry((*account, *asset)).or_default();
            match side {
                Side::Debit => *debits += amount,
                Side::Credit => *credits += amount,
            }
        }
        let entries = legs.iter().map(|(account, side, amount, asset)| {
            let (debits, credits) = turnover[&(*account, *asset)];
            let posted = Minor::try_new(debits - credits).unwrap();
            Entry {
                account: AccountId::parse(ACCOUNTS[*account]).unwrap(),
                direction: *side,
                amount: Amount::new(*amount).unwrap(),
                asset: AssetCode::parse(ASSETS[*asset]).unwrap(),
                description: None,
                metadata: Metadata::default(),
                balance: BalanceAfter {
                    posted,
                    pending: Minor::ZERO,
                    available: posted,
                },
            }
        });
        TransactionPosted {
            reference: None,
            code: None,
            description: None,
            effective_at: None,
            effective_local: None,
            related_to: None,
            reverses: None,
            reason: None,
            entries: entries.collect(),
            metadata: Metadata::default(),
        }
    }

    async fn append(&mut self, ledger: &str, events: Vec<(EventId, Event, bool)>) {
        self.micros += 1_000;
        let writer = self.writers.get_mut(ledger).unwrap();
        let mut unit = Unit::new(
            LedgerId::parse(ledger).unwrap(),
            ExpectedRevision::from_last(writer.last),
            Timestamp::try_from_micros(self.micros).unwrap(),
        );
        let trace = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
        let shared = unit.push_shared(
            &SharedMeta {
                trace,
                ..SharedMeta::default()
            }
            .fragment(),
        );
        for (id, event, more) in events {
            let key = IdempotencyKey::parse(&format!("key \\ {id}")).ok();
            let own = OwnMeta {
                key,
                request: None,
                more,
            };
            let event_type = event.event_type();
            unit.push(
                id,
                event_type,
                shared,
                |out| event.write(out),
                |out| own.write(out),
            );
        }
        let appended = self.store.append(unit).await.expect("a lawful append");
        writer.last = appended.last_revision;
    }

    /// Random writing: `units` appends over the ledgers.
    pub(crate) async fn write(&mut self, ledgers: &[&str], units: usize) {
        for _ in 0..units {
            let ledger = ledgers[self.below(ledgers.len())];
            match self.below(6) {
                0 => self.reverse(ledger).await,
                1 => {
                    let count = self.below(30) + 2;
                    self.post(ledger, count, true).await;
                }
                _ => {
                    let count = self.below(8) + 1;
                    self.post(ledger, count, false).await;
                }
            }
        }
    }
}
