use super::*;
use crate::telemetry::tests::Lines;

#[tokio::test]
async fn a_panic_is_answered_500_without_its_text() {
    let toy = toy();
    for _ in 0..3 {
        let answer = toy.send("GET", "/panic", "X-Request-Id: r-1\r\n").await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (500, "internal")
        );
        assert_eq!(answer.json()["request_id"], "r-1");
        assert!(!answer.body.contains("canary"), "{}", answer.body);
    }
    assert_eq!(
        toy.send("GET", "/open", "").await.status,
        200,
        "the worker lives"
    );
}

#[tokio::test]
async fn an_internal_error_does_not_show_its_text() {
    let toy = toy();
    for target in ["/error", "/no-data"] {
        let answer = toy.send("GET", target, "").await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (500, "internal"),
            "{target}"
        );
        let text = answer.body.to_lowercase();
        assert!(!text.contains("canary") && !text.contains("data"), "{text}");
    }
    let answer = toy.send("GET", "/number/abc", "").await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (404, "not_found")
    );
    assert!(!answer.body.contains("abc"));
    assert_eq!(toy.send("GET", "/number/7", "").await.body, "7");
}

#[test]
fn neither_tokens_nor_bodies_nor_query_values_are_logged() {
    let lines = Lines::default();
    let subscriber = lines.subscriber("trace");
    // One thread for everything that logs: actix runs the whole request on it.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let token = runtime.block_on(async {
        let toy = toy();
        let bearer = toy.bearer(json!([{"ledgers": ["acme"], "roles": ["writer"]}]));
        let json = format!("{bearer}Content-Type: application/json\r\nX-Request-Id: r-77\r\n");
        let answer = toy
            .send_body("POST", "/things/acme", &json, "canary-body")
            .await;
        assert_eq!(answer.status, 200);
        let long = "canary-body".repeat(20);
        assert_eq!(
            toy.send_body("POST", "/things/acme", &json, &long)
                .await
                .status,
            413
        );
        toy.send("GET", "/query?x=canary-query", &bearer).await;
        toy.hand.advance_micros(i64::from(u32::MAX) * 1_000_000);
        assert_eq!(toy.send("GET", "/me", &bearer).await.status, 401);
        toy.send("GET", "/panic", &bearer).await;
        bearer.trim().rsplit(' ').next().unwrap().to_owned()
    });
    let text = lines.text();
    assert!(
        text.contains("r-77") && text.contains("answered 200"),
        "{text}"
    );
    assert!(
        text.contains("token refused") && text.contains("canary-panic"),
        "{text}"
    );
    let signature = token.rsplit('.').next().unwrap();
    for secret in [token.as_str(), signature, "canary-body", "canary-query"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
