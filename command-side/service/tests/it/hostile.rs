//! Bad input: the right code, and nothing written.

mod shapes;

use serde_json::json;

use crate::harness::{BULK, Bench, PAY};

fn with_amount(amount: &str) -> String {
    format!(
        r#"{{"postings":[{{"debit":"assets:bank","credit":"users:1","amount":{amount},"asset":"USD"}}]}}"#
    )
}

fn entries(count: usize) -> String {
    let entry = r#"{"account":"assets:bank","direction":"debit","amount":1,"asset":"USD"}"#;
    format!(r#"{{"entries":[{}]}}"#, vec![entry; count].join(","))
}

#[actix_web::test]
async fn what_is_wrong_by_itself_is_400_with_a_pointer_and_writes_nothing() {
    let bench = Bench::start().await;
    bench.acme().await;
    let amount = "/postings/0/amount";
    let ok = with_amount("1");
    let deep = "[".repeat(100_000);
    let cases: Vec<(String, &str)> = vec![
        (String::new(), ""),
        ("{".to_owned(), ""),
        ("null".to_owned(), ""),
        ("[]".to_owned(), ""),
        (format!("{ok}{ok}"), ""),
        (ok.replacen('{', r#"{"colour":"red","#, 1), "/colour"),
        (ok.replacen('{', r#"{"code":"a","code":"b","#, 1), "/code"),
        (
            ok.replacen('{', r#"{"metadata":{"a":"1","a":"2"},"#, 1),
            "/metadata/a",
        ),
        (
            ok.replacen('{', r#"{"metadata":{"a":1},"#, 1),
            "/metadata/a",
        ),
        (
            ok.replacen('{', r#"{"metadata":{"sealed":"x"},"#, 1),
            "/metadata/sealed",
        ),
        (
            ok.replacen('{', r#"{"description":"a\u0000b","#, 1),
            "/description",
        ),
        (
            ok.replacen('{', "{\"description\":\"a\0b\",", 1),
            "/description",
        ),
        (
            ok.replacen('{', r#"{"description":"\ud800","#, 1),
            "/description",
        ),
        (
            ok.replacen('{', r#"{"effective_at":"2026-02-30","#, 1),
            "/effective_at",
        ),
        (ok.replacen('{', r#"{"status":"voided","#, 1), "/status"),
        (
            ok.replacen('{', r#"{"id":"{0198c5e23f4b7c529d0e1a2b3c4d5e6f}","#, 1),
            "/id",
        ),
        (ok.replacen('{', r#"{"entries":[],"#, 1), "/postings"),
        (with_amount("1.5"), amount),
        (with_amount("1.0"), amount),
        (with_amount("1e3"), amount),
        (with_amount("-1"), amount),
        (with_amount("0"), amount),
        (with_amount("\"0\""), amount),
        (with_amount("\"007\""), amount),
        (with_amount("\"+1\""), amount),
        (with_amount("\"1e3\""), amount),
        (with_amount("9007199254740992"), amount),
        (with_amount("10000000000000000000000000000000"), amount),
        (with_amount("\"10000000000000000000000000000000\""), amount),
        (with_amount("null"), amount),
        (with_amount("[1]"), amount),
        (ok.replace("USD", "usd"), "/postings/0/asset"),
        (ok.replace("users:1", "users: 1"), "/postings/0/credit"),
        (
            r#"[null,null,null,null,null,null,null,null,null,null]"#.to_owned(),
            "",
        ),
        (
            ok.replace(r#"[{"debit""#, r#"[["USD",1],{"debit""#),
            "/postings/0",
        ),
        (entries(1), "/entries"),
        (entries(1_001), "/entries"),
        (deep.clone(), ""),
        (format!(r#"{{"metadata":{{"a":{deep}"#), "/metadata/a"),
        (format!(r#"{{"x":{deep}"#), "/x"),
    ];
    for (body, pointer) in cases {
        let reply = bench
            .request(PAY, &[("Idempotency-Key", "k")], body.as_bytes())
            .await;
        let shown: String = body.chars().take(100).collect();
        assert_eq!(reply.status, 400, "{shown}: {:?}", reply.bytes);
        assert_eq!(
            reply.header("Content-Type"),
            Some("application/problem+json")
        );
        let problem = reply.json();
        assert_eq!(problem["code"], "validation", "{shown}");
        assert_eq!(
            problem["errors"][0]["pointer"], pointer,
            "{shown}: {problem}"
        );
    }
    assert_eq!(bench.events("acme").await.len(), 3);
}

/// As a bulk body, where the items' text is kept, and inside a field of an item.
#[actix_web::test]
async fn sixteen_megabytes_of_brackets_are_400() {
    let bench = Bench::start().await;
    bench.acme().await;
    let deep = "[".repeat(16 << 20);
    let within = format!(r#"[{{"action":"transaction","data":{}"#, &deep[..1 << 20]);
    let headers = [
        ("Idempotency-Key", "k"),
        ("Content-Type", "application/x-ndjson"),
    ];
    for body in [deep.as_str(), within.as_str()] {
        for headers in [&headers[..1], &headers[..]] {
            let reply = bench.request(BULK, headers, body.as_bytes()).await;
            reply.expect_code(400, "validation");
        }
    }
    assert_eq!(bench.events("acme").await.len(), 3);
}

#[actix_web::test]
async fn bytes_that_are_not_utf8_are_400() {
    let bench = Bench::start().await;
    bench.acme().await;
    let mut body = with_amount("1")
        .replacen('{', "{\"description\":\"?\",", 1)
        .into_bytes();
    let at = body.iter().position(|byte| *byte == b'?').unwrap();
    body[at] = 0xff;
    let key = [("Idempotency-Key", "k")];
    bench
        .request(PAY, &key, &body)
        .await
        .expect_code(400, "validation");
    bench
        .request(BULK, &key, &body)
        .await
        .expect_code(400, "validation");
    assert_eq!(bench.events("acme").await.len(), 3);
}

#[actix_web::test]
async fn bodies_over_the_limit_are_413_and_other_media_415() {
    let bench = Bench::start().await;
    bench.acme().await;
    let key = [("Idempotency-Key", "k")];
    let mut body = with_amount("1").into_bytes();
    body.resize((256 << 10) + 1, b' ');
    bench
        .request(PAY, &key, &body)
        .await
        .expect_code(413, "too_large");
    body.resize((16 << 20) + 1, b' ');
    bench
        .request(BULK, &key, &body)
        .await
        .expect_code(413, "too_large");
    let headers = [("Idempotency-Key", "k"), ("Content-Type", "text/plain")];
    bench
        .request(PAY, &headers, b"{}")
        .await
        .expect_code(415, "media_type");
    assert_eq!(bench.events("acme").await.len(), 3);
}

#[actix_web::test]
async fn what_a_rule_refuses_is_422_with_the_entry() {
    let bench = Bench::start().await;
    bench.acme().await;
    let entry = |account: &str, direction: &str, amount: u64, asset: &str| json!({"account": account, "direction": direction, "amount": amount, "asset": asset});
    let bank = entry("assets:bank", "debit", 5, "USD");
    for (second, code, index) in [
        (entry("nobody", "credit", 5, "USD"), "account_not_found", 1),
        (entry("users:1", "credit", 4, "USD"), "unbalanced", 0),
        (entry("users:1", "credit", 5, "NOPE"), "asset_unknown", 1),
    ] {
        let body = json!({"entries": [bank, second]});
        let reply = bench
            .post(PAY, Some("k"), &body)
            .await
            .expect_code(422, code);
        assert_eq!(reply.json()["index"], index);
        assert_eq!(reply.revision(), Some(2));
    }
    assert_eq!(bench.events("acme").await.len(), 3);
}

#[actix_web::test]
async fn a_bulk_item_of_wrong_shape_is_named_by_its_index() {
    let bench = Bench::start().await;
    bench.acme().await;
    let item = |amount: &str| json!({"postings": [{"debit": "assets:bank", "credit": "users:1", "amount": amount, "asset": "USD"}]});
    let body = json!([item("1"), item("0")]);
    let reply = bench
        .post(BULK, Some("k"), &body)
        .await
        .expect_code(400, "validation");
    assert_eq!(reply.json()["index"], 1);
    let pointer = &reply.json()["errors"][0]["pointer"];
    assert_eq!(*pointer, "/1/postings/0/amount");
    assert_eq!(bench.events("acme").await.len(), 3);
}

#[actix_web::test]
async fn a_key_that_no_header_may_carry_is_400() {
    let bench = Bench::start().await;
    bench.acme().await;
    let body = with_amount("1");
    let long = "k".repeat(256);
    for key in ["", "\"\"", long.as_str(), "\u{e4}"] {
        let reply = bench
            .request(PAY, &[("Idempotency-Key", key)], body.as_bytes())
            .await;
        assert_eq!(
            reply.expect_code(400, "validation").json()["errors"][0]["pointer"],
            "Idempotency-Key"
        );
    }
}

/// What a request announces is taken before any of it is read.
#[actix_web::test]
async fn a_body_that_there_is_no_room_for_is_not_read() {
    let bench = Bench::start_with(|config| config.queued_bytes_max = 1 << 20).await;
    bench.acme().await;
    let batch = format!("[{}]", with_amount("1"));
    let announce = |bytes: usize| {
        let (bench, batch) = (&bench, batch.as_bytes());
        let bytes = bytes.to_string();
        async move {
            let headers = [("Idempotency-Key", "k"), ("Content-Length", bytes.as_str())];
            bench.request(BULK, &headers, batch).await
        }
    };
    let refused = announce((1 << 20) + 1).await.expect_code(503, "overloaded");
    assert!(refused.header("Retry-After").is_some());
    announce(batch.len()).await.expect(200);
    // The room was given back each time, also where nothing came of the request.
    for _ in 0..3 {
        assert!(announce(1 << 20).await.expect(200).is_replayed());
    }
    bench
        .request(BULK, &[("Content-Length", "1048576")], b"[")
        .await
        .expect(400);
    announce(1 << 20).await.expect(200);
    // A body of unknown length may be as long as the route's longest.
    let chunked = [("Idempotency-Key", "k"), ("Content-Length", "?")];
    let refused = bench.request(BULK, &chunked, batch.as_bytes()).await;
    refused.expect_code(503, "overloaded");
}
