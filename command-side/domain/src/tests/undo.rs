//! Taking back: what an atomic batch did half-way leaves no trace.

use daybook_events::assets::Scale;
use daybook_events::ids::TransactionId;
use daybook_events::money::AccountType;
use daybook_events::time::TimeZone;

use super::given::{
    Book, account, asset, capture, capture_amount, open_ledger, place_until, post, transfer, void,
};
use crate::{Command, RegisterAsset};

fn register(code: &str) -> Command {
    Command::RegisterAsset(RegisterAsset {
        asset: asset(code),
        scale: Scale::try_new(0).unwrap(),
        name: None,
    })
}

fn everything(book: &mut Book) {
    book.accept(&register("PTS"));
    book.accept(&Command::OpenAccount(account("new", AccountType::Income)));
    book.accept(&post(transfer("cash", "new", 3)));
    book.accept(&post(transfer("cash", "users:1", 3)));
    settle(book);
    // Some of what is placed here ends here, and some of it stays open.
    for _ in 0..2 {
        holding(book);
        settle(book);
    }
    let open = holding(book)[0];
    book.accept_about(open, &capture_amount(open, 1, false));
}

/// Four holds; two of them expire at one time.
fn holding(book: &mut Book) -> [TransactionId; 4] {
    let soon = book.next().now.micros() + 50;
    let later = book.next().now.micros() + 5_000;
    [None, Some(soon), Some(later), Some(soon)]
        .map(|until| book.hold(&place_until(transfer("users:1", "cash", 9), until)))
}

/// Takes a part of every open hold, and ends each in another way.
fn settle(book: &mut Book) {
    let open: Vec<_> = book.ledger.holds().map(|hold| hold.id).collect();
    for (place, hold) in open.into_iter().enumerate() {
        book.accept_about(hold, &capture_amount(hold, 2, false));
        match place % 4 {
            0 => book.accept_about(hold, &void(hold)),
            1 => book.accept_about(hold, &capture_amount(hold, 3, true)),
            2 => book.accept_about(hold, &capture(hold)),
            _ => book.accept_about(hold, &capture_amount(hold, 1, false)),
        };
    }
    if let Some(due) = book.ledger.next_due() {
        book.expire(due);
        assert_ne!(book.ledger.next_due(), Some(due));
    }
}

fn with_holds(mut book: Book) -> Book {
    holding(&mut book);
    book
}

#[test]
fn a_rollback_restores_the_exact_state() {
    for before in [
        Book::ready(),
        Book::ready().posted(transfer("cash", "users:1", 9)),
        with_holds(Book::ready()),
    ] {
        let mut book = before.clone();
        book.ledger.begin();
        everything(&mut book);
        book.ledger.rollback();
        assert_eq!(book.ledger, before.ledger);
    }
}

#[test]
fn a_ledger_that_was_opened_in_the_batch_is_gone_again() {
    let before = Book::missing();
    let mut book = before.clone();
    book.ledger.begin();
    book.accept(&open_ledger(TimeZone::UTC));
    book.ledger.rollback();
    assert_eq!(book.ledger, before.ledger);
}

#[test]
fn a_commit_leaves_the_state_as_if_nothing_had_begun() {
    let mut plain = Book::ready();
    everything(&mut plain);
    let mut book = Book::ready();
    book.ledger.begin();
    everything(&mut book);
    book.ledger.commit();
    assert_eq!(book.ledger, plain.ledger);
}

#[test]
fn an_inner_commit_is_taken_back_with_the_outer_stretch() {
    let before = with_holds(Book::ready());
    let mut book = before.clone();
    book.ledger.begin();
    book.accept(&post(transfer("cash", "users:1", 1)));
    let outer = book.clone();
    book.ledger.begin();
    everything(&mut book);
    book.ledger.rollback();
    assert_eq!(book.ledger, outer.ledger);
    book.events.clone_from(&outer.events);
    book.ledger.begin();
    everything(&mut book);
    book.ledger.commit();
    book.ledger.rollback();
    assert_eq!(book.ledger, before.ledger);
}
