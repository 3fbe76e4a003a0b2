//! One key, one effect (INV-3).

use std::time::Duration;

use daybook_tests::client::sent;
use daybook_tests::{Answer, Client, History, Mode, Proxy, Service};
use serde_json::{Value, json};
use tokio::task::JoinSet;

async fn prepared(service: &Service) -> Client {
    let client = service.client();
    client.open_ledger("acme").await;
    client
        .open_accounts("acme", &[("cash", "asset"), ("customers", "liability")])
        .await;
    client
}

fn deposit(amount: u64) -> Value {
    let amount = amount.to_string();
    json!({"entries": [
        {"account": "cash", "direction": "debit", "amount": amount, "asset": "USD"},
        {"account": "customers", "direction": "credit", "amount": amount, "asset": "USD"},
    ]})
}

/// What has to be the same in every answer for one key.
fn essence(answer: &Answer) -> (u16, Value, u64) {
    (answer.status, answer.json(), answer.revision())
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_requests_with_one_key_at_once_give_one_event_and_fifty_equal_answers() {
    let service = Service::start_fresh();
    let client = prepared(&service).await;
    let mut requests = JoinSet::new();
    for _ in 0..50 {
        let path = "/v1/ledgers/acme/transactions";
        requests.spawn(sent(client.post_request(path, "one-key", &deposit(5))));
    }
    let answers = requests.join_all().await;
    let first = essence(&answers[0]);
    assert_eq!(first.0, 201, "{}", answers[0]);
    assert!(answers.iter().all(|answer| essence(answer) == first));
    let fresh = answers
        .iter()
        .filter(|answer| answer.header("Idempotent-Replayed").is_none());
    assert_eq!(fresh.count(), 1, "one of them did it, the others were told");
    let history = History::read(&client, "acme").await;
    assert_eq!(history.of_type("TransactionPosted").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_cut_off_after_commit_is_given_again_to_whoever_repeats_the_request() {
    let service = Service::start_fresh();
    let client = prepared(&service).await;
    let proxy = Proxy::start(service.base().trim_start_matches("http://")).await;
    let through = client.at(proxy.base());
    let path = "/v1/ledgers/acme/transactions";

    // Cut before the first byte, inside the head, and inside the body.
    for (number, cut) in [0, 1, 17, 200, 400].into_iter().enumerate() {
        proxy.set(Mode::CutReplyAfter(cut));
        let key = format!("cut-{cut}");
        let request = through.post_request(path, &key, &deposit(cut + 1));
        let outcome = daybook_tests::client::try_send(request).await;
        assert!(outcome.is_err(), "cut after {cut} bytes: {outcome:?}");
        assert_eq!(
            proxy.cuts(),
            u64::try_from(number + 1).unwrap(),
            "the reply was under way"
        );

        proxy.set(Mode::Pass);
        let again = through
            .post(path, &key, &deposit(cut + 1))
            .await
            .checked(201);
        assert_eq!(
            again.header("Idempotent-Replayed"),
            Some("true"),
            "it was committed"
        );
        let once_more = through.post(path, &key, &deposit(cut + 1)).await;
        assert_eq!(essence(&again), essence(&once_more));
    }
    let history = History::read(&client, "acme").await;
    assert_eq!(history.of_type("TransactionPosted").count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_reply_cut_off_after_commit_is_given_again_item_by_item() {
    let service = Service::start_fresh();
    let client = prepared(&service).await;
    let proxy = Proxy::start(service.base().trim_start_matches("http://")).await;
    let through = client.at(proxy.base());
    for mode in ["atomic", "independent"] {
        let path = format!("/v1/ledgers/acme/bulk?mode={mode}");
        let items: Vec<Value> = (1..=200).map(deposit).collect();
        let items = Value::from(items);
        let before = History::read(&client, "acme").await.last_revision();

        proxy.set(Mode::CutReplyAfter(10));
        let key = format!("bulk-{mode}");
        let outcome = daybook_tests::client::try_send(through.post_request(&path, &key, &items));
        assert!(outcome.await.is_err(), "the reply was cut off");
        proxy.set(Mode::Pass);
        let again = through.post(&path, &key, &items).await.expect(200);

        let history = History::read(&client, "acme").await;
        assert_eq!(history.last_revision(), before + 200, "one effect each");
        let results = again["results"].as_array().unwrap();
        assert_eq!(results.len(), 200);
        for (index, result) in results.iter().enumerate() {
            assert_eq!(result["index"], index);
            assert_eq!(result["status"], "replayed");
            let revision = result["revision"].as_u64().unwrap();
            assert_eq!(revision, before + 1 + u64::try_from(index).unwrap());
            assert_eq!(history.at(revision)["id"], result["id"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_hangs_before_the_service_leaves_no_half_effect() {
    let service = Service::start_fresh();
    let client = prepared(&service).await;
    let proxy = Proxy::start(service.base().trim_start_matches("http://")).await;
    let through = client.at(proxy.base());
    proxy.set(Mode::Blackhole);
    let path = "/v1/ledgers/acme/transactions";
    let request = through.post_request(path, "lost", &deposit(3));
    let request = request.timeout(Duration::from_millis(300));
    assert!(daybook_tests::client::try_send(request).await.is_err());
    proxy.set(Mode::Reset);
    let request = through.post_request(path, "lost", &deposit(3));
    assert!(daybook_tests::client::try_send(request).await.is_err());
    let history = History::read(&client, "acme").await;
    assert_eq!(history.of_type("TransactionPosted").count(), 0);
    proxy.set(Mode::Pass);
    let answer = through.post(path, "lost", &deposit(3)).await.checked(201);
    assert_eq!(answer.header("Idempotent-Replayed"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_remembered_over_a_restart_and_refuses_another_request() {
    let mut service = Service::start_fresh();
    let client = prepared(&service).await;
    let path = "/v1/ledgers/acme/transactions";
    let first = client.post(path, "kept", &deposit(9)).await.checked(201);
    assert!(service.stop().success());
    service.start();
    let again = client.post(path, "kept", &deposit(9)).await;
    assert_eq!(essence(&again), essence(&first));
    assert_eq!(again.header("Idempotent-Replayed"), Some("true"));
    let other = client.post(path, "kept", &deposit(10)).await.checked(422);
    assert_eq!(other.code(), "idempotency_conflict");
}
