//! What the books say.

use daybook_events::money::AccountType;
use serde_json::{Value, json};

use super::book::{effective, pairs, reference, transfer};
use super::fixture::Fixture;

const EVERY_USER: &str = "users:1 users:1-2 users:12 users:1:wallet users:1_";

pub(crate) fn of<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    let rows = list["data"].as_array().unwrap();
    rows.iter()
        .map(|row| row[field].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_shows_its_counts_and_the_revision_that_it_reflects() {
    let (fixture, book) = Fixture::with_acme().await;
    let answer = fixture.client.get("/v1/ledgers/acme").await.checked(200);
    let revision = book.revision("acme");
    assert_eq!(answer.revision(), revision);
    assert_eq!(answer.header("Cache-Control"), Some("private, no-cache"));
    let mut ledger = answer.json();
    assert!(ledger["opened_at"].as_str().unwrap().ends_with('Z'));
    ledger["opened_at"] = Value::Null;
    assert_eq!(
        ledger,
        json!({
            "ledger": "acme", "name": null, "time_zone": "UTC", "revision": revision,
            "accounts": 4, "transactions": 4, "closed_through": null, "opened_at": null,
            "metadata": {},
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_shows_every_balance_in_its_normal_direction() {
    let (fixture, book) = Fixture::with_acme().await;
    let revision = book.revision("acme");
    let user = fixture
        .client
        .get("/v1/ledgers/acme/accounts/users:1")
        .await;
    assert_eq!(user.revision(), revision);
    let user = user.expect(200);
    assert_eq!(user["type"], "liability");
    assert_eq!(user["normal_balance"], "credit");
    assert_eq!(user["status"], "open");
    assert!(user.get("assets").is_none());
    let balance = json!({
        "posted": "1050", "pending": "0", "available": "1050", "debits": "50", "credits": "1100",
        "pending_debits": "0", "pending_credits": "0",
    });
    assert_eq!(user["balances"], json!({"USD": balance}));
    let path = "/v1/ledgers/acme/accounts/users:1/balances";
    assert_eq!(
        fixture.client.get(path).await.expect(200),
        json!({"account": "users:1", "balances": {"USD": balance}, "revision": revision})
    );
    let bank = fixture
        .client
        .get("/v1/ledgers/acme/accounts/assets:bank")
        .await
        .expect(200);
    assert_eq!(bank["balances"]["USD"]["posted"], "1057");
    let empty = fixture
        .client
        .get("/v1/ledgers/acme/accounts/users:1:wallet")
        .await
        .expect(200);
    assert_eq!(empty["balances"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_filtered_by_prefix_type_status_and_metadata() {
    let mut fixture = Fixture::start().await;
    let mut book = fixture.book();
    book.open("acme").await;
    let hostile = [("k", "it's 100%_\\ \"x\""), ("a]b[c", "1")];
    book.account_with("acme", "b_x", AccountType::Expense, &hostile)
        .await;
    book.account("acme", "bax", AccountType::Asset).await;
    for account in [
        "users:1",
        "users:1:wallet",
        "users:1_",
        "users:12",
        "users:1-2",
    ] {
        book.account_with("acme", account, AccountType::Liability, &[("k", "v")])
            .await;
    }
    fixture.project();
    fixture.caught_up("acme", book.revision("acme")).await;
    let list = async |query: &str| {
        let path = format!("/v1/ledgers/acme/accounts?{query}");
        let list = fixture.client.get(&path).await.expect(200);
        of(&list, "account").join(" ")
    };
    assert_eq!(
        list("").await,
        "b_x bax users:1 users:1-2 users:12 users:1:wallet users:1_"
    );
    assert_eq!(list("prefix=users:1").await, "users:1 users:1:wallet");
    assert_eq!(
        list("prefix=users:1&prefix=users:1-2").await,
        "users:1 users:1-2 users:1:wallet"
    );
    assert_eq!(list("prefix=users&prefix=users-1").await, EVERY_USER);
    assert_eq!(list("prefix=b_x").await, "b_x");
    assert_eq!(list("prefix=b_x&prefix=users:12").await, "b_x users:12");
    assert_eq!(list("type=asset&type=expense&order=desc").await, "bax b_x");
    assert_eq!(list("status=frozen").await, "");
    assert_eq!(
        list("type=liability&status=open&prefix=users:12").await,
        "users:12"
    );
    let quoted = "metadata%5Bk%5D=it%27s%20100%25_%5C%20%22x%22";
    assert_eq!(list(quoted).await, "b_x");
    assert_eq!(list("metadata[k]=%25").await, "");
    assert_eq!(
        list("metadata[k]=v&metadata[k]=none&prefix=users:12").await,
        "users:12"
    );
    assert_eq!(list("metadata[a]b[c]=1").await, "b_x");
    assert_eq!(list("metadata[k]=v&metadata[a]b[c]=1").await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_is_wrong_by_itself_is_refused() {
    let (fixture, _) = Fixture::with_acme().await;
    let get = async |query: &str| {
        let path = format!("/v1/ledgers/acme/accounts?{query}");
        fixture.client.get(&path).await
    };
    for wrong in [
        "prefix=users:",
        "prefix=%25",
        "prefix=a%27;drop",
        "type=Asset",
        "status=",
        "metadata[k]=%00",
        "limit=0",
        "limit=1001",
        "limit=%2B1",
        "order=up",
        "min_revision=-1",
        "min_revision=99999999999999999999",
        "wait_ms=30001",
        "unknown=1",
        "as_of=2026-01-01",
    ] {
        let answer = get(wrong).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "validation"),
            "{wrong}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_carry_the_running_balance_in_recorded_order() {
    let (fixture, _) = Fixture::with_acme().await;
    let path = "/v1/ledgers/acme/accounts/assets:bank/entries";
    let newest_first = fixture.client.get(path).await.expect(200);
    let running = |list: &Value| -> Vec<String> {
        let rows = list["data"].as_array().unwrap();
        rows.iter()
            .map(|row| row["balance"]["posted"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(running(&newest_first), ["1057", "1107", "1057", "1050"]);
    let oldest_first = fixture
        .client
        .get(&format!("{path}?order=asc"))
        .await
        .expect(200);
    assert_eq!(running(&oldest_first), ["1050", "1057", "1107", "1057"]);
    let first = &oldest_first["data"][0];
    let transaction = first["transaction_id"].as_str().unwrap();
    assert_eq!(first["id"], format!("{transaction}:0"));
    assert_eq!(first["direction"], "debit");
    assert_eq!(first["amount"], "1050");
    assert_eq!(first["effective_at"], first["recorded_at"]);
    let named = fixture.client.get(&format!("{path}?by=recorded")).await;
    assert_eq!(named.expect(200), newest_first);
    for later in ["by=effective", "from=2026-01-01", "to=2026-01-01"] {
        let answer = fixture.client.get(&format!("{path}?{later}")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "validation"));
        assert!(answer.to_string().contains("not supported yet"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_shown_as_it_was_posted_and_knows_its_reversal() {
    let (fixture, _) = Fixture::with_acme().await;
    let list = fixture
        .client
        .get("/v1/ledgers/acme/transactions")
        .await
        .expect(200);
    let (reversal, reversed) = (&list["data"][0], &list["data"][1]);
    assert_eq!(reversal["reverses"], reversed["id"]);
    assert_eq!(reversed["reversed_by"], reversal["id"]);
    assert_eq!(reversal["reason"], "a mistake");
    assert_eq!(reversed["status"], "posted");
    let id = reversed["id"].as_str().unwrap();
    let path = format!("/v1/ledgers/acme/transactions/{id}");
    let one = fixture.client.get(&path).await.expect(200);
    assert_eq!(&one, reversed);
    let fields: Vec<_> = one.as_object().unwrap().keys().cloned().collect();
    let mut expected = vec![
        "id",
        "ledger",
        "revision",
        "status",
        "reference",
        "code",
        "description",
        "recorded_at",
        "effective_at",
        "related_to",
        "entries",
        "reverses",
        "reversed_by",
        "captures",
        "reason",
        "metadata",
    ];
    let mut sorted = fields.clone();
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    assert_eq!(
        one["entries"][1],
        json!({
            "id": format!("{id}:1"), "account": "users:1", "direction": "credit", "amount": "50",
            "asset": "USD", "balance": {"posted": "1100", "pending": "0", "available": "1100"},
        })
    );
    let upper = format!("/v1/ledgers/acme/transactions/{}", id.to_uppercase());
    assert_eq!(fixture.client.get(&upper).await.expect(200), one);
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_filtered_by_everything_that_the_contract_names() {
    let (mut fixture, mut book) = Fixture::with_acme().await;
    let mut first = transfer("assets:bank", "users:12", 11);
    first.reference = reference("order 'a' 100%_\\");
    first.code = Some(daybook_events::ids::Code::parse("sale").unwrap());
    first.effective_at = effective("2026-03-01");
    first.metadata = pairs(&[("channel", "web"), ("quote", "it's")]);
    let first = book
        .post_whole("acme", first, "key 'one'")
        .await
        .to_string();
    let mut second = transfer("users:12", "users:1:wallet", 3);
    second.reference = reference("order-b");
    second.effective_at = effective("2026-03-02T12:00:00Z");
    second.metadata = pairs(&[("channel", "web")]);
    let second = book.post_whole("acme", second, "key-two").await.to_string();
    fixture.caught_up("acme", book.revision("acme")).await;
    let list = async |query: &str| {
        let path = format!("/v1/ledgers/acme/transactions?{query}");
        let list = fixture.client.get(&path).await.expect(200);
        of(&list, "id").join(" ")
    };
    let both = format!("{second} {first}");
    assert_eq!(list("reference=order%20%27a%27%20100%25_%5C").await, first);
    assert_eq!(list("reference=order-b&reference=order-c").await, second);
    assert_eq!(list("reference=order%25").await, "");
    assert_eq!(list("idempotency_key=key%20%27one%27").await, first);
    assert_eq!(list("code=sale").await, first);
    assert_eq!(list("metadata[channel]=web").await, both);
    assert_eq!(
        list("metadata[channel]=web&metadata[quote]=it%27s").await,
        first
    );
    assert_eq!(list("account=users:1:wallet").await, second);
    assert_eq!(
        list("account=users:1:wallet&account=users:12&limit=2").await,
        both
    );
    assert_eq!(list("account=nobody").await, "");
    assert_eq!(list("status=voided").await, "");
    assert_eq!(list("effective_to=2026-03-02").await, both);
    assert_eq!(list("effective_to=2026-03-01").await, first);
    assert_eq!(
        list("effective_from=2026-03-02&effective_to=2026-03-02").await,
        second
    );
    assert_eq!(list("effective_to=2026-03-02T12:00:00Z").await, first);
    let instants = "effective_from=2026-03-02T12:00:00Z&effective_to=2026-03-02T12:00:00.000001Z";
    assert_eq!(list(instants).await, second);
    let path = format!("/v1/ledgers/acme/transactions/{first}");
    let shown = fixture.client.get(&path).await.expect(200);
    assert_eq!(shown["effective_at"], "2026-03-01");
    for wrong in [
        "account=a:",
        "effective_from=yesterday",
        "reference=",
        "status=open",
    ] {
        let path = format!("/v1/ledgers/acme/transactions?{wrong}");
        let answer = fixture.client.get(&path).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "validation"),
            "{wrong}"
        );
    }
    fixture.stop_projecting().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_has_its_own_code_and_the_revision_it_was_looked_up_at() {
    let (fixture, book) = Fixture::with_acme().await;
    for (path, code) in [
        ("accounts/nobody", "account_not_found"),
        ("accounts/nobody/balances", "account_not_found"),
        ("accounts/nobody/entries", "account_not_found"),
        ("accounts/no:body:", "account_not_found"),
        (
            "transactions/0198c5e2-0000-7000-8000-000000000001",
            "transaction_not_found",
        ),
        ("transactions/none", "transaction_not_found"),
    ] {
        let answer = fixture
            .client
            .get(&format!("/v1/ledgers/acme/{path}"))
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, code),
            "{path}"
        );
        assert_eq!(answer.revision(), book.revision("acme"), "{path}");
    }
    for path in [
        "",
        "/accounts",
        "/accounts/a",
        "/transactions",
        "/reports/trial-balance",
    ] {
        let answer = fixture
            .client
            .get(&format!("/v1/ledgers/nowhere{path}"))
            .await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "ledger_not_found"),
            "{path}"
        );
    }
    let events = fixture.client.get("/v1/ledgers/nowhere/events").await;
    assert_eq!(
        (events.status, events.code().as_str()),
        (404, "ledger_not_found")
    );
}
