//! Applying recorded holds: what breaks a law of theirs is refused and changes nothing.

use daybook_events::event::{
    AccountStatus, BalanceAfter, Entry, Event, HoldEnded, HoldOutcome, HoldPlaced,
    TransactionPosted,
};
use daybook_events::ids::TransactionId;
use daybook_events::money::{AMOUNT_MAX, AccountType, Amount};
use daybook_events::time::{Day, Effective};

use super::given::{
    Book, account, account_id, as_ended, as_posted, capture, capture_amount, change_status,
    close_through, credit, debit, event_id, minor, place, place_until, post, time, transaction_id,
    transfer, void,
};
use crate::{Command, Decision, Law, Ledger, Recorded, StatusChange, decide, evolve, expire};

/// `users:1` with 100, of which 60 are held for `shop` until 300.
fn held() -> (Book, TransactionId) {
    let mut book = Book::ready()
        .with(account("shop", AccountType::Liability))
        .posted(transfer("cash", "users:1", 100));
    let hold = book.hold(&place_until(transfer("users:1", "shop", 60), Some(300)));
    (book, hold)
}

fn recorded(ledger: &Ledger, micros: i64) -> Recorded {
    Recorded {
        revision: ledger.revision().unwrap().plus(1),
        id: event_id(777),
        at: time(micros),
    }
}

/// Applies events at one time; the law that the last one breaks.
fn law_broken(book: &Book, micros: i64, events: &[&Event]) -> Law {
    let mut ledger = book.ledger.clone();
    let (last, before) = events.split_last().unwrap();
    for event in before {
        let recorded = recorded(&ledger, micros);
        evolve(&mut ledger, recorded, event).unwrap();
    }
    let untouched = ledger.clone();
    let recorded = recorded(&ledger, micros);
    let corrupt = evolve(&mut ledger, recorded, last).unwrap_err();
    assert_eq!(ledger, untouched, "a refused event changes nothing");
    corrupt.law
}

fn fine(book: &Book, micros: i64, events: &[&Event]) {
    let mut ledger = book.ledger.clone();
    for event in events {
        let recorded = recorded(&ledger, micros);
        assert_eq!(evolve(&mut ledger, recorded, event), Ok(()));
    }
}

fn event_of(book: &Book, command: &Command) -> Event {
    match decide(&book.ledger, command, &book.next()) {
        Ok(Decision::Event(event)) => event,
        other => panic!("expected one event: {other:?}"),
    }
}

/// What a command about a hold makes happen: the end, if it ends, and the rest.
fn events_about(book: &Book, hold: TransactionId, command: &Command) -> (Option<Event>, Event) {
    match decide(&book.ledger, command, &book.about(hold)) {
        Ok(Decision::Event(event)) => (None, event),
        Ok(Decision::Ending(ended, event)) => (Some(Event::HoldEnded(*ended)), event),
        other => panic!("expected events: {other:?}"),
    }
}

fn placed(event: &Event, change: impl FnOnce(&mut HoldPlaced)) -> Event {
    let Event::HoldPlaced(mut placed) = event.clone() else {
        panic!("not a hold: {event:?}");
    };
    change(&mut placed);
    Event::HoldPlaced(placed)
}

fn ended(event: &Event, change: impl FnOnce(&mut HoldEnded)) -> Event {
    let mut ended = as_ended(event).clone();
    change(&mut ended);
    Event::HoldEnded(ended)
}

fn posted(event: &Event, change: impl FnOnce(&mut TransactionPosted)) -> Event {
    let mut posted = as_posted(event).clone();
    change(&mut posted);
    Event::TransactionPosted(posted)
}

fn amount(number: i128) -> Amount {
    Amount::new(number).unwrap()
}

