//! Laws of the fold, over random histories.

use std::collections::BTreeMap;

use bytes::Bytes;
use daybook_events::envelope::RecordedEvent;
use daybook_events::event::{
    AccountOpened, BalanceAfter, Entry, Event, LedgerOpened, TransactionPosted,
};
use daybook_events::ids::{
    AccountId, AssetCode, EventId, LedgerId, Position, Revision, TransactionId,
};
use daybook_events::metadata::Metadata;
use daybook_events::money::{AccountType, Amount, Minor, Side};
use daybook_events::time::{TimeZone, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

use super::fold::fold;
use super::rows::{BalanceKey, Delta, LedgerState, Prior, Turnover};
use super::{Rule, decode};

const ACCOUNTS: [&str; 4] = ["bank", "users:1", "users:2", "fees"];
const ASSETS: [&str; 2] = ["USD", "POINTS"];

/// A random transaction: a ledger, an asset, and debits of accounts against one that is credited.
#[derive(Debug, Clone)]
struct Step {
    ledger: usize,
    asset: usize,
    debits: Vec<(usize, i128)>,
    credit: usize,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amount = prop_oneof![1..1_000_000_i128, Just(10_i128.pow(30) / 4)];
    let debits = prop::collection::vec((0..ACCOUNTS.len(), amount), 1..4);
    let step = (0..2_usize, 0..ASSETS.len(), debits, 0..ACCOUNTS.len()).prop_map(
        |(ledger, asset, debits, credit)| Step {
            ledger,
            asset,
            debits,
            credit,
        },
    );
    prop::collection::vec(step, 1..30)
}

fn entry(account: usize, direction: Side, amount: i128, asset: usize) -> Entry {
    Entry {
        account: AccountId::parse(ACCOUNTS[account]).unwrap(),
        direction,
        amount: Amount::new(amount).unwrap(),
        asset: AssetCode::parse(ASSETS[asset]).unwrap(),
        description: None,
        metadata: Metadata::default(),
        // Never read by the fold: two independent paths.
        balance: BalanceAfter {
            posted: Minor::ZERO,
            pending: Minor::ZERO,
            available: Minor::ZERO,
        },
    }
}

fn posted(entries: Vec<Entry>) -> TransactionPosted {
    TransactionPosted {
        reference: None,
        code: None,
        description: None,
        effective_at: None,
        effective_local: None,
        related_to: None,
        reverses: None,
        reason: None,
        entries,
        metadata: Metadata::default(),
    }
}

/// Two ledgers with their accounts, then the steps, in one order of positions.
fn history(steps: &[Step]) -> Vec<RecordedEvent> {
    let mut writer = Writer::default();
    for ledger in 0..2 {
        writer.push(
            ledger,
            &Event::LedgerOpened(LedgerOpened {
                name: None,
                time_zone: TimeZone::UTC,
                metadata: Metadata::default(),
            }),
        );
        for account in ACCOUNTS {
            writer.push(
                ledger,
                &Event::AccountOpened(AccountOpened {
                    account: AccountId::parse(account).unwrap(),
                    account_type: AccountType::Asset,
                    normal_balance: Side::Debit,
                    name: None,
                    assets: None,
                    limits: daybook_events::event::Limits::default(),
                    metadata: Metadata::default(),
                }),
            );
        }
    }
    for step in steps {
        let debit =
            |(account, amount): &(usize, i128)| entry(*account, Side::Debit, *amount, step.asset);
        let mut entries: Vec<Entry> = step.debits.iter().map(debit).collect();
        let sum = step.debits.iter().map(|(_, amount)| amount).sum();
        entries.push(entry(step.credit, Side::Credit, sum, step.asset));
        writer.push(step.ledger, &Event::TransactionPosted(posted(entries)));
    }
    writer.events
}

#[derive(Default)]
struct Writer {
    events: Vec<RecordedEvent>,
    revisions: [u64; 2],
}

impl Writer {
    fn push(&mut self, ledger: usize, event: &Event) {
        let position = u64::try_from(self.events.len()).unwrap() + 1;
        let mut data = Vec::new();
        event.write(&mut data);
        self.events.push(RecordedEvent {
            position: Position::new(position),
            ledger: LedgerId::parse(["a", "b"][ledger]).unwrap(),
            revision: Revision::new(self.revisions[ledger]),
            id: EventId::new(Uuid::from_u128(u128::from(position))),
            event_type: event.event_type(),
            version: 1,
            recorded_at: Timestamp::try_from_micros(i64::try_from(position).unwrap()).unwrap(),
            data: Bytes::from(data),
            meta: Bytes::from_static(b"{}"),
        });
        self.revisions[ledger] += 1;
    }
}

/// The rows, as a database would hold them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rows {
    ledgers: BTreeMap<LedgerId, (u64, u64, u64, Timestamp)>,
    balances: BTreeMap<(LedgerId, AccountId, AssetCode), (Turnover, Revision)>,
    added: Vec<String>,
}

