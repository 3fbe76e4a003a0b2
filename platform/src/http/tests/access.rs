use super::*;

fn writer_on(scopes: &[&str]) -> Value {
    json!([{"ledgers": scopes, "roles": ["writer"]}])
}

#[tokio::test]
async fn every_route_answers_by_who_asks_and_for_which_scope() {
    let toy = toy();
    let none = String::new();
    let writer = toy.bearer(writer_on(&["acme"]));
    let reader = toy.bearer(json!([{"ledgers": ["acme"], "roles": ["reader"]}]));
    let idle = toy.bearer(json!([{"ledgers": ["acme"], "roles": ["idle", "unheard-of"]}]));
    let ungranted = toy.bearer(json!([]));
    let bad = "Authorization: Bearer nonsense\r\n".to_owned();
    let callers = [&none, &bad, &ungranted, &idle, &reader, &writer];
    // One column per caller, in that order.
    let matrix = [
        ("GET", "/open", [200, 200, 200, 200, 200, 200]),
        ("GET", "/me", [401, 401, 200, 200, 200, 200]),
        ("GET", "/things/acme", [401, 401, 404, 200, 200, 200]),
        ("POST", "/things/acme", [401, 401, 404, 403, 403, 200]),
        (
            "GET",
            "/things/acme/items/7",
            [401, 401, 404, 403, 200, 200],
        ),
        ("GET", "/things/foreign", [401, 401, 404, 404, 404, 404]),
        ("POST", "/things/foreign", [401, 401, 404, 404, 404, 404]),
        (
            "GET",
            "/things/foreign/items/7",
            [401, 401, 404, 404, 404, 404],
        ),
        ("GET", "/things/special", [200, 200, 200, 200, 200, 200]),
        ("GET", "/unknown", [404, 404, 404, 404, 404, 404]),
        ("PUT", "/things/acme", [405, 405, 405, 405, 405, 405]),
        ("HEAD", "/things/acme", [405, 405, 405, 405, 405, 405]),
    ];
    for (method, target, expected) in matrix {
        for (caller, status) in callers.iter().zip(expected) {
            let answer = toy.send(method, target, caller).await;
            assert_eq!(
                answer.status, status,
                "{method} {target} {caller} {}",
                answer.body
            );
            if answer.status >= 400 && method != "HEAD" {
                let code = answer.problem();
                let known = match status {
                    401 => "unauthenticated",
                    403 => "forbidden",
                    404 if target == "/unknown" => "not_found",
                    404 => "thing_not_found",
                    _ => "method_not_allowed",
                };
                assert_eq!(code, known, "{method} {target}");
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_says_what_is_lacking_and_no_more() {
    let toy = toy();
    let answer = toy.send("GET", "/me", "").await;
    assert_eq!(
        answer.header("www-authenticate"),
        Some("bearer realm=\"daybook\"")
    );
    let reader = toy.bearer(json!([{"ledgers": ["acme"], "roles": ["reader"]}]));
    let answer = toy.send("POST", "/things/acme", &reader).await;
    assert!(
        answer.json()["detail"]
            .as_str()
            .unwrap()
            .contains("`things:write`")
    );

    toy.hand.advance_micros(700 * 1_000_000);
    let answer = toy.send("GET", "/things/acme", &reader).await;
    assert_eq!(answer.status, 401);
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .contains("error=\"invalid_token\"")
    );
    assert!(answer.body.contains("expired"));
}

#[tokio::test]
async fn a_scope_that_is_not_covered_looks_like_one_that_is_malformed() {
    let toy = toy();
    let writer = toy.bearer(writer_on(&["acme"]));
    let everything = toy.bearer(writer_on(&["*"]));
    let blank = |answer: &Answer| {
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        body
    };
    let foreign = blank(&toy.send("GET", "/things/foreign", &writer).await);
    for scope in [
        "ACME",
        "acme%20",
        "a%00",
        "%2e%2e",
        "..",
        "acme%2Fitems",
        "%ff",
        "acme%25",
    ] {
        let answer = toy.send("GET", &format!("/things/{scope}"), &writer).await;
        assert_eq!(answer.status, 404, "{scope}");
        assert_eq!(blank(&answer), foreign, "{scope}");
        if scope != "ACME" {
            // A caller of every scope is told the same: such a name is nobody's.
            let answer = toy
                .send("GET", &format!("/things/{scope}"), &everything)
                .await;
            let expected = if scope == "acme%20" { 200 } else { 404 };
            assert_eq!(answer.status, expected, "{scope}");
            assert!(
                expected == 200 || blank(&answer) == foreign,
                "{scope}: {}",
                answer.body
            );
        }
    }
}

#[tokio::test]
async fn a_segment_never_becomes_another_route_or_another_scope() {
    let toy = toy();
    let everything = toy.bearer(writer_on(&["*"]));
    let cases = [
        ("/things/acme/items/7", 200),
        ("/things/a:b.c-d_e", 200),
        ("/things/%61cme", 200),
        ("/things/acme%2Fitems%2F7", 404),
        ("/things%2Facme", 404),
        ("/things/acme%2fitems/7", 404),
        ("/things/..", 404),
        ("/things/../me", 404),
        ("/things/%2e%2e/items/7", 404),
        ("/things/acme/items/..%2F..%2Fforeign", 404),
        ("/things/acme/items/%2e%2e", 404),
        ("/things/acme/items/.", 404),
        ("/things/acme/items/a%5Cb", 404),
        ("/things/acme/items/a%00b", 404),
        ("/things/acme/items/a%0d%0ab", 404),
        ("/things/acme/items/%ff", 404),
        ("/things/acme/items/%2541", 404),
        ("/things//items/7", 404),
        ("//things/acme", 404),
        ("/things/acme/", 404),
        ("/things/", 404),
        ("/THINGS/acme", 404),
    ];
    for (target, status) in cases {
        let answer = toy.send("GET", target, &everything).await;
        assert_eq!(answer.status, status, "{target}: {}", answer.body);
        if status == 404 {
            assert!(["not_found", "thing_not_found"].contains(&answer.problem().as_str()));
        }
    }
}

#[tokio::test]
async fn the_order_of_the_table_does_not_matter() {
    let toy = toy();
    assert_eq!(toy.send("GET", "/things/special", "").await.body, "special");
    let idle = toy.bearer(json!([{"ledgers": ["acme"], "roles": ["idle"]}]));
    // The general `{part}/{id}` route asks for less: it must not take what `items/{id}` guards.
    assert_eq!(
        toy.send("GET", "/things/acme/items/7", &idle).await.status,
        403
    );
    assert_eq!(
        toy.send("GET", "/things/acme/other/7", &idle).await.status,
        200
    );
}

#[tokio::test]
async fn a_known_address_names_its_methods() {
    let toy = toy();
    let answer = toy.send("DELETE", "/open", "").await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("get, post"))
    );
    let answer = toy.send("BREW", "/things/acme", "").await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("get, post"))
    );
}

