//! Limits at their edges: exactly at, one beyond, already breached, netted, on either normal side.

use daybook_events::event::Limits;
use daybook_events::money::{AccountType, Side};

use super::given::{Book, account, credit, debit, entry, limits, post, transfer};
use crate::{NewEntry, OpenAccount};

const LOW: Option<&str> = Some("insufficient_funds");
const HIGH: Option<&str> = Some("limit_exceeded");

/// `wallet` is credit-normal, `till` debit-normal; both begin with `start` in their direction.
fn book(limits: &Limits, start: i128) -> Book {
    let limited = |id, account_type| OpenAccount {
        limits: limits.clone(),
        ..account(id, account_type)
    };
    let free = Book::ready().with(account("other", AccountType::Equity));
    let mut unlimited = free.clone();
    for (id, account_type) in [
        ("wallet", AccountType::Liability),
        ("till", AccountType::Asset),
    ] {
        unlimited = unlimited.with(account(id, account_type));
    }
    if start > 0 {
        unlimited = unlimited
            .posted(transfer("other", "wallet", start))
            .posted(transfer("till", "other", start));
    } else if start < 0 {
        unlimited = unlimited
            .posted(transfer("wallet", "other", -start))
            .posted(transfer("other", "till", -start));
    }
    // The same history on accounts that are limited: recorded entries are not judged again.
    let mut book = free
        .with(limited("wallet", AccountType::Liability))
        .with(limited("till", AccountType::Asset));
    let known = book.events.len();
    for (recorded, event) in unlimited.events.iter().skip(known) {
        book.apply(recorded.at, event);
    }
    book
}

/// Moves both accounts by `change` in their own direction, one transaction each.
fn check(what: &str, limits: &Limits, start: i128, change: i128, expected: Option<&str>) {
    let book = book(limits, start);
    let moves: [Vec<NewEntry>; 2] = if change > 0 {
        [
            transfer("other", "wallet", change),
            transfer("till", "other", change),
        ]
    } else {
        [
            transfer("wallet", "other", -change),
            transfer("other", "till", -change),
        ]
    };
    for entries in moves {
        let refused = book.refused(&post(entries.clone())).map(|(code, _)| code);
        assert_eq!(refused, expected, "{what}: {entries:?}");
    }
}

#[test]
fn min_available_binds_at_its_edge_and_lets_a_breached_balance_recover() {
    for (what, minimum, start, change, expected) in [
        ("down to zero", 0, 10, -10, None),
        ("one below zero", 0, 10, -11, LOW),
        ("down to the overdraft", -50, 10, -60, None),
        ("one below the overdraft", -50, 10, -61, LOW),
        ("down to a reserve", 5, 10, -5, None),
        ("one below the reserve", 5, 10, -6, LOW),
        ("breached, further down", 0, -10, -1, LOW),
        ("breached, towards the limit", 0, -10, 1, None),
        ("breached, onto the limit", 0, -10, 10, None),
        ("breached, past the limit", 0, -10, 11, None),
        ("a reserve not reached yet, towards it", 5, 0, 1, None),
    ] {
        let limits = limits("USD", Some(minimum), None);
        check(what, &limits, start, change, expected);
    }
}

#[test]
fn max_balance_binds_at_its_edge_and_lets_a_breached_balance_recover() {
    for (what, maximum, start, change, expected) in [
        ("up to the maximum", 20, 10, 10, None),
        ("one above the maximum", 20, 10, 11, HIGH),
        ("a negative maximum, up to it", -5, -10, 5, None),
        ("a negative maximum, one above", -5, -10, 6, HIGH),
        ("breached, further up", 5, 10, 1, HIGH),
        ("breached, towards the limit", 5, 10, -1, None),
        ("breached, onto the limit", 5, 10, -5, None),
        ("breached, past the limit", 5, 10, -6, None),
    ] {
        let limits = limits("USD", None, Some(maximum));
        check(what, &limits, start, change, expected);
    }
}