#[test]
fn a_hold_that_breaks_a_law_is_refused() {
    let (book, hold) = held();
    let event = event_of(
        &book,
        &place_until(transfer("users:1", "shop", 5), Some(200)),
    );
    fine(&book, 199, &[&event]);
    let law = |event: Event| law_broken(&book, 199, &[&event]);

    assert_eq!(law_broken(&book, 200, &[&event]), Law::ExpiresLater);
    let short = placed(&event, |hold| hold.entries.truncate(1));
    assert_eq!(law(short), Law::EntryCount(1));
    let crooked = placed(&event, |hold| hold.entries[1].amount = amount(6));
    assert!(matches!(law(crooked), Law::Balanced { .. }));
    let unknown = placed(&event, |hold| {
        hold.entries[1].account = account_id("nobody")
    });
    assert_eq!(law(unknown), Law::AccountsOpened(account_id("nobody")));
    for change in [
        |balance: &mut BalanceAfter| balance.posted = minor(1),
        |balance: &mut BalanceAfter| balance.pending = minor(64),
        |balance: &mut BalanceAfter| balance.available = minor(1),
    ] {
        let wrong = placed(&event, |hold| change(&mut hold.entries[1].balance));
        assert_eq!(law(wrong), Law::BalanceAsStored { index: 1 });
    }

    let mut ledger = book.ledger.clone();
    let again = Recorded {
        id: hold.into(),
        ..recorded(&ledger, 199)
    };
    let corrupt = evolve(&mut ledger, again, &event).unwrap_err();
    assert_eq!(corrupt.law, Law::HoldPlacedOnce(hold));
}

#[test]
fn no_more_is_held_of_one_account_than_one_entry_can_release() {
    let book = Book::ready();
    let event = event_of(&book, &place(transfer("cash", "users:1", AMOUNT_MAX)));
    let twice = placed(&event, |hold| {
        let mut entries = Vec::new();
        for entry in &hold.entries {
            let mut entry = entry.clone();
            let both = minor(2 * AMOUNT_MAX);
            entry.balance.pending = both;
            entries.extend([entry.clone(), entry]);
        }
        hold.entries = entries;
    });
    let law = law_broken(&book, 99, &[&twice]);
    assert_eq!(law, Law::WithinBounds { index: 0 });
}

#[test]
fn no_entry_is_of_an_account_that_takes_none() {
    let (mut book, hold) = held();
    let transfers = [
        event_of(&book, &post(transfer("users:1", "shop", 5))),
        event_of(&book, &place(transfer("users:1", "shop", 5))),
    ];
    let part = events_about(&book, hold, &capture_amount(hold, 5, false)).1;
    book.accept(&change_status("shop", StatusChange::Freeze));
    for event in &transfers {
        let status = AccountStatus::Frozen;
        let law = law_broken(&book, 99, &[event]);
        assert_eq!(law, Law::AccountTakesEntries { index: 1, status });
    }
    // What was held before settles.
    fine(&book, 99, &[&part]);
    let end = events_about(&book, hold, &void(hold)).1;
    fine(&book, 99, &[&end]);

    let mut closed = Book::ready().with(account("shop", AccountType::Liability));
    let event = event_of(&closed, &post(transfer("shop", "cash", 5)));
    closed.accept(&change_status("shop", StatusChange::Close));
    let status = AccountStatus::Closed;
    let law = law_broken(&closed, 99, &[&event]);
    assert_eq!(law, Law::AccountTakesEntries { index: 0, status });
}

#[test]
fn nothing_counts_on_a_closed_day_but_voids_and_expiries() {
    let (mut book, hold) = held();
    let date = Day::parse("1970-01-01").unwrap();
    let counted = [
        event_of(&book, &post(transfer("users:1", "shop", 5))),
        event_of(&book, &place(transfer("users:1", "shop", 5))),
        events_about(&book, hold, &capture_amount(hold, 5, false)).1,
    ];
    let ends = [
        (99, events_about(&book, hold, &void(hold)).1),
        (300, Event::HoldEnded(expire(&book.ledger, hold).unwrap())),
    ];
    book.accept(&close_through("1970-01-01"));
    for event in &counted {
        let law = law_broken(&book, 99, &[event]);
        let closed_through = date;
        assert_eq!(
            law,
            Law::PeriodOpen {
                date,
                closed_through
            }
        );
    }
    for (micros, event) in &ends {
        fine(&book, *micros, &[event]);
    }
    // The day that is stored decides, in other zones than UTC.
    let tomorrow = posted(&counted[0], |posted| {
        posted.effective_at = Some(Effective::parse("1970-01-02").unwrap());
    });
    fine(&book, 99, &[&tomorrow]);
}

