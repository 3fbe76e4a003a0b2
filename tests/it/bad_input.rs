//! Bad input is refused with the code of the contract, as problem+json, and nothing is written.

mod rows;

use daybook_tests::client::sent;
use daybook_tests::{Answer, Client, History, Service};
use reqwest::Method;
use serde_json::json;

use rows::{ACCOUNTS, TRANSACTIONS, amounts, bulks, fields, good, others, rules, shapes};

async fn prepared(service: &Service) -> Client {
    let client = service.client();
    client.open_ledger("acme").await;
    client
        .open_accounts("acme", &[("cash", "asset"), ("customers", "liability")])
        .await;
    let limited = json!({"account": "no-overdraft", "type": "liability",
        "limits": {"USD": {"min_available": "0"}}});
    let restricted = json!({"account": "only-eur", "type": "asset", "assets": ["EUR"]});
    client
        .post(ACCOUNTS, "limited", &limited)
        .await
        .checked(201)
        .json();
    client
        .post(ACCOUNTS, "restricted", &restricted)
        .await
        .checked(201)
        .json();
    client
}

/// Every problem has the same shape, and says nothing of the inside.
fn check_problem(what: &str, answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{what}: {answer}"
    );
    assert_eq!(
        answer.header("Content-Type"),
        Some("application/problem+json"),
        "{what}"
    );
    let body = answer.json();
    for field in ["type", "title", "detail", "request_id"] {
        assert!(body[field].is_string(), "{what}: `{field}` in {body}");
    }
    assert!(
        body["type"]
            .as_str()
            .unwrap()
            .ends_with(&format!("#{code}")),
        "{what}: {body}"
    );
    assert_eq!(body["status"], status, "{what}");
    if code == "validation" {
        assert!(
            body["errors"].is_array(),
            "{what}: a validation points at what is wrong: {body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_its_code_and_writes_nothing() {
    let service = Service::start_fresh();
    let client = prepared(&service).await;
    let before = History::read(&client, "acme").await.last_revision();
    let mut rows = shapes();
    for more in [fields(), amounts(), rules(), others(), bulks()] {
        rows.extend(more);
    }
    for (number, row) in rows.into_iter().enumerate() {
        let request = client
            .request(Method::POST, row.path)
            .header("Idempotency-Key", format!("bad-{number}"))
            .header("Content-Type", "application/json")
            .body(row.body);
        check_problem(row.what, &sent(request).await, row.status, row.code);
    }
    let after = History::read(&client, "acme").await.last_revision();
    assert_eq!(after, before, "nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_headers_methods_and_parameters_are_refused_and_write_nothing() {
    let service = Service::start_fresh();
    let client = prepared(&service).await;
    let before = History::read(&client, "acme").await.last_revision();
    let post = || client.request(Method::POST, TRANSACTIONS);
    let keyed = || post().header("Idempotency-Key", "k");

    let answer = sent(post().json(&good())).await;
    check_problem("no key and no id", &answer, 400, "idempotency_required");
    let answer = sent(
        post()
            .header("Idempotency-Key", "k".repeat(256))
            .json(&good()),
    )
    .await;
    check_problem("a long key", &answer, 400, "validation");
    let answer = sent(
        keyed()
            .header("Content-Type", "text/plain")
            .body(good().to_string()),
    )
    .await;
    check_problem("another media type", &answer, 415, "media_type");
    let answer = sent(keyed().header("If-Match", "\"nonsense\"").json(&good())).await;
    assert!([400, 412].contains(&answer.status), "{answer}");
    let answer = sent(client.request(Method::DELETE, ACCOUNTS)).await;
    check_problem("another method", &answer, 405, "method_not_allowed");
    assert!(
        answer
            .header("Allow")
            .is_some_and(|allow| allow.contains("POST")),
        "{answer}"
    );
    for (what, path) in [
        (
            "an unknown parameter",
            "/v1/ledgers/acme/accounts?colour=red",
        ),
        ("a limit over 1,000", "/v1/ledgers/acme/accounts?limit=1001"),
        ("a limit of nothing", "/v1/ledgers/acme/accounts?limit=0"),
        ("a forged cursor", "/v1/ledgers/acme/accounts?cursor=AAAA"),
        ("a bad account", "/v1/ledgers/acme/accounts/a::b"),
        ("a bad transaction", "/v1/ledgers/acme/transactions/7"),
        ("a long wait", "/v1/ledgers/acme/accounts?wait_ms=30001"),
        (
            "a bad revision",
            "/v1/ledgers/acme/accounts?min_revision=-1",
        ),
    ] {
        let answer = client.get(path).await;
        assert!([400, 404].contains(&answer.status), "{what}: {answer}");
        check_problem(what, &answer, answer.status, &answer.code());
    }
    let after = History::read(&client, "acme").await.last_revision();
    assert_eq!(after, before, "nothing was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_cannot_reach_the_revision_says_so_in_time() {
    let service = Service::start_fresh();
    let client = prepared(&service).await;
    let start = std::time::Instant::now();
    let answer = client
        .get_at("/v1/ledgers/acme?wait_ms=300", 1_000_000)
        .await;
    check_problem("a revision far away", &answer, 503, "view_behind");
    assert!(answer.header("Retry-After").is_some());
    assert!(start.elapsed().as_millis() < 5_000, "bounded");
}