#[test]
fn recovering_from_one_limit_does_not_excuse_the_other() {
    let both = limits("USD", Some(0), Some(20));
    check("through both", &both, -10, 31, HIGH);
    check("up to the other", &both, -10, 30, None);
    check("down through both", &both, 25, -26, LOW);
}

#[test]
fn a_breached_balance_may_stand_still() {
    let still = || vec![debit("wallet", 5), credit("wallet", 5)];
    let low = book(&limits("USD", Some(0), None), -10);
    assert_eq!(low.refused(&post(still())), None);
    let high = book(&limits("USD", None, Some(0)), 10);
    assert_eq!(high.refused(&post(still())), None);
}

#[test]
fn entries_of_one_account_and_asset_are_netted() {
    let book = book(&limits("USD", Some(0), None), 10);
    // 30 out and 20 in: the order of entries does not matter, only what stands at the end.
    let netted = vec![
        debit("wallet", 30),
        credit("other", 10),
        credit("wallet", 20),
    ];
    assert_eq!(book.refused(&post(netted)), None);
    let beyond = vec![
        credit("other", 11),
        debit("wallet", 31),
        credit("wallet", 20),
    ];
    let refused = book.refused(&post(beyond));
    assert_eq!(refused, Some(("insufficient_funds", Some(1))));
    // Another asset does not help.
    let mixed = vec![
        debit("wallet", 11),
        credit("other", 11),
        entry(Side::Credit, "wallet", 50, "EUR"),
        entry(Side::Debit, "other", 50, "EUR"),
    ];
    let refused = book.refused(&post(mixed));
    assert_eq!(refused, Some(("insufficient_funds", Some(0))));
}

#[test]
fn the_star_binds_every_asset_that_is_not_named() {
    let mut limited = account("wallet", AccountType::Liability);
    limited.limits = minima(&[("*", Some(0)), ("EUR", Some(-5)), ("JPY", None)]);
    let book = Book::ready().with(limited);
    let withdraw = |code, amount| {
        let entries = vec![
            entry(Side::Debit, "wallet", amount, code),
            entry(Side::Credit, "cash", amount, code),
        ];
        book.refused(&post(entries)).map(|(code, _)| code)
    };
    assert_eq!(withdraw("USD", 1), LOW);
    assert_eq!(withdraw("EUR", 5), None);
    assert_eq!(withdraw("EUR", 6), LOW);
    // Named without a bound: nothing binds, the star does not come back in.
    assert_eq!(withdraw("JPY", 1_000), None);
}

fn minima(given: &[(&str, Option<i128>)]) -> Limits {
    let limits = given.iter().flat_map(|(of, minimum)| {
        let one = limits(of, *minimum, None);
        let pairs: Vec<_> = one
            .iter()
            .map(|(asset, limit)| (asset.clone(), *limit))
            .collect();
        pairs
    });
    Limits::try_new(limits.collect()).unwrap()
}

#[test]
fn the_normal_balance_decides_and_not_the_type() {
    // A contra account: an asset that credits increase.
    let mut contra = account("contra", AccountType::Asset);
    contra.normal_balance = Some(Side::Credit);
    contra.limits = limits("USD", Some(0), Some(10));
    let book = Book::ready().with(contra);
    let refused = |entries| book.refused(&post(entries)).map(|(code, _)| code);
    assert_eq!(refused(transfer("contra", "cash", 1)), LOW);
    assert_eq!(refused(transfer("cash", "contra", 10)), None);
    assert_eq!(refused(transfer("cash", "contra", 11)), HIGH);
}

#[test]
fn a_limit_says_what_would_be_and_what_may_be() {
    let low = book(&limits("USD", Some(-50), None), 10);
    let rejection = low.decide(&post(transfer("wallet", "other", 61)));
    assert_eq!(
        rejection.unwrap_err().to_string(),
        "wallet would have -51 USD available, its minimum is -50"
    );
    let high = book(&limits("USD", None, Some(20)), 10);
    let rejection = high.decide(&post(transfer("other", "wallet", 11)));
    assert_eq!(
        rejection.unwrap_err().to_string(),
        "wallet would hold 21 USD, its maximum is 20"
    );
}
