//! Laws over random histories: INV-1, INV-4, INV-6, and that a rollback leaves no trace.

use std::collections::BTreeMap;

use daybook_events::assets::Scale;
use daybook_events::event::{Event, TransactionPosted};
use daybook_events::ids::{AccountId, AssetCode};
use daybook_events::money::{AccountType, Side};
use proptest::prelude::*;

use super::given::{
    Book, account, account_id, as_posted, asset, entry, limits, post, refusal, reversal, revision,
};
use crate::{Command, Context, Decision, Ledger, NewEntry, RegisterAsset, decide, evolve};

const ACCOUNTS: usize = 6;
const ASSETS: [&str; 3] = ["USD", "JPY", "PTS"];

/// One step of a history.
#[derive(Debug, Clone)]
enum Step {
    /// Balanced moves: debited account, credited account, asset, amount.
    Move(Vec<(usize, usize, usize, i128)>),
    /// A move whose credit side is off.
    Crooked(usize, usize, i128),
    /// Reverses the n-th last transaction that was not reversed.
    Reverse(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = (0..ACCOUNTS, 0..ACCOUNTS, 0..ASSETS.len(), 1..60_i128);
    let step = prop_oneof![
        6 => prop::collection::vec(one, 1..5).prop_map(Step::Move),
        1 => (0..ACCOUNTS, 0..ACCOUNTS, 1..60_i128).prop_map(|(a, b, n)| Step::Crooked(a, b, n)),
        2 => (0..4_usize).prop_map(Step::Reverse),
    ];
    prop::collection::vec(step, 1..40)
}

fn name(place: usize) -> String {
    format!("a:{place}")
}

/// Accounts of every kind of limit and of both normal sides, one of them contra.
fn book() -> Book {
    let bounds = [
        (AccountType::Asset, None, None),
        (AccountType::Liability, Some(0), None),
        (AccountType::Liability, Some(-50), Some(100)),
        (AccountType::Equity, None, Some(40)),
        (AccountType::Expense, Some(0), Some(80)),
        (AccountType::Income, Some(10), None),
    ];
    let mut book = Book::opened();
    book.accept(&Command::RegisterAsset(RegisterAsset {
        asset: asset("PTS"),
        scale: Scale::try_new(0).unwrap(),
        name: None,
    }));
    for (place, (account_type, minimum, maximum)) in bounds.into_iter().enumerate() {
        let mut opened = account(&name(place), account_type);
        opened.limits = limits("*", minimum, maximum);
        if place == 5 {
            opened.normal_balance = Some(Side::Debit);
        }
        book = book.with(opened);
    }
    book
}

/// A run of steps: every command as it was decided, and what came of it.
struct Run {
    book: Book,
    /// Revisions of transactions that are not reversed.
    open: Vec<u64>,
}

impl Run {
    fn new() -> Self {
        Self {
            book: book(),
            open: Vec::new(),
        }
    }

    fn command(&self, step: &Step) -> Option<(Command, Context)> {
        let mut context = self.book.next();
        let command = match step {
            Step::Move(moves) => post(moves.iter().flat_map(one_move).collect()),
            Step::Crooked(debited, credited, amount) => post(vec![
                entry(Side::Debit, &name(*debited), *amount, "USD"),
                entry(Side::Credit, &name(*credited), amount + 1, "USD"),
            ]),
            Step::Reverse(back) => {
                let at = *self.open.iter().rev().nth(*back)?;
                context.named.target = Some(self.book.target(at));
                Command::Reverse(reversal(at))
            }
        };
        Some((command, context))
    }

