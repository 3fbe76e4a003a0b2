//! Random histories of every command there is: a replay gives the same state, so does a snapshot
//! with the rest of the history, and a rollback leaves no trace.

mod steps;

use std::collections::{BTreeMap, BTreeSet};

use daybook_events::event::{CommandRejected, Event, EventType};
use daybook_events::ids::TransactionId;
use daybook_events::money::{AccountType, Side};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use self::steps::{Step, steps};
use super::given::{Book, account, limits};
use crate::{Command, Context, Ledger, LedgerSnapshot, Recorded, decide, evolve};

/// The accounts that every history begins with.
const ACCOUNTS: usize = 5;

/// A history that is being made.
struct Run {
    book: Book,
    /// Every transaction, holds included, in the order of the log.
    transactions: Vec<TransactionId>,
    /// How often each rule refused.
    refused: BTreeMap<&'static str, usize>,
}

impl Run {
    fn new() -> Self {
        let mut book = Book::opened();
        for place in 0..ACCOUNTS {
            let mut opened = account(&steps::name(place), AccountType::Liability);
            match place {
                1 => opened.limits = limits("*", Some(-40), None),
                2 => opened.limits = limits("USD", None, Some(90)),
                3 => opened.normal_balance = Some(Side::Debit),
                _ => {}
            }
            book = book.with(opened);
        }
        Self {
            book,
            transactions: Vec::new(),
            refused: BTreeMap::new(),
        }
    }

    fn after(steps: &[Step]) -> Self {
        let mut run = Self::new();
        run.take_all(steps);
        run
    }

    fn take_all(&mut self, steps: &[Step]) {
        for step in steps {
            self.take(step);
        }
    }

    /// Expires what is due, then decides the step's command, as the writer does.
    fn take(&mut self, step: &Step) {
        loop {
            let now = self.book.next().now;
            if self.book.ledger.due(now).next().is_none() {
                break;
            }
            self.book.expire(now);
        }
        let Some((command, context)) = self.command(step) else {
            return;
        };
        match decide(&self.book.ledger, &command, &context) {
            Ok(_) => {
                let event = self.book.accept_with(&command, &context);
                if event.transaction().is_some() {
                    self.transactions.push(context.id.into());
                }
            }
            Err(rejection) => {
                let problem = rejection.problem();
                *self.refused.entry(problem.code).or_default() += 1;
                if step.records_rejections() && rejection.is_recorded() {
                    let event = Event::CommandRejected(CommandRejected {
                        status: problem.status,
                        code: problem.code.to_owned(),
                        detail: rejection.to_string(),
                        index: rejection.index().map(|index| index.try_into().unwrap()),
                    });
                    self.book.apply(context.now, &event);
                }
            }
        }
    }

    /// What the step means here and now; none where it is about a transaction and there is none.
    fn command(&self, step: &Step) -> Option<(Command, Context)> {
        let next = self.book.next();
        let command = step.command(&self.book, &self.transactions)?;
        let context = match steps::target_of(&command) {
            Some(target) => self.book.about(target),
            None => next,
        };
        Some((command, context))
    }

    /// The same decision of another state that should be the same.
    fn decides_alike(&self, other: &Ledger, steps: &[Step]) -> Result<(), TestCaseError> {
        for step in steps {
            if let Some((command, context)) = self.command(step) {
                prop_assert_eq!(
                    decide(other, &command, &context),
                    decide(&self.book.ledger, &command, &context)
                );
            }
        }
        Ok(())
    }
}

fn apply(ledger: &mut Ledger, events: &[(Recorded, Event)]) {
    for (recorded, event) in events {
        // Through the stored bytes, as every real replay.
        let mut bytes = Vec::new();
        event.write(&mut bytes);
        let kind = event.event_type();
        let read = Event::read(kind, kind.version(), &bytes).unwrap();
        assert_eq!(&read, event, "an event reads back as it was written");
        evolve(ledger, *recorded, &read).unwrap();
    }
}

fn replayed(events: &[(Recorded, Event)]) -> Ledger {
    let mut ledger = Book::missing().ledger;
    apply(&mut ledger, events);
    ledger
}

/// Through the bytes of a file.
fn restored(ledger: &Ledger) -> Ledger {
    let bytes = serde_json::to_vec(&ledger.snapshot()).unwrap();
    let snapshot: LedgerSnapshot = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(snapshot.ledger(), ledger.id());
    assert_eq!(snapshot.revision(), ledger.revision());
    Ledger::restore(snapshot).unwrap()
}

