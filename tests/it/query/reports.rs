//! What spans accounts or ledgers: the trial balance, and the list of ledgers.

use serde_json::{Value, json};

use super::books::of;
use super::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn the_trial_balance_is_equal_and_names_its_revision() {
    let (fixture, book) = Fixture::with_acme().await;
    let report = fixture
        .client
        .get("/v1/ledgers/acme/reports/trial-balance")
        .await
        .expect(200);
    let row = |account: &str, kind: &str, debit: &str, credit: &str| json!({"account": account, "type": kind, "asset": "USD", "debit": debit, "credit": credit});
    assert_eq!(
        report,
        json!({
            "revision": book.revision("acme"), "as_of": null, "known_at": null,
            "accounts": [
                row("assets:bank", "asset", "1057", "0"),
                row("users:1", "liability", "0", "1050"),
                row("users:12", "liability", "0", "7"),
            ],
            "totals": {"USD": {"debit": "1057", "credit": "1057"}},
        })
    );
    // A report that does not balance is never shown as if it did (INV-1).
    fixture
        .tamper("UPDATE books_v1.balances SET debits = debits + 1 WHERE account = 'users:12'")
        .await;
    let answer = fixture
        .client
        .get("/v1/ledgers/acme/reports/trial-balance")
        .await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "internal"));
    assert!(!answer.to_string().contains("1057"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_balance_beyond_the_bound_is_refused_for_good() {
    let (fixture, book) = Fixture::with_acme().await;
    let pool = fixture.pool().await;
    for statement in [
        "INSERT INTO books_v1.accounts SELECT ledger, 'many:' || number, type, normal_balance, \
         name, status, assets, limits, metadata, opened_at, revision \
         FROM books_v1.accounts, generate_series(1, 250000) AS number WHERE account = 'users:1'",
        "INSERT INTO books_v1.balances SELECT ledger, 'many:' || number, asset, debits, credits, \
         pending_debits, pending_credits, revision \
         FROM books_v1.balances, generate_series(1, 250000) AS number WHERE account = 'users:1'",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    let path = "/v1/ledgers/acme/reports/trial-balance";
    let answer = fixture.client.get(path).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "validation"));
    assert_eq!(answer.header("Retry-After"), None);
    assert_eq!(answer.revision(), book.revision("acme"));
    let said = answer.to_string();
    assert!(
        said.contains("250000") && said.contains("/v1/ledgers/acme/accounts"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_sees_the_ledgers_whose_books_it_may_read() {
    let mut fixture = Fixture::start().await;
    let mut book = fixture.book();
    for ledger in ["shop-1", "shop-2", "shop_3", "shops", "acme"] {
        book.open(ledger).await;
    }
    fixture.project();
    for ledger in ["shop-1", "shop-2", "shop_3", "shops", "acme"] {
        fixture.caught_up(ledger, 0).await;
    }
    let list = async |role: &str, pattern: &str, query: &str| {
        let client = fixture.client_as(role, pattern);
        let list = client.get(&format!("/v1/ledgers{query}")).await.expect(200);
        assert_eq!(list["revision"], Value::Null);
        of(&list, "ledger").join(" ")
    };
    assert_eq!(
        list("reader", "*", "").await,
        "acme shop-1 shop-2 shop_3 shops"
    );
    assert_eq!(list("reader", "shop-*", "").await, "shop-1 shop-2");
    assert_eq!(list("reader", "shop_*", "?order=desc").await, "shop_3");
    assert_eq!(list("reader", "shop_1", "").await, "");
    assert_eq!(list("reader", "%", "").await, "");
    assert_eq!(list("admin", "*", "").await, "");
    let all = fixture.client.get("/v1/ledgers?limit=3").await.expect(200);
    let cursor = all["next_cursor"].as_str().unwrap();
    let rest = fixture
        .client
        .get(&format!("/v1/ledgers?limit=3&cursor={cursor}"))
        .await;
    assert_eq!(of(&rest.expect(200), "ledger"), ["shop_3", "shops"]);
    let other = fixture.client_as("reader", "acme");
    let answer = other.get(&format!("/v1/ledgers?cursor={cursor}")).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "validation"));
}
