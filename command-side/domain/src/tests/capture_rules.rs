//! Captures and the rules of accounts, periods and time; reversing them.

use daybook_events::event::LimitedAsset;
use daybook_events::ids::TransactionId;
use daybook_events::money::{AccountType, Side};
use daybook_events::time::Effective;

use super::capture::{held, rows};
use super::given::{
    Book, account, account_id, as_posted, capture, capture_amount, capture_entries, captured,
    change_status, close_through, limits, minor, place, place_until, post, refusal, reversal, time,
    transfer, void,
};
use crate::{
    Captured, Command, Comparison, Condition, LimitPatch, LimitsPatch, Patch, ReverseTransaction,
    StatusChange, UpdateAccount, decide,
};

#[test]
fn what_was_held_settles_although_a_limit_was_tightened_since() {
    for (bound, id, tightened) in [("minimum", "users:1", Some(90)), ("maximum", "shop", None)] {
        let (mut book, hold) = held();
        let bounds = LimitPatch {
            min_available: tightened.map_or(Patch::Keep, |bound| Patch::Set(minor(bound))),
            max_balance: if tightened.is_none() {
                Patch::Set(minor(10))
            } else {
                Patch::Keep
            },
        };
        let of = LimitedAsset::Other;
        book.accept(&Command::UpdateAccount(UpdateAccount {
            account: account_id(id),
            name: Patch::Keep,
            limits: Patch::Set(LimitsPatch([(of, Patch::Set(bounds))].into())),
            metadata: Patch::Keep,
            reason: None,
        }));
        let more = place(transfer("users:1", "shop", 1));
        assert!(book.refused(&more).is_some(), "{bound}");
        for command in [capture(hold), capture_amount(hold, 20, false)] {
            assert_eq!(book.refused_about(hold, &command), None, "{bound}");
        }
    }
}

#[test]
fn a_capture_releases_its_hold_before_limits_are_judged() {
    let mut wallet = account("wallet", AccountType::Liability);
    wallet.limits = limits("USD", Some(0), Some(100));
    let mut book = Book::ready()
        .with(wallet)
        .posted(transfer("cash", "wallet", 100));
    let hold = book.hold(&place(transfer("wallet", "cash", 100)));
    book.accept_about(hold, &capture(hold));
    assert_eq!(book.sums("wallet"), (0, 0, 0));
    let filled = book.hold(&place(transfer("cash", "wallet", 100)));
    book.accept_about(filled, &capture(filled));
    assert_eq!(book.sums("wallet"), (100, 0, 100));
}

#[test]
fn frozen_accounts_settle_what_was_held_before() {
    let (mut book, hold) = held();
    book.accept(&change_status("users:1", StatusChange::Freeze));
    for (command, refused) in [
        (capture(hold), None),
        (
            place(transfer("users:1", "shop", 1)),
            Some("account_frozen"),
        ),
        (post(transfer("shop", "users:1", 1)), Some("account_frozen")),
    ] {
        let code = book.refused_about(hold, &command).map(|(code, _)| code);
        assert_eq!(code, refused);
    }
    book.accept_about(hold, &capture(hold));
    assert_eq!(book.sums("users:1"), (40, 0, 40));
}

#[test]
fn a_closed_period_stops_captures_dated_in_it() {
    let (mut book, hold) = held();
    book.accept(&close_through("1969-12-31"));
    let dated = |day| {
        let mut command = captured(hold, Captured::Rest, true);
        command.effective_at = Some(Effective::parse(day).unwrap());
        Command::Capture(command)
    };
    for (day, refused) in [
        ("1969-12-31", Some("period_closed")),
        ("1969-12-31T23:59:59.999999Z", Some("period_closed")),
        ("1970-01-01", None),
    ] {
        let code = book.refused_about(hold, &dated(day)).map(|(code, _)| code);
        assert_eq!(code, refused, "{day}");
    }
    assert_eq!(book.refused_about(hold, &capture(hold)), None);
    book.accept(&close_through("1970-01-01"));
    let refused = book.refused_about(hold, &capture(hold));
    assert_eq!(refused, Some(("period_closed", None)));
}

#[test]
fn conditions_of_a_capture_see_the_whole_command() {
    let (book, hold) = held();
    let with = |available, last| {
        let mut entries = transfer("users:1", "shop", 20);
        entries[0].condition = Some(Condition {
            available: Comparison {
                eq: Some(minor(available)),
                ..Comparison::default()
            },
            posted: Comparison::default(),
        });
        capture_entries(hold, entries, last)
    };
    // 40 stay pending, or are released.
    for (available, last) in [(40, false), (80, true)] {
        assert_eq!(book.refused_about(hold, &with(available, last)), None);
        let refused = book.refused_about(hold, &with(available, !last));
        assert_eq!(refused, Some(("condition_failed", Some(0))));
    }
}

#[test]
fn a_capture_is_reversed_as_every_posted_transaction_and_a_hold_never() {
    let (mut book, hold) = held();
    let reverse = Command::Reverse(reversal(1));
    let not_posted = Some(("not_posted", None));
    assert_eq!(book.refused_about(hold, &reverse), not_posted);
    let part = book.accept_about(hold, &capture_amount(hold, 20, false));
    let part_id = TransactionId::from(book.events.last().unwrap().0.id);
    assert!(as_posted(&part).captures().is_some());
    let event = book.accept_about(
        part_id,
        &Command::Reverse(ReverseTransaction {
            target: part_id,
            ..reversal(1)
        }),
    );
    // What the capture moved comes back; what it took out of the hold does not.
    assert_eq!(
        rows(&as_posted(&event).entries),
        [
            ("users:1", Side::Credit, 20, (100, -40, 60)),
            ("shop", Side::Debit, 20, (0, 40, 0)),
        ]
    );
    let refused = book.refused_about(part_id, &reverse);
    assert_eq!(refused, Some(("already_reversed", None)));
    let beyond = capture_amount(hold, 41, true);
    let refused = book.refused_about(hold, &beyond);
    assert_eq!(refused, Some(("capture_exceeds_hold", Some(0))));
    book.accept_about(hold, &capture(hold));
    assert_eq!(book.refused_about(hold, &reverse), not_posted);
    for command in [capture(part_id), void(part_id)] {
        let refused = book.refused_about(part_id, &command);
        assert_eq!(refused, Some(("not_a_hold", None)));
    }
}

#[test]
fn nothing_is_captured_at_or_after_expiry() {
    let mut book = Book::ready();
    let hold = book.hold(&place_until(transfer("cash", "users:1", 5), Some(300)));
    for (now, refused) in [
        (299, None),
        (300, Some("hold_expired")),
        (301, Some("hold_expired")),
    ] {
        let mut context = book.about(hold);
        context.now = time(now);
        let decided = decide(&book.ledger, &capture(hold), &context);
        assert_eq!(refusal(&decided).map(|(code, _)| code), refused, "{now}");
    }
}
