//! Holds and what becomes of them; accounts and ledgers that changed.

use daybook_events::ids::EventId;
use serde_json::{Value, json};

use super::books::of;
use super::fixture::Fixture;

async fn transaction(fixture: &Fixture, id: EventId) -> Value {
    let path = format!("/v1/ledgers/acme/transactions/{id}");
    fixture.client.get(&path).await.expect(200)
}

async fn list(fixture: &Fixture, query: &str) -> Vec<String> {
    let path = format!("/v1/ledgers/acme/transactions?order=asc&{query}");
    let list = fixture.client.get(&path).await.expect(200);
    of(&list, "id").into_iter().map(str::to_owned).collect()
}

fn ids(ids: &[EventId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_hold_shows_what_it_reserved_and_that_it_has_not_ended() {
    let (fixture, _, lived) = Fixture::with_all().await;
    let hold = transaction(&fixture, lived.open).await;
    let id = lived.open;
    assert_eq!(hold["status"], "pending");
    assert_eq!(hold["expires_at"], Value::Null);
    assert_eq!(hold["ended"], Value::Null);
    let object = hold.as_object().unwrap();
    assert!(object.contains_key("expires_at") && object.contains_key("ended"));
    assert_eq!(hold["metadata"], json!({"room": "12"}));
    // As it was placed, whatever was captured since.
    assert_eq!(
        hold["entries"],
        json!([
            {"id": format!("{id}:0"), "account": "users:1", "direction": "debit", "amount": "300",
             "asset": "USD", "balance": {"posted": "1050", "pending": "-300", "available": "750"}},
            {"id": format!("{id}:1"), "account": "users:12", "direction": "credit",
             "amount": "300", "asset": "USD",
             "balance": {"posted": "7", "pending": "300", "available": "7"}},
        ])
    );
    let path = "/v1/ledgers/acme/accounts/users:1/balances";
    let balances = fixture.client.get(path).await.expect(200);
    // 100 and 11 were captured; 50 were captured and reversed; 200 are still reserved.
    assert_eq!(
        balances["balances"]["USD"],
        json!({
            "posted": "939", "pending": "-200", "available": "739", "debits": "211",
            "credits": "1150", "pending_debits": "200", "pending_credits": "0",
        })
    );
}

fn balance_of([posted, pending, available]: [&str; 3]) -> Value {
    json!({"posted": posted, "pending": pending, "available": available})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_ended_says_when_how_why_and_what_it_released() {
    let (fixture, _, lived) = Fixture::with_all().await;
    let released = |amount: &str, user_1: [&str; 3], user_12: [&str; 3]| {
        json!([
            {"account": "users:1", "direction": "debit", "amount": amount, "asset": "USD",
             "balance": balance_of(user_1)},
            {"account": "users:12", "direction": "credit", "amount": amount, "asset": "USD",
             "balance": balance_of(user_12)},
        ])
    };
    let cases = [
        (
            lived.captured,
            "posted",
            "captured",
            Value::Null,
            // What is captured by the next event is still pending.
            released("30", ["950", "-250", "700"], ["107", "250", "107"]),
        ),
        (
            lived.voided,
            "voided",
            "voided",
            json!("changed my mind"),
            released("7", ["900", "-200", "700"], ["166", "200", "166"]),
        ),
        (
            lived.expired,
            "expired",
            "expired",
            Value::Null,
            released("13", ["889", "-200", "689"], ["177", "200", "177"]),
        ),
        (lived.whole, "posted", "captured", Value::Null, json!([])),
    ];
    for (id, status, outcome, reason, released) in cases {
        let hold = transaction(&fixture, id).await;
        assert_eq!(hold["status"], status);
        let ended = &hold["ended"];
        assert_eq!(ended["outcome"], outcome, "{hold}");
        assert_eq!(ended["reason"], reason, "{hold}");
        assert_eq!(ended["released"], released, "{outcome}");
        assert!(ended["revision"].as_u64() > hold["revision"].as_u64());
        assert!(ended["at"].as_str() > hold["recorded_at"].as_str());
        let expires = hold["expires_at"].is_string();
        assert_eq!(expires, id == lived.captured || id == lived.expired);
    }
    let capture = transaction(&fixture, lived.capture).await;
    assert_eq!(capture["captures"], lived.captured.to_string());
    assert_eq!(capture["status"], "posted");
    assert!(capture["reversed_by"].is_string());
    let object = capture.as_object().unwrap();
    assert!(!object.contains_key("expires_at") && !object.contains_key("ended"));
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_found_by_status_and_key_whatever_became_of_them() {
    let (fixture, mut book, lived) = Fixture::with_all().await;
    assert_eq!(list(&fixture, "status=pending").await, ids(&[lived.open]));
    assert_eq!(list(&fixture, "status=voided").await, ids(&[lived.voided]));
    let expired = list(&fixture, "status=expired").await;
    assert_eq!(expired, ids(&[lived.expired]));
    assert_eq!(
        list(&fixture, "status=voided&status=pending&status=expired").await,
        ids(&[lived.open, lived.voided, lived.expired])
    );
    let first = list(&fixture, "status=expired&status=voided&limit=1").await;
    assert_eq!(first, ids(&[lived.voided]));
    let pool = fixture.pool().await;
    let left_alone = "SELECT count(*) FROM books_v1.transactions WHERE status = 'pending'";
    let left_alone: i64 = sqlx::query_scalar(left_alone)
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(left_alone, 5, "the end of a hold writes no transaction");
    // Four of before, a transaction and a reversal, three captures and the holds they ended.
    let posted = list(&fixture, "status=posted").await;
    assert_eq!(posted.len(), 4 + 2 + 3 + 2);
    assert!(posted.contains(&lived.captured.to_string()));
    let by_account = list(&fixture, "account=users:1&status=expired").await;
    assert_eq!(by_account, ids(&[lived.expired]));
    let room = list(&fixture, "metadata[room]=12").await;
    assert_eq!(room, ids(&[lived.open]));
    assert!(list(&fixture, "metadata[channel]=web").await.is_empty());
    let shop = list(&fixture, "metadata[channel]=shop").await;
    assert_eq!(shop, ids(&[lived.tagged]));
    let held = daybook_domain::Command::PlaceHold(daybook_domain::PlaceHold {
        transaction: super::book::transfer("assets:bank", "users:1", 1),
        expires_at: None,
    });
    let held = book.run("acme", &held, Some("held")).await;
    let capture = daybook_domain::Command::Capture(daybook_domain::CaptureHold {
        hold: held.into(),
        what: daybook_domain::Captured::Rest,
        last: true,
        effective_at: super::book::effective("2026-03-01"),
        reference: super::book::reference("bill-1"),
        metadata: super::book::pairs(&[]),
    });
    let capture = book.run("acme", &capture, Some("captured")).await;
    fixture.caught_up("acme", book.revision("acme")).await;
    for (query, found) in [
        ("idempotency_key=held", held),
        ("idempotency_key=captured", capture),
        ("reference=bill-1", capture),
        ("effective_to=2026-03-01", capture),
    ] {
        assert_eq!(list(&fixture, query).await, ids(&[found]), "{query}");
    }
    // A refusal recorded no transaction.
    assert!(list(&fixture, "idempotency_key=refused").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_what_was_posted_with_balances_that_know_what_is_held() {
    let (fixture, _, _) = Fixture::with_all().await;
    let path = "/v1/ledgers/acme/accounts/users:1/entries?order=asc";
    let list = fixture.client.get(path).await.expect(200);
    let data = list["data"].as_array().unwrap();
    let rows: Vec<_> = data.iter().map(short).collect();
    assert_eq!(
        rows,
        [
            ["credit", "1050", "1050", "0"],
            ["credit", "50", "1100", "0"],
            ["debit", "50", "1050", "0"],
            ["debit", "100", "950", "-280"],
            ["debit", "50", "900", "-200"],
            ["debit", "11", "889", "-200"],
            ["credit", "50", "939", "-200"],
        ]
    );
}

fn short(entry: &Value) -> [&str; 4] {
    [
        &entry["direction"],
        &entry["amount"],
        &entry["balance"]["posted"],
        &entry["balance"]["pending"],
    ]
    .map(|value| value.as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_ledgers_are_shown_as_they_were_changed() {
    let (fixture, book, _) = Fixture::with_all().await;
    let get = async |path: &str| {
        let path = format!("/v1/ledgers/acme{path}");
        fixture.client.get(&path).await.expect(200)
    };
    let user = get("/accounts/users:1").await;
    assert_eq!(user["name"], "second");
    assert_eq!(user["metadata"], json!({"named": "second", "vip": "1"}));
    assert_eq!(user["status"], "open");
    assert!(user["revision"].as_u64().unwrap() > 8);
    let listed = async |query: &str| {
        let list = get(&format!("/accounts?{query}")).await;
        of(&list, "account").join(" ")
    };
    assert_eq!(listed("status=frozen").await, "users:12");
    assert_eq!(listed("status=closed").await, "users:1:wallet");
    let both = listed("status=closed&status=frozen").await;
    assert_eq!(both, "users:12 users:1:wallet");
    assert_eq!(listed("status=open").await, "assets:bank users:1");
    assert_eq!(listed("metadata[named]=first").await, "");
    assert_eq!(listed("metadata[named]=second").await, "users:1");
    let ledger = get("").await;
    assert_eq!(ledger["name"], "the books");
    assert_eq!(ledger["closed_through"], "2000-01-15");
    assert_eq!(ledger["metadata"], json!({"named": "the books"}));
    // Holds and captures are transactions; the ends of holds are not.
    assert_eq!(ledger["transactions"], 4 + 5 + 3 + 2);
    assert_eq!(ledger["revision"], book.revision("acme"));
    let all = fixture.client.get("/v1/ledgers").await.expect(200);
    assert_eq!(all["data"][0], ledger);
}
