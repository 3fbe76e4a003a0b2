//! Measures a service of its own: bulk and single posting, and when the views have it all.
//!
//! `DAYBOOK_BIN=target/release/daybook cargo run --release -p daybook-tests --bin rates`
#![expect(
    clippy::expect_used,
    reason = "a measurement: what cannot go on ends it with a clear message"
)]

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use daybook_tests::client::sent;
use daybook_tests::{Client, Service};
use reqwest::Method;

const LEDGER: &str = "rates";
const ACCOUNTS: u64 = 1_000;
const BULK_REQUESTS: u64 = 50;
const BULK_ITEMS: u64 = 8_000;
const SINGLE_CLIENTS: u64 = 64;
const SINGLE_TIME: Duration = Duration::from_secs(10);
/// A view that is further behind than this is an error, not a figure.
const VISIBLE_BOUND: Duration = Duration::from_secs(300);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let service = Service::start_fresh();
    let client = service.client();
    runtime.block_on(measure(&client));
    let (clean, report) = service.audit();
    println!("audit verify: {}", report.trim());
    assert!(clean, "the views differ from the log");
}

async fn measure(client: &Client) {
    client.open_ledger(LEDGER).await;
    bulk(client, "accounts", &open_accounts()).await;

    let began = Instant::now();
    let mut revision = 0;
    for request in 0..BULK_REQUESTS {
        let key = format!("bulk-{request}");
        revision = bulk(client, &key, &transfers(request)).await;
    }
    let acknowledged = began.elapsed();
    visible(client, revision).await;
    report(
        "bulk, acknowledged",
        BULK_REQUESTS * BULK_ITEMS,
        acknowledged,
    );
    report(
        "bulk, visible in the views",
        BULK_REQUESTS * BULK_ITEMS,
        began.elapsed(),
    );

    let began = Instant::now();
    let (posted, revision) = singles(client).await;
    let acknowledged = began.elapsed();
    visible(client, revision).await;
    report(
        "single on 64 connections, acknowledged",
        posted,
        acknowledged,
    );
    report("single, visible in the views", posted, began.elapsed());
}

fn report(what: &str, count: u64, took: Duration) {
    let millis = took.as_millis().max(1);
    let rate = u128::from(count) * 1_000 / millis;
    println!("{what}: {count} transactions in {millis} ms, {rate} a second");
}

fn account(number: u64) -> String {
    format!("users:{:05}", number % ACCOUNTS)
}

fn open_accounts() -> String {
    (0..ACCOUNTS).fold(String::new(), |mut body, number| {
        let account = account(number);
        writeln!(
            body,
            r#"{{"action":"account","data":{{"account":"{account}","type":"liability"}}}}"#
        )
        .expect("memory takes it");
        body
    })
}

/// Pairs of accounts that repeat only after a long time, without a random number.
fn pair(number: u64) -> (String, String) {
    let debit = number.wrapping_mul(2_654_435_761) % ACCOUNTS;
    let credit = (debit + 1 + number.wrapping_mul(40_503) % (ACCOUNTS - 1)) % ACCOUNTS;
    (account(debit), account(credit))
}

fn transfer(number: u64) -> String {
    let (debit, credit) = pair(number);
    format!(
        r#"{{"postings":[{{"debit":"{debit}","credit":"{credit}","amount":"{}","asset":"USD"}}]}}"#,
        1 + number % 10_000
    )
}

fn transfers(request: u64) -> String {
    (0..BULK_ITEMS).fold(String::new(), |mut body, item| {
        body.push_str(&transfer(request * BULK_ITEMS + item));
        body.push('\n');
        body
    })
}

async fn bulk(client: &Client, key: &str, body: &str) -> u64 {
    let path = format!("/v1/ledgers/{LEDGER}/bulk?mode=atomic");
    let request = client
        .request(Method::POST, &path)
        .header("Idempotency-Key", key)
        .header("Content-Type", "application/x-ndjson")
        .header("Prefer", "return=minimal")
        .body(body.to_owned());
    sent(request).await.checked(200).revision()
}

async fn singles(client: &Client) -> (u64, u64) {
    let stop = Arc::new(AtomicBool::new(false));
    let next = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> = (0..SINGLE_CLIENTS)
        .map(|_| {
            let (client, stop, next) = (client.clone(), Arc::clone(&stop), Arc::clone(&next));
            tokio::spawn(async move {
                let mut last = 0;
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let request = client
                        .request(Method::POST, &format!("/v1/ledgers/{LEDGER}/transactions"))
                        .header("Idempotency-Key", format!("single-{number}"))
                        .header("Content-Type", "application/json")
                        .body(transfer(number));
                    last = sent(request).await.checked(201).revision();
                }
                last
            })
        })
        .collect();
    tokio::time::sleep(SINGLE_TIME).await;
    stop.store(true, Ordering::Relaxed);
    let mut revision = 0;
    for worker in workers {
        revision = revision.max(worker.await.expect("no panic"));
    }
    (next.load(Ordering::Relaxed), revision)
}

async fn visible(client: &Client, revision: u64) {
    let deadline = Instant::now() + VISIBLE_BOUND;
    let path = format!("/v1/ledgers/{LEDGER}?wait_ms=30000");
    loop {
        let answer = client.get_at(&path, revision).await;
        if answer.status == 200 {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "the views do not catch up: {answer}"
        );
    }
}
