//! Applying recorded events: a history that breaks a law is refused and changes nothing.

use daybook_events::event::{BalanceAfter, Event, LedgerOpened};
use daybook_events::metadata::Metadata;
use daybook_events::money::{Amount, BALANCE_MAX, Side};
use daybook_events::time::TimeZone;

use super::given::{
    Book, account_id, as_posted, asset, event_id, minor, post, revision, time, transfer,
};
use crate::ledger::Balance;
use crate::{Command, Decision, RegisterAsset};
use crate::{Law, Ledger, Recorded, decide, evolve};
use daybook_events::assets::Scale;

/// What a command's event would be.
fn event_of(book: &Book, command: &Command) -> Event {
    match decide(&book.ledger, command, &book.next()) {
        Ok(Decision::Event(event)) => event,
        other => panic!("expected an event: {other:?}"),
    }
}

fn broken(
    mut event: Event,
    change: impl FnOnce(&mut daybook_events::event::TransactionPosted),
) -> Event {
    if let Event::TransactionPosted(posted) = &mut event {
        change(posted);
    }
    event
}

fn law_broken(book: &Book, at: u64, micros: i64, event: &Event) -> Law {
    let mut ledger = book.ledger.clone();
    let corrupt = evolve(&mut ledger, recorded(at, micros), event).unwrap_err();
    assert_eq!(ledger, book.ledger, "a refused event changes nothing");
    assert_eq!(corrupt.revision, revision(at));
    assert!(
        corrupt
            .to_string()
            .starts_with("the history of ledger acme is corrupt")
    );
    corrupt.law
}

fn recorded(at: u64, micros: i64) -> Recorded {
    Recorded {
        revision: revision(at),
        id: event_id(at),
        at: time(micros),
    }
}

fn opening() -> Event {
    Event::LedgerOpened(LedgerOpened {
        name: None,
        time_zone: TimeZone::UTC,
        metadata: Metadata::default(),
    })
}

#[test]
fn revisions_are_dense_and_times_never_go_back() {
    let book = Book::ready();
    let event = event_of(&book, &post(transfer("cash", "users:1", 5)));
    for wrong in [0, 2, 4] {
        let expected = revision(3);
        let law = law_broken(&book, wrong, 9, &event);
        assert_eq!(law, Law::DenseRevisions { expected });
    }
    assert_eq!(law_broken(&book, 3, 2, &event), Law::RecordedInOrder);
    // A unit's events share one time.
    let mut ledger = book.ledger.clone();
    let last = book.ledger.last_recorded_at().unwrap();
    let recorded = recorded(3, last.micros());
    assert_eq!(evolve(&mut ledger, recorded, &event), Ok(()));
}

#[test]
fn a_ledger_is_opened_first_and_once() {
    let book = Book::ready();
    assert_eq!(law_broken(&book, 3, 9, &opening()), Law::OpenedFirst);
    let event = event_of(&book, &post(transfer("cash", "users:1", 5)));
    let missing = Book::missing();
    assert_eq!(law_broken(&missing, 0, 9, &event), Law::OpenedFirst);
}

#[test]
fn accounts_and_assets_come_once() {
    let mut book = Book::ready();
    let register = Command::RegisterAsset(RegisterAsset {
        asset: asset("PTS"),
        scale: Scale::try_new(0).unwrap(),
        name: None,
    });
    let registered = book.accept(&register);
    let law = law_broken(&book, 4, 9, &registered);
    assert_eq!(law, Law::AssetRegisteredOnce(asset("PTS")));
    let opened = book.events[1].1.clone();
    let law = law_broken(&book, 4, 9, &opened);
    assert_eq!(law, Law::AccountOpenedOnce(account_id("cash")));
}

#[test]
fn a_transaction_that_breaks_a_law_is_refused() {
    let book = Book::ready();
    let event = event_of(&book, &post(transfer("cash", "users:1", 5)));
    let law = |event: Event| law_broken(&book, 3, 9, &event);

    let unknown = broken(event.clone(), |posted| {
        posted.entries[1].account = account_id("nobody");
    });
    assert_eq!(law(unknown), Law::AccountsOpened(account_id("nobody")));

    let short = broken(event.clone(), |posted| posted.entries.truncate(1));
    assert_eq!(law(short), Law::EntryCount(1));

    let unbalanced = broken(event.clone(), |posted| {
        posted.entries[1].amount = Amount::new(6).unwrap();
    });
    assert_eq!(
        law(unbalanced),
        Law::Balanced {
            asset: asset("USD"),
            debits: minor(5),
            credits: minor(6)
        }
    );

    let other_asset = broken(event.clone(), |posted| {
        posted.entries[1].asset = asset("EUR")
    });
    assert!(matches!(law(other_asset), Law::Balanced { .. }));

    for wrong in [
        BalanceAfter {
            posted: minor(6),
            pending: minor(0),
            available: minor(6),
        },
        BalanceAfter {
            posted: minor(5),
            pending: minor(1),
            available: minor(5),
        },
        BalanceAfter {
            posted: minor(5),
            pending: minor(0),
            available: minor(4),
        },
    ] {
        let event = broken(event.clone(), |posted| posted.entries[1].balance = wrong);
        assert_eq!(law(event), Law::BalanceAsStored { index: 1 });
    }
    assert_eq!(as_posted(&event).entries.len(), 2);
}

#[test]
fn a_turnover_beyond_the_bound_is_refused() {
    let mut book = Book::ready();
    let event = event_of(&book, &post(transfer("cash", "users:1", 5)));
    let (index, _) = book.ledger.look_up(&account_id("users:1")).unwrap();
    let full = Balance::default()
        .posting(Side::Credit, minor(BALANCE_MAX))
        .unwrap();
    assert!(
        book.ledger
            .set_balance(index, &asset("USD"), full, revision(2))
    );
    let law = law_broken(&book, 3, 9, &event);
    assert_eq!(law, Law::WithinBounds { index: 1 });
}

#[test]
fn history_is_not_judged_by_rules_that_may_change() {
    // An asset of ISO 4217 that was registered before it came into that list, and an entry in an
    // asset that no list knows any more, are facts.
    let mut book = Book::ready();
    let registered = Event::AssetRegistered(daybook_events::event::AssetRegistered {
        asset: asset("USD"),
        scale: Scale::try_new(5).unwrap(),
        name: None,
    });
    book.apply(time(9), &registered);
    assert_eq!(book.ledger.scale_of(&asset("USD")).map(Scale::get), Some(5));
    let old = broken(
        event_of(&book, &post(transfer("cash", "users:1", 5))),
        |posted| {
            posted
                .entries
                .iter_mut()
                .for_each(|entry| entry.asset = asset("OLD"))
        },
    );
    book.apply(time(9), &old);
    let view = book.ledger.account(&account_id("cash")).unwrap();
    assert_eq!(view.balance(&asset("OLD")).debits(), minor(5));
    assert_ne!(book.ledger, Ledger::new(book.ledger.id().clone()));
}
