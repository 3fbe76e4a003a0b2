//! The life of an account: what a merge patch makes of it, and how its status moves.

use std::collections::BTreeMap;

use daybook_events::event::{
    AccountAfter, AccountStatus, Event, Limit, LimitedAsset, Limits, Turnover,
};
use daybook_events::ids::{Description, Name};
use daybook_events::money::{AccountType, Side};

use super::given::{
    Book, account, account_id, asset, change_status, credit, debit, entry, full_patch, limits,
    minor, pairs, patch, place, post, transfer, update_account, void,
};
use crate::{Command, LimitPatch, LimitsPatch, Patch, StatusChange, UpdateAccount};

type Bounds = (Patch<i128>, Patch<i128>);

/// A merge patch of limits: per asset or `*` the patch of its two bounds.
fn limits_patch(of: &[(&str, Patch<Bounds>)]) -> Patch<LimitsPatch> {
    let bound = |patch: &Patch<i128>| match patch {
        Patch::Keep => Patch::Keep,
        Patch::Remove => Patch::Remove,
        Patch::Set(number) => Patch::Set(minor(*number)),
    };
    let of = of.iter().map(|(code, patch)| {
        let patch = match patch {
            Patch::Keep => Patch::Keep,
            Patch::Remove => Patch::Remove,
            Patch::Set((min_available, max_balance)) => Patch::Set(LimitPatch {
                min_available: bound(min_available),
                max_balance: bound(max_balance),
            }),
        };
        (LimitedAsset::parse(code).unwrap(), patch)
    });
    Patch::Set(LimitsPatch(of.collect()))
}

fn all_limits(of: &[(&str, Option<i128>, Option<i128>)]) -> Limits {
    let of = of.iter().map(|(code, min_available, max_balance)| {
        let limit = Limit {
            min_available: min_available.map(minor),
            max_balance: max_balance.map(minor),
        };
        (LimitedAsset::parse(code).unwrap(), limit)
    });
    Limits::try_new(of.collect()).unwrap()
}

/// A patch of limits for 60 of the assets of ISO 4217.
fn sixty(skip: usize) -> Patch<LimitsPatch> {
    let codes = daybook_events::assets::ISO_4217.iter().skip(skip).take(60);
    let set = Patch::Set((Patch::Set(0), Patch::Keep));
    let of: Vec<_> = codes.map(|(code, _)| (*code, set)).collect();
    limits_patch(&of)
}

fn updated(book: &mut Book, update: UpdateAccount) -> AccountAfter {
    let id = update.account.clone();
    match book.accept(&Command::UpdateAccount(update)) {
        Event::AccountUpdated(updated) => {
            assert_eq!(updated.account, id);
            updated.after
        }
        other => panic!("not an update: {other:?}"),
    }
}

fn status_of(book: &Book, id: &str) -> AccountStatus {
    book.ledger.account(&account_id(id)).unwrap().status
}

#[test]
fn what_a_patch_does_not_name_stays_as_it_is() {
    let mut opened = account("wallet", AccountType::Liability);
    opened.name = Some(Name::parse("Wallet").unwrap());
    opened.limits = limits("USD", Some(0), None);
    opened.metadata = pairs(&[("a", "1"), ("b", "2")]);
    let mut book = Book::ready()
        .with(opened.clone())
        .posted(transfer("cash", "wallet", 7));

    let before = updated(&mut book, update_account("wallet"));
    assert_eq!(before.name, opened.name);
    assert_eq!(before.limits, opened.limits);
    assert_eq!(before.metadata, opened.metadata);
    assert_eq!(before.account_type, AccountType::Liability);
    assert_eq!(before.normal_balance, Side::Credit);
    assert_eq!(before.status, AccountStatus::Open);
    assert_eq!(
        (before.assets, before.opened_at),
        (None, book.events[3].0.at)
    );
    let turnover = Turnover {
        credits: minor(7),
        ..Turnover::default()
    };
    assert_eq!(before.balances, BTreeMap::from([(asset("USD"), turnover)]));

    let after = updated(
        &mut book,
        UpdateAccount {
            name: Patch::Remove,
            limits: Patch::Remove,
            metadata: patch(&[("a", None), ("c", Some("3"))]),
            ..update_account("wallet")
        },
    );
    assert_eq!((after.name, after.limits), (None, Limits::default()));
    assert_eq!(after.metadata, pairs(&[("b", "2"), ("c", "3")]));

    let after = updated(
        &mut book,
        UpdateAccount {
            name: Patch::Set(Name::parse("Purse").unwrap()),
            metadata: Patch::Remove,
            ..update_account("wallet")
        },
    );
    assert_eq!(after.name, Some(Name::parse("Purse").unwrap()));
    assert_eq!(after.metadata, pairs(&[]));
    let view = book.ledger.account(&account_id("wallet")).unwrap();
    assert_eq!(view.name, after.name.as_ref());
    assert_eq!(Some(view.revision), book.ledger.revision());
    assert_eq!(view.opened_revision, super::given::revision(3));
}

