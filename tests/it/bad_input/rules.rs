//! What a rule of the ledger refuses: a row per code, in the order of the list of problems.

use daybook_tests::Client;
use reqwest::Method;
use serde_json::{Value, json};

use super::rows::{ACCOUNTS, Row, TRANSACTIONS, amount, good, row, spoiled};

const POSTED: &str = "0198c5e2-0000-7000-8000-00000000000a";
const REVERSED: &str = "0198c5e2-0000-7000-8000-00000000000b";
const HELD: &str = "0198c5e2-0000-7000-8000-00000000000c";
const VOIDED: &str = "0198c5e2-0000-7000-8000-00000000000d";
const NOTHING: &str = "0198c5e2-0000-7000-8000-000000000001";
const PERIODS: &str = "/v1/ledgers/acme/periods";

/// The state that the rows stand on.
pub(super) async fn prepare(client: &Client) {
    client.open_ledger("acme").await;
    let accounts = [
        ("cash", "asset"),
        ("customers", "liability"),
        ("frozen", "liability"),
        ("closed", "liability"),
    ];
    client.open_accounts("acme", &accounts).await;
    let limited = json!({"account": "no-overdraft", "type": "liability",
        "limits": {"USD": {"min_available": "0"}}});
    let capped = json!({"account": "capped", "type": "liability",
        "limits": {"USD": {"max_balance": "4"}}});
    let restricted = json!({"account": "only-eur", "type": "asset", "assets": ["EUR"]});
    let mut reversed = transaction(REVERSED, "posted");
    reversed["reference"] = "taken".into();
    let why = json!({"reason": "because"});
    let through = json!({"through": "2020-12-31", "reason": "year end"});
    let done = [
        (ACCOUNTS.to_owned(), limited, 201),
        (ACCOUNTS.to_owned(), capped, 201),
        (ACCOUNTS.to_owned(), restricted, 201),
        (TRANSACTIONS.to_owned(), transaction(POSTED, "posted"), 201),
        (TRANSACTIONS.to_owned(), reversed, 201),
        (TRANSACTIONS.to_owned(), transaction(HELD, "pending"), 201),
        (TRANSACTIONS.to_owned(), transaction(VOIDED, "pending"), 201),
        (of(REVERSED, "reverse"), why.clone(), 201),
        (of(VOIDED, "void"), json!({}), 200),
        (format!("{ACCOUNTS}/frozen/freeze"), why.clone(), 200),
        (format!("{ACCOUNTS}/closed/close"), why, 200),
        (format!("{PERIODS}/close"), through, 200),
    ];
    for (number, (path, body, status)) in done.into_iter().enumerate() {
        let key = format!("prepared-{number}");
        client.post(&path, &key, &body).await.expect(status);
    }
    client.post(TRANSACTIONS, "used", &good()).await.expect(201);
}

fn transaction(id: &str, status: &str) -> Value {
    let mut body = good();
    body["id"] = id.into();
    body["status"] = status.into();
    body
}

fn of(id: &str, action: &str) -> String {
    format!("{TRANSACTIONS}/{id}/{action}")
}

/// What the path names, and what was done before.
pub(super) fn conflicts() -> Vec<Row> {
    [missing(), ended(), taken()]
        .into_iter()
        .flatten()
        .collect()
}

/// What the path names is not there.
fn missing() -> Vec<Row> {
    let why = json!({"reason": "r"}).to_string();
    let nobody = format!("{ACCOUNTS}/nobody");
    let name = json!({"name": "n"}).to_string();
    let not_found = (404, "transaction_not_found");
    let no_account = (404, "account_not_found");
    vec![
        row("a patch of no account", &nobody, name, no_account).by(Method::PATCH),
        row(
            "no account to freeze",
            format!("{nobody}/freeze"),
            &*why,
            no_account,
        ),
        row(
            "the reversal of nothing",
            of(NOTHING, "reverse"),
            why,
            not_found,
        ),
        row("the capture of nothing", of(NOTHING, "post"), "", not_found),
        row("the void of nothing", of(NOTHING, "void"), "", not_found),
        row(
            "the pairs of nothing",
            format!("{TRANSACTIONS}/{NOTHING}"),
            r#"{"metadata":null}"#,
            not_found,
        )
        .by(Method::PATCH),
    ]
}

/// What has come to its end already, or is of another kind.
fn ended() -> Vec<Row> {
    let why = json!({"reason": "r"}).to_string();
    vec![
        row(
            "a second reversal",
            of(REVERSED, "reverse"),
            &*why,
            (409, "already_reversed"),
        ),
        row(
            "a capture of what was voided",
            of(VOIDED, "post"),
            "",
            (409, "already_settled"),
        ),
        row(
            "a second void",
            of(VOIDED, "void"),
            "",
            (409, "already_settled"),
        ),
        row(
            "a capture of what was posted",
            of(POSTED, "post"),
            "",
            (409, "not_a_hold"),
        ),
        row(
            "a void of what was posted",
            of(POSTED, "void"),
            "",
            (409, "not_a_hold"),
        ),
        row(
            "the reversal of a hold",
            of(HELD, "reverse"),
            &*why,
            (409, "not_posted"),
        ),
        row(
            "the reversal of a void",
            of(VOIDED, "reverse"),
            why,
            (409, "not_posted"),
        ),
    ]
}

