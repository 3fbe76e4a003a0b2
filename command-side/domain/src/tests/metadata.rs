//! Pairs of accounts and transactions, as a merge patch leaves them.

use daybook_events::event::{Event, MetadataOf};
use daybook_events::metadata::Metadata;

use super::given::{
    Book, account_id, capture, full_patch, pairs, patch, place, set_metadata, transaction,
    transaction_id, transfer,
};
use crate::{Command, Patch, decide};

fn pairs_set(event: &Event) -> &Metadata {
    let Event::MetadataSet(set) = event else {
        panic!("not a change of pairs: {event:?}");
    };
    &set.metadata
}

#[test]
fn the_event_holds_all_pairs_of_the_account_as_they_are_from_now_on() {
    let mut book = Book::ready();
    let of = MetadataOf::Account(account_id("cash"));
    let set = |patch| set_metadata(of.clone(), patch);
    let event = book.accept(&set(patch(&[("a", Some("1")), ("b", Some("2"))])));
    assert_eq!(pairs_set(&event), &pairs(&[("a", "1"), ("b", "2")]));
    let event = book.accept(&set(patch(&[("a", None), ("b", Some("3"))])));
    assert_eq!(pairs_set(&event), &pairs(&[("b", "3")]));
    let view = book.ledger.account(&account_id("cash")).unwrap();
    assert_eq!(view.metadata, &pairs(&[("b", "3")]));
    assert_eq!(Some(view.revision), book.ledger.revision());
    let event = book.accept(&set(Patch::Keep));
    assert_eq!(pairs_set(&event), &pairs(&[("b", "3")]));
    let event = book.accept(&set(Patch::Remove));
    assert_eq!(pairs_set(&event), &pairs(&[]));
}

#[test]
fn the_pairs_of_a_transaction_are_patched_as_they_were_last_changed() {
    let mut book = Book::ready();
    let mut with_pairs = transaction(transfer("cash", "users:1", 1));
    with_pairs.metadata = pairs(&[("a", "1"), ("b", "2")]);
    let context = book.next();
    let posted = context.id.into();
    book.accept_with(&Command::PostTransaction(with_pairs.clone()), &context);
    let hold = book.hold(&Command::PlaceHold(crate::PlaceHold {
        transaction: with_pairs,
        expires_at: None,
    }));
    for id in [posted, hold] {
        let set = |patch| set_metadata(MetadataOf::Transaction(id), patch);
        let before = book.ledger.clone();
        let event = book.accept_about(id, &set(patch(&[("a", None)])));
        assert_eq!(pairs_set(&event), &pairs(&[("b", "2")]));
        // The first change took `a` away: the second begins from there, not from the original.
        let event = book.accept_about(id, &set(patch(&[("c", Some("3"))])));
        assert_eq!(pairs_set(&event), &pairs(&[("b", "2"), ("c", "3")]));
        assert_ne!(book.ledger, before, "the ledger moves on");
        assert!(
            book.ledger
                .accounts()
                .map(|view| view.revision)
                .eq(before.accounts().map(|view| view.revision))
        );
    }
}

#[test]
fn the_pairs_of_a_settled_hold_may_still_change() {
    let mut book = Book::ready();
    let hold = book.hold(&place(transfer("cash", "users:1", 1)));
    book.accept_about(hold, &capture(hold));
    let of = MetadataOf::Transaction(hold);
    book.accept_about(hold, &set_metadata(of, patch(&[("a", Some("1"))])));
}

#[test]
fn each_refusal_names_its_rule() {
    let mut book = Book::ready();
    let posted = transaction_id(u64::MAX >> 4);
    let of = MetadataOf::Transaction(posted);
    let refused = |book: &Book, command: &Command| {
        let rejection = decide(&book.ledger, command, &book.next()).unwrap_err();
        let problem = rejection.problem();
        (problem.status, problem.code, rejection.index())
    };
    let unknown = set_metadata(of, patch(&[]));
    assert_eq!(
        refused(&book, &unknown),
        (404, "transaction_not_found", None)
    );
    // Whatever names the account, it is named in the body.
    let nobody = MetadataOf::Account(account_id("nobody"));
    let unknown = set_metadata(nobody, patch(&[]));
    assert_eq!(refused(&book, &unknown), (422, "account_not_found", None));
    let of = MetadataOf::Account(account_id("cash"));
    book.accept(&set_metadata(of.clone(), full_patch("a")));
    let more = set_metadata(of, patch(&[("b", Some("1"))]));
    assert_eq!(refused(&book, &more), (422, "validation", None));
}
