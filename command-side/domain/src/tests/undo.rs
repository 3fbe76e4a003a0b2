//! Taking back: what an atomic batch did half-way leaves no trace.

use daybook_events::assets::Scale;
use daybook_events::money::AccountType;
use daybook_events::time::TimeZone;

use super::given::{Book, account, asset, open_ledger, post, transfer};
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
}

#[test]
fn a_rollback_restores_the_exact_state() {
    for before in [
        Book::ready(),
        Book::ready().posted(transfer("cash", "users:1", 9)),
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
    let before = Book::ready();
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
