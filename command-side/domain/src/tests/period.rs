//! The ledger's own changes: its name and pairs, and the days that are closed.

use daybook_events::event::{Event, LedgerAfter};
use daybook_events::ids::Name;
use daybook_events::metadata::MetadataPatch;
use daybook_events::time::{Day, TimeZone};

use super::given::{
    Book, close_through, full_patch, pairs, patch, place, post, reopen_through, transfer,
};
use crate::{Command, Patch, UpdateLedger};

fn update(name: Patch<Name>, metadata: Patch<MetadataPatch>) -> Command {
    Command::UpdateLedger(UpdateLedger { name, metadata })
}

fn after(event: Event) -> LedgerAfter {
    match event {
        Event::LedgerUpdated(updated) => updated.after,
        Event::PeriodClosed(closed) => {
            assert_eq!(Some(closed.through), closed.after.closed_through);
            closed.after
        }
        Event::PeriodReopened(reopened) => {
            assert_eq!(reopened.through, reopened.after.closed_through);
            reopened.after
        }
        other => panic!("not about the ledger: {other:?}"),
    }
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

#[test]
fn a_patch_of_the_ledger_changes_what_it_names() {
    let mut book = Book::ready().posted(transfer("cash", "users:1", 1));
    book.hold(&place(transfer("cash", "users:1", 1)));
    let acme = Name::parse("Acme").unwrap();
    let first = book.accept(&update(
        Patch::Set(acme.clone()),
        patch(&[("a", Some("1")), ("b", Some("2"))]),
    ));
    assert_eq!(
        after(first),
        LedgerAfter {
            name: Some(acme.clone()),
            time_zone: TimeZone::UTC,
            accounts: 2,
            transactions: 2,
            closed_through: None,
            opened_at: book.events[0].0.at,
            metadata: pairs(&[("a", "1"), ("b", "2")]),
        }
    );
    let second = book.accept(&update(Patch::Keep, patch(&[("a", None)])));
    assert_eq!(after(second).metadata, pairs(&[("b", "2")]));
    assert_eq!(book.ledger.name(), Some(&acme));
    assert_eq!(book.ledger.metadata(), Some(&pairs(&[("b", "2")])));

    let third = after(book.accept(&update(Patch::Remove, Patch::Remove)));
    assert_eq!((third.name, third.metadata), (None, pairs(&[])));
    assert_eq!(book.ledger.name(), None);

    book.accept(&update(Patch::Keep, full_patch("a")));
    let more = update(Patch::Keep, patch(&[("b", Some("1"))]));
    assert_eq!(book.refused(&more), Some(("validation", None)));
    assert_eq!(book.decide(&more).unwrap_err().problem().status, 422);
}

#[test]
fn days_are_closed_further_on_and_reopened_further_back() {
    type Row<'a> = (Option<&'a str>, Command, bool);
    let rows: [Row<'_>; 12] = [
        (None, close_through("2026-01-31"), true),
        (None, close_through("9999-12-31"), true),
        (None, close_through("0001-01-01"), true),
        (None, reopen_through(Some("2026-01-31")), false),
        (None, reopen_through(None), false),
        (Some("2026-01-31"), close_through("2026-01-30"), false),
        (Some("2026-01-31"), close_through("2026-01-31"), false),
        (Some("2026-01-31"), close_through("2026-02-01"), true),
        (Some("2026-01-31"), reopen_through(Some("2026-01-30")), true),
        (
            Some("2026-01-31"),
            reopen_through(Some("2026-01-31")),
            false,
        ),
        (
            Some("2026-01-31"),
            reopen_through(Some("2026-02-01")),
            false,
        ),
        (Some("2026-01-31"), reopen_through(None), true),
    ];
    for (before, command, accepted) in rows {
        let mut book = Book::ready();
        if let Some(before) = before {
            book.accept(&close_through(before));
            assert_eq!(book.ledger.closed_through(), Some(day(before)));
        }
        if accepted {
            let after = after(book.accept(&command));
            assert_eq!(book.ledger.closed_through(), after.closed_through);
        } else {
            let refused = book.decide(&command).unwrap_err().problem();
            assert_eq!(
                (refused.status, refused.code),
                (422, "validation"),
                "{command:?}"
            );
        }
    }
}

#[test]
fn what_counts_on_a_closed_day_is_refused_until_it_is_reopened() {
    // The book's commands are decided on 1970-01-01.
    let mut book = Book::ready();
    let now = post(transfer("cash", "users:1", 1));
    book.accept(&close_through("1969-12-31"));
    book.accept(&now);
    book.accept(&close_through("1970-01-01"));
    assert_eq!(book.refused(&now), Some(("period_closed", None)));
    book.accept(&reopen_through(Some("1969-12-31")));
    book.accept(&now);
    book.accept(&close_through("2500-01-01"));
    assert_eq!(book.refused(&now), Some(("period_closed", None)));
    book.accept(&reopen_through(None));
    book.accept(&now);
}