/// Names and revisions that were used before.
fn taken() -> Vec<Row> {
    vec![
        row(
            "an id of another transaction",
            TRANSACTIONS,
            {
                let mut body = transaction(POSTED, "posted");
                body["code"] = "other".into();
                body.to_string()
            },
            (409, "already_exists"),
        ),
        row(
            "a reference that is taken",
            TRANSACTIONS,
            spoiled(|body| body["reference"] = "taken".into()),
            (409, "reference_conflict"),
        ),
        row(
            "a revision that is past",
            TRANSACTIONS,
            good().to_string(),
            (412, "revision_conflict"),
        )
        .with("If-Match", "\"1\""),
        row(
            "a key of another request",
            TRANSACTIONS,
            spoiled(|body| body["code"] = "other".into()),
            (422, "idempotency_conflict"),
        )
        .with("Idempotency-Key", "used"),
    ]
}

/// What the entries of a transaction break.
pub(super) fn rules() -> Vec<Row> {
    [entries(), times_and_bounds()]
        .into_iter()
        .flatten()
        .collect()
}

/// What entries name.
fn entries() -> Vec<Row> {
    let unbalanced = amount("\"6\"");
    let unknown = |name: &'static str, value: &'static str| {
        spoiled(|body| {
            body["entries"][0][name] = value.into();
            if name == "asset" {
                body["entries"][1][name] = value.into();
            }
        })
    };
    vec![
        row("unbalanced", TRANSACTIONS, unbalanced, (422, "unbalanced")),
        row(
            "an unknown account",
            TRANSACTIONS,
            unknown("account", "none"),
            (422, "account_not_found"),
        ),
        row(
            "an unknown asset",
            TRANSACTIONS,
            unknown("asset", "QQQ1"),
            (422, "asset_unknown"),
        ),
        row(
            "an asset not allowed",
            TRANSACTIONS,
            spoiled(|body| body["entries"][0]["account"] = "only-eur".into()),
            (422, "asset_not_allowed"),
        ),
        row(
            "an overdraft",
            TRANSACTIONS,
            {
                spoiled(|body| {
                    body["entries"][0]["account"] = "no-overdraft".into();
                })
            },
            (422, "insufficient_funds"),
        ),
        row(
            "an entry to a frozen account",
            TRANSACTIONS,
            to("frozen"),
            (422, "account_frozen"),
        ),
        row(
            "an entry to a closed account",
            TRANSACTIONS,
            to("closed"),
            (422, "account_closed"),
        ),
    ]
}

/// When a transaction counts, and what its accounts bear.
fn times_and_bounds() -> Vec<Row> {
    vec![
        row(
            "an entry on a closed day",
            TRANSACTIONS,
            spoiled(|body| body["effective_at"] = "2020-12-31".into()),
            (422, "period_closed"),
        ),
        row(
            "more than an account may hold",
            TRANSACTIONS,
            to("capped"),
            (422, "limit_exceeded"),
        ),
        row(
            "a condition that does not hold",
            TRANSACTIONS,
            spoiled(|body| body["entries"][0]["condition"] = json!({"posted": {"lte": "0"}})),
            (422, "condition_failed"),
        ),
        row(
            "a hold that would be over at once",
            TRANSACTIONS,
            spoiled(|body| {
                body["status"] = "pending".into();
                body["expires_at"] = "2020-01-01T00:00:00Z".into();
            }),
            (422, "hold_expired"),
        ),
        row(
            "more than was held",
            of(HELD, "post"),
            r#"{"amount":"6"}"#,
            (422, "capture_exceeds_hold"),
        ),
    ]
}

/// The good transaction, its credit to another account.
fn to(account: &str) -> Vec<u8> {
    spoiled(|body| body["entries"][1]["account"] = account.into())
}

/// What does not fit an account or the periods as they stand.
pub(super) fn states() -> Vec<Row> {
    let why = json!({"reason": "r"}).to_string();
    let change = |account: &str, action: &str| format!("{ACCOUNTS}/{account}/{action}");
    let through = |day: &str| json!({"through": day, "reason": "r"}).to_string();
    let unfit = (422, "validation");
    vec![
        row(
            "a freeze of what is frozen",
            change("frozen", "freeze"),
            &*why,
            (422, "account_frozen"),
        ),
        row(
            "a freeze of what is closed",
            change("closed", "freeze"),
            &*why,
            (422, "account_closed"),
        ),
        row(
            "a close of what is not empty",
            change("cash", "close"),
            &*why,
            (422, "account_not_empty"),
        ),
        row(
            "an unfreeze of what is open",
            change("cash", "unfreeze"),
            why,
            unfit,
        ),
        row(
            "a close of closed days",
            format!("{PERIODS}/close"),
            through("2020-12-31"),
            unfit,
        ),
        row(
            "a reopening of open days",
            format!("{PERIODS}/reopen"),
            through("2021-01-01"),
            unfit,
        ),
        row(
            "a limit of an unknown asset",
            format!("{ACCOUNTS}/cash"),
            r#"{"limits":{"QQQ1":{"min_available":"0"}}}"#,
            (422, "asset_unknown"),
        )
        .by(Method::PATCH),
    ]
}
