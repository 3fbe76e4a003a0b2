//! Random histories: steps, the commands that they stand for, and what came of them.

use daybook_events::assets::Scale;
use daybook_events::event::{Entry, Event, LimitedAsset};
use daybook_events::ids::TransactionId;
use daybook_events::money::{AccountType, Side};
use proptest::prelude::*;

use crate::tests::given::{
    Book, account, account_id, asset, capture_amount, capture_entries, captured, change_status,
    entry, limits, minor, place_until, post, reversal, time, void,
};
use crate::{
    Captured, Command, Context, LimitPatch, LimitsPatch, NewEntry, Patch, Recorded, RegisterAsset,
    Rejection, ReverseTransaction, StatusChange, UpdateAccount, decide,
};

const ACCOUNTS: usize = 6;
const ASSETS: [&str; 3] = ["USD", "JPY", "PTS"];

/// Debited account, credited account, asset, amount.
type Move = (usize, usize, usize, i128);

/// One step of a history. Transactions and holds are named by how many of their kind came later.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Balanced moves.
    Post(Vec<Move>),
    /// A move whose credit side is off.
    Crooked(usize, usize, i128),
    Reverse(usize),
    /// Balanced moves, and in how many microseconds they expire.
    Hold(Vec<Move>, Option<i64>),
    /// Which hold, how much of it, and whether that is the last.
    Capture(usize, Part, bool),
    Void(usize),
    /// Microseconds that pass.
    Wait(i64),
    /// New bounds of every asset of an account.
    Limit(usize, Option<i128>, Option<i128>),
    Freeze(usize),
    Unfreeze(usize),
}

/// How much of a hold.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Rest,
    Amount(i128),
    /// These moves, whether they are within the hold or not.
    Moves(Vec<Move>),
    /// The n-th move of the hold as it was placed, of a smaller amount.
    OneMove(usize, i128),
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    // The account without limits is the likeliest, so that not everything is refused.
    let place = || prop_oneof![Just(0), 0..ACCOUNTS];
    let one = move || (place(), place(), 0..ASSETS.len(), 1..60_i128);
    let moves = move || {
        prop_oneof![
            prop::collection::vec(one(), 1..=1),
            prop::collection::vec(one(), 2..5)
        ]
    };
    let part = prop_oneof![
        2 => Just(Part::Rest),
        2 => (1..40_i128).prop_map(Part::Amount),
        1 => moves().prop_map(Part::Moves),
        4 => (0..5_usize, 1..30_i128).prop_map(|(n, amount)| Part::OneMove(n, amount)),
    ];
    let bound = || prop::option::of(-60..60_i128);
    let step = prop_oneof![
        8 => moves().prop_map(Step::Post),
        1 => (0..ACCOUNTS, 0..ACCOUNTS, 1..60_i128).prop_map(|(a, b, n)| Step::Crooked(a, b, n)),
        3 => (0..4_usize).prop_map(Step::Reverse),
        8 => (moves(), prop::option::of(1..40_i64)).prop_map(|(m, after)| Step::Hold(m, after)),
        8 => (0..4_usize, part, any::<bool>()).prop_map(|(n, p, last)| Step::Capture(n, p, last)),
        2 => (0..4_usize).prop_map(Step::Void),
        2 => (1..30_i64).prop_map(Step::Wait),
        1 => (0..ACCOUNTS, bound(), bound()).prop_map(|(a, low, high)| Step::Limit(a, low, high)),
        1 => (0..ACCOUNTS).prop_map(Step::Freeze),
        6 => (0..ACCOUNTS).prop_map(Step::Unfreeze),
    ];
    prop::collection::vec(step, 1..60)
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

/// A run of steps, and the ids of what came of them.
pub(super) struct Run {
    pub(super) book: Book,
    now: i64,
    posted: Vec<TransactionId>,
    held: Vec<TransactionId>,
}

impl Run {
    pub(super) fn new() -> Self {
        let book = book();
        Self {
            now: book.next().now.micros(),
            book,
            posted: Vec::new(),
            held: Vec::new(),
        }
    }

