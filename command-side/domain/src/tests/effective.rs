//! The two times: what is kept as given, and what is kept besides in other zones than UTC.

use daybook_events::event::TransactionPosted;
use daybook_events::event::transaction::EffectiveLocal;
use daybook_events::money::AccountType;
use daybook_events::time::{Day, Effective, TimeZone, Timestamp};

use super::given::{Book, account, as_posted, at, open_ledger, reversal, transaction, transfer};
use crate::Command;

fn book(zone: &str) -> Book {
    let mut book = Book::missing();
    book.accept(&open_ledger(TimeZone::parse(zone).unwrap()));
    book.with(account("cash", AccountType::Asset))
        .with(account("users:1", AccountType::Liability))
}

fn posted(zone: &str, now: &str, effective_at: Option<&str>) -> TransactionPosted {
    let mut command = transaction(transfer("cash", "users:1", 1));
    command.effective_at = effective_at.map(|text| Effective::parse(text).unwrap());
    let context = at(Timestamp::parse(now).unwrap().micros());
    let event = book(zone).accept_with(&Command::PostTransaction(command), &context);
    as_posted(&event).clone()
}

fn local(instant: &str, date: &str) -> Option<EffectiveLocal> {
    Some(EffectiveLocal {
        instant: Timestamp::parse(instant).unwrap(),
        date: Day::parse(date).unwrap(),
    })
}

const NOW: &str = "2026-11-20T23:30:00Z";

#[test]
fn in_utc_the_given_time_is_kept_alone() {
    for effective_at in [None, Some("2026-11-19"), Some("2026-11-19T10:00:00+02:00")] {
        let posted = posted("UTC", NOW, effective_at);
        let given = effective_at.map(|text| Effective::parse(text).unwrap());
        assert_eq!((posted.effective_at, posted.effective_local), (given, None));
    }
}

#[test]
fn in_other_zones_the_local_reading_is_kept_as_well() {
    let prague = |effective_at| posted("Europe/Prague", NOW, effective_at).effective_local;
    // Half past midnight of the next day in Prague.
    assert_eq!(prague(None), local(NOW, "2026-11-21"));
    assert_eq!(
        prague(Some("2026-07-01")),
        local("2026-06-30T22:00:00Z", "2026-07-01")
    );
    let evening = "2026-11-20T22:59:59Z";
    assert_eq!(prague(Some(evening)), local(evening, "2026-11-20"));
}

#[test]
fn a_reversal_is_effective_now_unless_given() {
    let mut book = book("Europe/Prague");
    book.accept(&Command::PostTransaction(transaction(transfer(
        "cash", "users:1", 1,
    ))));
    let target = book.target(3);
    let mut context = at(Timestamp::parse(NOW).unwrap().micros());
    context.named.target = Some(target.clone());
    let now = book
        .clone()
        .accept_with(&Command::Reverse(reversal(4)), &context);
    assert_eq!(as_posted(&now).effective_local, local(NOW, "2026-11-21"));
    let mut command = reversal(4);
    command.effective_at = Some(Effective::parse("2026-11-01").unwrap());
    let given = book.accept_with(&Command::Reverse(command), &context);
    let expected = local("2026-10-31T23:00:00Z", "2026-11-01");
    assert_eq!(as_posted(&given).effective_local, expected);
}
