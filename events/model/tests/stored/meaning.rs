//! What golden lines mean: the values behind the bytes.

use daybook_events::event::{
    AccountStatus, Event, EventType, HoldOutcome, MetadataOf, TransactionPosted, TransactionStatus,
};
use daybook_events::ids::{AccountId, Description, TransactionId};
use daybook_events::money::{AMOUNT_MAX, BALANCE_MAX, Side};
use daybook_events::time::{Day, Timestamp};

use crate::golden::{events, golden};

fn posted() -> Vec<(Timestamp, TransactionPosted)> {
    golden!(TransactionPosted, 2)
        .into_iter()
        .map(|(recorded, posted)| (recorded.recorded_at, posted))
        .collect()
}

#[test]
fn a_transaction_says_what_it_came_from() {
    let posted = posted();
    let [(_, plain), (_, reversal), (_, capture), _] = posted.as_slice() else {
        panic!("four golden transactions, not {}", posted.len());
    };
    let origin = |of: &TransactionPosted| (of.reverses(), of.captures(), of.reason().cloned());
    assert_eq!(origin(plain), (None, None, None));
    let first = TransactionId::parse("6f1c0f7e-3d1b-4c53-8a0e-1f5e0f3c9b11").unwrap();
    let reason = Description::parse("paid twice").unwrap();
    assert_eq!(origin(reversal), (Some(first), None, Some(reason)));
    let (hold, _) = &events(EventType::HoldPlaced, 1)[0];
    assert_eq!(origin(capture), (None, Some(hold.id.into()), None));
}

#[test]
fn a_balance_stored_short_is_whole_again() {
    let posted = posted();
    let balance = posted[0].1.entries[1].balance;
    assert_eq!((balance.posted.get(), balance.pending.get()), (1050, 0));
    assert_eq!(balance.available.get(), 1050);
    let [bank, wallet, fees] = posted[3].1.entries.as_slice() else {
        panic!("three entries");
    };
    assert_eq!(bank.amount.get(), AMOUNT_MAX);
    assert_eq!(bank.balance.posted.get(), BALANCE_MAX);
    assert_eq!(
        (bank.direction, wallet.direction),
        (Side::Debit, Side::Credit)
    );
    let balance = wallet.balance;
    assert_eq!(balance.posted.get(), -BALANCE_MAX);
    assert_eq!(
        (balance.pending.get(), balance.available),
        (3, balance.posted)
    );
    assert_eq!(fees.balance.available.get(), 0);
}

#[test]
fn a_transaction_counts_when_it_says_and_else_when_it_was_recorded() {
    let posted = posted();
    let (recorded_at, plain) = &posted[0];
    let effective = plain.facts().effective(*recorded_at);
    assert_eq!(effective.instant, *recorded_at);
    assert_eq!(effective.date.to_string(), "2026-11-20");
    // 23:59:59 of the day before in Prague, as it was read when it was recorded.
    let (recorded_at, reversal) = &posted[1];
    let effective = reversal.facts().effective(*recorded_at);
    assert_eq!(effective.date.to_string(), "2026-11-20");
    let (recorded_at, last_day) = &posted[3];
    let effective = last_day.facts().effective(*recorded_at);
    assert_eq!(effective.date.to_string(), "9999-12-31");
    let start = "9999-12-30T23:00:00.000000Z";
    assert_eq!(effective.instant.to_string(), start);
}

#[test]
fn what_a_transaction_and_a_hold_have_in_common_is_read_from_either() {
    for (kind, version) in crate::golden::shapes() {
        for (recorded, event) in events(kind, version) {
            let about_money = matches!(kind, EventType::TransactionPosted | EventType::HoldPlaced);
            assert_eq!(event.transaction().is_some(), about_money, "{kind}");
            let Some(facts) = event.transaction() else {
                continue;
            };
            let data: serde_json::Value = serde_json::from_slice(&recorded.data).unwrap();
            let text = |member: &str| data[member].as_str().map(str::to_owned);
            let shown = |some: Option<String>, member| assert_eq!(some, text(member));
            shown(facts.reference.map(ToString::to_string), "reference");
            shown(facts.code.map(ToString::to_string), "code");
            shown(facts.description.map(ToString::to_string), "description");
            shown(facts.related_to.map(|id| id.to_string()), "related_to");
            shown(facts.effective_at.map(|at| at.to_string()), "effective_at");
            assert_eq!(
                facts.entries.len(),
                data["entries"].as_array().unwrap().len()
            );
            let pairs = data["metadata"].as_object().map_or(0, serde_json::Map::len);
            assert_eq!(facts.metadata.iter().count(), pairs);
        }
    }
}

