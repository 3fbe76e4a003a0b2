//! Conditions: what a client insists on for a balance, judged after the whole transaction.

use daybook_events::money::{AccountType, Side};

use super::given::{Book, account, credit, debit, entry, minor, place, post, transfer};
use crate::{Comparison, Condition, NewEntry};

fn gte(bound: i128) -> Comparison {
    Comparison {
        gte: Some(minor(bound)),
        ..Comparison::default()
    }
}

fn lte(bound: i128) -> Comparison {
    Comparison {
        lte: Some(minor(bound)),
        ..Comparison::default()
    }
}

fn eq(bound: i128) -> Comparison {
    Comparison {
        eq: Some(minor(bound)),
        ..Comparison::default()
    }
}

fn available(comparison: Comparison) -> Condition {
    Condition {
        available: comparison,
        posted: Comparison::default(),
    }
}

fn posted(comparison: Comparison) -> Condition {
    Condition {
        available: Comparison::default(),
        posted: comparison,
    }
}

fn with(mut entry: NewEntry, condition: Condition) -> NewEntry {
    entry.condition = Some(condition);
    entry
}

/// `users:1` with 100, of which 30 are held.
fn book() -> Book {
    let mut book = Book::ready().posted(transfer("cash", "users:1", 100));
    book.accept(&place(transfer("users:1", "cash", 30)));
    book
}

const FAILED: Option<(&str, Option<usize>)> = Some(("condition_failed", Some(1)));

#[test]
fn each_comparison_binds_at_its_edge() {
    // 10 are taken: 90 posted, 60 available.
    for (condition, expected) in [
        (posted(gte(90)), None),
        (posted(gte(91)), FAILED),
        (posted(lte(90)), None),
        (posted(lte(89)), FAILED),
        (posted(eq(90)), None),
        (posted(eq(60)), FAILED),
        (available(gte(60)), None),
        (available(gte(61)), FAILED),
        (available(lte(60)), None),
        (available(lte(59)), FAILED),
        (available(eq(60)), None),
        (available(eq(90)), FAILED),
        (Condition::default(), None),
    ] {
        let entries = vec![credit("cash", 10), with(debit("users:1", 10), condition)];
        assert_eq!(book().refused(&post(entries)), expected, "{condition:?}");
    }
}

#[test]
fn a_hold_is_judged_by_what_it_leaves_available() {
    let held = |condition| {
        let entries = vec![credit("cash", 10), with(debit("users:1", 10), condition)];
        book().refused(&place(entries))
    };
    assert_eq!(held(posted(eq(100))), None);
    assert_eq!(held(available(eq(60))), None);
    assert_eq!(held(available(gte(61))), FAILED);
}

#[test]
fn all_that_is_given_must_hold() {
    let both = Condition {
        available: Comparison {
            gte: Some(minor(60)),
            lte: Some(minor(60)),
            eq: Some(minor(60)),
        },
        posted: gte(90),
    };
    let judged = |amount| {
        let entries = vec![credit("cash", amount), with(debit("users:1", amount), both)];
        book().decide(&post(entries))
    };
    assert!(judged(10).is_ok());
    for (amount, said) in [
        (
            9,
            "users:1 would have 61 USD available, the condition is lte 60",
        ),
        (
            11,
            "users:1 would have 59 USD available, the condition is gte 60",
        ),
    ] {
        assert_eq!(judged(amount).unwrap_err().to_string(), said);
    }
    let entries = vec![
        credit("cash", 1),
        with(debit("users:1", 1), posted(gte(100))),
    ];
    assert_eq!(
        book().decide(&post(entries)).unwrap_err().to_string(),
        "users:1 would have 99 USD posted, the condition is gte 100"
    );
}

#[test]
fn the_whole_transaction_is_judged_and_the_first_failing_entry_named() {
    // 30 out and 20 in: every condition on the account sees what stands at the end.
    let netted = |bound| {
        vec![
            with(debit("users:1", 30), available(eq(bound))),
            credit("cash", 10),
            with(credit("users:1", 20), available(eq(bound))),
        ]
    };
    assert_eq!(book().refused(&post(netted(60))), None);
    let refused = book().refused(&post(netted(40)));
    assert_eq!(refused, Some(("condition_failed", Some(0))));
}

#[test]
fn a_condition_is_about_the_asset_of_its_entry_in_the_normal_direction() {
    let book = book().with(account("fees", AccountType::Income));
    let entries = vec![
        with(entry(Side::Debit, "fees", 5, "JPY"), posted(eq(-5))),
        with(entry(Side::Credit, "users:1", 5, "JPY"), posted(eq(5))),
    ];
    assert_eq!(book.refused(&post(entries)), None);
}

#[test]
fn a_condition_may_be_met_beyond_a_limit_and_the_limit_still_speaks_first() {
    let mut wallet = account("wallet", AccountType::Liability);
    wallet.limits = super::given::limits("USD", Some(0), None);
    let book = Book::ready().with(wallet);
    let entries = vec![with(debit("wallet", 1), posted(gte(5))), credit("cash", 1)];
    let refused = book.refused(&post(entries));
    assert_eq!(refused, Some(("insufficient_funds", Some(0))));
}
