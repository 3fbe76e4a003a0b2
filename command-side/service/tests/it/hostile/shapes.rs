//! Every shape of a body that is not a plain transaction, spoiled.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::harness::{Bench, PAY, payment};

const LEDGER: &str = "/v1/ledgers/acme";
const ACCOUNT: &str = "/v1/ledgers/acme/accounts/users:1";
const ID: &str = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f";

/// Each of these bodies is 400 `validation` at its pointer, and nothing is written.
async fn all_refused(method: Method, path: &str, cases: &[(&str, &str)]) {
    let bench = Bench::start().await;
    bench.acme().await;
    for (body, pointer) in cases {
        let key = [("Idempotency-Key", "k")];
        let reply = bench
            .send(method.clone(), path, &key, body.as_bytes())
            .await;
        assert_eq!(reply.status, 400, "{path}: {body}: {:?}", reply.bytes);
        let problem = reply.json();
        assert_eq!(problem["code"], "validation", "{path}: {body}");
        assert_eq!(
            problem["errors"][0]["pointer"], *pointer,
            "{path}: {body}: {problem}"
        );
    }
    assert_eq!(bench.events("acme").await.len(), 3);
}

#[actix_web::test]
async fn patches_of_a_ledger() {
    // In the order of their names, the last one is `k9`.
    let many: Value = (0..51).map(|n| (format!("k{n}"), json!("v"))).collect();
    let many = json!({ "metadata": many }).to_string();
    let cases = [
        ("", ""),
        ("null", ""),
        ("[]", ""),
        (r#"[null,null]"#, ""),
        (r#"{"ledger":"other"}"#, "/ledger"),
        (r#"{"time_zone":"UTC"}"#, "/time_zone"),
        (r#"{"name":""}"#, "/name"),
        (r#"{"name":7}"#, "/name"),
        (r#"{"name":null,"name":null}"#, "/name"),
        (r#"{"metadata":[]}"#, "/metadata"),
        (r#"{"metadata":"x"}"#, "/metadata"),
        (r#"{"metadata":{"a":1}}"#, "/metadata/a"),
        (r#"{"metadata":{"a":null,"a":null}}"#, "/metadata/a"),
        (r#"{"metadata":{"sealed":null}}"#, "/metadata/sealed"),
        (many.as_str(), "/metadata/k9"),
    ];
    all_refused(Method::PATCH, LEDGER, &cases).await;
}

#[actix_web::test]
async fn patches_of_an_account() {
    let cases = [
        ("", ""),
        (r#"{"type":"asset"}"#, "/type"),
        (r#"{"status":"frozen"}"#, "/status"),
        (r#"{"assets":["USD"]}"#, "/assets"),
        (r#"{"reason":""}"#, "/reason"),
        (r#"{"limits":[]}"#, "/limits"),
        (r#"{"limits":{"usd":null}}"#, "/limits/usd"),
        (r#"{"limits":{"USD":null,"USD":null}}"#, "/limits/USD"),
        (r#"{"limits":{"USD":[null,null]}}"#, "/limits/USD"),
        (r#"{"limits":{"USD":{"min":"0"}}}"#, "/limits/USD/min"),
        (
            r#"{"limits":{"USD":{"min_available":1.5}}}"#,
            "/limits/USD/min_available",
        ),
        (
            r#"{"limits":{"USD":{"max_balance":"+1"}}}"#,
            "/limits/USD/max_balance",
        ),
        (
            r#"{"limits":{"USD":{"max_balance":"00"}}}"#,
            "/limits/USD/max_balance",
        ),
    ];
    all_refused(Method::PATCH, ACCOUNT, &cases).await;
    let cases = [
        ("", ""),
        ("{}", ""),
        ("[\"r\"]", ""),
        (r#"{"reason":null}"#, "/reason"),
        (r#"{"reason":""}"#, "/reason"),
        (r#"{"reason":"r","status":"closed"}"#, "/status"),
    ];
    for action in ["freeze", "unfreeze", "close"] {
        all_refused(Method::POST, &format!("{ACCOUNT}/{action}"), &cases).await;
    }
}

#[actix_web::test]
async fn periods() {
    let common = [
        ("", ""),
        ("{}", ""),
        (r#"{"through":"2026-10-31"}"#, ""),
        (r#"{"reason":"r"}"#, ""),
        (r#"{"reason":"r","through":"2026-02-30"}"#, "/through"),
        (
            r#"{"reason":"r","through":"2026-10-31T00:00:00Z"}"#,
            "/through",
        ),
        (r#"{"reason":"r","through":"10000-01-01"}"#, "/through"),
        (r#"{"reason":"r","through":"0000-12-31"}"#, "/through"),
        (r#"{"reason":"r","through":20261031}"#, "/through"),
        (
            r#"{"reason":"r","through":"2026-10-31","from":"2026-10-01"}"#,
            "/from",
        ),
    ];
    let close = [(r#"{"reason":"r","through":null}"#, "/through")];
    let close = [&common[..], &close[..]].concat();
    all_refused(Method::POST, &format!("{LEDGER}/periods/close"), &close).await;
    all_refused(Method::POST, &format!("{LEDGER}/periods/reopen"), &common).await;
}

#[actix_web::test]
async fn captures_voids_and_pairs() {
    let entry = r#"{"account":"users:1","direction":"debit","amount":"1","asset":"USD"}"#;
    let one = format!(r#"{{"entries":[{entry}]}}"#);
    let both = format!(r#"{{"amount":"1","entries":[{entry},{entry}]}}"#);
    let post = [
        ("null", ""),
        (" ", ""),
        ("[]", ""),
        (r#"{"amount":"0"}"#, "/amount"),
        (r#"{"amount":-1}"#, "/amount"),
        (r#"{"amount":1.0}"#, "/amount"),
        (r#"{"final":"true"}"#, "/final"),
        (r#"{"final":1}"#, "/final"),
        (r#"{"id":"7"}"#, "/id"),
        (r#"{"postings":[]}"#, "/postings"),
        (r#"{"code":"c"}"#, "/code"),
        (r#"{"expires_at":null}"#, "/expires_at"),
        (r#"{"entries":[]}"#, "/entries"),
        (r#"{"entries":[[]]}"#, "/entries/0"),
        (one.as_str(), "/entries"),
        (both.as_str(), "/amount"),
    ];
    all_refused(Method::POST, &format!("{PAY}/{ID}/post"), &post).await;
    let void = [
        ("null", ""),
        ("[null]", ""),
        (r#"{"reason":""}"#, "/reason"),
        (r#"{"reason":["r"]}"#, "/reason"),
        (r#"{"id":null}"#, "/id"),
    ];
    all_refused(Method::POST, &format!("{PAY}/{ID}/void"), &void).await;
    let pairs = [
        ("", ""),
        ("{}", ""),
        ("[{}]", ""),
        (r#"{"metadata":[]}"#, "/metadata"),
        (r#"{"metadata":{"a":{}}}"#, "/metadata/a"),
        (r#"{"metadata":{},"reference":"r"}"#, "/reference"),
    ];
    all_refused(Method::PATCH, &format!("{PAY}/{ID}"), &pairs).await;
}

#[actix_web::test]
async fn holds_conditions_and_splits() {
    let plain = payment(5).to_string();
    let with = |member: &str| plain.replacen('{', &format!("{{{member},"), 1);
    let credit = |side: &str| plain.replace("\"users:1\"", side);
    let condition = |text: &str| {
        format!(
            r#"{{"entries":[{{"account":"a","direction":"debit","amount":1,"asset":"USD",
                "condition":{text}}}]}}"#
        )
    };
    let share = r#"{"account":"users:1","ratio":"1"}"#;
    let shares = |count: usize| format!(r#"{{"split":[{}]}}"#, vec![share; count].join(","));
    let ratio = |ratio: &str| {
        credit(&format!(
            r#"{{"split":[{share},{{"account":"a","ratio":{ratio}}}]}}"#
        ))
    };
    let both = credit(&shares(2)).replace("\"assets:bank\"", &shares(2));
    let at = "/entries/0/condition";
    let weight = "/postings/0/credit/split/1/ratio";
    let cases = [
        (with(r#""status":"expired""#), "/status"),
        (
            with(r#""expires_at":"2100-01-01T00:00:00Z""#),
            "/expires_at",
        ),
        (
            with(r#""status":"posted","expires_at":"2100-01-01T00:00:00Z""#),
            "/expires_at",
        ),
        (
            with(r#""status":"pending","expires_at":"2100-01-01""#),
            "/expires_at",
        ),
        (
            with(r#""status":"pending","expires_at":4102444800"#),
            "/expires_at",
        ),
        (
            with(r#""status":"pending","expires_at":"10000-01-01T00:00:00Z""#),
            "/expires_at",
        ),
        (condition("{}"), at),
        (condition("[]"), at),
        (condition("[null,null]"), at),
        (
            condition(r#"{"available":{}}"#),
            "/entries/0/condition/available",
        ),
        (
            condition(r#"{"available":{"gte":"1"},"posted":{}}"#),
            "/entries/0/condition/posted",
        ),
        (
            condition(r#"{"pending":{"gte":"1"}}"#),
            "/entries/0/condition/pending",
        ),
        (
            condition(r#"{"posted":{"gt":"1"}}"#),
            "/entries/0/condition/posted/gt",
        ),
        (
            condition(r#"{"posted":{"gte":1.5}}"#),
            "/entries/0/condition/posted/gte",
        ),
        (
            condition(r#"{"posted":[1,1,1]}"#),
            "/entries/0/condition/posted",
        ),
        (credit("{}"), "/postings/0/credit"),
        (credit("null"), "/postings/0/credit"),
        (credit("[]"), "/postings/0/credit"),
        (credit(r#"{"split":{}}"#), "/postings/0/credit/split"),
        (
            credit(r#"{"account":"users:1"}"#),
            "/postings/0/credit/account",
        ),
        (
            credit(r#"{"split":[["a","1"]]}"#),
            "/postings/0/credit/split/0",
        ),
        (credit(&shares(0)), "/postings/0"),
        (credit(&shares(1)), "/postings/0"),
        (credit(&shares(1_000)), "/postings/0"),
        (both, "/postings/0"),
        (ratio("0"), weight),
        (ratio("-1"), weight),
        (ratio("33.3"), weight),
        (ratio("\"1e3\""), weight),
        (ratio("\"0.0000001\""), weight),
        (ratio("\"1000000000\""), weight),
        (ratio("null"), weight),
    ];
    let cases: Vec<(&str, &str)> = cases
        .iter()
        .map(|(body, at)| (body.as_str(), *at))
        .collect();
    all_refused(Method::POST, PAY, &cases).await;
}
