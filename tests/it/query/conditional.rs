//! Fresh enough, or unchanged: `Min-Ledger-Revision` and `If-None-Match`.

use std::time::{Duration, Instant};

use daybook_tests::{Client, Nats, client};
use reqwest::Method;

use super::fixture::Fixture;

async fn get_if_changed(client: &Client, path: &str, etag: &str) -> daybook_tests::Answer {
    client::sent(
        client
            .request(Method::GET, path)
            .header("If-None-Match", etag),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_ledger_answers_304_and_a_changed_one_does_not() {
    let (fixture, mut book) = Fixture::with_acme().await;
    for path in [
        "/v1/ledgers/acme",
        "/v1/ledgers/acme/accounts",
        "/v1/ledgers/acme/accounts/users:1",
        "/v1/ledgers/acme/accounts/users:1/balances",
        "/v1/ledgers/acme/accounts/users:1/entries",
        "/v1/ledgers/acme/transactions",
        "/v1/ledgers/acme/reports/trial-balance",
        "/v1/ledgers/acme/events",
    ] {
        let first = fixture.client.get(path).await.checked(200);
        let etag = first.header("ETag").unwrap().to_owned();
        assert!(
            etag.ends_with(&format!("-{}\"", book.revision("acme"))),
            "{path}: {etag}"
        );
        for given in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}")] {
            let same = get_if_changed(&fixture.client, path, &given).await;
            assert_eq!((same.status, same.body.len()), (304, 0), "{path} {given}");
            assert_eq!(same.revision(), first.revision());
            assert_eq!(same.header("ETag"), Some(etag.as_str()));
        }
        book.post("acme", "assets:bank", "users:1", 1).await;
        let revision = book.revision("acme");
        let url = format!("{path}?min_revision={revision}&wait_ms=10000");
        let changed = get_if_changed(&fixture.client, &url, &etag)
            .await
            .checked(200);
        assert_eq!(changed.revision(), revision, "{path}");
        assert_ne!(changed.header("ETag"), Some(etag.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_representations_of_the_history_have_two_tags() {
    let (fixture, book) = Fixture::with_acme().await;
    let path = "/v1/ledgers/acme/events";
    let get = async |accept: &'static str, etag: &str| {
        let request = fixture.client.request(Method::GET, path);
        let request = request.header("Accept", accept);
        client::sent(request.header("If-None-Match", etag)).await
    };
    let page = get("application/json", "\"x\"").await.checked(200);
    let lines = get("application/x-ndjson", "\"x\"").await.checked(200);
    let of_page = page.header("ETag").unwrap();
    let of_lines = lines.header("ETag").unwrap();
    assert_ne!(of_page, of_lines);
    for tag in [of_page, of_lines] {
        // What a command's `If-Match` reads.
        assert!(
            tag.ends_with(&format!("-{}\"", book.revision("acme"))),
            "{tag}"
        );
    }
    assert_eq!(get("application/json", of_lines).await.status, 200);
    assert_eq!(get("application/x-ndjson", of_page).await.status, 200);
    assert_eq!(get("application/json", of_page).await.status, 304);
    assert_eq!(get("application/x-ndjson", of_lines).await.status, 304);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_waits_for_its_revision_without_nats() {
    let (mut fixture, mut book) = Fixture::with_acme().await;
    fixture.stop_projecting().await;
    book.post("acme", "assets:bank", "users:1", 1).await;
    let revision = book.revision("acme");
    let client = fixture.client.clone();
    let waiting = tokio::spawn(async move {
        client
            .get_at("/v1/ledgers/acme/transactions", revision)
            .await
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    fixture.project();
    let answer = waiting.await.unwrap().checked(200);
    assert_eq!(answer.revision(), revision);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_not_there_yet_is_waited_for() {
    let mut fixture = Fixture::start().await;
    let mut book = fixture.book();
    let client = fixture.client.clone();
    let waiting =
        tokio::spawn(async move { client.get_at("/v1/ledgers/acme?wait_ms=20000", 0).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    book.open("acme").await;
    fixture.project();
    waiting.await.unwrap().expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_in_vain_ends_in_time_and_says_so() {
    let (fixture, book) = Fixture::with_acme().await;
    let revision = book.revision("acme");
    for path in [
        "acme",
        "acme/transactions",
        "acme/events",
        "nowhere",
        "nowhere/events",
    ] {
        for etag in ["", "\"x\""] {
            let started = Instant::now();
            let path = format!(
                "/v1/ledgers/{path}?wait_ms=300&min_revision={}",
                revision + 1
            );
            let answer = get_if_changed(&fixture.client, &path, etag).await;
            let took = started.elapsed();
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (503, "view_behind"),
                "{path}"
            );
            assert!(answer.header("Retry-After").is_some());
            assert!(took >= Duration::from_millis(300), "{path}: {took:?}");
            assert!(took < Duration::from_millis(1500), "{path}: {took:?}");
        }
    }
    let path = format!("/v1/ledgers/acme?wait_ms=0&min_revision={}", revision + 1);
    fixture.client.get(&path).await.expect(503);
    fixture
        .client
        .get_at("/v1/ledgers/acme?wait_ms=0", revision)
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_read_soon_where_nats_tells_of_it() {
    let nats = tokio::task::spawn_blocking(Nats::start).await.unwrap();
    let mut fixture = Fixture::start_with(Some(nats.url())).await;
    let mut book = fixture.book();
    book.open("acme").await;
    fixture.project_with(nats.url());
    fixture.caught_up("acme", 0).await;
    for number in 0..20 {
        book.account(
            "acme",
            &format!("a{number}"),
            daybook_events::money::AccountType::Asset,
        )
        .await;
        let revision = book.revision("acme");
        let path = format!("/v1/ledgers/acme/accounts/a{number}");
        let answer = fixture.client.get_at(&path, revision).await.checked(200);
        assert!(answer.revision() >= revision);
    }
}