impl Rows {
    fn prior(&self) -> Prior<'_> {
        let ledgers = self
            .ledgers
            .iter()
            .map(|(ledger, (revision, accounts, transactions, _))| {
                let revision = Revision::new(*revision);
                let (accounts, transactions) = (*accounts, *transactions);
                (
                    ledger,
                    LedgerState {
                        revision,
                        accounts,
                        transactions,
                    },
                )
            });
        let balances = self
            .balances
            .iter()
            .map(|((ledger, account, asset), (turnover, _))| {
                (
                    BalanceKey {
                        ledger,
                        account,
                        asset,
                    },
                    *turnover,
                )
            });
        Prior {
            ledgers: ledgers.collect(),
            balances: balances.collect(),
        }
    }

    fn take(&mut self, delta: &Delta<'_>) {
        for row in &delta.ledgers {
            let state = row.state;
            self.ledgers.insert(
                row.ledger.clone(),
                (
                    state.revision.get(),
                    state.accounts,
                    state.transactions,
                    row.last_recorded_at,
                ),
            );
        }
        for row in &delta.balances {
            let BalanceKey {
                ledger,
                account,
                asset,
            } = row.key;
            let key = (ledger.clone(), account.clone(), asset.clone());
            self.balances.insert(key, (row.turnover, row.revision));
        }
        self.added
            .extend(delta.accounts.iter().map(|row| format!("{row:?}")));
        self.added
            .extend(delta.transactions.iter().map(|row| format!("{row:?}")));
        self.added
            .extend(delta.entries.iter().map(|row| format!("{row:?}")));
        self.added.sort();
    }
}

fn fold_in_parts(events: &[RecordedEvent], cuts: &[usize]) -> Rows {
    let mut rows = Rows::default();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (events.len() + 1)).collect();
    cuts.extend([0, events.len()]);
    cuts.sort_unstable();
    for range in cuts.windows(2) {
        let decoded = decode::all(&events[range[0]..range[1]]).unwrap();
        let prior = rows.prior();
        let delta = fold(&prior, &decoded).unwrap();
        let mut next = Rows {
            ledgers: rows.ledgers.clone(),
            balances: rows.balances.clone(),
            added: rows.added.clone(),
        };
        next.take(&delta);
        rows = next;
    }
    rows
}

proptest! {
    #[test]
    fn a_batch_split_anywhere_gives_the_same_rows(
        steps in steps(),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let events = history(&steps);
        prop_assert_eq!(fold_in_parts(&events, &[]), fold_in_parts(&events, &cuts));
    }

    #[test]
    fn over_a_ledger_debits_equal_credits_after_every_batch(
        steps in steps(),
        cut in any::<usize>(),
    ) {
        let rows = fold_in_parts(&history(&steps), &[cut]);
        let mut sums: BTreeMap<(LedgerId, AssetCode), i128> = BTreeMap::new();
        for ((ledger, _, asset), (turnover, _)) in rows.balances {
            *sums.entry((ledger, asset)).or_default() +=
                turnover.debits.get() - turnover.credits.get();
        }
        prop_assert!(sums.values().all(|sum| *sum == 0));
    }

    #[test]
    fn an_event_that_is_missing_or_doubled_is_never_taken(
        steps in steps(),
        at in any::<usize>(),
        double in any::<bool>(),
    ) {
        let mut events = history(&steps);
        let at = at % events.len();
        let odd = events[at].clone();
        let followed = events[at + 1..].iter().any(|event| event.ledger == odd.ledger);
        if double {
            events.insert(at, odd);
        } else {
            prop_assume!(followed);
            events.remove(at);
        }
        let decoded = decode::all(&events).unwrap();
        let refused = fold(&Prior::default(), &decoded).unwrap_err();
        prop_assert!(matches!(refused.rule, Rule::Revision { .. }), "{}", refused);
    }
}

#[test]
fn an_unbalanced_transaction_is_refused_by_name() {
    let step = Step {
        ledger: 0,
        asset: 0,
        debits: vec![(0, 5)],
        credit: 1,
    };
    let mut events = history(&[step]);
    let last = events.last_mut().unwrap();
    let text = String::from_utf8(last.data.to_vec()).unwrap();
    last.data = Bytes::from(text.replacen("\"5\"", "\"6\"", 1));
    let id = last.id;
    let decoded = decode::all(&events).unwrap();
    let refused = fold(&Prior::default(), &decoded).unwrap_err();
    assert_eq!(
        refused.rule,
        Rule::Unbalanced {
            asset: "USD".to_owned()
        }
    );
    assert_eq!(refused.id, id);
    assert!(
        refused
            .to_string()
            .contains(&TransactionId::from(id).to_string())
    );
}

#[test]
fn running_balances_stand_entry_by_entry() {
    let step = Step {
        ledger: 0,
        asset: 0,
        debits: vec![(0, 5), (0, 7)],
        credit: 0,
    };
    let events = history(&[step]);
    let decoded = decode::all(&events).unwrap();
    let delta = fold(&Prior::default(), &decoded).unwrap();
    let after: Vec<(i128, i128)> = delta
        .entries
        .iter()
        .map(|row| (row.after.debits.get(), row.after.credits.get()))
        .collect();
    assert_eq!(after, [(5, 0), (12, 0), (12, 12)]);
    assert_eq!(
        delta.balances.len(),
        1,
        "one row a key, however many entries"
    );
}

#[test]
fn stored_entries_are_kept_byte_for_byte() {
    let step = Step {
        ledger: 0,
        asset: 1,
        debits: vec![(0, 5)],
        credit: 1,
    };
    let mut events = history(&[step]);
    let last = events.last_mut().unwrap();
    let text = String::from_utf8(last.data.to_vec()).unwrap();
    last.data = Bytes::from(text.replace("\"entries\":[", "\"entries\": [ "));
    let decoded = decode::all(&events).unwrap();
    let delta = fold(&Prior::default(), &decoded).unwrap();
    assert!(
        delta.transactions[0]
            .entries_json
            .starts_with("[ {\"account\":\"bank\"")
    );
}