#[test]
fn a_patch_of_limits_changes_each_bound_by_itself() {
    use Patch::{Keep, Remove, Set};
    type Row<'a> = (&'a str, &'a [(&'a str, Patch<Bounds>)], Limits);
    let before = [
        ("*", Some(0), None),
        ("EUR", Some(-5), Some(5)),
        ("USD", Some(-9), Some(9)),
    ];
    let rows: [Row<'_>; 8] = [
        ("nothing is named", &[], all_limits(&before)),
        (
            "an asset goes",
            &[("EUR", Remove)],
            all_limits(&[before[0], before[2]]),
        ),
        ("* goes", &[("*", Remove)], all_limits(&before[1..])),
        (
            "one bound is set, the other stays",
            &[("EUR", Set((Keep, Set(7))))],
            all_limits(&[before[0], ("EUR", Some(-5), Some(7)), before[2]]),
        ),
        (
            "one bound goes",
            &[("EUR", Set((Remove, Keep)))],
            all_limits(&[before[0], ("EUR", None, Some(5)), before[2]]),
        ),
        (
            "the last bounds go, and what is left takes the asset out of *",
            &[("EUR", Set((Remove, Remove)))],
            all_limits(&[before[0], ("EUR", None, None), before[2]]),
        ),
        (
            "a new asset",
            &[("JPY", Set((Set(0), Keep)))],
            all_limits(&[before[0], before[1], ("JPY", Some(0), None), before[2]]),
        ),
        (
            "a new asset without bounds is taken out of *, one that was not there cannot go",
            &[("JPY", Set((Keep, Remove))), ("CHF", Remove)],
            all_limits(&[before[0], before[1], ("JPY", None, None), before[2]]),
        ),
    ];
    for (what, of, expected) in rows {
        let mut opened = account("wallet", AccountType::Liability);
        opened.limits = all_limits(&before);
        let mut book = Book::ready().with(opened);
        let update = UpdateAccount {
            limits: limits_patch(of),
            ..update_account("wallet")
        };
        assert_eq!(updated(&mut book, update).limits, expected, "{what}");
        let view = book.ledger.account(&account_id("wallet")).unwrap();
        assert_eq!(view.limits, &expected, "{what}");
    }
}

#[test]
fn a_limit_binds_from_the_next_command_on_and_may_be_breached_when_it_is_set() {
    let mut book = Book::ready().posted(transfer("cash", "users:1", 50));
    let tightened = UpdateAccount {
        limits: limits_patch(&[("USD", Patch::Set((Patch::Set(80), Patch::Keep)))]),
        ..update_account("users:1")
    };
    updated(&mut book, tightened);
    let spend = post(transfer("users:1", "cash", 1));
    assert_eq!(book.refused(&spend), Some(("insufficient_funds", Some(0))));
    // Towards the limit it may go.
    book.accept(&post(transfer("cash", "users:1", 1)));
    let lifted = UpdateAccount {
        limits: Patch::Remove,
        ..update_account("users:1")
    };
    updated(&mut book, lifted);
    book.accept(&spend);
}

#[test]
fn each_refusal_of_a_patch_names_its_rule() {
    let mut book = Book::ready();
    let of = |update: UpdateAccount| Command::UpdateAccount(update);
    updated(
        &mut book,
        UpdateAccount {
            limits: sixty(0),
            metadata: full_patch("a"),
            ..update_account("cash")
        },
    );
    let unknown = limits_patch(&[("NOPE", Patch::Set((Patch::Set(0), Patch::Keep)))]);
    for (what, update, code) in [
        (
            "unknown account",
            update_account("nobody"),
            "account_not_found",
        ),
        (
            "limit of an unknown asset",
            UpdateAccount {
                limits: unknown,
                ..update_account("cash")
            },
            "asset_unknown",
        ),
        (
            "an unknown asset's limit goes",
            UpdateAccount {
                limits: limits_patch(&[("NOPE", Patch::Remove)]),
                ..update_account("cash")
            },
            "asset_unknown",
        ),
        (
            "more than 100 limits",
            UpdateAccount {
                limits: sixty(60),
                ..update_account("cash")
            },
            "validation",
        ),
        (
            "more than 50 pairs",
            UpdateAccount {
                metadata: patch(&[("b", Some("1"))]),
                ..update_account("cash")
            },
            "validation",
        ),
    ] {
        let rejection = book.decide(&of(update)).unwrap_err();
        let status = if code == "account_not_found" {
            404
        } else {
            422
        };
        let problem = rejection.problem();
        assert_eq!((problem.status, problem.code), (status, code), "{what}");
        assert_eq!(rejection.index(), None, "{what}");
    }
    // What goes makes room for what comes.
    updated(
        &mut book,
        UpdateAccount {
            metadata: patch(&[("b", Some("1")), ("a0", None)]),
            ..update_account("cash")
        },
    );
}

