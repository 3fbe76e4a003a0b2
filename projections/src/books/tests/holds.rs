//! Holds: nobody takes more than remains, and nothing of them stays behind.

use daybook_events::event::{Event, HoldOutcome, Origin, Turnover};
use daybook_events::ids::{AccountId, AssetCode, TransactionId};
use daybook_events::money::{Minor, Side};
use uuid::Uuid;

use super::rows::{Rows, fold_in_parts, try_fold};
use super::rule;
use super::writer::{Leg, Writer, credit, debit, time};
use crate::books::fold::fold;
use crate::books::rows::Prior;
use crate::books::{Rule, decode};

const HELD: [Leg; 2] = [(0, Side::Debit, 10, 0), (1, Side::Credit, 10, 0)];

/// A writer with an open hold of ten.
fn held() -> (Writer, TransactionId) {
    let mut writer = Writer::new();
    let hold = writer.place(0, &HELD, None);
    (writer, hold)
}

fn turnover(rows: &Rows, writer: &Writer, account: &str) -> Turnover {
    let ledger = writer.events[0].ledger.clone();
    let account = AccountId::parse(account).unwrap();
    rows.balances[&(ledger, account, AssetCode::parse("USD").unwrap())].0
}

fn of(debits: i128, pending_debits: i128) -> Turnover {
    Turnover {
        debits: Minor::try_new(debits).unwrap(),
        pending_debits: Minor::try_new(pending_debits).unwrap(),
        ..Turnover::default()
    }
}

#[test]
fn a_hold_that_is_placed_captured_and_ended_in_one_batch_is_the_same_as_in_three() {
    let (mut writer, hold) = held();
    writer.capture(0, 0, &[debit(0, 3), credit(1, 3)], false);
    writer.capture(0, 0, &[debit(0, 4), credit(1, 4)], true);
    let count = writer.events.len();
    let rows = fold_in_parts(&writer.events, &[]);
    assert_eq!(rows, fold_in_parts(&writer.events, &[count - 3, count - 2]));
    assert_eq!(turnover(&rows, &writer, "bank"), of(7, 0));
    let key = (writer.events[0].ledger.clone(), hold);
    assert_eq!(rows.transactions[&key].status, "posted");
    let (row, ended) = &rows.holds[&key];
    assert!(row.remaining.is_empty(), "{row:?}");
    assert!(
        ended.starts_with("posted Some(Ended { revision: Revision(7)"),
        "{ended}"
    );
}

#[test]
fn what_is_held_captured_and_released_has_a_row_with_the_turnovers_after_it() {
    let (mut writer, _) = held();
    writer.capture(0, 0, &[debit(0, 4), credit(1, 4)], true);
    let decoded = decode::all(&writer.events).unwrap();
    let prior = Prior::default();
    let delta = fold(&prior, &decoded).unwrap();
    let of_bank = delta.entries.iter().filter(|row| row.index == 0);
    let rows: Vec<_> = of_bank
        .map(|row| (row.effect.kind(), row.entry.amount.get(), row.after))
        .collect();
    assert_eq!(
        rows,
        [
            ("held", 10, of(0, 10)),
            ("released", 6, of(0, 4)),
            ("posted", 4, of(4, 0)),
        ]
    );
    let released = delta
        .entries
        .iter()
        .find(|row| row.effect.kind() == "released");
    let (hold, released) = (&delta.transactions[0], released.unwrap());
    assert_eq!(released.transaction, hold.key.id);
    assert_eq!(
        released.effective, hold.effective,
        "it counts when the hold did"
    );
}

#[test]
fn a_part_captured_leaves_the_rest_pending_and_the_hold_open() {
    let (mut writer, hold) = held();
    writer.capture(0, 0, &[debit(0, 4), credit(1, 4)], false);
    let rows = fold_in_parts(&writer.events, &[]);
    assert_eq!(turnover(&rows, &writer, "bank"), of(4, 6));
    let key = (writer.events[0].ledger.clone(), hold);
    assert_eq!(rows.transactions[&key].status, "pending");
    let amounts: Vec<i128> = rows.holds[&key]
        .0
        .remaining
        .iter()
        .map(|rest| rest.amount.get())
        .collect();
    assert_eq!(amounts, [6, 6]);
}

#[test]
fn a_voided_and_an_expired_hold_leave_nothing_pending() {
    for (outcome, status) in [
        (HoldOutcome::Voided, "voided"),
        (HoldOutcome::Expired, "expired"),
    ] {
        let mut writer = Writer::new();
        let expires_at = time(writer.now() + 1);
        let hold = writer.place(0, &HELD, Some(expires_at));
        writer.end(0, 0, outcome);
        let rows = fold_in_parts(&writer.events, &[]);
        assert_eq!(turnover(&rows, &writer, "bank"), of(0, 0));
        let key = (writer.events[0].ledger.clone(), hold);
        assert_eq!(rows.transactions[&key].status, status);
    }
}

