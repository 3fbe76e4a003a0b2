//! What was just written can be read (D8), and an older answer says how old it is.

use std::collections::BTreeMap;
use std::time::Duration;

use daybook_tests::random::soak;
use daybook_tests::{Service, Traffic, caught_up};
use serde_json::json;

/// Clients that pause for so long between two transactions: somewhat more than 200 a second.
const CLIENTS: u64 = 24;
const PAUSE: Duration = Duration::from_millis(95);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_posted_is_read_a_thousand_times_in_a_row_while_others_post() {
    let service = Service::start_fresh();
    let client = service.client();
    let others = Traffic::start(&client, "acme", CLIENTS, PAUSE).await;
    client.open_accounts("acme", &[("mine", "liability")]).await;
    // Until then the views know of no such ledger, and have no revision to be honest about.
    caught_up(&client, "acme", 0).await;
    let start = std::time::Instant::now();

    // The balance of `mine` from each revision on, as the answers to the writes told it.
    let mut told: BTreeMap<u64, i64> = BTreeMap::new();
    let mut older = 0;
    let rounds = if soak() { 10_000 } else { 1_000 };
    for round in 0..rounds {
        let body = json!({"postings": [
            {"debit": "cash", "credit": "mine", "amount": "1", "asset": "USD"},
        ]});
        let path = "/v1/ledgers/acme/transactions";
        let posted = client
            .post(path, &format!("mine-{round}"), &body)
            .await
            .checked(201);
        let revision = posted.revision();
        told.insert(revision, round + 1);

        let honest = client.get("/v1/ledgers/acme/accounts/mine").await;
        older += i32::from(honest.status == 200 && honest.revision() < revision);
        check_honest(&honest, &told);

        let id = posted.json()["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/ledgers/acme/transactions/{id}");
        let read = client.get_at(&path, revision).await.checked(200);
        assert!(read.revision() >= revision, "asked for {revision}: {read}");
        assert_eq!(read.json(), posted.json());
        let account = client
            .get_at("/v1/ledgers/acme/accounts/mine", revision)
            .await;
        assert!(account.revision() >= revision);
        check_honest(&account.checked(200), &told);
    }
    let took = start.elapsed();
    let others = others.stop().await.len();
    eprintln!("{older} of {rounds} answers were older and said so; {others} others in {took:?}");
}

/// The balance in the answer is the one of the revision that the answer names.
fn check_honest(answer: &daybook_tests::Answer, told: &BTreeMap<u64, i64>) {
    let revision = answer.revision();
    if answer.status == 404 {
        assert_eq!(answer.code(), "account_not_found", "{answer}");
        return;
    }
    let balances = answer.clone().expect(200)["balances"].clone();
    let shown = balances["USD"]["posted"].as_str().unwrap_or("0").to_owned();
    let true_then = told
        .range(..=revision)
        .next_back()
        .map_or(0, |(_, balance)| *balance);
    assert_eq!(shown, true_then.to_string(), "at revision {revision}");
}