#[test]
fn the_status_moves_from_open_to_frozen_and_back_and_to_closed_for_ever() {
    use StatusChange::{Close, Freeze, Unfreeze};
    type Row<'a> = (
        &'a [StatusChange],
        StatusChange,
        Result<AccountStatus, &'a str>,
    );
    let rows: [Row<'_>; 9] = [
        (&[], Freeze, Ok(AccountStatus::Frozen)),
        (&[], Unfreeze, Err("validation")),
        (&[], Close, Ok(AccountStatus::Closed)),
        (&[Freeze], Freeze, Err("account_frozen")),
        (&[Freeze], Unfreeze, Ok(AccountStatus::Open)),
        (&[Freeze], Close, Ok(AccountStatus::Closed)),
        (&[Close], Freeze, Err("account_closed")),
        (&[Close], Unfreeze, Err("account_closed")),
        (&[Close], Close, Err("account_closed")),
    ];
    for (before, change, expected) in rows {
        let mut book = Book::ready();
        for change in before {
            book.accept(&change_status("cash", *change));
        }
        let command = change_status("cash", change);
        match expected {
            Ok(status) => {
                let event = book.accept(&command);
                assert_eq!(status_of(&book, "cash"), status, "{before:?} {change:?}");
                let (Event::AccountFrozen(changed)
                | Event::AccountUnfrozen(changed)
                | Event::AccountClosed(changed)) = event
                else {
                    panic!("not a change of status: {event:?}");
                };
                assert_eq!(changed.after.status, status);
                assert_eq!(changed.reason, Description::parse("a reason").unwrap());
                let view = book.ledger.account(&account_id("cash")).unwrap();
                assert_eq!(Some(view.revision), book.ledger.revision());
            }
            Err(code) => {
                let refused = book.refused(&command);
                assert_eq!(refused, Some((code, None)), "{before:?} {change:?}");
            }
        }
    }
    let nobody = change_status("nobody", Freeze);
    let rejection = Book::ready().decide(&nobody).unwrap_err();
    assert_eq!(rejection.problem().status, 404);
}

#[test]
fn a_patch_is_allowed_whatever_the_status() {
    for change in [StatusChange::Freeze, StatusChange::Close] {
        let mut book = Book::ready();
        book.accept(&change_status("cash", change));
        let before = status_of(&book, "cash");
        let named = UpdateAccount {
            name: Patch::Set(Name::parse("Till").unwrap()),
            ..update_account("cash")
        };
        assert_eq!(updated(&mut book, named).status, before);
        assert_eq!(status_of(&book, "cash"), before);
    }
}

#[test]
fn an_account_is_closed_without_balance_and_without_holds_alone() {
    let close = change_status("users:1", StatusChange::Close);
    let not_empty = Some(("account_not_empty", None));
    let mut book = Book::ready().posted(transfer("cash", "users:1", 5));
    assert_eq!(book.refused(&close), not_empty);
    let text = book.decide(&close).unwrap_err().to_string();
    assert_eq!(
        text,
        "account users:1 has USD: posted 5, or something pending"
    );
    book.accept(&post(transfer("users:1", "cash", 5)));

    // A second asset counts as well, and either side of a hold.
    book.accept(&post(vec![
        entry(Side::Debit, "users:1", 1, "EUR"),
        entry(Side::Credit, "cash", 1, "EUR"),
    ]));
    assert_eq!(book.refused(&close), not_empty);
    book.accept(&post(vec![
        entry(Side::Credit, "users:1", 1, "EUR"),
        entry(Side::Debit, "cash", 1, "EUR"),
    ]));
    for entries in [
        vec![debit("users:1", 2), credit("cash", 2)],
        vec![debit("cash", 2), credit("users:1", 2)],
        // Both sides of one account: its pending balance is nothing, its pending turnover is not.
        vec![debit("users:1", 2), credit("users:1", 2)],
    ] {
        let hold = book.hold(&place(entries));
        assert_eq!(book.refused(&close), not_empty);
        book.accept_about(hold, &void(hold));
    }
    book.accept(&close);
    let used = post(transfer("cash", "users:1", 1));
    assert_eq!(book.refused(&used), Some(("account_closed", Some(1))));
}