#[test]
fn a_hold_never_expires_before_its_time() {
    for wait in [Some(2), None] {
        let mut writer = Writer::new();
        let expires_at = wait.map(|wait| time(writer.now() + wait));
        let hold = writer.place(0, &HELD, expires_at);
        writer.end(0, 0, HoldOutcome::Expired);
        assert_eq!(rule(&writer.events), Rule::ExpiredEarly { hold });
    }
}

#[test]
fn entries_of_one_account_and_side_are_one_reservation() {
    let mut writer = Writer::new();
    writer.place(0, &[debit(0, 4), credit(1, 10), debit(0, 6)], None);
    writer.capture(0, 0, &[debit(0, 9), credit(1, 9)], true);
    let rows = fold_in_parts(&writer.events, &[]);
    assert_eq!(turnover(&rows, &writer, "bank"), of(9, 0));
}

#[test]
fn a_capture_beyond_what_remains_is_refused() {
    for legs in [
        [debit(0, 11), credit(1, 11)],
        // Of an account, and of a side, that the hold does not name.
        [debit(2, 1), credit(1, 1)],
        [credit(0, 1), debit(1, 1)],
    ] {
        let (mut writer, hold) = held();
        // So that the pending turnover alone would not tell.
        writer.place(0, &[debit(0, 50), credit(1, 50)], None);
        writer.place(0, &[debit(1, 50), credit(0, 50)], None);
        writer.place(0, &[debit(2, 50), credit(1, 50)], None);
        let captured = writer.captured(0, hold, &legs);
        writer.record(0, &Event::TransactionPosted(captured));
        assert_eq!(rule(&writer.events), Rule::Remaining { hold });
    }
}

#[test]
fn parts_that_add_up_to_more_than_remains_are_refused() {
    let (mut writer, hold) = held();
    writer.place(0, &[debit(0, 50), credit(1, 50)], None);
    writer.capture(0, 0, &[debit(0, 6), credit(1, 6)], false);
    let captured = writer.captured(0, hold, &[debit(0, 5), credit(1, 5)]);
    writer.record(0, &Event::TransactionPosted(captured));
    assert_eq!(rule(&writer.events), Rule::Remaining { hold });
}

#[test]
fn a_capture_of_everything_that_does_not_end_the_hold_is_refused() {
    let (mut writer, hold) = held();
    let captured = writer.captured(0, hold, &HELD);
    writer.record(0, &Event::TransactionPosted(captured));
    assert_eq!(rule(&writer.events), Rule::Remaining { hold });
}

#[test]
fn a_capture_of_what_is_no_open_hold_is_refused() {
    for nth in 0..4 {
        let (mut writer, ended) = held();
        let posted = writer.post(0, &HELD);
        let elsewhere = writer.place(1, &HELD, None);
        writer.end(0, 0, HoldOutcome::Voided);
        writer.place(0, &[debit(0, 50), credit(1, 50)], None);
        let nowhere = TransactionId::new(Uuid::nil());
        let hold = [ended, posted, elsewhere, nowhere][nth];
        let captured = writer.captured(0, hold, &[debit(0, 1), credit(1, 1)]);
        writer.record(0, &Event::TransactionPosted(captured));
        assert_eq!(rule(&writer.events), Rule::Hold { hold });
    }
}

#[test]
fn an_end_that_does_not_release_all_that_remains_is_refused() {
    for legs in [
        vec![debit(0, 9), credit(1, 9)],
        vec![debit(0, 10)],
        vec![],
        // The order of the hold's entries, and each once.
        vec![credit(1, 10), debit(0, 10)],
        vec![debit(0, 4), debit(0, 6), credit(1, 10)],
    ] {
        for outcome in [HoldOutcome::Voided, HoldOutcome::Expired] {
            let mut writer = Writer::new();
            let hold = writer.place(0, &HELD, Some(time(1)));
            let ended = writer.ended(0, hold, outcome, &legs);
            writer.push(0, &Event::HoldEnded(ended));
            assert_eq!(rule(&writer.events), Rule::Remaining { hold });
        }
    }
}

#[test]
fn an_end_that_releases_more_than_remains_is_refused() {
    for outcome in [HoldOutcome::Voided, HoldOutcome::Captured] {
        let (mut writer, hold) = held();
        writer.place(0, &[debit(0, 50), credit(1, 50)], None);
        let ended = writer.ended(0, hold, outcome, &[debit(0, 11), credit(1, 9)]);
        writer.push(0, &Event::HoldEnded(ended));
        assert_eq!(rule(&writer.events), Rule::Remaining { hold });
    }
}

