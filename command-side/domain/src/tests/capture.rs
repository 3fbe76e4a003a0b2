//! Captures: whole, in parts, with other entries; what they release and what they refuse.

use daybook_events::event::{
    BalanceAfter, Entry, HoldEnded, HoldOutcome, Origin, TransactionPosted,
};
use daybook_events::ids::{Description, Reference, TransactionId};
use daybook_events::metadata::Metadata;
use daybook_events::money::{AccountType, Side};
use daybook_events::time::Effective;

use super::given::{
    Book, account, as_ended, as_posted, capture, capture_amount, capture_entries, captured, credit,
    debit, entry, place, transfer,
};
use crate::{CaptureHold, Captured, Command, Decision, Entries, NewEntry, decide};

/// `users:1` with 100, of which 60 are held for `shop`.
pub(super) fn held() -> (Book, TransactionId) {
    let mut book = Book::ready()
        .with(account("shop", AccountType::Liability))
        .posted(transfer("cash", "users:1", 100));
    let hold = book.hold(&place(transfer("users:1", "shop", 60)));
    (book, hold)
}

/// What a last capture makes happen, applied.
fn ending(
    book: &mut Book,
    hold: TransactionId,
    command: &Command,
) -> (HoldEnded, TransactionPosted) {
    let event = book.accept_about(hold, command);
    let [.., (ended_at, ended), (posted_at, last)] = &book.events[..] else {
        panic!("two events");
    };
    assert_eq!(last, &event);
    assert_eq!(ended_at.at, posted_at.at);
    (as_ended(ended).clone(), as_posted(&event).clone())
}

pub(super) type Row<'a> = (&'a str, Side, i128, (i128, i128, i128));

/// Account, direction, amount, and the balance stored with each entry.
pub(super) fn rows(entries: &[Entry]) -> Vec<Row<'_>> {
    fn row(entry: &Entry) -> Row<'_> {
        let Entry {
            account,
            direction,
            amount,
            balance,
            ..
        } = entry;
        let BalanceAfter {
            posted,
            pending,
            available,
        } = balance;
        let sums = (posted.get(), pending.get(), available.get());
        (account.as_str(), *direction, amount.get(), sums)
    }
    entries.iter().map(row).collect()
}

#[test]
fn a_whole_capture_posts_what_was_held() {
    let (mut book, hold) = held();
    let (ended, posted) = ending(&mut book, hold, &capture(hold));
    assert_eq!((ended.hold, ended.outcome), (hold, HoldOutcome::Captured));
    assert_eq!((ended.released, ended.reason), (vec![], None));
    assert_eq!(posted.origin, Some(Origin::Capture { of: hold }));
    assert_eq!(
        rows(&posted.entries),
        [
            ("users:1", Side::Debit, 60, (40, 0, 40)),
            ("shop", Side::Credit, 60, (60, 0, 60)),
        ]
    );
    assert_eq!(book.sums("users:1"), (40, 0, 40));
    assert!(book.ledger.hold(hold).is_none());
    // The transaction, the hold and the capture.
    assert_eq!(book.ledger.transactions_count(), 3);
}

#[test]
fn a_last_capture_of_a_part_releases_the_rest_first() {
    let (mut book, hold) = held();
    let (ended, posted) = ending(&mut book, hold, &capture_amount(hold, 45, true));
    // After the release alone 45 are still pending.
    assert_eq!(
        rows(&ended.released),
        [
            ("users:1", Side::Debit, 15, (100, -45, 55)),
            ("shop", Side::Credit, 15, (0, 45, 0)),
        ]
    );
    assert_eq!(
        rows(&posted.entries),
        [
            ("users:1", Side::Debit, 45, (55, 0, 55)),
            ("shop", Side::Credit, 45, (45, 0, 45)),
        ]
    );
}

