//! Posting: what an accepted transaction becomes, each refusal, and the bounds of shape.

use daybook_events::ids::{Code, Description, Reference};
use daybook_events::money::{AMOUNT_MAX, AccountType, Amount, BALANCE_MAX, Minor, Side};

use super::given::{
    Book, account, account_id, as_posted, asset, credit, debit, entry, limits, minor, post,
    restricted_to, revision, transaction, transaction_id, transfer,
};
use crate::ledger::Balance;
use crate::{
    Command, Context, Decision, Earlier, Entries, Named, NewEntry, PostTransaction, decide,
};

/// Every account that a refusal needs.
pub(super) fn book_for_refusals() -> Book {
    let mut euros = account("euros", AccountType::Asset);
    euros.assets = restricted_to(&["EUR"]);
    let mut poor = account("users:poor", AccountType::Liability);
    poor.limits = limits("USD", Some(0), None);
    let mut capped = account("users:capped", AccountType::Liability);
    capped.limits = limits("USD", None, Some(0));
    let mut book = Book::ready()
        .with(euros)
        .with(poor)
        .with(capped)
        .with(account("full", AccountType::Asset))
        .with(account("source", AccountType::Equity));
    turn_over(&mut book, "full", "source", BALANCE_MAX);
    book
}

/// Gives two accounts a turnover that would take a million entries to reach.
pub(super) fn turn_over(book: &mut Book, debited: &str, credited: &str, amount: i128) {
    let at = book.ledger.revision().unwrap();
    for (id, side) in [(debited, Side::Debit), (credited, Side::Credit)] {
        let (index, _) = book.ledger.look_up(&account_id(id)).unwrap();
        let balance = Balance::default().posting(side, minor(amount)).unwrap();
        assert!(book.ledger.set_balance(index, &asset("USD"), balance, at));
    }
}

#[test]
fn an_accepted_transaction_keeps_everything_that_was_asked_for() {
    let mut book = Book::ready();
    let mut entries = transfer("cash", "users:1", 1050);
    entries[1].description = Some(Description::parse("top-up").unwrap());
    let asked = PostTransaction {
        reference: Some(Reference::parse("order-1").unwrap()),
        code: Some(Code::parse("sale").unwrap()),
        description: Some(Description::parse("order paid").unwrap()),
        related_to: Some(transaction_id(77)),
        ..transaction(entries.clone())
    };
    let event = book.accept(&Command::PostTransaction(asked.clone()));
    let posted = as_posted(&event);
    assert_eq!(posted.reference, asked.reference);
    assert_eq!(posted.code, asked.code);
    assert_eq!(posted.description, asked.description);
    assert_eq!(posted.related_to, asked.related_to);
    assert_eq!(posted.origin, None);
    for (given, stored) in entries.iter().zip(&posted.entries) {
        assert_eq!(given.account, stored.account);
        assert_eq!(given.direction, stored.direction);
        assert_eq!(given.amount, stored.amount);
        assert_eq!(given.asset, stored.asset);
        assert_eq!(given.description, stored.description);
    }
    assert_eq!(book.balance("cash"), 1050);
    assert_eq!(book.balance("users:1"), 1050);
    assert_eq!(book.ledger.transactions_count(), 1);
}

#[test]
fn every_entry_carries_the_balance_after_the_whole_transaction() {
    let mut book = Book::ready().posted(transfer("cash", "users:1", 100));
    let event = book.accept(&post(vec![
        debit("cash", 10),
        credit("users:1", 7),
        credit("cash", 4),
        debit("users:1", 1),
    ]));
    let after: Vec<_> = as_posted(&event)
        .entries
        .iter()
        .map(|entry| (entry.balance.posted.get(), entry.balance.available.get()))
        .collect();
    assert_eq!(after, [(106, 106); 4]);
    let view = book.ledger.account(&account_id("cash")).unwrap();
    let balance = view.balance(&asset("USD"));
    assert_eq!((balance.debits().get(), balance.credits().get()), (110, 4));
    assert_eq!(view.revision, book.ledger.revision().unwrap());
    assert!(view.opened_revision < view.revision);
}

