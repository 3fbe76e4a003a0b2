//! The state that a replay gives is the one that the views showed.

use daybook_domain::StatusChange;
use daybook_tests::client;
use reqwest::Method;
use serde_json::{Value, json};

use super::book::Book;
use super::fixture::Fixture;

/// What the views show, in the form of a state.
async fn shown(fixture: &Fixture, book: &Book) -> (u64, Value) {
    let revision = book.revision("acme");
    fixture.caught_up("acme", revision).await;
    let get = async |path: &str| {
        let path = format!("/v1/ledgers/acme{path}");
        let answer = fixture.client.get(&path).await.checked(200);
        assert_eq!(answer.revision(), revision);
        answer.json()
    };
    let accounts = get("/accounts").await["data"].take();
    let accounts = accounts.as_array().unwrap().iter().map(|account| {
        let members = ["account", "type", "normal_balance", "status", "balances"];
        let picked = members.map(|member| (member.to_owned(), account[member].clone()));
        Value::Object(picked.into_iter().collect())
    });
    let holds = get("/transactions?status=pending").await["data"].take();
    let mut holds: Vec<Value> = holds.as_array().unwrap().clone();
    holds.sort_by_key(|hold| hold["id"].as_str().unwrap().to_owned());
    let holds = holds
        .iter()
        .map(|hold| json!({"id": hold["id"], "expires_at": hold["expires_at"]}));
    let state = json!({
        "ledger": "acme", "revision": revision, "closed_through": get("").await["closed_through"],
        "accounts": accounts.collect::<Vec<_>>(), "holds": holds.collect::<Vec<_>>(),
    });
    (revision, state)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_to_any_revision_gives_what_the_views_showed_then() {
    let (fixture, mut book) = Fixture::with_acme().await;
    let mut seen = vec![shown(&fixture, &book).await];
    let rent = |amount| ("users:1", "users:12", amount);
    let first = book.hold("acme", rent(300), Some(60)).await;
    seen.push(shown(&fixture, &book).await);
    let second = book.hold("acme", rent(50), None).await;
    book.capture("acme", first, (Some(100), false)).await;
    seen.push(shown(&fixture, &book).await);
    book.change_status("acme", "users:12", StatusChange::Freeze)
        .await;
    seen.push(shown(&fixture, &book).await);
    book.capture("acme", second, (Some(20), true)).await;
    book.close_through("acme", "2001-12-31").await;
    seen.push(shown(&fixture, &book).await);
    book.wait_s(60);
    book.expire("acme", first).await;
    book.change_status("acme", "users:1:wallet", StatusChange::Close)
        .await;
    seen.push(shown(&fixture, &book).await);
    let last = book.revision("acme");
    for (revision, mut expected) in seen {
        let path = format!("/v1/ledgers/acme/state?at={revision}");
        let answer = fixture.client.get(&path).await.checked(200);
        assert_eq!(answer.revision(), revision);
        let mut state = answer.json();
        assert!(state["recorded_at"].is_string());
        expected["recorded_at"] = state["recorded_at"].clone();
        for hold in state["holds"].as_array_mut().unwrap() {
            let remaining = hold.as_object_mut().unwrap().remove("remaining").unwrap();
            assert_eq!(remaining.as_array().unwrap().len(), 2, "{remaining}");
        }
        assert_eq!(state, expected, "at revision {revision}");
    }
    let whole = fixture.client.get("/v1/ledgers/acme/state").await;
    assert_eq!(whole.expect(200)["revision"], last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_shows_what_holds_still_reserve() {
    let (fixture, mut book) = Fixture::with_acme().await;
    let rent = ("users:1", "users:12", 300);
    let hold = book.hold("acme", rent, None).await;
    book.capture("acme", hold, (Some(100), false)).await;
    let path = "/v1/ledgers/acme/state";
    let state = fixture.client.get(path).await.expect(200);
    assert_eq!(
        state["holds"],
        json!([{
            "id": hold.to_string(), "expires_at": null,
            "remaining": [
                {"account": "users:1", "direction": "debit", "amount": "200", "asset": "USD"},
                {"account": "users:12", "direction": "credit", "amount": "200", "asset": "USD"},
            ],
        }])
    );
    // No view is asked: they may say what they like.
    fixture
        .tamper("UPDATE books_v1.balances SET debits = 0 WHERE account = 'users:1'")
        .await;
    assert_eq!(fixture.client.get(path).await.expect(200), state);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_of_a_revision_that_is_there() {
    let (fixture, mut book) = Fixture::with_acme().await;
    let hold = book.hold("acme", ("users:1", "users:12", 300), None).await;
    book.capture("acme", hold, (None, true)).await;
    let last = book.revision("acme");
    let path = format!("/v1/ledgers/acme/state?at={last}");
    let first = fixture.client.get(&path).await.checked(200);
    let etag = first.header("ETag").unwrap();
    let request = fixture.client.request(Method::GET, &path);
    let same = client::sent(request.header("If-None-Match", etag)).await;
    assert_eq!((same.status, same.revision()), (304, last));
    let opened = fixture.client.get("/v1/ledgers/acme/state?at=0").await;
    assert_eq!(opened.expect(200)["accounts"], json!([]));
    for (query, status, code) in [
        (format!("at={}&wait_ms=100", last + 1), 503, "view_behind"),
        // The end of the hold, which its capture follows.
        (format!("at={}", last - 1), 422, "validation"),
        ("at=-1".to_owned(), 400, "validation"),
        ("at=1&limit=3".to_owned(), 400, "validation"),
    ] {
        let path = format!("/v1/ledgers/acme/state?{query}");
        let answer = fixture.client.get(&path).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    let unknown = fixture.client.get("/v1/ledgers/nowhere/state?at=1").await;
    assert_eq!(
        (unknown.status, unknown.code().as_str()),
        (404, "ledger_not_found")
    );
    let reader = fixture.client_as("reader", "acme");
    let answer = reader.get(&path).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"));
}