#[test]
fn a_hold_waits_until_it_expires_or_for_ever() {
    let placed = golden!(HoldPlaced, 1);
    let (_, for_ever) = &placed[0];
    assert_eq!(for_ever.expires_at, None);
    let at = placed[1].1.expires_at.unwrap();
    assert_eq!(at.to_string(), "2026-11-28T12:00:00.000000Z");
    let balance = for_ever.entries[0].balance;
    assert_eq!((balance.posted.get(), balance.pending.get()), (1000, -1000));
    assert_eq!(balance.available.get(), 0);
}

#[test]
fn a_hold_ends_in_one_of_three_ways() {
    let ended = golden!(HoldEnded, 1);
    let seen: Vec<_> = ended
        .iter()
        .map(|(recorded, ended)| {
            let more = recorded.parsed_meta().unwrap().more();
            (more, ended.outcome, ended.released.len())
        })
        .collect();
    assert_eq!(
        seen,
        [
            (true, HoldOutcome::Captured, 2),
            (false, HoldOutcome::Voided, 2),
            (false, HoldOutcome::Expired, 2),
            (true, HoldOutcome::Captured, 0),
            (false, HoldOutcome::Voided, 2),
        ]
    );
    // Pairs that were taken away are not pairs that were never changed.
    assert!(ended[3].1.metadata.is_none());
    assert!(ended[4].1.metadata.as_ref().unwrap().is_empty());
    for (outcome, status, name) in [
        (HoldOutcome::Captured, TransactionStatus::Posted, "captured"),
        (HoldOutcome::Voided, TransactionStatus::Voided, "voided"),
        (HoldOutcome::Expired, TransactionStatus::Expired, "expired"),
    ] {
        assert_eq!((outcome.status(), outcome.as_str()), (status, name));
    }
}

#[test]
fn pairs_are_of_an_account_or_of_a_transaction() {
    let of: Vec<_> = golden!(MetadataSet, 1)
        .into_iter()
        .map(|(_, set)| set.of)
        .collect();
    let wallet = MetadataOf::Account(AccountId::parse("users:123:wallet").unwrap());
    assert!(matches!(of[0], MetadataOf::Transaction(_)));
    assert_eq!(of[1..3], [wallet.clone(), wallet]);
}

#[test]
fn the_status_of_an_account_is_the_one_that_its_event_is_named_after() {
    for (kind, status) in [
        (EventType::AccountFrozen, AccountStatus::Frozen),
        (EventType::AccountUnfrozen, AccountStatus::Open),
        (EventType::AccountClosed, AccountStatus::Closed),
    ] {
        for (_, event) in events(kind, 1) {
            let (Event::AccountFrozen(changed)
            | Event::AccountUnfrozen(changed)
            | Event::AccountClosed(changed)) = event
            else {
                panic!("{event:?}");
            };
            assert_eq!(changed.after.status, status);
        }
    }
}

#[test]
fn a_period_is_closed_through_a_day_or_nothing_is_closed() {
    for (_, closed) in golden!(PeriodClosed, 1) {
        assert_eq!(closed.after.closed_through, Some(closed.through));
    }
    let reopened: Vec<Option<Day>> = golden!(PeriodReopened, 1)
        .into_iter()
        .map(|(_, reopened)| {
            assert_eq!(reopened.after.closed_through, reopened.through);
            reopened.through
        })
        .collect();
    assert_eq!(reopened, [Day::parse("2026-10-31").ok(), None]);
}
