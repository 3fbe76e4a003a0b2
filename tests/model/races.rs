//! The races that broke other ledgers, each as a test of its own, through HTTP.

mod holds;
mod keys;
mod late;
mod splits;

use daybook_tests::Client;
use daybook_tests::client::{Answer, try_send};
use reqwest::Method;
use serde_json::{Value, json};

use crate::script::start;
use crate::server::Server;

const TRANSACTIONS: &str = "/v1/ledgers/acme/transactions";
/// How often a race of two is run.
const ROUNDS: usize = 25;

/// A ledger with a bank, users who must not be overdrawn, and merchants.
struct Bench {
    server: Server,
    client: Client,
}

impl Bench {
    async fn start() -> Self {
        let server = Server::start(start(), |_| {});
        let client = Client::new(server.base(), Some(server.token.clone()));
        client.open_ledger("acme").await;
        let accounts = [
            ("bank", "asset"),
            ("merchants", "liability"),
            ("fees", "income"),
        ];
        client.open_accounts("acme", &accounts).await;
        let user = json!({"account": "user", "type": "liability",
            "limits": {"*": {"min_available": "0"}}});
        let path = "/v1/ledgers/acme/accounts";
        client.post(path, "user", &user).await.expect(201);
        Self { server, client }
    }

    async fn post(&self, rest: &str, key: &str, body: Value) -> Answer {
        self.client
            .post(&format!("{TRANSACTIONS}{rest}"), key, &body)
            .await
    }

    /// Without a key, or whatever else is not usual.
    async fn post_keyless(&self, rest: &str, body: Value) -> Answer {
        let request = self
            .client
            .request(Method::POST, &format!("{TRANSACTIONS}{rest}"));
        try_send(request.json(&body)).await.expect("an answer")
    }

    async fn pay_in(&self, key: &str, amount: u64) {
        self.post("", key, payment("bank", "user", amount))
            .await
            .expect(201);
    }

    async fn hold(&self, key: &str, amount: u64) -> String {
        let held = self.post("", key, hold(amount)).await.expect(201);
        held["id"].as_str().expect("an id").to_owned()
    }

    /// What was recorded, by type.
    async fn of_type(&self, kind: &str) -> Vec<crate::server::Recorded> {
        let mut events = self.server.log("acme").await;
        events.retain(|event| event.kind == kind);
        events
    }
}

fn payment(debit: &str, credit: &str, amount: u64) -> Value {
    json!({"postings": [
        {"debit": debit, "credit": credit, "amount": amount, "asset": "USD"},
    ]})
}

fn hold(amount: u64) -> Value {
    let mut body = payment("user", "merchants", amount);
    body["status"] = "pending".into();
    body
}

fn codes(answers: &[Answer]) -> Vec<String> {
    let mut codes: Vec<String> = answers.iter().map(Answer::code).collect();
    codes.sort();
    codes.dedup();
    codes
}

fn succeeded(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status < 300).count()
}