#[tokio::test]
async fn credentials_in_any_other_form_are_refused() {
    let toy = toy();
    let good = toy.bearer(writer_on(&["acme"]));
    let token = good.trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(
        toy.send("GET", "/me", &format!("authorization: bearer {token}\r\n"))
            .await
            .status,
        200
    );
    let others = [
        format!("Authorization: {token}\r\n"),
        format!("Authorization: Basic {token}\r\n"),
        "Authorization: Bearer\r\n".to_owned(),
        "Authorization: Bearer \r\n".to_owned(),
        format!("Authorization: Bearer {token} x\r\n"),
        format!("Authorization: Bearer {token}, Bearer {token}\r\n"),
        format!("{good}{good}"),
        format!("Cookie: token={token}\r\n"),
        format!("Authorization: Bearer {}\r\n", "a".repeat(9_000)),
        "Authorization: Bearer \u{e9}\r\n".to_owned(),
    ];
    for headers in others {
        let answer = toy.send("GET", "/me", &headers).await;
        assert_eq!(answer.status, 401, "{headers}");
        answer.problem();
    }
    assert_eq!(
        toy.send("GET", &format!("/me?access_token={token}"), "")
            .await
            .status,
        401
    );
}

#[test]
fn a_table_that_is_wrong_by_itself_is_refused_at_start() {
    let route: fn() -> Route = || web::to(special);
    let twice = vec![
        spec(Method::GET, "/a", Access::Public, route),
        spec(Method::GET, "/a", Access::SignedIn, route),
    ];
    let unscoped = vec![spec(
        Method::GET,
        "/a/{other}",
        Access::Permission("x"),
        route,
    )];
    for (routes, word) in [(twice, "twice"), (unscoped, "INV-10")] {
        let signer = Signer::new("k1", Algorithm::EdDSA);
        let api = Api {
            verifier: signer.verifier(),
            clock: Clock::system(),
            scope_param: "ledger",
            scope_not_found: Problem::not_found,
            routes: routes.into(),
        };
        let start = std::panic::AssertUnwindSafe(|| {
            actix_web::App::new().configure(|cfg| api.configure(cfg))
        });
        let panic = std::panic::catch_unwind(start).map(drop).unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().contains(word));
    }
}
