//! Holds: what they do to balances and limits as long as they are open.

use daybook_events::event::{BalanceAfter, Event, HoldPlaced};
use daybook_events::ids::{Code, Description, Reference, TransactionId};
use daybook_events::money::{AMOUNT_MAX, AccountType, BALANCE_MAX, Side};
use daybook_events::time::{Effective, TimeZone};

use super::given::{
    Book, account, account_id, asset, capture, credit, debit, entry, limits, minor, open_ledger,
    place, place_until, post, time, transaction, transaction_id, transfer, void,
};
use super::transaction::turn_over;
use crate::{Command, NewEntry, PlaceHold, PostTransaction};

/// `cash` and `users:1` with 100 each.
pub(super) fn funded() -> Book {
    Book::ready().posted(transfer("cash", "users:1", 100))
}

fn as_placed(event: &Event) -> &HoldPlaced {
    let Event::HoldPlaced(placed) = event else {
        panic!("not a hold: {event:?}");
    };
    placed
}

/// What remains of an open hold, in its order.
fn remaining(book: &Book, hold: TransactionId) -> Vec<(String, Side, String, i128)> {
    let view = book.ledger.hold(hold).unwrap();
    let parts = view.remaining().map(|part| {
        let (account, asset) = (part.account.to_string(), part.asset.to_string());
        (account, part.direction, asset, part.amount.get())
    });
    parts.collect()
}

#[test]
fn a_hold_is_pending_on_both_sides_and_only_what_it_takes_is_not_available() {
    for (entries, cash, user) in [
        (
            transfer("users:1", "cash", 30),
            (100, -30, 70),
            (100, -30, 70),
        ),
        (
            transfer("cash", "users:1", 30),
            (100, 30, 100),
            (100, 30, 100),
        ),
    ] {
        let mut book = funded();
        let event = book.accept(&place(entries));
        assert_eq!((book.sums("cash"), book.sums("users:1")), (cash, user));
        for entry in &as_placed(&event).entries {
            let BalanceAfter {
                posted,
                pending,
                available,
            } = entry.balance;
            assert_eq!((posted.get(), pending.get(), available.get()), user);
        }
    }
}

#[test]
fn a_hold_keeps_everything_that_was_asked_for() {
    let mut book = Book::missing();
    book.accept(&open_ledger(TimeZone::parse("Europe/Prague").unwrap()));
    book = book
        .with(account("cash", AccountType::Asset))
        .with(account("users:1", AccountType::Liability));
    let asked = PostTransaction {
        reference: Some(Reference::parse("order-1").unwrap()),
        code: Some(Code::parse("sale").unwrap()),
        description: Some(Description::parse("order").unwrap()),
        effective_at: Some(Effective::parse("2026-11-20").unwrap()),
        related_to: Some(transaction_id(77)),
        ..transaction(transfer("cash", "users:1", 5))
    };
    let event = book.accept(&Command::PlaceHold(PlaceHold {
        transaction: asked.clone(),
        expires_at: Some(time(1_000)),
    }));
    let placed = as_placed(&event);
    assert_eq!(placed.reference, asked.reference);
    assert_eq!(placed.code, asked.code);
    assert_eq!(placed.description, asked.description);
    assert_eq!(placed.effective_at, asked.effective_at);
    let local = placed.effective_local.unwrap();
    assert_eq!(local.instant.to_string(), "2026-11-19T23:00:00.000000Z");
    assert_eq!(placed.related_to, asked.related_to);
    assert_eq!(placed.expires_at, Some(time(1_000)));
    assert_eq!(book.ledger.transactions_count(), 1);
}

#[test]
fn what_is_held_cannot_be_spent_or_held_again() {
    let mut wallet = account("wallet", AccountType::Liability);
    wallet.limits = limits("USD", Some(0), None);
    let mut book = Book::ready()
        .with(wallet)
        .posted(transfer("cash", "wallet", 100));
    let hold = book.hold(&place(transfer("wallet", "cash", 60)));
    for (amount, expected) in [(40, None), (41, Some(("insufficient_funds", Some(0))))] {
        let spend = transfer("wallet", "cash", amount);
        assert_eq!(book.refused(&post(spend.clone())), expected);
        assert_eq!(book.refused(&place(spend)), expected);
    }
    // What comes in is not there yet.
    book.accept(&place(transfer("cash", "wallet", 50)));
    let spend = post(transfer("wallet", "cash", 41));
    assert_eq!(book.refused(&spend), Some(("insufficient_funds", Some(0))));
    book.accept_about(hold, &void(hold));
    assert_eq!(book.refused(&spend), None);
}

