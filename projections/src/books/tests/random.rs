//! Random histories of every kind of event.

use std::collections::BTreeMap;

use daybook_events::event::{
    AccountStatus, AccountUpdated, AssetRegistered, CommandRejected, Event, EventType, HoldOutcome,
    LedgerUpdated, MetadataOf, PeriodClosed, PeriodReopened,
};
use daybook_events::ids::{AssetCode, LedgerId, Name};
use daybook_events::money::{Minor, Side};
use daybook_events::time::Day;
use proptest::prelude::*;

use super::parts::account_id;
use super::rows::fold_in_parts;
use super::writer::{ACCOUNTS, ASSETS, LEDGERS, Leg, Writer, pairs, text, time};
use crate::books::fold::fold;
use crate::books::rows::Prior;
use crate::books::{Rule, decode};

/// A random wish; what cannot be is left out.
#[derive(Debug, Clone)]
struct Step {
    kind: usize,
    ledger: usize,
    /// Picks an account, a hold, a transaction: whatever there is to pick.
    pick: usize,
    legs: Vec<Leg>,
    amount: i128,
    yes: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amount = prop_oneof![1..1_000_000_i128, Just(10_i128.pow(30) / 4)];
    let debits = prop::collection::vec((0..ACCOUNTS.len(), amount), 1..4);
    let legs = (debits, 0..ACCOUNTS.len(), 0..ASSETS.len()).prop_map(|(debits, credit, asset)| {
        let sum = debits.iter().map(|(_, amount)| amount).sum();
        let debit = |(account, amount)| (account, Side::Debit, amount, asset);
        let mut legs: Vec<Leg> = debits.into_iter().map(debit).collect();
        legs.push((credit, Side::Credit, sum, asset));
        legs
    });
    let step = (
        0..16_usize,
        0..LEDGERS.len(),
        any::<usize>(),
        legs,
        1..1_000_i128,
        any::<bool>(),
    )
        .prop_map(|(kind, ledger, pick, legs, amount, yes)| Step {
            kind,
            ledger,
            pick,
            legs,
            amount,
            yes,
        });
    prop::collection::vec(step, 1..60)
}

fn history(steps: &[Step]) -> Writer {
    let mut writer = Writer::new();
    for step in steps {
        take(&mut writer, step);
    }
    writer
}

fn take(writer: &mut Writer, step: &Step) {
    let Step {
        ledger, pick, yes, ..
    } = *step;
    let account = pick % ACCOUNTS.len();
    let status = writer.account(ledger, account).status;
    match step.kind {
        0..=2 => {
            writer.post(ledger, &step.legs);
        }
        3 => reverse(writer, step),
        4 | 5 => {
            let expires_at = yes.then(|| time(writer.now() + 5));
            writer.place(ledger, &step.legs, expires_at);
        }
        6..=8 => capture(writer, step),
        9 => end(writer, step),
        10 => {
            let mut after = writer.account(ledger, account);
            after.name = Name::parse(&format!("name {pick}")).ok();
            let account = account_id(account);
            let reason = None;
            let updated = AccountUpdated {
                account,
                reason,
                after,
            };
            writer.push(ledger, &Event::AccountUpdated(updated));
        }
        11 => set_status(writer, ledger, account, status, yes),
        12 => {
            let of = MetadataOf::Account(account_id(account));
            writer.set_metadata(ledger, of, pairs(pick));
        }
        13 => {
            let transactions = &writer.books[ledger].transactions;
            if !transactions.is_empty() {
                let of = MetadataOf::Transaction(transactions[pick % transactions.len()]);
                writer.set_metadata(ledger, of, pairs(pick));
            }
        }
        14 => change_ledger(writer, step),
        _ => {
            writer.push(ledger, &rejected());
        }
    }
}

fn rejected() -> Event {
    Event::CommandRejected(CommandRejected {
        status: 422,
        code: "insufficient_funds".to_owned(),
        detail: "not enough".to_owned(),
        index: None,
    })
}

fn reverse(writer: &mut Writer, step: &Step) {
    let target = writer.post(step.ledger, &step.legs);
    let mirrored: Vec<Leg> = step
        .legs
        .iter()
        .map(|(account, side, amount, asset)| (*account, side.opposite(), *amount, *asset))
        .collect();
    writer.reverse(step.ledger, target, &mirrored);
}

/// Captures all that remains, or a little of one debit and one credit.
fn capture(writer: &mut Writer, step: &Step) {
    let holds = &writer.books[step.ledger].holds;
    if holds.is_empty() {
        return;
    }
    let hold = step.pick % holds.len();
    let remaining = holds[hold].remaining.clone();
    let of = |side| remaining.iter().find(|leg| leg.1 == side).copied();
    let (debit, credit) = (of(Side::Debit).unwrap(), of(Side::Credit).unwrap());
    let amount = step.amount.min(debit.2).min(credit.2);
    let part = [
        (debit.0, Side::Debit, amount, debit.3),
        (credit.0, Side::Credit, amount, credit.3),
    ];
    if step.pick.is_multiple_of(3) {
        writer.capture(step.ledger, hold, &remaining, step.yes);
    } else {
        writer.capture(step.ledger, hold, &part, step.yes);
    }
}

fn end(writer: &mut Writer, step: &Step) {
    let holds = &writer.books[step.ledger].holds;
    if holds.is_empty() {
        return;
    }
    let hold = step.pick % holds.len();
    let is_due = holds[hold]
        .expires_at
        .is_some_and(|at| at <= time(writer.now()));
    let outcome = if is_due {
        HoldOutcome::Expired
    } else {
        HoldOutcome::Voided
    };
    writer.end(step.ledger, hold, outcome);
}

