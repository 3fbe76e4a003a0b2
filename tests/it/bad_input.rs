//! Bad input is refused with the code of the contract, as problem+json, and nothing is written.

mod rows;
mod rules;

use std::collections::BTreeSet;

use daybook_events::problems;
use daybook_tests::client::sent;
use daybook_tests::{Answer, Client, History, Service};
use reqwest::Method;

use rows::{ACCOUNTS, Row, TRANSACTIONS, VALIDATION};
use rows::{amounts, bulks, fields, good, others, shapes};
use rules::{conflicts, prepare, rules, states};

async fn prepared(service: &Service) -> Client {
    let client = service.client();
    prepare(&client).await;
    client
}

fn all_rows() -> Vec<Row> {
    let parts = [
        shapes(),
        fields(),
        amounts(),
        others(),
        bulks(),
        conflicts(),
        rules(),
        states(),
    ];
    parts.into_iter().flatten().collect()
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
    if (status, code) == VALIDATION {
        assert!(
            body["errors"].is_array(),
            "{what}: a validation points at what is wrong: {body}"
        );
    }
}

/// What no row brings about, each with the reason.
const NOT_IN_ROWS: &[(u16, &str, &str)] = &[
    (
        401,
        "unauthenticated",
        "every route without a good token: the tests of access",
    ),
    (
        403,
        "forbidden",
        "every route and role: the tests of access",
    ),
    (
        408,
        "request_timeout",
        "takes ten seconds: the tests of the platform's bodies",
    ),
    (
        413,
        "batch_too_large",
        "takes a store of small appends: the command side's tests of bulk",
    ),
    (
        422,
        "overflow",
        "takes a million entries: the command side's tests of commands",
    ),
    (429, "rate_limited", "nothing answers it yet"),
    (500, "internal", "a bug"),
    (
        503,
        "overloaded",
        "takes a full queue: the command side's tests of faults",
    ),
    (503, "view_behind", "of reads alone: below"),
    (
        503,
        "store_unavailable",
        "takes a store that fails: the command side's tests of faults",
    ),
];

#[test]
fn every_problem_that_a_command_may_answer_has_a_row() {
    let rows: BTreeSet<(u16, &str)> = all_rows()
        .iter()
        .map(|row| (row.status, row.code))
        .collect();
    for known in problems::ALL {
        let (status, code) = (known.status, known.code);
        let elsewhere = NOT_IN_ROWS
            .iter()
            .any(|row| (row.0, row.1) == (status, code));
        assert!(
            rows.contains(&(status, code)) != elsewhere,
            "{status} {code}: a row, or a reason why there is none"
        );
    }
    for (status, code) in rows {
        assert!(
            problems::find(status, code).is_some(),
            "{status} {code} is no problem of ours"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_its_code_and_writes_nothing() {
    let service = Service::start_fresh();
    let client = prepared(&service).await;
    let before = History::read(&client, "acme").await.last_revision();
    for (number, row) in all_rows().into_iter().enumerate() {
        let has = |name: &str| row.headers.iter().any(|(known, _)| *known == name);
        let mut request = client.request(row.method.clone(), &row.path);
        if row.keyed && !has("Idempotency-Key") {
            request = request.header("Idempotency-Key", format!("bad-{number}"));
        }
        if !has("Content-Type") {
            request = request.header("Content-Type", "application/json");
        }
        for (name, value) in row.headers {
            request = request.header(name, value);
        }
        let answer = sent(request.body(row.body)).await;
        check_problem(row.what, &answer, row.status, row.code);
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

    let answer = sent(
        post()
            .header("Idempotency-Key", "k".repeat(256))
            .json(&good()),
    )
    .await;
    check_problem("a long key", &answer, 400, "validation");
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
