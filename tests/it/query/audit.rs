//! The audit finds what somebody changed behind the projector's back, and nothing else.

use std::time::Duration;

use daybook_events::ids::LedgerId;
use daybook_events::money::AccountType;
use daybook_query::audit::{self, AuditError, Kind, Options, Report};

use super::book::{effective, pairs, reference, transfer};
use super::fixture::Fixture;

async fn verify(fixture: &Fixture) -> Report {
    let options = Options {
        wait: Duration::from_secs(10),
        ..Options::default()
    };
    let pool = fixture.pool().await;
    audit::verify(&*fixture.temp.store, &pool, options)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_were_left_alone_have_no_difference() {
    let (fixture, mut book) = Fixture::with_acme().await;
    book.open("berka").await;
    book.account_with("berka", "a", AccountType::Expense, &[("k", "v\u{e9}\n\"")])
        .await;
    book.account("berka", "b", AccountType::Equity).await;
    let mut rich = transfer("a", "b", 10_i128.pow(30));
    rich.reference = reference("r \u{20ac}");
    rich.effective_at = effective("1993-01-01");
    rich.metadata = pairs(&[("z", "1"), ("long key", "2"), ("a", "3")]);
    book.post_whole("berka", rich, "key").await;
    for number in 0..2500 {
        book.post("berka", "a", "b", number + 1).await;
    }
    let report = verify(&fixture).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.ledgers, 2);
    assert_eq!(report.compared[&Kind::Transaction], 4 + 2501);
    assert_eq!(report.compared[&Kind::Entry], 2 * (4 + 2501));
    assert_eq!(report.compared[&Kind::Balance], 3 + 2);
}