fn set_status(
    writer: &mut Writer,
    ledger: usize,
    account: usize,
    status: AccountStatus,
    close: bool,
) {
    let turnovers = writer.books[ledger].turnovers.iter();
    let is_empty = turnovers
        .filter(|((of, _), _)| *of == account)
        .all(|(_, turnover)| {
            let pending = turnover.pending_debits.get() + turnover.pending_credits.get();
            turnover.debits == turnover.credits && pending == 0
        });
    let next = match status {
        AccountStatus::Closed => return,
        AccountStatus::Open | AccountStatus::Frozen if close && is_empty => AccountStatus::Closed,
        AccountStatus::Open => AccountStatus::Frozen,
        AccountStatus::Frozen => AccountStatus::Open,
    };
    writer.set_status(ledger, account, next);
}

fn change_ledger(writer: &mut Writer, step: &Step) {
    let Step { ledger, pick, .. } = *step;
    let day = |number: usize| Day::parse(&format!("2026-01-{:02}", number % 28 + 1)).ok();
    let before = writer.books[ledger].closed_through;
    let reason = text("the books are done");
    let event = match (pick % 4, before) {
        (0, _) => {
            let registered = AssetRegistered {
                asset: AssetCode::parse(&format!("A{}", writer.now())).unwrap(),
                scale: serde_json::from_str("2").unwrap(),
                name: None,
            };
            Event::AssetRegistered(registered)
        }
        (1, Some(_)) => {
            writer.books[ledger].closed_through = None;
            let after = writer.ledger(ledger);
            let through = None;
            Event::PeriodReopened(PeriodReopened {
                through,
                reason,
                after,
            })
        }
        (2, before) if day(pick) > before => {
            writer.books[ledger].closed_through = day(pick);
            Event::PeriodClosed(PeriodClosed {
                through: day(pick).unwrap(),
                reason,
                after: writer.ledger(ledger),
            })
        }
        _ => {
            let mut after = writer.ledger(ledger);
            after.metadata = pairs(pick);
            Event::LedgerUpdated(LedgerUpdated { after })
        }
    };
    writer.push(ledger, &event);
}

proptest! {
    #[test]
    fn a_batch_split_anywhere_gives_the_same_rows(
        steps in steps(),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let events = history(&steps).events;
        prop_assert_eq!(fold_in_parts(&events, &[]), fold_in_parts(&events, &cuts));
    }

    #[test]
    fn the_turnovers_are_those_of_a_writer_that_keeps_them_simply(
        steps in steps(),
        cut in any::<usize>(),
    ) {
        let writer = history(&steps);
        let rows = fold_in_parts(&writer.events, &[cut]);
        let folded: BTreeMap<_, _> =
            rows.balances.into_iter().map(|(key, (turnover, _))| (key, turnover)).collect();
        let mut kept = BTreeMap::new();
        for (ledger, book) in LEDGERS.iter().zip(&writer.books) {
            for ((account, asset), turnover) in &book.turnovers {
                let ledger = LedgerId::parse(ledger).unwrap();
                let asset = AssetCode::parse(ASSETS[*asset]).unwrap();
                kept.insert((ledger, account_id(*account), asset), *turnover);
            }
        }
        prop_assert_eq!(folded, kept);
    }

    #[test]
    fn over_a_ledger_debits_equal_credits_and_open_holds_are_all_that_is_pending(
        steps in steps(),
        cut in any::<usize>(),
    ) {
        let rows = fold_in_parts(&history(&steps).events, &[cut]);
        let mut sums: BTreeMap<(LedgerId, AssetCode), i128> = BTreeMap::new();
        let mut pending: BTreeMap<(LedgerId, AssetCode, Side), i128> = BTreeMap::new();
        for ((ledger, _, asset), (turnover, _)) in rows.balances {
            *sums.entry((ledger.clone(), asset.clone())).or_default() +=
                turnover.debits.get() - turnover.credits.get();
            for (side, turnover) in [
                (Side::Debit, turnover.pending_debits),
                (Side::Credit, turnover.pending_credits),
            ] {
                let key = (ledger.clone(), asset.clone(), side);
                *pending.entry(key).or_default() += turnover.get();
            }
        }
        prop_assert!(sums.values().all(|sum| *sum == 0));
        for ((ledger, _), (hold, _)) in rows.holds {
            for rest in hold.remaining {
                prop_assert!(rest.amount > Minor::ZERO);
                let key = (ledger.clone(), rest.asset, rest.direction);
                *pending.get_mut(&key).unwrap() -= rest.amount.get();
            }
        }
        prop_assert!(pending.values().all(|rest| *rest == 0), "{:?}", pending);
    }

    #[test]
    fn an_event_that_is_missing_or_doubled_is_never_taken(
        steps in steps(),
        at in any::<usize>(),
        double in any::<bool>(),
    ) {
        let mut events = history(&steps).events;
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
        let prior = Prior::default();
        let refused = fold(&prior, &decoded).unwrap_err();
        prop_assert!(matches!(refused.rule, Rule::Revision { .. }), "{}", refused);
    }
}

#[test]
fn the_random_histories_have_events_of_every_type() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..64 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        seen.extend(history(&steps).events.iter().map(|event| event.event_type));
    }
    let missing: Vec<_> = EventType::ALL
        .iter()
        .filter(|known| !seen.contains(known))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