#[test]
fn balances_of_assets_do_not_touch_each_other() {
    let mut book = Book::ready().posted(transfer("cash", "users:1", 100));
    book.accept(&post(vec![
        entry(Side::Debit, "cash", 5, "JPY"),
        entry(Side::Credit, "users:1", 5, "JPY"),
        credit("cash", 30),
        debit("users:1", 30),
    ]));
    let view = book.ledger.account(&account_id("cash")).unwrap();
    let balances: Vec<_> = view
        .balances()
        .map(|(code, balance)| (code.as_str(), balance.posted(Side::Debit).get()))
        .collect();
    assert_eq!(balances, [("JPY", 5), ("USD", 70)]);
    assert_eq!(view.balance(&asset("EUR")), Balance::default());
}

#[test]
fn each_refusal_names_its_rule_and_the_first_entry_that_breaks_it() {
    let book = book_for_refusals();
    let base = transfer("cash", "users:1", 100);
    let rows: [(&str, Vec<NewEntry>, (&str, usize)); 9] = [
        (
            "an unknown account",
            transfer("cash", "nobody", 1),
            ("account_not_found", 3),
        ),
        (
            "an unknown asset",
            vec![
                entry(Side::Debit, "cash", 1, "NOPE"),
                entry(Side::Credit, "users:1", 1, "NOPE"),
            ],
            ("asset_unknown", 2),
        ),
        (
            "an asset that the account may not hold",
            transfer("cash", "euros", 1),
            ("asset_not_allowed", 3),
        ),
        (
            "known and allowed are judged entry by entry",
            vec![debit("euros", 1), entry(Side::Credit, "cash", 1, "NOPE")],
            ("asset_not_allowed", 2),
        ),
        (
            "debits without credits",
            vec![entry(Side::Debit, "cash", 1, "JPY")],
            ("unbalanced", 2),
        ),
        (
            "balanced only across assets",
            vec![
                entry(Side::Debit, "cash", 1, "JPY"),
                entry(Side::Credit, "users:1", 1, "EUR"),
            ],
            ("unbalanced", 2),
        ),
        (
            "a turnover beyond the bound",
            transfer("full", "cash", 1),
            ("overflow", 2),
        ),
        (
            "more than is available",
            transfer("users:poor", "cash", 1),
            ("insufficient_funds", 2),
        ),
        (
            "more than the maximum",
            transfer("cash", "users:capped", 1),
            ("limit_exceeded", 3),
        ),
    ];
    for (what, broken, (code, index)) in rows {
        let entries = [base.clone(), broken].concat();
        let expected = Some((code, Some(index)));
        assert_eq!(book.refused(&post(entries)), expected, "{what}");
    }
}

#[test]
fn an_unbalanced_asset_says_by_how_much() {
    let book = Book::ready();
    let entries = vec![debit("cash", 10), credit("users:1", 4), credit("cash", 5)];
    let rejection = book.decide(&post(entries)).unwrap_err();
    assert_eq!(rejection.to_string(), "debits of USD are 10, credits are 9");
}

#[test]
fn a_name_from_the_past_is_answered_again_or_refused() {
    let book = Book::ready();
    let same = Some(Earlier {
        revision: revision(1),
        same_request: true,
    });
    let other = Some(Earlier {
        revision: revision(1),
        same_request: false,
    });
    let replay = Ok(Decision::Replay(revision(1)));
    let of = |key, id| Named {
        key,
        id,
        ..Named::default()
    };
    for (named, expected) in [
        (of(same, None), replay.clone().map_err(|()| "")),
        (of(None, same), replay.clone().map_err(|()| "")),
        // The key is judged before the id.
        (of(same, other), replay.map_err(|()| "")),
        (of(other, same), Err("idempotency_conflict")),
        (of(other, None), Err("idempotency_conflict")),
        (of(None, other), Err("already_exists")),
    ] {
        let context = Context {
            named,
            ..book.next()
        };
        // What is replayed is not judged: these accounts do not exist.
        let command = post(transfer("no", "body", 1));
        let decided = decide(&book.ledger, &command, &context);
        assert_eq!(
            decided.map_err(|rejection| rejection.problem().code),
            expected
        );
    }
}

