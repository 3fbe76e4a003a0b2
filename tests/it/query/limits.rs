//! What one caller may hold, so that the others are answered.

use std::time::{Duration, Instant};

use daybook_tests::{Answer, until_async};
use reqwest::Method;
use serde_json::Value;

use super::book::{Book, pairs, transfer};
use super::fixture::Fixture;

/// What a read takes that waits for nobody, on a busy machine.
const AT_ONCE: Duration = Duration::from_millis(1500);
const PAGE_BYTES_MAX: usize = 8 << 20;
/// Around every page: its cursor, its revision.
const FRAME_BYTES: usize = 1024;

async fn at_once(fixture: &Fixture, path: &str) -> Answer {
    let started = Instant::now();
    let answer = fixture.client.get(path).await;
    assert!(
        started.elapsed() < AT_ONCE,
        "{path}: {:?}",
        started.elapsed()
    );
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_that_wait_for_a_revision_keep_nobody_from_reading() {
    let (fixture, mut book) = Fixture::with_acme().await;
    let next = book.revision("acme") + 1;
    let mut waiting = Vec::new();
    // More than the service has connections to Postgres.
    for path in ["", "/accounts", "/accounts/users:1", "/transactions"] {
        for _ in 0..15 {
            let client = fixture.client.clone();
            let path = format!("/v1/ledgers/acme{path}?wait_ms=20000");
            waiting.push(tokio::spawn(
                async move { client.get_at(&path, next).await },
            ));
        }
    }
    // As many as there are places for reports.
    for _ in 0..2 {
        let client = fixture.client.clone();
        let path = "/v1/ledgers/acme/reports/trial-balance?wait_ms=20000";
        waiting.push(tokio::spawn(async move { client.get_at(path, next).await }));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for path in ["", "/accounts", "/transactions", "/reports/trial-balance"] {
        at_once(&fixture, &format!("/v1/ledgers/acme{path}"))
            .await
            .expect(200);
    }
    assert!(waiting.iter().all(|read| !read.is_finished()));
    book.post("acme", "assets:bank", "users:1", 1).await;
    for read in waiting {
        let answer = read.await.unwrap();
        // Of the reports two are made at once, and the third of them is told so.
        assert!(
            answer.status == 200 || answer.code() == "overloaded",
            "{answer}"
        );
        assert!(answer.status != 200 || answer.revision() >= next);
    }
}

/// Transactions of more than 50 KiB each.
async fn large(book: &mut Book, count: usize) {
    let value = "v".repeat(1024);
    let keys: Vec<String> = (0..50).map(|number| format!("key{number}")).collect();
    let metadata: Vec<_> = keys
        .iter()
        .map(|key| (key.as_str(), value.as_str()))
        .collect();
    for number in 0..count {
        let mut command = transfer("assets:bank", "users:1", 1);
        command.metadata = pairs(&metadata);
        book.post_whole("acme", command, &format!("large-{number}"))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_large_rows_ends_early_and_the_walk_misses_none() {
    let (fixture, mut book) = Fixture::with_acme().await;
    large(&mut book, 330).await;
    fixture.caught_up("acme", book.revision("acme")).await;
    let revision = book.revision("acme");
    for (list, rows) in [
        ("events", revision + 1),
        ("events?type=TransactionPosted", 334),
        ("transactions", 334),
        ("transactions?order=asc", 334),
    ] {
        let separator = if list.contains('?') { '&' } else { '?' };
        let mut revisions = Vec::new();
        let mut cursor = String::new();
        let mut pages = 0;
        loop {
            let path = format!("/v1/ledgers/acme/{list}{separator}limit=1000{cursor}");
            let answer = fixture.client.get(&path).await.checked(200);
            // The rows' other columns are beyond what is counted.
            assert!(answer.body.len() < PAGE_BYTES_MAX * 9 / 8 + FRAME_BYTES);
            let page = answer.json();
            let data = page["data"].as_array().unwrap();
            revisions.extend(data.iter().map(|row| row["revision"].as_u64().unwrap()));
            pages += 1;
            assert_eq!(page["has_more"], page["next_cursor"] != Value::Null);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert!(pages >= 3, "{list}: {pages} pages");
        let expected = (revision + 1 - rows)..=revision;
        match list {
            "transactions" => assert!(expected.rev().eq(revisions), "{list}"),
            _ => assert!(expected.eq(revisions), "{list}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_events_in_memory_are_bounded() {
    let (fixture, mut book) = Fixture::with_acme().await;
    large(&mut book, 165).await;
    let path = "/v1/ledgers/acme/events?limit=1000";
    let mut unread = Vec::new();
    let mut refused = None;
    for _ in 0..20 {
        // Its body is not read.
        let answer = fixture
            .client
            .request(Method::GET, path)
            .send()
            .await
            .unwrap();
        match answer.status().as_u16() {
            200 => unread.push(answer),
            503 => {
                refused = Some(answer);
                break;
            }
            other => panic!("{other}"),
        }
    }
    let refused = refused.expect("a page is refused");
    assert!(refused.headers().contains_key("Retry-After"));
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["code"], "overloaded");
    assert_eq!(unread.len(), 16);
    at_once(&fixture, "/v1/ledgers/acme").await.expect(200);
    // Read to its end, or given up: the place is free again.
    let whole = unread.pop().unwrap().bytes().await.unwrap();
    let page: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(page["has_more"], true);
    drop(unread);
    until_async(
        "pages are sent again",
        Duration::from_secs(10),
        async || (fixture.client.get(path).await.status == 200).then_some(()),
    )
    .await;
}