#[test]
fn a_hold_expires_at_its_time_and_is_not_settled_any_more() {
    let (book, hold) = held();
    let expired = Event::HoldEnded(expire(&book.ledger, hold).unwrap());
    let wrong = Law::EndsAtItsTime(hold);
    assert_eq!(law_broken(&book, 299, &[&expired]), wrong);
    fine(&book, 300, &[&expired]);
    let voided = events_about(&book, hold, &void(hold)).1;
    let (end, whole) = events_about(&book, hold, &capture(hold));
    let end = end.unwrap();
    let part = events_about(&book, hold, &capture_amount(hold, 5, false)).1;
    for event in [&voided, &end, &part] {
        assert_eq!(law_broken(&book, 300, &[event]), wrong);
    }
    fine(&book, 299, &[&voided]);
    fine(&book, 299, &[&part]);
    fine(&book, 299, &[&end, &whole]);
    // A hold without a time never expires.
    let mut book = Book::ready();
    let never = book.hold(&place(transfer("cash", "users:1", 5)));
    let expired = Event::HoldEnded(expire(&book.ledger, never).unwrap());
    let law = law_broken(&book, 9_999, &[&expired]);
    assert_eq!(law, Law::EndsAtItsTime(never));
}

#[test]
fn only_open_holds_are_captured_and_ended() {
    let (book, hold) = held();
    let voided = events_about(&book, hold, &void(hold)).1;
    let (end, _) = events_about(&book, hold, &capture(hold));
    let part = events_about(&book, hold, &capture_amount(hold, 5, false)).1;
    for event in [&voided, &end.unwrap(), &part] {
        let law = law_broken(&book, 99, &[&voided, event]);
        assert_eq!(law, Law::HoldOpen(hold));
    }
    let unknown = ended(&voided, |ended| ended.hold = transaction_id(4_242));
    let law = law_broken(&book, 99, &[&unknown]);
    assert_eq!(law, Law::HoldOpen(transaction_id(4_242)));
}

#[test]
fn what_is_released_is_what_remained() {
    let mut book = Book::ready();
    let hold = book.hold(&place(vec![
        debit("cash", 9),
        credit("users:1", 4),
        credit("users:1", 5),
    ]));
    let voided = events_about(&book, hold, &void(hold)).1;
    fine(&book, 99, &[&voided]);
    let wrong = Law::ReleasedAsRemained(hold);
    let changes: [fn(&mut Vec<Entry>); 7] = [
        |released| released.truncate(1),
        |released| released.clear(),
        |released| released[0].amount = amount(10),
        |released| released[0].amount = amount(8),
        |released| released.swap(0, 1),
        |released| released[0].direction = released[0].direction.opposite(),
        |released| released[1].account = account_id("cash"),
    ];
    for (place, change) in changes.into_iter().enumerate() {
        let tampered = ended(&voided, |ended| {
            change(&mut ended.released);
            // Each balance as if it were right, where it depends on what was changed.
            if place == 3 {
                ended.released[0].balance.pending = minor(1);
            }
            if place == 0 || place == 1 {
                ended.released.iter_mut().for_each(|entry| {
                    entry.balance.pending = minor(0);
                });
            }
        });
        assert_eq!(law_broken(&book, 99, &[&tampered]), wrong, "change {place}");
    }
    // In two pieces, though their sum is right.
    let in_pieces = ended(&voided, |ended| {
        let mut piece = ended.released[0].clone();
        piece.amount = amount(4);
        ended.released[0].amount = amount(5);
        ended.released.insert(1, piece);
    });
    assert_eq!(law_broken(&book, 99, &[&in_pieces]), wrong);
    let balance = ended(&voided, |ended| {
        ended.released[1].balance.pending = minor(1)
    });
    let law = law_broken(&book, 99, &[&balance]);
    assert_eq!(law, Law::BalanceAsStored { index: 1 });
}

