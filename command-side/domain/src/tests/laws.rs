//! Laws over random histories of money, folded a second time from the events alone: INV-1, INV-6,
//! every stored balance, and that what is pending is what open holds reserve.

mod steps;

use std::collections::BTreeMap;

use daybook_events::event::{BalanceAfter, Entry, Event, HoldOutcome};
use daybook_events::ids::{AccountId, AssetCode, TransactionId};
use daybook_events::money::Side;
use proptest::prelude::*;

use self::steps::{Run, Step, steps};
use crate::{Balance, Ledger, Recorded};

/// The turnovers of one account and asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Sums {
    debits: i128,
    credits: i128,
    pending_debits: i128,
    pending_credits: i128,
}

impl Sums {
    fn of(balance: Balance) -> Self {
        Self {
            debits: balance.debits().get(),
            credits: balance.credits().get(),
            pending_debits: balance.pending_debits().get(),
            pending_credits: balance.pending_credits().get(),
        }
    }

    /// Posted, pending, available, and posted with what may come in.
    fn in_direction(self, normal: Side) -> [i128; 4] {
        let (posted, pending) = (
            self.debits - self.credits,
            self.pending_debits - self.pending_credits,
        );
        match normal {
            Side::Debit => [
                posted,
                pending,
                posted - self.pending_credits,
                posted + self.pending_debits,
            ],
            Side::Credit => [
                -posted,
                -pending,
                -posted - self.pending_debits,
                -posted + self.pending_credits,
            ],
        }
    }
}

type Parts = BTreeMap<(AccountId, Side, AssetCode), i128>;

/// What the events alone say, folded here as naively as can be.
#[derive(Debug, Clone, Default)]
struct Fold {
    sums: BTreeMap<(AccountId, AssetCode), Sums>,
    holds: BTreeMap<TransactionId, Parts>,
}

impl Fold {
    fn entry(&mut self, entry: &Entry, posted: i128, pending: i128) {
        let key = (entry.account.clone(), entry.asset.clone());
        let sums = self.sums.entry(key).or_default();
        let (amount, of_posted, of_pending) = match entry.direction {
            Side::Debit => (
                entry.amount.get(),
                &mut sums.debits,
                &mut sums.pending_debits,
            ),
            Side::Credit => (
                entry.amount.get(),
                &mut sums.credits,
                &mut sums.pending_credits,
            ),
        };
        *of_posted += posted * amount;
        *of_pending += pending * amount;
    }

    fn hold(&mut self, id: TransactionId, entry: &Entry, sign: i128) {
        let key = (entry.account.clone(), entry.direction, entry.asset.clone());
        let left = self.holds.entry(id).or_default().entry(key).or_default();
        *left += sign * entry.amount.get();
        assert!(*left >= 0, "more was taken than held");
    }

    fn apply(&mut self, recorded: Recorded, event: &Event) {
        let entries = match event {
            Event::TransactionPosted(posted) => {
                for entry in &posted.entries {
                    self.entry(entry, 1, -i128::from(posted.captures().is_some()));
                    if let Some(hold) = posted.captures() {
                        self.hold(hold, entry, -1);
                    }
                }
                &posted.entries
            }
            Event::HoldPlaced(placed) => {
                for entry in &placed.entries {
                    self.entry(entry, 0, 1);
                    self.hold(recorded.id.into(), entry, 1);
                }
                &placed.entries
            }
            Event::HoldEnded(ended) => {
                for entry in &ended.released {
                    self.entry(entry, 0, -1);
                    self.hold(ended.hold, entry, -1);
                }
                let nothing_left = self.holds[&ended.hold].values().all(|left| *left == 0);
                assert_eq!(nothing_left, ended.outcome != HoldOutcome::Captured);
                &ended.released
            }
            _ => return,
        };
        self.holds
            .retain(|_, parts| parts.values().any(|left| *left > 0));
        self.check_balanced(event);
        for entry in entries {
            self.check_stored(entry);
        }
    }

    /// Σ debits = Σ credits per asset, of what is posted and of what is pending.
    fn check_balanced(&self, event: &Event) {
        let mut net: BTreeMap<&AssetCode, (i128, i128)> = BTreeMap::new();
        for ((_, code), sums) in &self.sums {
            let (posted, pending) = net.entry(code).or_default();
            *posted += sums.debits - sums.credits;
            *pending += sums.pending_debits - sums.pending_credits;
        }
        assert!(net.values().all(|net| *net == (0, 0)), "{net:?}: {event:?}");
    }

    /// The balance stored with an entry is the one after its event.
    fn check_stored(&self, entry: &Entry) {
        let sums = self.sums[&(entry.account.clone(), entry.asset.clone())];
        let BalanceAfter {
            posted,
            pending,
            available,
        } = entry.balance;
        let stored = [posted.get(), pending.get(), available.get()];
        let normal = normal_balance(&entry.account);
        assert_eq!(stored, sums.in_direction(normal)[..3], "{entry:?}");
    }
}

