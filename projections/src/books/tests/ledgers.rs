//! Ledgers: what their events say of them, and how their periods move.

use daybook_events::event::{
    CommandRejected, Event, LedgerAfter, LedgerUpdated, PeriodClosed, PeriodReopened,
};
use daybook_events::ids::Name;
use daybook_events::time::Day;

use super::rows::fold_in_parts;
use super::rule;
use super::writer::{Writer, credit, debit, pairs, text};
use crate::books::Rule;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn close(writer: &mut Writer, through: &str) {
    let through = day(through);
    writer.books[0].closed_through = Some(through);
    let closed = PeriodClosed {
        through,
        reason: text("done"),
        after: writer.ledger(0),
    };
    writer.push(0, &Event::PeriodClosed(closed));
}

fn reopen(writer: &mut Writer, through: Option<&str>) {
    let through = through.map(day);
    writer.books[0].closed_through = through;
    let reopened = PeriodReopened {
        through,
        reason: text("a late invoice"),
        after: writer.ledger(0),
    };
    writer.push(0, &Event::PeriodReopened(reopened));
}

#[test]
fn periods_close_later_and_reopen_earlier() {
    let mut writer = Writer::new();
    close(&mut writer, "2026-03-31");
    close(&mut writer, "2026-06-30");
    reopen(&mut writer, Some("2026-04-30"));
    let key = writer.events[0].ledger.clone();
    for cuts in [vec![], vec![11, 12]] {
        let (state, _) = &fold_in_parts(&writer.events, &cuts).ledgers[&key];
        assert_eq!(state.closed_through, Some(day("2026-04-30")));
    }
    reopen(&mut writer, None);
    let (state, _) = &fold_in_parts(&writer.events, &[]).ledgers[&key];
    assert_eq!(state.closed_through, None);
}

#[test]
fn a_period_that_moves_the_wrong_way_is_refused() {
    for through in ["2026-03-31", "2026-03-30"] {
        let mut writer = Writer::new();
        close(&mut writer, "2026-03-31");
        close(&mut writer, through);
        assert_eq!(
            rule(&writer.events),
            Rule::Period,
            "closed through {through}"
        );
    }
    for through in ["2026-03-31", "2026-04-01"] {
        let mut writer = Writer::new();
        close(&mut writer, "2026-03-31");
        reopen(&mut writer, Some(through));
        assert_eq!(rule(&writer.events), Rule::Period, "reopened to {through}");
    }
    let mut writer = Writer::new();
    reopen(&mut writer, None);
    assert_eq!(rule(&writer.events), Rule::Period, "nothing was closed");
}

#[test]
fn an_update_sets_the_name_and_the_pairs() {
    for cuts in [vec![], vec![10]] {
        let mut writer = Writer::new();
        let mut after = writer.ledger(0);
        after.name = Name::parse("Acme").ok();
        after.metadata = pairs(7);
        writer.push(0, &Event::LedgerUpdated(LedgerUpdated { after }));
        writer.post(0, &[debit(0, 5), credit(1, 5)]);
        let rows = fold_in_parts(&writer.events, &cuts);
        let values = &rows.ledgers[&writer.events[0].ledger].1;
        assert!(
            values.contains("Acme") && values.contains("\"7\""),
            "{values}"
        );
    }
}

#[test]
fn what_an_event_says_of_the_ledger_is_what_its_events_add_up_to() {
    let changes: [fn(&mut LedgerAfter); 3] = [
        |after| after.accounts += 1,
        |after| after.transactions += 1,
        |after| after.closed_through = Day::parse("2026-01-01").ok(),
    ];
    for change in changes {
        let mut writer = Writer::new();
        // A hold counts as a transaction.
        writer.place(0, &[debit(0, 5), credit(1, 5)], None);
        let lawful = writer.ledger(0);
        let mut after = lawful.clone();
        writer.push(0, &Event::LedgerUpdated(LedgerUpdated { after: lawful }));
        change(&mut after);
        writer.push(0, &Event::LedgerUpdated(LedgerUpdated { after }));
        assert_eq!(rule(&writer.events), Rule::Ledger);
    }
}

#[test]
fn a_recorded_refusal_moves_the_revision_and_nothing_else() {
    let mut writer = Writer::new();
    let key = writer.events[0].ledger.clone();
    let mut before = fold_in_parts(&writer.events, &[]);
    let refused = CommandRejected {
        status: 422,
        code: "insufficient_funds".to_owned(),
        detail: "not enough".to_owned(),
        index: Some(1),
    };
    writer.push(0, &Event::CommandRejected(refused));
    let after = fold_in_parts(&writer.events, &[]);
    let row = before.ledgers.get_mut(&key).unwrap();
    row.0.revision = row.0.revision.plus(1);
    assert_eq!(before, after);
}