#[test]
fn what_may_come_in_counts_towards_the_maximum() {
    let mut capped = account("capped", AccountType::Liability);
    capped.limits = limits("USD", None, Some(100));
    let mut book = Book::ready().with(capped);
    let hold = book.hold(&place(transfer("cash", "capped", 60)));
    let more = |amount| transfer("cash", "capped", amount);
    for (amount, expected) in [(40, None), (41, Some(("limit_exceeded", Some(1))))] {
        assert_eq!(book.refused(&post(more(amount))), expected);
        assert_eq!(book.refused(&place(more(amount))), expected);
    }
    // What may go out makes no room.
    book.accept(&post(more(40)));
    book.accept(&place(transfer("capped", "cash", 40)));
    let refused = book.refused(&post(more(1)));
    assert_eq!(refused, Some(("limit_exceeded", Some(1))));
    book.accept_about(hold, &void(hold));
    assert_eq!(book.refused(&post(more(60))), None);
}

#[test]
fn a_pending_increase_to_an_overdrawn_account_is_fine() {
    let mut wallet = account("wallet", AccountType::Liability);
    wallet.limits = limits("USD", Some(10), None);
    let book = Book::ready().with(wallet);
    assert_eq!(book.refused(&place(transfer("cash", "wallet", 5))), None);
    let refused = book.refused(&place(transfer("wallet", "cash", 5)));
    assert_eq!(refused, Some(("insufficient_funds", Some(0))));
}

#[test]
fn a_hold_expires_after_now() {
    let book = funded();
    let now = book.next().now.micros();
    for (expires_at, expected) in [
        (now - 1, Some(("hold_expired", None))),
        (now, Some(("hold_expired", None))),
        (now + 1, None),
    ] {
        let command = place_until(transfer("cash", "users:1", 1), Some(expires_at));
        assert_eq!(book.refused(&command), expected);
    }
}

#[test]
fn what_is_open_is_listed_by_id_with_what_remains() {
    let mut book = funded();
    let first = book.hold(&place(transfer("cash", "users:1", 5)));
    let second = book.hold(&place_until(
        vec![debit("cash", 2), credit("users:1", 9), debit("cash", 7)],
        Some(400),
    ));
    let holds: Vec<_> = book
        .ledger
        .holds()
        .map(|hold| (hold.id, hold.expires_at()))
        .collect();
    assert_eq!(holds, [(first, None), (second, Some(time(400)))]);
    let part = |id: &str, side, amount| (id.to_owned(), side, "USD".to_owned(), amount);
    assert_eq!(
        remaining(&book, second),
        [
            part("cash", Side::Debit, 9),
            part("users:1", Side::Credit, 9)
        ]
    );
}

fn held(account: &str, direction: Side, amount: i128) -> Vec<NewEntry> {
    let other = direction.opposite();
    vec![
        entry(direction, account, amount, "USD"),
        entry(other, "source", amount, "USD"),
    ]
}

#[test]
fn what_is_pending_reaches_the_bound_and_not_beyond() {
    let mut book = Book::ready()
        .with(account("full", AccountType::Asset))
        .with(account("source", AccountType::Equity));
    turn_over(&mut book, "full", "source", BALANCE_MAX - 10);
    for (amount, expected) in [(10, None), (11, Some(("overflow", Some(0))))] {
        assert_eq!(
            book.refused(&place(held("full", Side::Debit, amount))),
            expected
        );
    }
    // The other side is far from its bound.
    let refused = book.refused(&place(held("full", Side::Credit, 11)));
    assert_eq!(refused, None);
    let hold = book.hold(&place(held("full", Side::Debit, 6)));
    let post_more = |amount| post(held("full", Side::Debit, amount));
    assert_eq!(book.refused(&post_more(4)), None);
    assert_eq!(book.refused(&post_more(5)), Some(("overflow", Some(0))));
    // A capture moves what is pending: it cannot overflow.
    book.accept(&post_more(4));
    book.accept_about(hold, &capture(hold));
    let full = book.ledger.account(&account_id("full")).unwrap();
    assert_eq!(full.balance(&asset("USD")).debits(), minor(BALANCE_MAX));
}

#[test]
fn no_more_is_held_of_one_account_than_one_entry_can_release() {
    let book = Book::ready();
    let twice = |first, second| {
        vec![
            credit("users:1", AMOUNT_MAX),
            debit("cash", first),
            debit("cash", second),
            credit("users:2", first + second - AMOUNT_MAX),
        ]
    };
    let book = book.with(account("users:2", AccountType::Liability));
    let refused = book.refused(&place(twice(AMOUNT_MAX, 1)));
    assert_eq!(refused, Some(("overflow", Some(1))));
    let rejection = book.decide(&place(twice(AMOUNT_MAX, 1))).unwrap_err();
    assert_eq!(
        rejection.to_string(),
        "more than 10^30 minor units would be held on the side of entry 1"
    );
    // A transaction may, since nothing is ever released of it; and two holds may.
    assert_eq!(book.refused(&post(twice(AMOUNT_MAX, 1))), None);
    let mut book = book;
    for _ in 0..2 {
        book.accept(&place(transfer("cash", "users:1", AMOUNT_MAX)));
    }
    assert_eq!(book.sums("cash").1, 2 * AMOUNT_MAX);
}
