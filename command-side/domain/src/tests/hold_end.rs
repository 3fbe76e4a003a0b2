//! How holds end without a capture: given up, or by their time.

use daybook_events::event::{BalanceAfter, HoldOutcome};
use daybook_events::ids::{Description, TransactionId};
use daybook_events::metadata::Metadata;
use daybook_events::money::{AccountType, Side};

use super::given::{
    Book, account, as_ended, capture, change_status, close_through, credit, debit, entry, place,
    place_until, refusal, time, transaction_id, transfer, void,
};
use super::hold::funded;
use crate::{Command, Context, Decision, StatusChange, VoidHold, decide, expire};

/// The context at another time.
fn at(context: Context, micros: i64) -> Context {
    Context {
        now: time(micros),
        ..context
    }
}

#[test]
fn a_void_releases_all_that_remains_in_the_order_of_the_hold() {
    let mut book = funded();
    let hold = book.hold(&place(vec![
        credit("cash", 30),
        debit("users:1", 20),
        entry(Side::Credit, "users:1", 7, "JPY"),
        debit("users:1", 10),
        entry(Side::Debit, "cash", 7, "JPY"),
    ]));
    let reason = Some(Description::parse("the client left").unwrap());
    let command = Command::Void(VoidHold {
        hold,
        reason: reason.clone(),
    });
    let event = book.accept_about(hold, &command);
    let ended = as_ended(&event);
    assert_eq!((ended.hold, ended.outcome), (hold, HoldOutcome::Voided));
    assert_eq!((&ended.reason, &ended.metadata), (&reason, &None));
    let released: Vec<_> = ended
        .released
        .iter()
        .map(|entry| {
            let (account, asset) = (entry.account.as_str(), entry.asset.as_str());
            let BalanceAfter {
                posted, pending, ..
            } = entry.balance;
            assert!(entry.description.is_none() && entry.metadata.is_empty());
            assert_eq!(pending.get(), 0);
            (account, asset, entry.amount.get(), posted.get())
        })
        .collect();
    assert_eq!(
        released,
        [
            ("cash", "USD", 30, 100),
            ("users:1", "USD", 30, 100),
            ("users:1", "JPY", 7, 0),
            ("cash", "JPY", 7, 0),
        ]
    );
    assert_eq!(book.sums("cash"), (100, 0, 100));
    assert!(book.ledger.hold(hold).is_none());
    assert_eq!(book.ledger.transactions_count(), 2);
}

#[test]
fn the_end_of_a_hold_keeps_pairs_that_were_changed_since() {
    let mut book = funded();
    let hold = book.hold(&place(transfer("cash", "users:1", 5)));
    let pairs = [("channel".to_owned(), "web".to_owned())].into();
    let changed = Some(Metadata::try_new(pairs).unwrap());
    let mut context = book.about(hold);
    context
        .named
        .target
        .as_mut()
        .unwrap()
        .metadata
        .clone_from(&changed);
    let Ok(Decision::Event(event)) = decide(&book.ledger, &void(hold), &context) else {
        panic!("the hold is open");
    };
    assert_eq!(as_ended(&event).metadata, changed);
    let Ok(Decision::Ending(ended, _)) = decide(&book.ledger, &capture(hold), &context) else {
        panic!("the hold is open");
    };
    assert_eq!(ended.metadata, changed);
}

#[test]
fn a_hold_ends_once() {
    let mut book = funded();
    let posted = TransactionId::from(book.events.last().unwrap().0.id);
    for command in [void(posted), capture(posted)] {
        let refused = book.refused_about(posted, &command);
        assert_eq!(refused, Some(("not_a_hold", None)));
    }
    for end in [void, capture] {
        let hold = book.hold(&place(transfer("cash", "users:1", 5)));
        book.accept_about(hold, &end(hold));
        for again in [void(hold), capture(hold)] {
            let refused = book.refused_about(hold, &again);
            assert_eq!(refused, Some(("already_settled", None)));
        }
    }
    let nobody = transaction_id(9_999);
    for command in [void(nobody), capture(nobody)] {
        let rejection = book.decide(&command).unwrap_err();
        let problem = rejection.problem();
        assert_eq!(
            (problem.status, problem.code),
            (404, "transaction_not_found")
        );
    }
}

#[test]
fn a_settled_hold_says_how_and_where_it_ended() {
    let mut book = funded();
    let hold = book.hold(&place(transfer("cash", "users:1", 5)));
    book.accept_about(hold, &capture(hold));
    let rejection = decide(&book.ledger, &void(hold), &book.about(hold)).unwrap_err();
    assert_eq!(
        rejection.to_string(),
        format!("hold {hold} was captured at revision 5")
    );
}

#[test]
fn holds_expire_at_their_time_the_earliest_first() {
    let mut book = funded();
    let mut placed =
        |expires_at| book.hold(&place_until(transfer("cash", "users:1", 1), expires_at));
    let late = placed(Some(500));
    let early = placed(Some(300));
    let never = placed(None);
    let also_late = placed(Some(500));
    let ledger = &book.ledger;
    assert_eq!(ledger.next_due(), Some(time(300)));
    assert_eq!(ledger.due(time(299)).collect::<Vec<_>>(), []);
    assert_eq!(ledger.due(time(300)).collect::<Vec<_>>(), [early]);
    let mut both = [late, also_late];
    both.sort_unstable();
    assert_eq!(
        ledger.due(time(9_999)).collect::<Vec<_>>(),
        [early, both[0], both[1]]
    );

    book.expire(time(300));
    let ended = as_ended(&book.events.last().unwrap().1);
    assert_eq!((ended.hold, ended.outcome), (early, HoldOutcome::Expired));
    assert_eq!(ended.reason, None);
    assert_eq!(book.sums("cash"), (100, 3, 100));
    assert_eq!(expire(&book.ledger, early), None);
    assert_eq!(book.ledger.next_due(), Some(time(500)));
    book.expire(time(9_999));
    assert_eq!(book.ledger.next_due(), None);
    let open: Vec<_> = book.ledger.holds().map(|hold| hold.id).collect();
    assert_eq!(open, [never]);
}

#[test]
fn an_expired_hold_is_settled_no_more() {
    let mut book = funded();
    let hold = book.hold(&place_until(transfer("cash", "users:1", 1), Some(300)));
    let codes = |book: &Book, now| {
        let context = at(book.about(hold), now);
        [void(hold), capture(hold)]
            .map(|command| refusal(&decide(&book.ledger, &command, &context)).map(|(code, _)| code))
    };
    assert_eq!(codes(&book, 299), [None, None]);
    // At its time it is over, whether that was recorded yet or not.
    let expired = [Some("hold_expired"); 2];
    assert_eq!(codes(&book, 300), expired);
    assert_eq!(codes(&book, 301), expired);
    book.expire(time(300));
    assert_eq!(codes(&book, 301), expired);
}

#[test]
fn voids_and_expiries_look_at_no_status_and_no_period() {
    let mut book = funded().with(account("fees", AccountType::Income));
    let held = |book: &mut Book, expires_at| {
        book.hold(&place_until(transfer("cash", "fees", 5), expires_at))
    };
    let voided = held(&mut book, None);
    held(&mut book, Some(300));
    for id in ["cash", "fees"] {
        book.accept(&change_status(id, StatusChange::Freeze));
    }
    book.accept(&close_through("2100-01-01"));
    assert_eq!(book.refused_about(voided, &void(voided)), None);
    book.accept_about(voided, &void(voided));
    book.expire(time(300));
    assert_eq!(book.ledger.holds().count(), 0);
    assert_eq!(book.sums("fees"), (0, 0, 0));
}