#[test]
fn a_reference_is_taken_only_for_who_asks_for_it() {
    let book = Book::ready();
    let mut context = book.next();
    context.named.reference = Some(revision(1));
    let mut asked = transaction(transfer("cash", "users:1", 1));
    let without = Command::PostTransaction(asked.clone());
    assert!(decide(&book.ledger, &without, &context).is_ok());
    asked.reference = Some(Reference::parse("order-1").unwrap());
    let with = Command::PostTransaction(asked);
    let rejection = decide(&book.ledger, &with, &context).unwrap_err();
    assert_eq!(rejection.problem().code, "reference_conflict");
}

#[test]
fn deciding_changes_nothing() {
    let book = book_for_refusals();
    let before = book.ledger.clone();
    assert!(book.decide(&post(transfer("cash", "users:1", 1))).is_ok());
    assert!(book.decide(&post(transfer("cash", "nobody", 1))).is_err());
    assert_eq!(book.ledger, before);
}

#[test]
fn a_transaction_has_two_to_a_thousand_entries() {
    let entries = |count: usize| -> Vec<NewEntry> {
        (0..count)
            .map(|n| {
                if n % 2 == 0 {
                    debit("cash", 1)
                } else {
                    credit("users:1", 1)
                }
            })
            .collect()
    };
    for (count, fits) in [
        (0, false),
        (1, false),
        (2, true),
        (1000, true),
        (1001, false),
    ] {
        assert_eq!(Entries::try_new(entries(count)).is_ok(), fits, "{count}");
    }
    let mut book = Book::ready();
    book.accept(&post(entries(1000)));
    assert_eq!(book.balance("users:1"), 500);
}

#[test]
fn a_thousand_accounts_fit_one_transaction() {
    let mut book = Book::opened();
    for n in 0..1000 {
        book = book.with(account(&format!("a:{n}"), AccountType::Asset));
    }
    // Backwards, so that the order of entries is not the order of accounts.
    let entries = (0..1000_i128).rev().map(|n| {
        let side = if n % 2 == 0 {
            Side::Debit
        } else {
            Side::Credit
        };
        entry(side, &format!("a:{n}"), n / 2 + 1, "USD")
    });
    let event = book.accept(&post(entries.collect()));
    for entry in &as_posted(&event).entries {
        let amount = Minor::from(entry.amount).get();
        let expected = if entry.direction == Side::Debit {
            amount
        } else {
            -amount
        };
        assert_eq!(entry.balance.posted.get(), expected);
    }
}

#[test]
fn the_largest_amount_is_posted() {
    let mut book = Book::ready();
    book.accept(&post(transfer("cash", "users:1", AMOUNT_MAX)));
    assert_eq!(book.balance("cash"), AMOUNT_MAX);
    assert!(Amount::new(AMOUNT_MAX + 1).is_err());
}

#[test]
fn turnover_reaches_the_bound_and_not_beyond() {
    let mut book = Book::ready();
    turn_over(&mut book, "cash", "users:1", BALANCE_MAX - 5);
    let command = |amount| post(transfer("cash", "users:1", amount));
    assert_eq!(book.refused(&command(5)), None);
    assert_eq!(book.refused(&command(6)), Some(("overflow", Some(0))));
    // Turnover, not the balance, is bounded: netting inside the transaction does not help.
    let netted = vec![debit("cash", 6), credit("cash", 6)];
    assert_eq!(book.refused(&post(netted)), Some(("overflow", Some(0))));
    book.accept(&command(5));
    assert_eq!(book.balance("cash"), BALANCE_MAX);
}