#[test]
fn a_hold_is_captured_in_parts_and_never_beyond_what_is_left() {
    let (mut book, hold) = held();
    let event = book.accept_about(hold, &capture_amount(hold, 25, false));
    assert_eq!(
        rows(&as_posted(&event).entries)[0],
        ("users:1", Side::Debit, 25, (75, -35, 40))
    );
    assert_eq!(book.sums("users:1"), (75, -35, 40));
    let beyond = capture_amount(hold, 36, false);
    let refused = book.refused_about(hold, &beyond);
    assert_eq!(refused, Some(("capture_exceeds_hold", Some(0))));
    let rejection = decide(&book.ledger, &beyond, &book.about(hold)).unwrap_err();
    assert_eq!(
        rejection.to_string(),
        "users:1 has 35 USD left to debit in this hold"
    );
    book.accept_about(hold, &capture_amount(hold, 34, false));
    // The last one of itself, though it is not said to be.
    let (ended, posted) = ending(&mut book, hold, &capture_amount(hold, 1, false));
    assert_eq!(ended.released, []);
    assert_eq!(posted.entries[0].amount.get(), 1);
    assert_eq!(book.sums("users:1"), (40, 0, 40));
}

#[test]
fn what_remains_is_captured_when_nothing_is_said() {
    let (mut book, hold) = held();
    book.accept_about(hold, &capture_amount(hold, 25, false));
    let command = Command::Capture(captured(hold, Captured::Rest, false));
    let (ended, posted) = ending(&mut book, hold, &command);
    assert_eq!(ended.released, []);
    assert_eq!(posted.entries[0].amount.get(), 35);
}

#[test]
fn entries_may_differ_from_those_of_the_hold_within_it() {
    let mut book = Book::ready().with(account("shop", AccountType::Liability));
    let hold = book.hold(&place(vec![
        debit("cash", 50),
        credit("users:1", 30),
        credit("shop", 20),
        debit("cash", 10),
        credit("users:1", 10),
        entry(Side::Debit, "cash", 9, "JPY"),
        entry(Side::Credit, "shop", 9, "JPY"),
    ]));
    let entries = vec![
        credit("shop", 5),
        debit("cash", 20),
        credit("users:1", 40),
        debit("cash", 25),
    ];
    let (ended, posted) = ending(&mut book, hold, &capture_entries(hold, entries, true));
    assert_eq!(posted.entries.len(), 4);
    let released: Vec<_> = ended
        .released
        .iter()
        .map(|entry| {
            (
                entry.account.as_str(),
                entry.asset.as_str(),
                entry.amount.get(),
            )
        })
        .collect();
    // In the order of the hold's entries; nothing of users:1 is left.
    assert_eq!(
        released,
        [
            ("cash", "USD", 15),
            ("shop", "USD", 15),
            ("cash", "JPY", 9),
            ("shop", "JPY", 9)
        ]
    );
    assert_eq!(book.sums("cash"), (45, 0, 45));
}

#[test]
fn no_entry_leaves_the_hold() {
    let (book, hold) = held();
    for (what, entries, index) in [
        ("too much", transfer("users:1", "shop", 61), 0),
        (
            "too much together, which the third shows",
            vec![
                credit("shop", 60),
                debit("users:1", 31),
                debit("users:1", 30),
            ],
            2,
        ),
        ("another account", transfer("users:1", "cash", 1), 1),
        ("no account at all", transfer("users:1", "nobody", 1), 1),
        ("the other direction", transfer("shop", "users:1", 1), 0),
        (
            "another asset",
            vec![
                entry(Side::Debit, "users:1", 1, "EUR"),
                entry(Side::Credit, "shop", 1, "EUR"),
            ],
            0,
        ),
    ] {
        let command = capture_entries(hold, entries, true);
        let refused = book.refused_about(hold, &command);
        assert_eq!(
            refused,
            Some(("capture_exceeds_hold", Some(index))),
            "{what}"
        );
    }
}

