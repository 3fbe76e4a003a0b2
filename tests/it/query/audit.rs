//! The audit finds what somebody changed behind the projector's back, and nothing else.

use std::time::Duration;

use daybook_domain::{Command, PlaceHold};
use daybook_events::ids::LedgerId;
use daybook_events::money::AccountType;
use daybook_query::audit::{self, AuditError, Kind, Options, Report};

use super::book::{effective, pairs, reference, transfer};
use super::fixture::Fixture;

pub(crate) async fn verify(fixture: &Fixture) -> Report {
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
    // Whatever is released of a hold counts when the hold did.
    book.open_in("apia", "Pacific/Apia").await;
    book.account("apia", "a", AccountType::Asset).await;
    book.account("apia", "b", AccountType::Equity).await;
    let mut transaction = transfer("a", "b", 5);
    transaction.effective_at = effective("1993-01-01");
    let hold = Command::PlaceHold(PlaceHold {
        transaction,
        expires_at: None,
    });
    let hold = book.run("apia", &hold, None).await;
    book.void("apia", hold, "not needed").await;
    for number in 0..2500 {
        book.post("berka", "a", "b", number + 1).await;
    }
    let report = verify(&fixture).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.ledgers, 3);
    assert_eq!(report.compared[&Kind::Transaction], 4 + 1 + 2501);
    assert_eq!(report.compared[&Kind::Entry], 2 * (4 + 2 + 2501));
    assert_eq!(report.compared[&Kind::Balance], 3 + 2 + 2);
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

#[tokio::test(flavor = "multi_thread")]
async fn what_an_event_repeats_of_the_history_is_compared_with_it() {
    let (fixture, mut book) = Fixture::with_acme().await;
    let rent = ("users:1", "users:12", 5);
    for how in ["voided", "captured", "expired", "plain"] {
        let hold = book.hold("acme", rent, Some(60)).await;
        if how != "plain" {
            book.tag("acme", hold, &[("room", "12")]).await;
            book.tag("acme", hold, &[("floor", "1")]).await;
        }
        match how {
            "captured" => drop(book.capture("acme", hold, (None, true)).await),
            "expired" => {
                book.wait_s(61);
                book.expire("acme", hold).await;
            }
            _ => book.void("acme", hold, "not needed").await,
        }
    }
    fixture.caught_up("acme", book.revision("acme")).await;
    let report = verify(&fixture).await;
    assert!(report.is_clean(), "{report}");
    let hold = book.hold("acme", rent, Some(60)).await;
    book.wait_s(61);
    let said = Some(pairs(&[("room", "12")]));
    book.expire_with("acme", hold, said).await;
    book.refuse("acme", "out_of_mood").await;
    fixture.caught_up("acme", book.revision("acme")).await;
    let report = verify(&fixture).await;
    let first = report.findings[&Kind::History].first.to_string();
    let says = "ends a hold with metadata {\"room\":\"12\"}, null by replay";
    assert!(first.contains(says), "{report}");
    assert_eq!(report.differences(), 2, "the refusal as well: {report}");
}