    /// Takes a step; gives the transaction if it was accepted.
    fn take(&mut self, step: &Step) -> Option<TransactionPosted> {
        let (command, context) = self.command(step)?;
        let decided = decide(&self.book.ledger, &command, &context);
        let Ok(Decision::Event(event)) = decided else {
            return None;
        };
        let at = self.book.next_revision().get();
        self.book.apply(context.now, &event);
        if let (Step::Reverse(_), Some(target)) = (step, context.named.target) {
            self.open.retain(|known| *known != target.revision.get());
        }
        self.open.push(at);
        Some(as_posted(&event).clone())
    }
}

fn one_move(moved: &(usize, usize, usize, i128)) -> Vec<NewEntry> {
    let (debited, credited, code, amount) = *moved;
    vec![
        entry(Side::Debit, &name(debited), amount, ASSETS[code]),
        entry(Side::Credit, &name(credited), amount, ASSETS[code]),
    ]
}

/// Turnovers by account and asset, folded here from the events alone: (debits, credits).
type Turnovers = BTreeMap<(AccountId, AssetCode), (i128, i128)>;

fn fold(turnovers: &mut Turnovers, posted: &TransactionPosted) {
    for entry in &posted.entries {
        let key = (entry.account.clone(), entry.asset.clone());
        let sums = turnovers.entry(key).or_default();
        match entry.direction {
            Side::Debit => sums.0 += entry.amount.get(),
            Side::Credit => sums.1 += entry.amount.get(),
        }
    }
}

fn in_direction(normal: Side, (debits, credits): (i128, i128)) -> i128 {
    match normal {
        Side::Debit => debits - credits,
        Side::Credit => credits - debits,
    }
}

fn replayed(book: &Book) -> Ledger {
    let mut ledger = Ledger::new(book.ledger.id().clone());
    for (at, (now, event)) in (0..).zip(&book.events) {
        // Through the stored bytes, as every real replay.
        let mut bytes = Vec::new();
        event.write(&mut bytes);
        let kind = event.event_type();
        let read = Event::read(kind, kind.version(), &bytes).unwrap();
        assert_eq!(&read, event, "an event reads back as it was written");
        evolve(&mut ledger, revision(at), *now, &read).unwrap();
    }
    ledger
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_accepted_transaction_balances_and_the_ledger_sums_to_zero(steps in steps()) {
        let mut run = Run::new();
        let mut turnovers = Turnovers::new();
        for step in &steps {
            let crooked = matches!(step, Step::Crooked(..));
            let Some(posted) = run.take(step) else { continue };
            prop_assert!(!crooked);
            let mut own = Turnovers::new();
            fold(&mut own, &posted);
            fold(&mut turnovers, &posted);
            for sums in [&own, &turnovers] {
                let mut per_asset: BTreeMap<&AssetCode, i128> = BTreeMap::new();
                for ((_, code), (debits, credits)) in sums {
                    *per_asset.entry(code).or_default() += debits - credits;
                }
                prop_assert!(per_asset.values().all(|net| *net == 0), "{per_asset:?}");
            }
        }
        // The state holds what the events say, and the sums over both normal sides are equal.
        let mut per_asset: BTreeMap<AssetCode, i128> = BTreeMap::new();
        for view in run.book.ledger.accounts() {
            for (code, balance) in view.balances() {
                let key = (view.account.clone(), code.clone());
                let folded = turnovers.remove(&key).unwrap_or_default();
                prop_assert_eq!((balance.debits().get(), balance.credits().get()), folded);
                let sign = if view.normal_balance == Side::Debit { 1 } else { -1 };
                *per_asset.entry(code.clone()).or_default() +=
                    sign * balance.posted(view.normal_balance).get();
            }
        }
        prop_assert!(turnovers.is_empty());
        prop_assert!(per_asset.values().all(|net| *net == 0), "{per_asset:?}");
    }

    #[test]
    fn no_account_is_beyond_its_limits_unless_it_moved_towards_them(steps in steps()) {
        let mut run = Run::new();
        let mut turnovers = Turnovers::new();
        for step in &steps {
            let before = turnovers.clone();
            let Some(posted) = run.take(step) else { continue };
            fold(&mut turnovers, &posted);
            for moved in &posted.entries {
                let view = run.book.ledger.account(&moved.account).unwrap();
                let key = (moved.account.clone(), moved.asset.clone());
                let balance = |sums: &Turnovers| {
                    let sums = sums.get(&key).copied().unwrap_or_default();
                    in_direction(view.normal_balance, sums)
                };
                let (was, is) = (balance(&before), balance(&turnovers));
                prop_assert_eq!(moved.balance.posted.get(), is);
                prop_assert_eq!(moved.balance.available.get(), is);
                let limit = view.limits.of(&moved.asset);
                let low = limit.min_available.is_some_and(|minimum| is < minimum.get());
                let high = limit.max_balance.is_some_and(|maximum| is > maximum.get());
                prop_assert!(!low || is > was, "{key:?} fell from {was} to {is}");
                prop_assert!(!high || is < was, "{key:?} rose from {was} to {is}");
            }
        }
    }

    #[test]
    fn a_replay_gives_the_same_state_and_the_same_decisions(steps in steps(), more in steps()) {
        let mut run = Run::new();
        for step in &steps {
            run.take(step);
        }
        let replayed = replayed(&run.book);
        prop_assert_eq!(&replayed, &run.book.ledger);
        for step in &more {
            if let Some((command, context)) = run.command(step) {
                let again = decide(&replayed, &command, &context);
                prop_assert_eq!(&again, &decide(&run.book.ledger, &command, &context));
                let (status, index) = again.as_ref().err().map_or((422, None), |rejection| {
                    (rejection.problem().status, rejection.index())
                });
                prop_assert_eq!(status, 422);
                prop_assert_eq!(index.is_some(), refusal(&again).is_some());
            }
        }
    }

    #[test]
    fn a_rollback_leaves_no_trace(
        first in steps(),
        taken_back in steps(),
        inner in steps(),
        then in steps(),
    ) {
        let mut run = Run::new();
        for step in &first {
            run.take(step);
        }
        let before = run.book.clone();
        let open = run.open.clone();
        run.book.ledger.begin();
        for (nested, steps) in [(false, &taken_back), (true, &inner)] {
            if nested {
                run.book.ledger.begin();
            }
            run.book = run.book.clone().with(account(&format!("new:{nested}"), AccountType::Asset));
            for step in steps {
                run.take(step);
            }
        }
        run.book.ledger.commit();
        run.book.ledger.rollback();
        prop_assert_eq!(&run.book.ledger, &before.ledger);

        // What follows is decided as if the stretch had never been.
        run.book.events.clone_from(&before.events);
        run.open.clone_from(&open);
        let mut straight = Run { book: before, open };
        for step in &then {
            prop_assert_eq!(run.take(step), straight.take(step));
        }
        prop_assert_eq!(&run.book.ledger, &straight.book.ledger);
        prop_assert!(run.book.ledger.account(&account_id("new:true")).is_none());
    }
}
