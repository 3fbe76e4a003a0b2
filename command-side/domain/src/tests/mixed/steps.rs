//! The steps of a random history, and the command that each stands for.

use daybook_events::assets::Scale;
use daybook_events::event::{LimitedAsset, MetadataOf};
use daybook_events::ids::{Name, TransactionId};
use daybook_events::money::{AccountType, Amount, Side};
use daybook_events::time::Effective;
use proptest::prelude::*;

use super::super::given::{
    Book, account, account_id, asset, capture_amount, capture_entries, captured, change_status,
    close_through, entry, minor, patch, place_until, reopen_through, reversal, set_metadata,
    transaction, update_account, void,
};
use super::ACCOUNTS;
use crate::{
    Captured, Command, LimitPatch, LimitsPatch, NewEntry, Patch, RegisterAsset, StatusChange,
    UpdateAccount, UpdateLedger,
};

/// The last one is unknown until it is registered.
const ASSETS: [&str; 3] = ["USD", "JPY", "PTS"];
/// The book's own day is 1970-01-01.
const DAYS: [&str; 4] = ["1969-12-30", "1969-12-31", "1970-01-01", "1970-01-02"];

/// Debited account, credited account, asset, amount.
type Move = (usize, usize, usize, i128);

/// A step, and whether its refusal is recorded.
#[derive(Debug, Clone)]
pub(super) struct Step(Kind, bool);