#[test]
fn an_amount_is_for_holds_of_two_entries() {
    let mut book = Book::ready();
    let three = vec![debit("cash", 9), credit("users:1", 4), credit("users:1", 5)];
    let hold = book.hold(&place(three));
    let rejection = decide(
        &book.ledger,
        &capture_amount(hold, 1, true),
        &book.about(hold),
    )
    .unwrap_err();
    let problem = rejection.problem();
    assert_eq!((problem.status, problem.code), (422, "validation"));
    assert!(rejection.to_string().contains("has 3 entries"));
    // Both sides of one account are two entries as well.
    let both = book.hold(&place(transfer("cash", "cash", 5)));
    let (_, posted) = ending(&mut book, both, &capture_amount(both, 5, true));
    assert_eq!(posted.entries.len(), 2);
    assert_eq!(book.sums("cash"), (0, 9, 0));
}

#[test]
fn a_capture_balances() {
    let (book, hold) = held();
    let crooked = vec![debit("users:1", 5), credit("shop", 6)];
    let refused = book.refused_about(hold, &capture_entries(hold, crooked, false));
    assert_eq!(refused, Some(("unbalanced", Some(0))));
}

#[test]
fn a_capture_says_what_its_body_says() {
    let (mut book, hold) = held();
    let mut entries = transfer("users:1", "shop", 5);
    entries[0].description = Some(Description::parse("shipped").unwrap());
    let pairs = [("parcel".to_owned(), "7".to_owned())].into();
    let asked = CaptureHold {
        hold,
        what: Captured::Entries(Entries::try_new(entries.clone()).unwrap()),
        last: false,
        effective_at: Some(Effective::parse("2026-11-20").unwrap()),
        reference: Some(Reference::parse("parcel-7").unwrap()),
        metadata: Metadata::try_new(pairs).unwrap(),
    };
    let event = book.accept_about(hold, &Command::Capture(asked.clone()));
    let posted = as_posted(&event);
    assert_eq!(posted.reference, asked.reference);
    assert_eq!(posted.effective_at, asked.effective_at);
    assert_eq!(posted.metadata, asked.metadata);
    assert_eq!((&posted.code, posted.related_to), (&None, None));
    assert_eq!(posted.description, None);
    assert_eq!(posted.entries[0].description, entries[0].description);
}

#[test]
fn a_thousand_entries_are_captured_in_parts() {
    let mut book = Book::ready();
    let id = |place: usize| format!("users:{place}");
    for place in 2..=500 {
        book = book.with(account(&id(place), AccountType::Liability));
    }
    let entries: Vec<NewEntry> = (1..=500)
        .flat_map(|place| transfer("cash", &id(place), 3))
        .collect();
    assert_eq!(entries.len(), 1_000);
    let hold = book.hold(&place(entries.clone()));
    assert_eq!(book.sums("cash"), (0, 1_500, 0));
    // One unit of every account at once, then one account after the other.
    let ones = (1..=500).flat_map(|place| transfer("cash", &id(place), 1));
    book.accept_about(hold, &capture_entries(hold, ones.collect(), false));
    for place in 1..500 {
        let part = transfer("cash", &id(place), 2);
        book.accept_about(hold, &capture_entries(hold, part, false));
    }
    let rest: Vec<_> = book.ledger.hold(hold).unwrap().remaining().collect();
    assert_eq!(rest.len(), 2);
    assert_eq!(rest[1].account.as_str(), "users:500");
    let refused = book.refused_about(
        hold,
        &capture_entries(hold, transfer("cash", "users:1", 1), true),
    );
    assert_eq!(refused, Some(("capture_exceeds_hold", Some(1))));
    let whole = capture_entries(hold, entries, true);
    // 2 of the 2 that remain of cash, then of an account of which nothing does.
    let refused = book.refused_about(hold, &whole);
    assert_eq!(refused, Some(("capture_exceeds_hold", Some(0))));
    let Ok(Decision::Ending(ended, _)) = decide(&book.ledger, &capture(hold), &book.about(hold))
    else {
        panic!("two units remain");
    };
    assert_eq!(ended.released, []);
    book.accept_about(hold, &capture(hold));
    assert_eq!(book.sums("cash"), (1_500, 0, 1_500));
    assert_eq!(book.sums("users:500"), (3, 0, 3));
}
