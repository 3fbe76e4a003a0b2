//! Changes of the book that cannot have happened are refused and change nothing.

use daybook_events::event::{
    AccountAfter, AccountStatus, AccountStatusChanged, AccountUpdated, CommandRejected, Event,
    LedgerAfter, LedgerUpdated, MetadataOf, MetadataSet, PeriodClosed, PeriodReopened,
};
use daybook_events::ids::{Description, Name};
use daybook_events::money::AccountType;
use daybook_events::time::{Day, TimeZone};

use super::given::{
    Book, account_id, asset, change_status, close_through, event_id, limits, minor, pairs, place,
    time, transaction_id, transfer,
};
use crate::{Law, Recorded, StatusChange, evolve};

const NOW: i64 = 1_000;

fn broken_law(book: &Book, event: &Event) -> Law {
    let mut ledger = book.ledger.clone();
    let recorded = Recorded {
        revision: book.next_revision(),
        id: event_id(500),
        at: time(NOW),
    };
    let corrupt = evolve(&mut ledger, recorded, event).unwrap_err();
    assert_eq!(ledger, book.ledger, "a refused event changes nothing");
    corrupt.law
}

fn reason() -> Description {
    Description::parse("a reason").unwrap()
}

fn account_after(book: &Book, id: &str) -> AccountAfter {
    book.ledger.account(&account_id(id)).unwrap().after()
}

fn ledger_after(book: &Book) -> LedgerAfter {
    book.ledger.after().unwrap()
}

