use super::*;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn ids_for(toy: &Toy, headers: &str) -> (String, String) {
    let answer = toy.send("GET", "/open", headers).await;
    assert_eq!(answer.status, 200);
    let ids = answer.json();
    let id = ids["id"].as_str().unwrap().to_owned();
    assert_eq!(
        answer.header("x-request-id"),
        Some(id.to_lowercase().as_str())
    );
    (id, ids["trace"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_harmless_request_id_is_echoed_and_any_other_is_replaced() {
    let toy = toy();
    for good in ["a", "Order-1001_x.y:z", &"a".repeat(128)] {
        assert_eq!(
            ids_for(&toy, &format!("X-Request-Id: {good}\r\n")).await.0,
            good
        );
    }
    let hostile = [
        "a b",
        "a\tb",
        "\"a\"",
        "a,b",
        "{}",
        "<script>",
        "a\u{e9}",
        "%0d%0a",
        "\u{7f}",
        &"a".repeat(129),
        &"a".repeat(4_000),
        "",
    ];
    for bad in hostile {
        let answer = toy
            .send("GET", "/open", &format!("X-Request-Id: {bad}\r\n"))
            .await;
        if answer.status == 400 {
            continue; // The parser of the head did not even take it.
        }
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        assert_ne!(id, bad);
        assert_eq!(
            (
                id.len(),
                uuid::Uuid::parse_str(&id).unwrap().get_version_num()
            ),
            (36, 7)
        );
    }
    let twice = ids_for(&toy, "X-Request-Id: a\r\nX-Request-Id: b\r\n")
        .await
        .0;
    assert_eq!(twice.len(), 36);
    let (one, two) = (ids_for(&toy, "").await.0, ids_for(&toy, "").await.0);
    assert_ne!(one, two);
}

#[tokio::test]
async fn a_valid_traceparent_is_kept_and_any_other_is_replaced() {
    let toy = toy();
    let trace = async |given: &str| ids_for(&toy, &format!("traceparent: {given}\r\n")).await.1;
    assert_eq!(trace(TRACE).await, TRACE);
    assert_eq!(
        trace(&TRACE.replacen("00", "cc", 1)).await,
        TRACE,
        "a later version"
    );
    let later = format!("{}-more", TRACE.replacen("00", "01", 1));
    assert_eq!(trace(&later).await, TRACE, "a later version with more");
    let hostile = [
        TRACE.replacen("00", "ff", 1),
        TRACE.to_uppercase(),
        format!("{TRACE}-more"),
        format!("{TRACE}0"),
        TRACE[..54].to_owned(),
        TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
        TRACE.replace("00f067aa0ba902b7", &"0".repeat(16)),
        TRACE.replace('-', "_"),
        "x".to_owned(),
        String::new(),
    ];
    for bad in hostile {
        let made = trace(&bad).await;
        assert_ne!(made, bad);
        assert_eq!(trace(&made).await, made, "what is made is valid: {made}");
        assert!(!bad.contains(&made[3..35]), "a new trace: {bad}");
    }
    assert_ne!(ids_for(&toy, "").await.1, ids_for(&toy, "").await.1);
}

#[tokio::test]
async fn every_answer_has_the_headers_and_a_problem_keeps_its_own() {
    let toy = toy();
    for target in [
        "/open",
        "/livez",
        "/docs",
        "/openapi.json",
        "/unknown",
        "/me",
        "/error",
    ] {
        let answer = toy.send("GET", target, "").await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{target}"
        );
        assert_eq!(answer.header("server"), None, "{target}");
        assert!(answer.header("x-request-id").is_some(), "{target}");
    }
    let answer = toy.send("GET", "/problem", "X-Request-Id: r-1\r\n").await;
    assert_eq!(answer.problem(), "unbalanced");
    assert_eq!(answer.header("ledger-revision"), Some("42"));
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(answer.header("x-bad"), None);
    let body = answer.json();
    assert_eq!(
        (body["index"].as_u64(), body["request_id"].as_str()),
        (Some(3), Some("r-1"))
    );
    assert_eq!(body["detail"], "by 1 \"USD\"");
    assert_eq!(
        answer.header("content-length"),
        Some(answer.body.len().to_string().as_str())
    );
}
