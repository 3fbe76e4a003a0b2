//! Accounts: what they were, what they may become, and what their events say they have.

use daybook_events::event::{
    AccountAfter, AccountStatus, AccountStatusChanged, AccountUpdated, Event, HoldOutcome,
    MetadataOf, Turnover,
};
use daybook_events::ids::{AccountId, AssetCode, Name};
use daybook_events::money::{Minor, Side};

use super::parts::account_id;
use super::rows::{fold_in_parts, try_fold};
use super::rule;
use super::writer::{Writer, credit, debit, pairs, text};
use crate::books::Rule;

fn update(writer: &mut Writer, account: usize, change: impl FnOnce(&mut AccountAfter)) {
    let mut after = writer.account(0, account);
    change(&mut after);
    let updated = AccountUpdated {
        account: account_id(account),
        reason: None,
        after,
    };
    writer.push(0, &Event::AccountUpdated(updated));
}

#[test]
fn the_first_change_also_keeps_what_the_account_was_opened_with() {
    for cuts in [vec![], vec![10], vec![11], vec![10, 11, 12]] {
        let mut writer = Writer::new();
        // Revision 1 opened `bank`; these are 5, 6 and 7.
        update(&mut writer, 0, |after| {
            after.name = Name::parse("Bank").ok()
        });
        writer.set_status(0, 0, AccountStatus::Frozen);
        writer.set_metadata(0, MetadataOf::Account(account_id(0)), pairs(1));
        let rows = fold_in_parts(&writer.events, &cuts);
        let key = (writer.events[0].ledger.clone(), account_id(0));
        let row = &rows.accounts[&key].0;
        assert_eq!((row.opened_revision.get(), row.revision.get()), (1, 7));
        assert_eq!(
            (row.status, &row.metadata),
            (AccountStatus::Frozen, &pairs(1))
        );
        assert_eq!(row.name, None, "the event that froze it says so");
        let history: Vec<&String> = rows
            .added
            .iter()
            .filter(|row| row.starts_with("AccountHistoryRow"))
            .collect();
        let expected = [
            "revision: Revision(1), values: AccountValues { name: None, status: Open",
            "revision: Revision(5), values: AccountValues { name: Some(\"Bank\"), status: Open",
            "revision: Revision(6), values: AccountValues { name: None, status: Frozen",
            "revision: Revision(7), values: AccountValues { name: None, status: Frozen",
        ];
        assert_eq!(history.len(), expected.len(), "{history:#?}");
        for (row, expected) in history.iter().zip(expected) {
            assert!(row.contains(expected), "{row}");
            assert_eq!(
                row.contains("\"1\""),
                expected.contains("Revision(7)"),
                "{row}"
            );
        }
    }
}

#[test]
fn an_account_that_never_changes_has_no_history() {
    let mut writer = Writer::new();
    writer.post(0, &[debit(0, 5), credit(1, 5)]);
    let rows = fold_in_parts(&writer.events, &[]);
    assert!(!rows.added.iter().any(|row| row.contains("History")));
}

#[test]
fn turnovers_that_are_not_what_the_entries_add_up_to_are_refused() {
    let turnover = |debits| Turnover {
        debits: Minor::try_new(debits).unwrap(),
        ..Turnover::default()
    };
    let changes: [fn(&mut AccountAfter, Turnover); 3] = [
        |after, turnover| *after.balances.values_mut().next().unwrap() = turnover,
        |after, _| after.balances.clear(),
        |after, turnover| {
            let asset = AssetCode::parse("EUR").unwrap();
            after.balances.insert(asset, turnover);
        },
    ];
    for (nth, change) in changes.iter().enumerate() {
        // In one batch, and with the balance from before: the statement that reads it names it.
        for cuts in [vec![], vec![11]] {
            let mut writer = Writer::new();
            writer.post(0, &[debit(0, 5), credit(1, 5)]);
            update(&mut writer, 0, |after| change(after, turnover(6)));
            let account = "bank".to_owned();
            let refused = try_fold(&writer.events, &cuts).unwrap_err();
            assert_eq!(refused.rule, Rule::Turnovers { account }, "change {nth}");
        }
    }
}

#[test]
fn a_status_that_an_account_cannot_get_is_refused() {
    let (open, frozen, closed) = (
        AccountStatus::Open,
        AccountStatus::Frozen,
        AccountStatus::Closed,
    );
    let account = || "bank".to_owned();
    for path in [
        vec![open],
        vec![frozen, frozen],
        vec![closed, open],
        vec![closed, frozen],
        vec![closed, closed],
    ] {
        let mut writer = Writer::new();
        for status in &path {
            writer.set_status(0, 0, *status);
        }
        assert_eq!(
            rule(&writer.events),
            Rule::Status { account: account() },
            "{path:?}"
        );
    }
    let mut writer = Writer::new();
    update(&mut writer, 0, |after| after.status = AccountStatus::Frozen);
    assert_eq!(rule(&writer.events), Rule::Status { account: account() });
    let mut writer = Writer::new();
    let reason = text("because");
    let (account_id, after) = (account_id(0), writer.account(0, 0));
    let change = AccountStatusChanged {
        account: account_id,
        reason,
        after,
    };
    writer.push(0, &Event::AccountFrozen(change));
    assert_eq!(rule(&writer.events), Rule::Status { account: account() });
}

#[test]
fn an_account_that_holds_something_is_not_closed() {
    let account = || "bank".to_owned();
    let mut writer = Writer::new();
    writer.post(0, &[debit(0, 5), credit(1, 5)]);
    writer.set_status(0, 0, AccountStatus::Closed);
    assert_eq!(rule(&writer.events), Rule::Status { account: account() });
    for side in [Side::Debit, Side::Credit] {
        let mut writer = Writer::new();
        let legs = [(0, side, 5, 0), (1, side.opposite(), 5, 0)];
        writer.place(0, &legs, None);
        writer.set_status(0, 0, AccountStatus::Closed);
        assert_eq!(rule(&writer.events), Rule::Status { account: account() });
    }
    let mut writer = Writer::new();
    writer.place(0, &[debit(0, 5), credit(1, 5)], None);
    writer.end(0, 0, HoldOutcome::Voided);
    writer.set_status(0, 0, AccountStatus::Closed);
    let rows = fold_in_parts(&writer.events, &[]);
    let key = (writer.events[0].ledger.clone(), account_id(0));
    assert_eq!(rows.accounts[&key].0.status, AccountStatus::Closed);
}

#[test]
fn a_change_of_an_account_that_was_never_opened_is_refused() {
    let account = "nobody".to_owned();
    let mut writer = Writer::new();
    let id = AccountId::parse(&account).unwrap();
    writer.set_metadata(0, MetadataOf::Account(id), pairs(1));
    assert_eq!(rule(&writer.events), Rule::Account { account });
}

#[test]
fn an_account_is_opened_once() {
    let mut writer = Writer::new();
    let again = writer.events[1].event().unwrap();
    writer.push(0, &again);
    let account = "bank".to_owned();
    assert_eq!(rule(&writer.events), Rule::Account { account });
}