#[test]
fn a_capture_is_within_what_remains() {
    let (book, hold) = held();
    let part = events_about(&book, hold, &capture_amount(hold, 40, false)).1;
    fine(&book, 99, &[&part]);
    let law = law_broken(&book, 99, &[&part, &part]);
    assert_eq!(law, Law::CapturedWithin { index: 0 });
    let elsewhere = posted(&part, |posted| {
        posted.entries[1].account = account_id("cash")
    });
    let law = law_broken(&book, 99, &[&elsewhere]);
    assert_eq!(law, Law::CapturedWithin { index: 1 });
    let other_side = posted(&part, |posted| {
        posted.entries.iter_mut().for_each(|entry| {
            entry.direction = entry.direction.opposite();
        });
    });
    let law = law_broken(&book, 99, &[&other_side]);
    assert_eq!(law, Law::CapturedWithin { index: 0 });
}

#[test]
fn a_hold_that_ends_by_a_capture_is_taken_whole_by_the_very_next_event() {
    let (book, hold) = held();
    let (end, last) = events_about(&book, hold, &capture_amount(hold, 45, true));
    let end = end.unwrap();
    fine(&book, 99, &[&end, &last]);
    let due = Law::LastCaptureFollows(hold);
    let other = event_of(&book, &post(transfer("cash", "shop", 5)));
    let voided = events_about(&book, hold, &void(hold)).1;
    for event in [&end, &other, &voided] {
        assert_eq!(law_broken(&book, 99, &[&end, event]), due);
    }
    // Fewer than remain.
    let fewer = posted(&last, |posted| {
        for entry in &mut posted.entries {
            entry.amount = amount(44);
        }
        posted.entries[0].balance = BalanceAfter {
            posted: minor(56),
            pending: minor(-1),
            available: minor(55),
        };
        posted.entries[1].balance = BalanceAfter {
            posted: minor(44),
            pending: minor(1),
            available: minor(44),
        };
    });
    let law = law_broken(&book, 99, &[&end, &fewer]);
    assert_eq!(law, Law::LastCaptureTakesAll(hold));
    // All that remains without an end before it.
    let (_, whole) = events_about(&book, hold, &capture(hold));
    let law = law_broken(&book, 99, &[&whole]);
    assert_eq!(law, Law::LastCaptureTakesAll(hold));
    // An end that leaves nothing to capture.
    let nothing = ended(&voided, |ended| ended.outcome = HoldOutcome::Captured);
    let law = law_broken(&book, 99, &[&nothing]);
    assert_eq!(law, Law::ReleasedAsRemained(hold));
}

#[test]
fn a_hold_that_has_ended_is_not_due_while_its_last_capture_is() {
    let (book, hold) = held();
    let (end, _) = events_about(&book, hold, &capture_amount(hold, 45, true));
    let mut ledger = book.ledger.clone();
    let recorded = recorded(&ledger, 99);
    evolve(&mut ledger, recorded, &end.unwrap()).unwrap();
    assert_eq!(ledger.next_due(), None);
    assert_eq!(ledger.due(time(9_999)).count(), 0);
}

#[test]
fn a_last_capture_is_taken_back_without_the_end_before_it() {
    let (book, hold) = held();
    let (end, last) = events_about(&book, hold, &capture_amount(hold, 45, true));
    let mut ledger = book.ledger.clone();
    let at = recorded(&ledger, 99);
    evolve(&mut ledger, at, &end.unwrap()).unwrap();
    let ended = ledger.clone();
    ledger.begin();
    let at = recorded(&ledger, 99);
    evolve(&mut ledger, at, &last).unwrap();
    ledger.rollback();
    assert_eq!(ledger, ended);
}