/// A change by hand, the kind of row it concerns, and what the report must say of it.
const TAMPERINGS: &[(&str, Kind, &str)] = &[
    (
        "UPDATE books_v1.balances SET credits = credits + 1 WHERE account = 'users:12'",
        Kind::Balance,
        "of account users:12 in USD has credits 8 in the views, 7 by replay",
    ),
    (
        "DELETE FROM books_v1.entries WHERE account = 'users:12'",
        Kind::Entry,
        "account users:12, is missing from the views",
    ),
    (
        "UPDATE books_v1.entries SET debits_after = 2 WHERE revision = 6 AND entry = 0",
        Kind::Entry,
        "has debits_after 2 in the views, 1057 by replay",
    ),
    (
        "INSERT INTO books_v1.transactions SELECT ledger, 1, gen_random_uuid(), status, \
             reference, code, description, effective_at, effective_date, effective_given, \
             recorded_at, related_to, reverses, NULL, captures, reason, key, entries, metadata \
             FROM books_v1.transactions WHERE revision = 5",
        Kind::Transaction,
        "at revision 1 is in the views and not in the history",
    ),
    (
        "UPDATE books_v1.transactions SET reversed_by = NULL WHERE revision = 7",
        Kind::Transaction,
        "has reversed_by null in the views",
    ),
    (
        "UPDATE books_v1.transactions SET entries = '[]' WHERE revision = 6",
        Kind::Transaction,
        "at revision 6 has entries [] in the views",
    ),
    (
        "UPDATE books_v1.accounts SET metadata = '{\"vip\": \"1\"}' WHERE account = 'users:1'",
        Kind::Account,
        "users:1 has metadata {\"vip\":\"1\"} in the views, {} by replay",
    ),
    (
        "UPDATE books_v1.ledgers SET transactions = 5",
        Kind::Ledger,
        "has transactions 5 in the views, 4 by replay",
    ),
    (
        "INSERT INTO books_v1.ledgers SELECT 'ghost', name, time_zone, metadata, opened_at, \
             revision, last_recorded_at, accounts, transactions, closed_through, generation \
             FROM books_v1.ledgers",
        Kind::Ledger,
        "of ledger ghost is not in the event store",
    ),
    (
        "INSERT INTO books_v1.balances VALUES ('ghost', 'a', 'USD', 0, 0, 0, 0, 0)",
        Kind::Balance,
        "of ledger ghost is not in the event store",
    ),
    (
        "UPDATE engine.checkpoints SET event_id = gen_random_uuid() WHERE partition = 3",
        Kind::Checkpoint,
        "of partition 3 names event",
    ),
    (
        "DELETE FROM engine.checkpoints WHERE partition = 3",
        Kind::Checkpoint,
        "of partition 3 is missing",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_tampering_is_found_and_named() {
    let (mut fixture, _) = Fixture::with_acme().await;
    assert!(verify(&fixture).await.is_clean());
    fixture.stop_projecting().await;
    for (change, kind, says) in TAMPERINGS {
        restored(&fixture, change, *kind, says).await;
    }
    // What an earlier layout left behind says nothing.
    fixture
        .tamper(
            "INSERT INTO engine.checkpoints SELECT projection, version, 99, gen_random_uuid(), \
             9999, 9999, event_id, epoch, digest, events, updated_at, 100 \
             FROM engine.checkpoints WHERE partition = 0",
        )
        .await;
    let report = verify(&fixture).await;
    assert!(report.is_clean(), "{report}");
}

/// Changes the views, audits, and puts everything back.
async fn restored(fixture: &Fixture, change: &'static str, kind: Kind, says: &str) {
    let pool = fixture.pool().await;
    for statement in [
        "DROP SCHEMA IF EXISTS kept CASCADE",
        "CREATE SCHEMA kept",
        "CREATE TABLE kept.ledgers AS TABLE books_v1.ledgers",
        "CREATE TABLE kept.accounts AS TABLE books_v1.accounts",
        "CREATE TABLE kept.balances AS TABLE books_v1.balances",
        "CREATE TABLE kept.transactions AS TABLE books_v1.transactions",
        "CREATE TABLE kept.entries AS TABLE books_v1.entries",
        "CREATE TABLE kept.checkpoints AS TABLE engine.checkpoints",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    fixture.tamper(change).await;
    let report = verify(fixture).await;
    assert!(!report.is_clean(), "{change}");
    let finding = report
        .findings
        .get(&kind)
        .unwrap_or_else(|| panic!("{change}: {report}"));
    assert!(
        finding.first.to_string().contains(says),
        "{change}: {report}"
    );
    assert_eq!(report.differences(), 1, "{change}: {report}");
    for statement in [
        "TRUNCATE books_v1.ledgers, books_v1.accounts, books_v1.balances, \
         books_v1.transactions, books_v1.entries, engine.checkpoints",
        "INSERT INTO books_v1.ledgers TABLE kept.ledgers",
        "INSERT INTO books_v1.accounts TABLE kept.accounts",
        "INSERT INTO books_v1.balances TABLE kept.balances",
        "INSERT INTO books_v1.transactions TABLE kept.transactions",
        "INSERT INTO books_v1.entries TABLE kept.entries",
        "INSERT INTO engine.checkpoints TABLE kept.checkpoints",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn views_that_do_not_reach_the_head_are_not_called_clean() {
    let (mut fixture, mut book) = Fixture::with_acme().await;
    fixture.stop_projecting().await;
    book.open("later").await;
    book.account("later", "a", AccountType::Asset).await;
    let options = Options {
        wait: Duration::from_millis(300),
        ..Options::default()
    };
    let pool = fixture.pool().await;
    let report = audit::verify(&*fixture.temp.store, &pool, options)
        .await
        .unwrap();
    assert!(!report.complete && !report.is_clean(), "{report}");
    assert!(
        report.findings.is_empty(),
        "what is there is right: {report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ledger_can_be_audited_and_an_unknown_one_is_said_to_be_unknown() {
    let (fixture, _) = Fixture::with_acme().await;
    let pool = fixture.pool().await;
    let only = |ledger: &str| Options {
        ledgers: Some(vec![LedgerId::parse(ledger).unwrap()]),
        wait: Duration::from_secs(10),
        ..Options::default()
    };
    let report = audit::verify(&*fixture.temp.store, &pool, only("acme"))
        .await
        .unwrap();
    assert!(report.is_clean(), "{report}");
    let unknown = audit::verify(&*fixture.temp.store, &pool, only("nowhere")).await;
    assert!(matches!(unknown, Err(AuditError::UnknownLedger(_))));
}
