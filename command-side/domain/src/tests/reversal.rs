//! Reversals: the mirror image of a posted transaction, once ever.

use daybook_events::ids::Description;
use daybook_events::money::{AccountType, Side};

use super::given::{
    Book, account, as_posted, credit, debit, entry, limits, refusal, reversal, revision,
    transaction_id, transfer,
};
use crate::{Command, Context, TargetKind, decide};

/// The context of a reversal of the transaction at `target`.
fn about(book: &Book, target: u64) -> Context {
    let mut context = book.next();
    context.named.target = Some(book.target(target));
    context
}

fn last(book: &Book) -> u64 {
    book.ledger.revision().unwrap().get()
}

#[test]
fn every_entry_of_every_asset_is_mirrored_in_order() {
    let mut entries = vec![
        debit("cash", 7),
        credit("users:1", 5),
        credit("users:1", 2),
        entry(Side::Debit, "users:1", 9, "JPY"),
        entry(Side::Credit, "cash", 9, "JPY"),
    ];
    entries[0].description = Some(Description::parse("kept with the original").unwrap());
    let mut book = Book::ready().posted(entries.clone());
    let target = last(&book);
    let context = about(&book, target);
    let event = book.accept_with(&Command::Reverse(reversal(42)), &context);
    let reversed = as_posted(&event);
    assert_eq!(reversed.reverses(), Some(transaction_id(42)));
    assert_eq!(
        reversed.reason(),
        Some(&Description::parse("a mistake").unwrap())
    );
    assert_eq!(reversed.effective_at, None);
    assert_eq!(reversed.entries.len(), entries.len());
    for (mirror, original) in reversed.entries.iter().zip(&entries) {
        assert_eq!(mirror.account, original.account);
        assert_eq!(mirror.direction, original.direction.opposite());
        assert_eq!(mirror.amount, original.amount);
        assert_eq!(mirror.asset, original.asset);
        assert_eq!(mirror.description, None);
        assert_eq!(mirror.balance.posted.get(), 0);
    }
    assert_eq!(book.ledger.transactions_count(), 2);
}

#[test]
fn a_transaction_is_reversed_once_ever() {
    let book = Book::ready().posted(transfer("cash", "users:1", 5));
    let mut context = about(&book, last(&book));
    let target = context.named.target.as_mut().unwrap();
    if let TargetKind::Posted { reversed_by, .. } = &mut target.kind {
        *reversed_by = Some(revision(9));
    }
    let decided = decide(&book.ledger, &Command::Reverse(reversal(42)), &context);
    let rejection = decided.unwrap_err();
    assert_eq!(
        (rejection.problem().status, rejection.problem().code),
        (409, "already_reversed")
    );
    assert!(
        rejection
            .to_string()
            .ends_with("was reversed at revision 9")
    );
}

#[test]
fn a_transaction_that_is_not_there_cannot_be_reversed() {
    let refused = Book::ready().decide(&Command::Reverse(reversal(42)));
    let rejection = refused.unwrap_err();
    assert_eq!(
        (rejection.problem().status, rejection.problem().code),
        (404, "transaction_not_found")
    );
}

#[test]
fn a_reversal_may_itself_be_reversed() {
    let mut book = Book::ready().posted(transfer("cash", "users:1", 5));
    for expected in [0, 5, 0] {
        let context = about(&book, last(&book));
        book.accept_with(&Command::Reverse(reversal(42)), &context);
        assert_eq!(book.balance("users:1"), expected);
    }
}

#[test]
fn a_reversal_obeys_limits() {
    let mut wallet = account("wallet", AccountType::Liability);
    wallet.limits = limits("USD", Some(0), None);
    let book = Book::ready()
        .with(wallet)
        .posted(transfer("cash", "wallet", 5));
    let target = last(&book);
    // What was paid in is spent before it is reversed.
    let spent = book.posted(transfer("wallet", "cash", 1));
    let context = about(&spent, target);
    let decided = decide(&spent.ledger, &Command::Reverse(reversal(42)), &context);
    assert_eq!(refusal(&decided), Some(("insufficient_funds", Some(1))));
}
