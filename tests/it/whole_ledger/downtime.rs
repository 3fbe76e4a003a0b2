//! Holds end on time whether the service runs or not.

use std::time::Duration;

use daybook_platform::clock::Clock;
use daybook_tests::model::calendar::text;
use daybook_tests::{Client, History, Service};
use serde_json::{Value, json};
use uuid::Uuid;

use super::payment;

/// How long a hold lives at first. It has to be open when the service goes down; where it is not,
/// the next one lives twice as long.
const LIFE_S: i64 = 5;
const LIFE_S_MAX: i64 = 80;
const SECOND: i64 = 1_000_000;

fn now() -> i64 {
    Clock::system().now_micros()
}

/// A ledger of its own with a hold that is over at `end`.
async fn place(client: &Client, ledger: &str, end: i64) -> Uuid {
    client.open_ledger(ledger).await;
    client
        .open_accounts(ledger, &[("bank", "asset"), ("users", "liability")])
        .await;
    let mut body = payment(50);
    body["status"] = "pending".into();
    body["expires_at"] = text(end).into();
    let path = format!("/v1/ledgers/{ledger}/transactions");
    let placed: Value = client.post(&path, "hold", &body).await.expect(201);
    placed["id"].as_str().unwrap().parse().unwrap()
}

fn pause_until(time: i64) {
    if let Ok(left) = u64::try_from(time - now()) {
        std::thread::sleep(Duration::from_micros(left));
    }
}

/// A hold that was open when the service went down.
struct Waiting {
    ledger: String,
    hold: Uuid,
    end: i64,
    /// The revision that comes next.
    next: u64,
}

/// Places a hold and has the service go down before it is over.
async fn down_with_a_hold(service: &mut Service, go_down: impl Fn(&mut Service)) -> Waiting {
    let mut life_s = LIFE_S;
    loop {
        let client = service.client();
        let ledger = format!("acme-{life_s}");
        let end = now() + life_s * SECOND;
        let hold = place(&client, &ledger, end).await;
        let next = History::read(&client, &ledger).await.last_revision() + 1;
        tokio::task::block_in_place(|| go_down(service));
        if now() < end {
            return Waiting {
                ledger,
                hold,
                end,
                next,
            };
        }
        tokio::task::block_in_place(|| service.start());
        life_s *= 2;
        assert!(life_s < LIFE_S_MAX, "the service does not go down in time");
    }
}

impl Waiting {
    /// The first thing in the log since is the end of the hold, and nothing was captured.
    fn check(&self, history: &History) {
        let first = history.at(self.next);
        assert_eq!(first["type"], "HoldEnded", "{first}");
        assert_eq!(first["data"]["outcome"], "expired");
        assert_eq!(first["data"]["hold"], self.hold.to_string());
        let meta = &first["meta"];
        assert!(meta["by"].is_null() && meta["key"].is_null(), "{first}");
        let recorded = first["recorded_at"].as_str().unwrap();
        assert!(
            recorded >= text(self.end).as_str(),
            "not before its time: {recorded}"
        );
        assert_eq!(history.of_type("TransactionPosted").count(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_ended_while_the_service_was_down_is_over_before_anything_else() {
    let stop = |service: &mut Service| assert!(service.stop().success());
    for go_down in [stop, Service::kill9] {
        let mut service = Service::start_fresh();
        let waiting = down_with_a_hold(&mut service, go_down).await;
        pause_until(waiting.end);
        service.start();
        let client = service.client();
        let (ledger, hold) = (&waiting.ledger, waiting.hold);
        let path = format!("/v1/ledgers/{ledger}/transactions/{hold}/post");
        let late = client.post(&path, "late", &json!({})).await;
        assert_eq!(
            (late.status, late.code().as_str()),
            (422, "hold_expired"),
            "{late}"
        );
        waiting.check(&History::read(&client, ledger).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_nobody_asks_for_ends_its_holds_by_itself_after_a_start() {
    let mut service = Service::start_fresh();
    let waiting = down_with_a_hold(&mut service, Service::kill9).await;
    service.start();
    pause_until(waiting.end);
    let client = service.client();
    let bound = Duration::from_secs(20);
    let history = daybook_tests::until_async("the hold ends by itself", bound, async || {
        let history = History::read(&client, &waiting.ledger).await;
        (history.last_revision() >= waiting.next).then_some(history)
    });
    waiting.check(&history.await);
}