    fn command(&self, step: &Step) -> Option<(Command, Context)> {
        let nth_last = |ids: &[TransactionId], back: &usize| ids.iter().rev().nth(*back).copied();
        let about = match step {
            Step::Reverse(back) => Some(nth_last(&self.posted, back)?),
            Step::Capture(back, ..) | Step::Void(back) => Some(nth_last(&self.held, back)?),
            _ => None,
        };
        let mut context = about.map_or_else(|| self.book.next(), |id| self.book.about(id));
        context.now = time(self.now);
        let command = match (step, about) {
            (Step::Post(moves), _) => post(entries(moves)),
            (Step::Crooked(debited, credited, amount), _) => post(vec![
                entry(Side::Debit, &name(*debited), *amount, "USD"),
                entry(Side::Credit, &name(*credited), amount + 1, "USD"),
            ]),
            (Step::Hold(moves, after), _) => {
                place_until(entries(moves), after.map(|after| self.now + after))
            }
            (Step::Reverse(_), Some(target)) => Command::Reverse(ReverseTransaction {
                target,
                ..reversal(0)
            }),
            (Step::Capture(_, part, last), Some(hold)) => self.capture(hold, part, *last)?,
            (Step::Void(_), Some(hold)) => void(hold),
            (Step::Limit(place, low, high), _) => set_limits(*place, *low, *high),
            (Step::Freeze(place), _) => change_status(&name(*place), StatusChange::Freeze),
            (Step::Unfreeze(place), _) => change_status(&name(*place), StatusChange::Unfreeze),
            (Step::Wait(_) | Step::Reverse(_) | Step::Capture(..) | Step::Void(_), _) => {
                return None;
            }
        };
        Some((command, context))
    }

    fn capture(&self, hold: TransactionId, part: &Part, last: bool) -> Option<Command> {
        Some(match part {
            Part::Rest => Command::Capture(captured(hold, Captured::Rest, last)),
            Part::Amount(amount) => capture_amount(hold, *amount, last),
            Part::Moves(moves) => capture_entries(hold, entries(moves), last),
            Part::OneMove(place, amount) => {
                let placed =
                    |(recorded, _): &&(Recorded, Event)| TransactionId::from(recorded.id) == hold;
                let (_, event) = self.book.events.iter().find(placed)?;
                let moved = event.transaction()?.entries.chunks(2).nth(*place)?;
                let one = |of: &Entry| {
                    let amount = of.amount.get().min(*amount);
                    let account = of.account.as_str();
                    entry(of.direction, account, amount, of.asset.as_str())
                };
                capture_entries(hold, moved.iter().map(one).collect(), last)
            }
        })
    }

    /// Takes a step: what is due expires first, as in the writer. Gives the events of the command,
    /// or the rule that refused it; `None` if the step has nothing to be about.
    pub(super) fn take(&mut self, step: &Step) -> Option<Result<Vec<Event>, Rejection>> {
        self.pass(step);
        self.act(step)
    }

    /// The time that a step takes passes.
    pub(super) fn pass(&mut self, step: &Step) {
        self.now += match step {
            Step::Wait(micros) => *micros,
            _ => 1,
        };
        self.book.expire(time(self.now));
    }

    pub(super) fn act(&mut self, step: &Step) -> Option<Result<Vec<Event>, Rejection>> {
        let (command, context) = self.command(step)?;
        let known = self.book.events.len();
        if let Err(rejection) = decide(&self.book.ledger, &command, &context) {
            return Some(Err(rejection));
        }
        let event = self.book.accept_with(&command, &context);
        match event {
            Event::TransactionPosted(_) => self.posted.push(context.id.into()),
            Event::HoldPlaced(_) => self.held.push(context.id.into()),
            _ => {}
        }
        let happened = self.book.events[known..].iter();
        Some(Ok(happened.map(|(_, event)| event.clone()).collect()))
    }
}

fn entries(moves: &[Move]) -> Vec<NewEntry> {
    let both = |(debited, credited, code, amount): &Move| {
        [
            entry(Side::Debit, &name(*debited), *amount, ASSETS[*code]),
            entry(Side::Credit, &name(*credited), *amount, ASSETS[*code]),
        ]
    };
    moves.iter().flat_map(both).collect()
}

fn set_limits(place: usize, low: Option<i128>, high: Option<i128>) -> Command {
    let bound = |bound: Option<i128>| bound.map_or(Patch::Remove, |bound| Patch::Set(minor(bound)));
    let bounds = LimitPatch {
        min_available: bound(low),
        max_balance: bound(high),
    };
    Command::UpdateAccount(UpdateAccount {
        account: account_id(&name(place)),
        name: Patch::Keep,
        limits: Patch::Set(LimitsPatch(
            [(LimitedAsset::Other, Patch::Set(bounds))].into(),
        )),
        metadata: Patch::Keep,
        reason: None,
    })
}