/// Whether the first `count` events end between the end of a hold and its last capture.
fn is_torn(events: &[(Recorded, Event)], count: usize) -> bool {
    let ends = events[..count].last();
    matches!(ends, Some((_, Event::HoldEnded(ended))) if ended.outcome.as_str() == "captured")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_replay_gives_the_same_state_and_the_same_decisions(first in steps(), then in steps()) {
        let run = Run::after(&first);
        let replayed = replayed(&run.book.events);
        prop_assert_eq!(&replayed, &run.book.ledger);
        run.decides_alike(&replayed, &then)?;
    }

    #[test]
    fn a_snapshot_at_any_point_and_the_events_after_it_give_the_same_state(
        first in steps(),
        then in steps(),
        point in any::<prop::sample::Index>(),
    ) {
        let run = Run::after(&first);
        let events = &run.book.events;
        let mut point = point.index(events.len() + 1);
        if is_torn(events, point) {
            point += 1;
        }
        let before = replayed(&events[..point]);
        let mut ledger = restored(&before);
        prop_assert_eq!(&ledger, &before);
        apply(&mut ledger, &events[point..]);
        prop_assert_eq!(&ledger, &run.book.ledger);
        run.decides_alike(&ledger, &then)?;
        // What was restored can be taken back like anything else.
        prop_assert_eq!(&restored(&ledger), &ledger);
    }

    #[test]
    fn a_rollback_gives_the_exact_state_before(
        first in steps(),
        taken_back in steps(),
        inner in steps(),
        then in steps(),
    ) {
        let mut run = Run::after(&first);
        let (before, known) = (run.book.clone(), run.transactions.clone());
        run.book.ledger.begin();
        run.take_all(&taken_back);
        let (middle, known_in_the_middle) = (run.book.clone(), run.transactions.clone());
        run.book.ledger.begin();
        run.take_all(&inner);
        run.book.ledger.rollback();
        prop_assert_eq!(&run.book.ledger, &middle.ledger);
        run.book.events.clone_from(&middle.events);
        run.transactions = known_in_the_middle;

        run.book.ledger.begin();
        run.take_all(&inner);
        run.book.ledger.commit();
        run.book.ledger.rollback();
        prop_assert_eq!(&run.book.ledger, &before.ledger);
        run.book.events.clone_from(&before.events);
        run.transactions.clone_from(&known);

        // What follows is decided as if the stretch had never been.
        let mut straight = Run { book: before, transactions: known, refused: BTreeMap::new() };
        run.take_all(&then);
        straight.take_all(&then);
        prop_assert_eq!(&run.book.ledger, &straight.book.ledger);
        prop_assert_eq!(&run.book.events, &straight.book.events);
    }
}

#[test]
fn random_histories_reach_every_event_and_every_rule() {
    let mut runner = TestRunner::deterministic();
    let mut events: BTreeSet<EventType> = BTreeSet::new();
    let mut refused: BTreeSet<&str> = BTreeSet::new();
    let (mut captures, mut expiries) = (0, 0);
    for _ in 0..300 {
        let run = Run::after(&steps().new_tree(&mut runner).unwrap().current());
        refused.extend(run.refused.keys());
        for (_, event) in &run.book.events {
            events.insert(event.event_type());
            match event {
                Event::TransactionPosted(posted) if posted.captures().is_some() => captures += 1,
                Event::HoldEnded(ended) if ended.outcome.as_str() == "expired" => expiries += 1,
                _ => {}
            }
        }
    }
    let every: BTreeSet<EventType> = EventType::ALL.iter().copied().collect();
    assert_eq!(events, every);
    assert!(
        captures > 100 && expiries > 100,
        "{captures} captures, {expiries} expiries"
    );
    let rules = [
        "account_closed",
        "account_frozen",
        "account_not_empty",
        "already_exists",
        "already_reversed",
        "already_settled",
        "asset_unknown",
        "capture_exceeds_hold",
        "hold_expired",
        "insufficient_funds",
        "limit_exceeded",
        "not_a_hold",
        "not_posted",
        "period_closed",
        "validation",
    ];
    let missing: Vec<_> = rules
        .iter()
        .filter(|code| !refused.contains(*code))
        .collect();
    assert!(missing.is_empty(), "never refused: {missing:?}");
}
