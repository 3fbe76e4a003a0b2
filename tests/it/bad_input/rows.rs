//! The bad requests, and what must be answered to each.

use reqwest::Method;
use serde_json::{Value, json};

pub(super) const TRANSACTIONS: &str = "/v1/ledgers/acme/transactions";
pub(super) const ACCOUNTS: &str = "/v1/ledgers/acme/accounts";
const BULK: &str = "/v1/ledgers/acme/bulk";

/// One bad request, and what must be answered.
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) method: Method,
    pub(super) path: String,
    /// Headers beside the usual ones, or instead of them.
    pub(super) headers: Vec<(&'static str, &'static str)>,
    /// Whether it comes with an idempotency key.
    pub(super) keyed: bool,
    pub(super) body: Vec<u8>,
    pub(super) status: u16,
    pub(super) code: &'static str,
}

pub(super) fn row(
    what: &'static str,
    path: impl Into<String>,
    body: impl Into<Vec<u8>>,
    (status, code): (u16, &'static str),
) -> Row {
    Row {
        what,
        method: Method::POST,
        path: path.into(),
        headers: Vec::new(),
        keyed: true,
        body: body.into(),
        status,
        code,
    }
}

impl Row {
    pub(super) fn by(self, method: Method) -> Self {
        Self { method, ..self }
    }

    pub(super) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn without_key(self) -> Self {
        Self {
            keyed: false,
            ..self
        }
    }
}

pub(super) const VALIDATION: (u16, &str) = (400, "validation");

/// A transaction of which every part is good, to be spoiled.
pub(super) fn good() -> Value {
    json!({"entries": [
        {"account": "cash", "direction": "debit", "amount": "5", "asset": "USD"},
        {"account": "customers", "direction": "credit", "amount": "5", "asset": "USD"},
    ]})
}

pub(super) fn spoiled(spoil: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut body = good();
    spoil(&mut body);
    body.to_string().into()
}

/// With this text in the place of the first amount.
pub(super) fn amount(text: &str) -> Vec<u8> {
    good().to_string().replacen("\"5\"", text, 1).into()
}

pub(super) fn shapes() -> Vec<Row> {
    let text = good().to_string();
    let invalid_utf8 = text.replacen("cash", "ca\u{1}sh", 1).into_bytes();
    let invalid_utf8: Vec<u8> = invalid_utf8
        .into_iter()
        .map(|byte| if byte == 1 { 0xff } else { byte })
        .collect();
    let bad = |what, body| row(what, TRANSACTIONS, body, VALIDATION);
    vec![
        bad("nothing at all", Vec::new()),
        bad("half a body", text.as_bytes()[..text.len() / 2].to_vec()),
        bad("something after the body", format!("{text} {text}").into()),
        bad("a list instead of an object", b"[]".to_vec()),
        bad(
            "an unknown field",
            spoiled(|body| body["colour"] = "red".into()),
        ),
        bad(
            "an unknown field in an entry",
            spoiled(|body| body["entries"][0]["x"] = 1.into()),
        ),
        bad(
            "a key twice",
            text.replacen('{', "{\"code\":\"a\",\"code\":\"b\",", 1)
                .into(),
        ),
        bad("a key twice in an entry", {
            text.replacen("{\"account\"", "{\"asset\":\"USD\",\"account\"", 1)
                .into()
        }),
        bad("a key twice in metadata", {
            text.replacen('{', "{\"metadata\":{\"a\":\"1\",\"a\":\"2\"},", 1)
                .into()
        }),
        bad(
            "a number as an account",
            spoiled(|body| body["entries"][0]["account"] = 7.into()),
        ),
        bad("invalid UTF-8", invalid_utf8),
        bad(
            "entries and postings",
            spoiled(|body| body["postings"] = json!([])),
        ),
        bad("no entries", spoiled(|body| body["entries"] = json!([]))),
        bad(
            "one entry",
            spoiled(|body| body["entries"] = json!([body["entries"][0]])),
        ),
        bad("1,001 entries", {
            spoiled(|body| {
                body["entries"] = (0..1001).map(|_| body["entries"][0].clone()).collect()
            })
        }),
    ]
}

pub(super) fn fields() -> Vec<Row> {
    let bad = |what, body| row(what, TRANSACTIONS, body, VALIDATION);
    vec![
        bad(
            "another direction",
            spoiled(|body| body["entries"][0]["direction"] = "left".into()),
        ),
        bad(
            "a bad asset",
            spoiled(|body| body["entries"][0]["asset"] = "usd".into()),
        ),
        bad(
            "a bad account",
            spoiled(|body| body["entries"][0]["account"] = "a::b".into()),
        ),
        bad(
            "an account of dots",
            spoiled(|body| body["entries"][0]["account"] = "a:..".into()),
        ),
        bad("a bad id", spoiled(|body| body["id"] = "1".into())),
        bad(
            "a bad date",
            spoiled(|body| body["effective_at"] = "2026-02-30".into()),
        ),
        bad(
            "a time without offset",
            spoiled(|body| body["effective_at"] = "2026-02-03T10:00:00".into()),
        ),
        bad("seven fraction digits", {
            spoiled(|body| body["effective_at"] = "2026-02-03T10:00:00.1234567Z".into())
        }),
        bad(
            "a number in metadata",
            spoiled(|body| body["metadata"] = json!({"a": 1})),
        ),
        bad(
            "a long metadata key",
            spoiled(|body| body["metadata"] = json!({"k".repeat(65): "v"})),
        ),
        bad(
            "a long metadata value",
            spoiled(|body| body["metadata"] = json!({"k": "v".repeat(1025)})),
        ),
        bad("51 pairs of metadata", {
            spoiled(|body| {
                body["metadata"] = (0..51).map(|n| (n.to_string(), json!("v"))).collect()
            })
        }),
        bad(
            "depth beyond reason",
            format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into(),
        ),
    ]
}

pub(super) fn amounts() -> Vec<Row> {
    [
        ("zero", "\"0\""),
        ("a number zero", "0"),
        ("a negative amount", "\"-5\""),
        ("a negative number", "-5"),
        ("a plus sign", "\"+5\""),
        ("a float", "5.0"),
        ("a float as text", "\"5.0\""),
        ("an exponent", "5e0"),
        ("an exponent as text", "\"5e0\""),
        ("leading zeros", "\"05\""),
        ("10^31", "\"10000000000000000000000000000000\""),
        ("just over 10^30", "\"1000000000000000000000000000001\""),
        ("a number over 2^53", "9007199254740993"),
        ("nothing as text", "\"\""),
        ("a space", "\" 5\""),
        ("null", "null"),
        ("true", "true"),
        ("other digits", "\"٥\""),
    ]
    .map(|(what, text)| row(what, TRANSACTIONS, amount(text), VALIDATION))
    .into()
}

pub(super) fn others() -> Vec<Row> {
    vec![
        row(
            "an account opened twice",
            ACCOUNTS,
            json!({"account": "cash", "type": "asset"}).to_string(),
            (409, "already_exists"),
        ),
        row(
            "an account of no type",
            ACCOUNTS,
            json!({"account": "x"}).to_string(),
            VALIDATION,
        ),
        row(
            "an account of another type",
            ACCOUNTS,
            json!({"account": "x", "type": "money"}).to_string(),
            VALIDATION,
        ),
        row(
            "a ledger opened twice",
            "/v1/ledgers",
            json!({"ledger": "acme"}).to_string(),
            (409, "already_exists"),
        ),
        row(
            "a bad ledger id",
            "/v1/ledgers",
            json!({"ledger": "Acme"}).to_string(),
            VALIDATION,
        ),
        row(
            "an unknown ledger",
            "/v1/ledgers/none/transactions",
            good().to_string(),
            (404, "ledger_not_found"),
        ),
        row("an unknown path", "/v1/nothing", "{}", (404, "not_found")),
        row("another method", ACCOUNTS, "", (405, "method_not_allowed")).by(Method::DELETE),
        row(
            "no key and no id",
            TRANSACTIONS,
            good().to_string(),
            (400, "idempotency_required"),
        )
        .without_key(),
        row(
            "another media type",
            TRANSACTIONS,
            good().to_string(),
            (415, "media_type"),
        )
        .with("Content-Type", "text/plain"),
        row(
            "a body over the limit",
            TRANSACTIONS,
            spoiled(|body| body["description"] = "x".repeat(300 * 1024).into()),
            (413, "too_large"),
        ),
    ]
}

pub(super) fn bulks() -> Vec<Row> {
    let many: Vec<Value> = (0..10_001).map(|_| json!({})).collect();
    let half = json!([good(), {"action": "dance", "data": {}}]);
    vec![
        row("a bulk of nothing", BULK, "[]", VALIDATION),
        row(
            "a bulk of 10,001 items",
            BULK,
            Value::from(many).to_string(),
            VALIDATION,
        ),
        row(
            "a bulk with an unknown action",
            BULK,
            half.to_string(),
            VALIDATION,
        ),
        row(
            "a bulk in an unknown mode",
            "/v1/ledgers/acme/bulk?mode=some",
            "[{}]",
            VALIDATION,
        ),
        row(
            "an unknown query parameter",
            "/v1/ledgers/acme/bulk?fast=1",
            json!([good()]).to_string(),
            VALIDATION,
        ),
        row(
            "an atomic bulk whose second item breaks a rule",
            "/v1/ledgers/acme/bulk?mode=atomic",
            {
                json!([good(), {"entries": [
                    {"account": "cash", "direction": "debit", "amount": "5", "asset": "USD"},
                    {"account": "customers", "direction": "credit", "amount": "6", "asset": "USD"},
                ]}])
                .to_string()
            },
            (422, "unbalanced"),
        ),
        row(
            "a bulk over the limit",
            BULK,
            "[".to_owned() + &" ".repeat(17 << 20),
            (413, "too_large"),
        ),
    ]
}