#[test]
fn what_is_not_pending_cannot_be_taken_whatever_the_hold_says() {
    let (mut writer, _) = held();
    writer.end(0, 0, HoldOutcome::Voided);
    let (placed, ended) = writer.events.split_at(writer.events.len() - 1);
    let rows = fold_in_parts(placed, &[]);
    let mut prior = rows.prior();
    // As if a balance in the database had been changed.
    for balance in prior.balances.values_mut() {
        balance.turnover = Some(Turnover::default());
    }
    let decoded = decode::all(ended).unwrap();
    let refused = fold(&prior, &decoded).unwrap_err();
    let account = "bank".to_owned();
    assert_eq!(refused.rule, Rule::Bounds { account });
}

#[test]
fn an_end_by_capture_that_leaves_nothing_to_capture_is_refused() {
    let (mut writer, hold) = held();
    let ended = writer.ended(0, hold, HoldOutcome::Captured, &HELD);
    writer.push(0, &Event::HoldEnded(ended));
    assert_eq!(rule(&writer.events), Rule::Remaining { hold });
}

#[test]
fn a_hold_ends_once() {
    let (mut writer, hold) = held();
    writer.end(0, 0, HoldOutcome::Voided);
    writer.place(0, &HELD, None);
    let ended = writer.ended(0, hold, HoldOutcome::Voided, &HELD);
    writer.push(0, &Event::HoldEnded(ended));
    assert_eq!(rule(&writer.events), Rule::Hold { hold });
}

#[test]
fn after_an_end_by_capture_nothing_but_the_capture_of_the_whole_rest_is_taken() {
    let begun = || {
        let (mut writer, hold) = held();
        let ended = writer.ended(0, hold, HoldOutcome::Captured, &[debit(0, 3), credit(1, 3)]);
        writer.push(0, &Event::HoldEnded(ended));
        (writer, hold)
    };
    let refused_at_last = |writer: &Writer| {
        let refused = try_fold(&writer.events, &[]).unwrap_err();
        assert_eq!(refused.id, writer.events.last().unwrap().id, "{refused}");
        refused.rule
    };
    let (writer, hold) = begun();
    assert_eq!(refused_at_last(&writer), Rule::CaptureDue { hold });
    let (mut writer, hold) = begun();
    writer.post(0, &HELD);
    assert_eq!(refused_at_last(&writer), Rule::CaptureDue { hold });
    let (mut writer, hold) = begun();
    let captured = writer.captured(0, hold, &[debit(0, 6), credit(1, 6)]);
    writer.record(0, &Event::TransactionPosted(captured));
    assert_eq!(refused_at_last(&writer), Rule::Remaining { hold });
    let (mut writer, hold) = begun();
    writer.post(1, &HELD);
    let captured = writer.captured(0, hold, &[debit(0, 7), credit(1, 7)]);
    writer.record(0, &Event::TransactionPosted(captured));
    let folded = try_fold(&writer.events, &[]);
    assert!(folded.is_ok(), "other ledgers may go on");
}

#[test]
fn a_hold_is_balanced_too() {
    let mut writer = Writer::new();
    writer.place(0, &[debit(0, 10), credit(1, 9)], None);
    let asset = "USD".to_owned();
    assert_eq!(rule(&writer.events), Rule::Unbalanced { asset });
}

#[test]
fn what_holds_and_releases_carry_as_balances_is_checked() {
    let (mut writer, _) = held();
    let mut placed = writer.placed(0, &HELD, None);
    placed.entries[1].balance.pending = Minor::ZERO;
    writer.record(0, &Event::HoldPlaced(placed));
    assert_eq!(rule(&writer.events), Rule::Balance { index: 1 });
    let (mut writer, hold) = held();
    let mut ended = writer.ended(0, hold, HoldOutcome::Voided, &HELD);
    ended.released[0].balance.available = Minor::try_new(1).unwrap();
    writer.push(0, &Event::HoldEnded(ended));
    assert_eq!(rule(&writer.events), Rule::Balance { index: 0 });
}

#[test]
fn a_capture_may_be_reversed_and_keeps_its_hold() {
    let (mut writer, hold) = held();
    writer.capture(0, 0, &HELD, true);
    let capture = writer.events.last().unwrap().id.into();
    writer.reverse(0, capture, &[credit(0, 10), debit(1, 10)]);
    let decoded = decode::all(&writer.events).unwrap();
    let prior = Prior::default();
    let delta = fold(&prior, &decoded).unwrap();
    let posted = delta
        .transactions
        .iter()
        .filter_map(|row| match row.source {
            crate::books::rows::Source::Posted(posted) => Some(posted.origin.clone()),
            crate::books::rows::Source::Held(_) => None,
        });
    let posted: Vec<_> = posted.flatten().collect();
    assert_eq!(posted[0], Origin::Capture { of: hold });
    assert!(matches!(&posted[1], Origin::Reversal { of, .. } if *of == capture));
}
