//! The whole ledger at its edges, on the real service: time that passes while it is down, the
//! largest requests, the ends of the calendar.

mod calendar;
mod downtime;
mod sizes;

use daybook_tests::{Answer, Client, Service, caught_up};
use reqwest::Method;
use serde_json::{Value, json};

const ACME: &str = "/v1/ledgers/acme";

async fn prepared(service: &Service) -> Client {
    let client = service.client();
    client.open_ledger("acme").await;
    let accounts = [
        ("bank", "asset"),
        ("users", "liability"),
        ("fees", "income"),
    ];
    client.open_accounts("acme", &accounts).await;
    client
}

async fn post(client: &Client, rest: &str, key: &str, body: &Value) -> Answer {
    client.post(&format!("{ACME}/{rest}"), key, body).await
}

async fn patch(client: &Client, rest: &str, key: &str, body: &Value) -> Answer {
    let request = client.request(
        Method::PATCH,
        format!("{ACME}/{rest}").trim_end_matches('/'),
    );
    let request = request.header("Idempotency-Key", key).json(body);
    daybook_tests::client::sent(request).await
}

fn payment(amount: u64) -> Value {
    json!({"postings": [
        {"debit": "bank", "credit": "users", "amount": amount, "asset": "USD"},
    ]})
}

/// What the views show of a transaction, once they have reached the answer.
async fn shown(client: &Client, answer: &Answer) -> Value {
    caught_up(client, "acme", answer.revision()).await;
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    client
        .get(&format!("{ACME}/transactions/{id}"))
        .await
        .expect(200)
}