/// As the accounts of the steps are opened.
fn normal_balance(account: &AccountId) -> Side {
    match account.as_str() {
        "a:1" | "a:2" | "a:3" => Side::Credit,
        _ => Side::Debit,
    }
}

/// The state holds what the events say.
fn check_state(ledger: &Ledger, mut fold: Fold) {
    let mut reserved: BTreeMap<(AccountId, AssetCode), Sums> = BTreeMap::new();
    let mut open = BTreeMap::new();
    for hold in ledger.holds() {
        let mut parts = Parts::new();
        for part in hold.remaining() {
            let key = (part.account.clone(), part.asset.clone());
            let sums = reserved.entry(key).or_default();
            match part.direction {
                Side::Debit => sums.pending_debits += part.amount.get(),
                Side::Credit => sums.pending_credits += part.amount.get(),
            }
            let key = (part.account.clone(), part.direction, part.asset.clone());
            assert_eq!(parts.insert(key, part.amount.get()), None, "once each");
        }
        open.insert(hold.id, parts);
    }
    for parts in fold.holds.values_mut() {
        parts.retain(|_, left| *left > 0);
    }
    assert_eq!(open, fold.holds);
    for view in ledger.accounts() {
        assert_eq!(view.normal_balance, normal_balance(view.account));
        for (code, balance) in view.balances() {
            let key = (view.account.clone(), code.clone());
            let sums = fold.sums.remove(&key).unwrap();
            assert_eq!(Sums::of(balance), sums, "{key:?}");
            let pending = reserved.remove(&key).unwrap_or_default();
            let held = (pending.pending_debits, pending.pending_credits);
            assert_eq!((sums.pending_debits, sums.pending_credits), held, "{key:?}");
        }
    }
    assert!(fold.sums.is_empty() && reserved.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_event_balances_and_what_is_pending_is_what_open_holds_reserve(steps in steps()) {
        let mut run = Run::new();
        for step in &steps {
            let taken = run.take(step);
            let crooked = matches!(step, Step::Crooked(..));
            prop_assert!(!(crooked && matches!(taken, Some(Ok(_)))));
        }
        let mut fold = Fold::default();
        for (recorded, event) in &run.book.events {
            fold.apply(*recorded, event);
        }
        check_state(&run.book.ledger, fold);
    }

    #[test]
    fn no_command_takes_an_account_beyond_its_limits_or_further_beyond(steps in steps()) {
        let mut run = Run::new();
        for step in &steps {
            run.pass(step);
            let before = run.book.ledger.clone();
            let Some(Ok(events)) = run.act(step) else { continue };
            for event in &events {
                let Some(facts) = event.transaction() else { continue };
                for moved in facts.entries {
                    let view = run.book.ledger.account(&moved.account).unwrap();
                    let sums = |ledger: &Ledger| {
                        let account = ledger.account(&moved.account).unwrap();
                        let balance = account.balance(&moved.asset);
                        Sums::of(balance).in_direction(view.normal_balance)
                    };
                    let ([_, _, was_low, was_high], [_, _, low, high]) =
                        (sums(&before), sums(&run.book.ledger));
                    let limit = view.limits.of(&moved.asset);
                    let below = limit.min_available.is_some_and(|bound| low < bound.get());
                    let above = limit.max_balance.is_some_and(|bound| high > bound.get());
                    prop_assert!(!below || low >= was_low, "{moved:?} from {was_low} to {low}");
                    prop_assert!(!above || high <= was_high, "{moved:?} from {was_high} to {high}");
                }
            }
        }
    }
}

/// The random histories are of use only if they reach what the laws are about.
#[test]
fn random_histories_reach_every_end_of_a_hold_and_every_rule() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..200 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let mut run = Run::new();
        for step in &steps {
            if let Some(Err(rejection)) = run.take(step) {
                *seen.entry(rejection.problem().code.to_owned()).or_default() += 1;
            }
        }
        for (_, event) in &run.book.events {
            let what = match event {
                Event::HoldEnded(ended) => {
                    let what = if ended.released.is_empty() {
                        "whole"
                    } else {
                        "rest"
                    };
                    format!("{} {what}", ended.outcome.as_str())
                }
                Event::TransactionPosted(posted) if posted.captures().is_some() => {
                    "capture".to_owned()
                }
                other => other.event_type().as_str().to_owned(),
            };
            *seen.entry(what).or_default() += 1;
        }
    }
    for expected in [
        "HoldPlaced",
        "capture",
        "captured whole",
        "captured rest",
        "voided rest",
        "expired rest",
        "AccountUpdated",
        "AccountFrozen",
        "AccountUnfrozen",
        "account_frozen",
        "already_reversed",
        "already_settled",
        "capture_exceeds_hold",
        "hold_expired",
        "insufficient_funds",
        "limit_exceeded",
        "unbalanced",
        "validation",
    ] {
        let count = seen.get(expected).copied().unwrap_or_default();
        assert!(count >= 20, "{expected}: {count} of {seen:?}");
    }
    // More captures than ends by a capture: some were not the last.
    assert!(seen["capture"] > seen["captured whole"] + seen["captured rest"]);
}