/// What is changed, and how.
type OfAccount = (&'static str, fn(&mut AccountAfter));
type OfLedger = (&'static str, fn(&mut LedgerAfter));

/// Everything that an update of an account does not change, changed.
const OF_ACCOUNT: [OfAccount; 8] = [
    ("type", |after| after.account_type = AccountType::Equity),
    ("normal_balance", |after| {
        after.normal_balance = after.normal_balance.opposite();
    }),
    ("status", |after| {
        after.status = match after.status {
            AccountStatus::Closed => AccountStatus::Open,
            AccountStatus::Open | AccountStatus::Frozen => AccountStatus::Closed,
        };
    }),
    ("assets", |after| after.assets = Some([asset("USD")].into())),
    ("opened_at", |after| after.opened_at = time(0)),
    ("balances", |after| after.balances.clear()),
    ("a turnover", |after| {
        if let Some(turnover) = after.balances.get_mut(&asset("USD")) {
            turnover.debits = minor(6);
        }
    }),
    ("something pending", |after| {
        if let Some(turnover) = after.balances.get_mut(&asset("USD")) {
            turnover.pending_debits = minor(1);
        }
    }),
];

#[test]
fn the_account_that_an_event_stores_is_the_one_that_a_replay_reaches() {
    let book = Book::ready().posted(transfer("cash", "users:1", 5));
    let stored = Law::AccountAsStored(account_id("cash"));
    for (what, change) in OF_ACCOUNT {
        let mut after = account_after(&book, "cash");
        change(&mut after);
        let updated = Event::AccountUpdated(AccountUpdated {
            account: account_id("cash"),
            reason: None,
            after,
        });
        assert_eq!(broken_law(&book, &updated), stored, "{what}");
    }
    // A change of status changes nothing else, not even what an update may change.
    let of_terms: [OfAccount; 3] = [
        ("name", |after| {
            after.name = Some(Name::parse("Till").unwrap())
        }),
        ("limits", |after| {
            after.limits = limits("USD", Some(0), None)
        }),
        ("metadata", |after| after.metadata = pairs(&[("a", "1")])),
    ];
    for (what, change) in OF_ACCOUNT.into_iter().chain(of_terms) {
        let mut after = account_after(&book, "cash");
        after.status = AccountStatus::Frozen;
        change(&mut after);
        let frozen = Event::AccountFrozen(AccountStatusChanged {
            account: account_id("cash"),
            reason: reason(),
            after,
        });
        assert_eq!(broken_law(&book, &frozen), stored, "{what}");
    }
}

#[test]
fn the_ledger_that_an_event_stores_is_the_one_that_a_replay_reaches() {
    let mut book = Book::ready().posted(transfer("cash", "users:1", 5));
    book.accept(&close_through("2026-01-31"));
    let fixed: [OfLedger; 4] = [
        ("time_zone", |after| {
            after.time_zone = TimeZone::parse("Europe/Prague").unwrap();
        }),
        ("accounts", |after| after.accounts += 1),
        ("transactions", |after| after.transactions -= 1),
        ("opened_at", |after| after.opened_at = time(0)),
    ];
    let terms: [OfLedger; 2] = [
        ("name", |after| {
            after.name = Some(Name::parse("Acme").unwrap())
        }),
        ("metadata", |after| after.metadata = pairs(&[("a", "1")])),
    ];
    let closed: OfLedger = ("closed_through", |after| after.closed_through = None);
    let later = Day::parse("2026-02-28").unwrap();
    let earlier = Day::parse("2025-12-31").unwrap();
    for (what, change) in fixed.into_iter().chain([closed]) {
        let mut after = ledger_after(&book);
        change(&mut after);
        let updated = Event::LedgerUpdated(LedgerUpdated { after });
        assert_eq!(broken_law(&book, &updated), Law::LedgerAsStored, "{what}");
    }
    for (what, change) in fixed.into_iter().chain(terms).chain([closed]) {
        let mut after = ledger_after(&book);
        after.closed_through = Some(later);
        change(&mut after);
        let closed = Event::PeriodClosed(PeriodClosed {
            through: later,
            reason: reason(),
            after: after.clone(),
        });
        assert_eq!(broken_law(&book, &closed), Law::LedgerAsStored, "{what}");
        let reopened = Event::PeriodReopened(PeriodReopened {
            through: Some(earlier),
            reason: reason(),
            after,
        });
        assert_eq!(broken_law(&book, &reopened), Law::LedgerAsStored, "{what}");
    }
}

#[test]
fn a_status_that_cannot_move_so_is_refused() {
    use AccountStatus::{Closed, Frozen, Open};
    let rows = [
        (Open, Open),
        (Frozen, Frozen),
        (Closed, Open),
        (Closed, Frozen),
        (Closed, Closed),
    ];
    for (before, status) in rows {
        let mut book = Book::ready();
        match before {
            Open => {}
            Frozen => drop(book.accept(&change_status("cash", StatusChange::Freeze))),
            Closed => drop(book.accept(&change_status("cash", StatusChange::Close))),
        }
        let changed = AccountStatusChanged {
            account: account_id("cash"),
            reason: reason(),
            after: AccountAfter {
                status,
                ..account_after(&book, "cash")
            },
        };
        let event = match status {
            Open => Event::AccountUnfrozen(changed),
            Frozen => Event::AccountFrozen(changed),
            Closed => Event::AccountClosed(changed),
        };
        let law = Law::StatusMoves {
            account: account_id("cash"),
            before,
            after: status,
        };
        assert_eq!(broken_law(&book, &event), law);
    }
}

#[test]
fn an_account_that_is_not_empty_cannot_have_been_closed() {
    let mut held = Book::ready();
    held.hold(&place(transfer("cash", "users:1", 5)));
    let posted = Book::ready().posted(transfer("cash", "users:1", 5));
    for book in [held, posted] {
        let closed = Event::AccountClosed(AccountStatusChanged {
            account: account_id("cash"),
            reason: reason(),
            after: AccountAfter {
                status: AccountStatus::Closed,
                ..account_after(&book, "cash")
            },
        });
        let law = Law::ClosedEmpty {
            account: account_id("cash"),
            asset: asset("USD"),
        };
        assert_eq!(broken_law(&book, &closed), law);
    }
}

#[test]
fn changes_of_an_account_that_was_never_opened_are_refused() {
    let book = Book::ready();
    let after = account_after(&book, "cash");
    let nobody = account_id("nobody");
    let law = Law::AccountsOpened(nobody.clone());
    let changed = AccountStatusChanged {
        account: nobody.clone(),
        reason: reason(),
        after: after.clone(),
    };
    for event in [
        Event::AccountUpdated(AccountUpdated {
            account: nobody.clone(),
            reason: None,
            after,
        }),
        Event::AccountFrozen(changed.clone()),
        Event::AccountUnfrozen(changed.clone()),
        Event::AccountClosed(changed),
        Event::MetadataSet(MetadataSet {
            of: MetadataOf::Account(nobody),
            metadata: pairs(&[]),
        }),
    ] {
        assert_eq!(broken_law(&book, &event), law);
    }
}

#[test]
fn a_period_that_does_not_move_so_is_refused() {
    let day = |text: &str| Day::parse(text).unwrap();
    let mut closed_book = Book::ready();
    closed_book.accept(&close_through("2026-01-31"));
    let open_book = Book::ready();
    let close = |book: &Book, through| {
        Event::PeriodClosed(PeriodClosed {
            through: day(through),
            reason: reason(),
            after: LedgerAfter {
                closed_through: Some(day(through)),
                ..ledger_after(book)
            },
        })
    };
    let reopen = |book: &Book, through: Option<&str>| {
        Event::PeriodReopened(PeriodReopened {
            through: through.map(day),
            reason: reason(),
            after: LedgerAfter {
                closed_through: through.map(day),
                ..ledger_after(book)
            },
        })
    };
    for (book, event) in [
        (&closed_book, close(&closed_book, "2026-01-31")),
        (&closed_book, close(&closed_book, "2026-01-30")),
        (&closed_book, reopen(&closed_book, Some("2026-01-31"))),
        (&closed_book, reopen(&closed_book, Some("2026-02-01"))),
        (&open_book, reopen(&open_book, None)),
        (&open_book, reopen(&open_book, Some("2026-01-31"))),
    ] {
        assert_eq!(broken_law(book, &event), Law::PeriodMoves, "{event:?}");
    }
}

#[test]
fn a_recorded_refusal_and_the_pairs_of_a_transaction_move_the_ledger_on_and_nothing_else() {
    let book = Book::ready();
    for event in [
        Event::CommandRejected(CommandRejected {
            status: 422,
            code: "insufficient_funds".to_owned(),
            detail: "no".to_owned(),
            index: Some(1),
        }),
        // The state knows no past transactions: the pairs of any may have been set.
        Event::MetadataSet(MetadataSet {
            of: MetadataOf::Transaction(transaction_id(99)),
            metadata: pairs(&[("a", "1")]),
        }),
    ] {
        let mut after = book.clone();
        after.apply(time(NOW), &event);
        assert_eq!(after.ledger.revision(), Some(book.next_revision()));
        assert_eq!(after.ledger.last_recorded_at(), Some(time(NOW)));
        assert_eq!(after.ledger.after(), book.ledger.after());
        let states = |book: &Book| {
            let all = book.ledger.accounts();
            all.map(|view| (view.after(), view.revision))
                .collect::<Vec<_>>()
        };
        assert_eq!(states(&after), states(&book));
    }
}