#[derive(Debug, Clone)]
enum Kind {
    Post(Vec<Move>, Option<usize>),
    /// The last number: in how many microseconds it expires.
    Hold(Vec<Move>, Option<i64>),
    /// Transactions are counted back from the last one.
    Capture(usize, What, bool),
    Void(usize),
    Reverse(usize),
    Open(usize),
    Register(usize),
    Status(usize, StatusChange),
    Limits(usize, Patch<i128>, Patch<i128>),
    Rename(usize, Patch<&'static str>, Option<&'static str>),
    Pairs(Option<usize>, usize, Option<&'static str>),
    Ledger(Patch<&'static str>, Option<&'static str>),
    Close(usize),
    Reopen(Option<usize>),
}

#[derive(Debug, Clone)]
enum What {
    Rest,
    Amount(i128),
    /// At most this much of the first pair of parts that balance.
    Pair(i128),
}

pub(super) fn name(place: usize) -> String {
    format!("a:{place}")
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (kinds(), any::<bool>()).prop_map(|(kind, recorded)| Step(kind, recorded));
    prop::collection::vec(step, 1..40)
}

fn kinds() -> impl Strategy<Value = Kind> {
    let account = || 0..ACCOUNTS;
    let back = || 0..6_usize;
    let code = || prop_oneof![8 => Just(0), 3 => Just(1), 1 => Just(2)];
    let of = || (account(), account(), code(), 1..60_i128);
    let moves = || prop::collection::vec(of(), 1..4);
    let value = || prop_oneof![Just(None), Just(Some("1")), Just(Some("2"))];
    let named = || {
        prop_oneof![
            Just(Patch::Keep),
            Just(Patch::Remove),
            Just(Patch::Set("N"))
        ]
    };
    let bound = || {
        prop_oneof![
            Just(Patch::Keep),
            Just(Patch::Remove),
            (-90..90_i128).prop_map(Patch::Set)
        ]
    };
    let what = prop_oneof![
        Just(What::Rest),
        (1..60_i128).prop_map(What::Amount),
        (1..60_i128).prop_map(What::Pair)
    ];
    let change = prop_oneof![
        1 => Just(StatusChange::Freeze),
        2 => Just(StatusChange::Unfreeze),
        1 => Just(StatusChange::Close)
    ];
    let day = || 0..DAYS.len();
    // A close of the book's own day leaves little to be accepted.
    let closed = prop_oneof![4 => 0..2_usize, 1 => 2..DAYS.len()];
    prop_oneof![
        8 => (moves(), prop::option::weighted(0.3, day())).prop_map(|(m, d)| Kind::Post(m, d)),
        8 => (moves(), prop::option::of(0..20_i64)).prop_map(|(m, at)| Kind::Hold(m, at)),
        8 => (back(), what, any::<bool>()).prop_map(|(b, w, last)| Kind::Capture(b, w, last)),
        2 => back().prop_map(Kind::Void),
        3 => back().prop_map(Kind::Reverse),
        1 => (0..ACCOUNTS + 2).prop_map(Kind::Open),
        1 => (0..ASSETS.len()).prop_map(Kind::Register),
        2 => (account(), change).prop_map(|(a, c)| Kind::Status(a, c)),
        2 => (account(), bound(), bound()).prop_map(|(a, min, max)| Kind::Limits(a, min, max)),
        1 => (account(), named(), value()).prop_map(|(a, n, v)| Kind::Rename(a, n, v)),
        2 => (prop::option::of(account()), back(), value())
            .prop_map(|(a, b, v)| Kind::Pairs(a, b, v)),
        1 => (named(), value()).prop_map(|(n, v)| Kind::Ledger(n, v)),
        1 => closed.prop_map(Kind::Close),
        2 => prop::option::of(day()).prop_map(Kind::Reopen),
    ]
}

/// The transaction that a command is about.
pub(super) fn target_of(command: &Command) -> Option<TransactionId> {
    match command {
        Command::Capture(capture) => Some(capture.hold),
        Command::Void(void) => Some(void.hold),
        Command::Reverse(reverse) => Some(reverse.target),
        Command::SetMetadata(set) => match &set.of {
            MetadataOf::Transaction(id) => Some(*id),
            MetadataOf::Account(_) => None,
        },
        Command::OpenLedger(_)
        | Command::UpdateLedger(_)
        | Command::RegisterAsset(_)
        | Command::OpenAccount(_)
        | Command::UpdateAccount(_)
        | Command::ChangeAccountStatus(_)
        | Command::PostTransaction(_)
        | Command::PlaceHold(_)
        | Command::ClosePeriod(_)
        | Command::ReopenPeriod(_) => None,
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

fn named(patch: &Patch<&'static str>) -> Patch<Name> {
    match patch {
        Patch::Keep => Patch::Keep,
        Patch::Remove => Patch::Remove,
        Patch::Set(text) => Patch::Set(Name::parse(text).unwrap()),
    }
}

fn bound(patch: &Patch<i128>) -> Patch<daybook_events::money::Minor> {
    match patch {
        Patch::Keep => Patch::Keep,
        Patch::Remove => Patch::Remove,
        Patch::Set(number) => Patch::Set(minor(*number)),
    }
}

impl Step {
    pub(super) fn records_rejections(&self) -> bool {
        self.1
    }

    /// None where it is about a transaction that there is not.
    pub(super) fn command(&self, book: &Book, known: &[TransactionId]) -> Option<Command> {
        let nth = |back: usize| known.iter().rev().nth(back).copied();
        Some(match &self.0 {
            Kind::Post(moves, day) => {
                let mut posted = transaction(entries(moves));
                posted.effective_at = day.map(|day| Effective::parse(DAYS[day]).unwrap());
                Command::PostTransaction(posted)
            }
            Kind::Hold(moves, expires) => {
                let now = book.next().now.micros();
                place_until(entries(moves), expires.map(|later| now + later))
            }
            Kind::Capture(back, what, last) => {
                capture(book, open_hold(book, *back).or(nth(*back))?, what, *last)?
            }
            Kind::Void(back) => void(open_hold(book, *back).or(nth(*back))?),
            Kind::Reverse(back) => {
                let mut mirrored = reversal(0);
                mirrored.target = nth(*back)?;
                Command::Reverse(mirrored)
            }
            Kind::Open(place) => Command::OpenAccount(account(&name(*place), AccountType::Income)),
            Kind::Register(place) => Command::RegisterAsset(RegisterAsset {
                asset: asset(ASSETS[*place]),
                scale: Scale::try_new(0).unwrap(),
                name: None,
            }),
            Kind::Status(place, change) => change_status(&name(*place), *change),
            Kind::Limits(place, min_available, max_balance) => {
                let limit = LimitPatch {
                    min_available: bound(min_available),
                    max_balance: bound(max_balance),
                };
                let of = [(LimitedAsset::Asset(asset("USD")), Patch::Set(limit))];
                Command::UpdateAccount(UpdateAccount {
                    limits: Patch::Set(LimitsPatch(of.into())),
                    ..update_account(&name(*place))
                })
            }
            Kind::Rename(place, text, value) => Command::UpdateAccount(UpdateAccount {
                name: named(text),
                metadata: patch(&[("k", *value)]),
                ..update_account(&name(*place))
            }),
            Kind::Pairs(Some(place), _, value) => {
                let of = MetadataOf::Account(account_id(&name(*place)));
                set_metadata(of, patch(&[("k", *value)]))
            }
            Kind::Pairs(None, back, value) => {
                let of = MetadataOf::Transaction(nth(*back)?);
                set_metadata(of, patch(&[("k", *value)]))
            }
            Kind::Ledger(text, value) => Command::UpdateLedger(UpdateLedger {
                name: named(text),
                metadata: patch(&[("k", *value)]),
            }),
            Kind::Close(day) => close_through(DAYS[*day]),
            Kind::Reopen(day) => reopen_through(day.map(|day| DAYS[day])),
        })
    }
}

/// One of the open holds; none beyond their number, so that other transactions are tried as well.
fn open_hold(book: &Book, back: usize) -> Option<TransactionId> {
    book.ledger.holds().nth(back).map(|view| view.id)
}

fn capture(book: &Book, hold: TransactionId, what: &What, last: bool) -> Option<Command> {
    Some(match what {
        What::Rest => Command::Capture(captured(hold, Captured::Rest, last)),
        What::Amount(amount) => capture_amount(hold, *amount, last),
        What::Pair(amount) => {
            let remaining: Vec<_> = book.ledger.hold(hold)?.remaining().collect();
            let debit = remaining
                .iter()
                .find(|part| part.direction == Side::Debit)?;
            let credit = remaining
                .iter()
                .find(|part| part.direction == Side::Credit && part.asset == debit.asset)?;
            let limit = Amount::new(*amount).ok()?;
            let amount = debit.amount.min(credit.amount).min(limit).get();
            let of = [debit, credit].map(|part| {
                entry(
                    part.direction,
                    part.account.as_str(),
                    amount,
                    part.asset.as_str(),
                )
            });
            capture_entries(hold, of.into(), last)
        }
    })
}
