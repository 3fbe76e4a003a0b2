//! The command side's answer and the query side's are built by different code from different data:
//! for the same transaction they are the same object.

use daybook_tests::{Client, Random, Service};
use serde_json::{Value, json};

const ROUNDS: u64 = 150;
const ACCOUNTS: &[(&str, &str)] = &[
    ("assets:bank", "asset"),
    ("users:1", "liability"),
    ("users:2:wallet", "liability"),
    ("income:fees", "income"),
    ("expenses:rent", "expense"),
    ("equity", "equity"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_reads_as_it_was_answered() {
    let service = Service::start_fresh();
    let client = service.client();
    client.open_ledger("acme").await;
    client.open_accounts("acme", ACCOUNTS).await;
    let mut random = Random::seeded(0x00da_7b00);
    let mut posted: Vec<Value> = Vec::new();
    for round in 0..ROUNDS {
        let answer = if random.once_in(5) && !posted.is_empty() {
            reverse(&client, &mut random, &mut posted, round).await
        } else {
            let body = transaction(&mut random, round);
            let path = "/v1/ledgers/acme/transactions";
            client
                .post(path, &format!("round-{round}"), &body)
                .await
                .expect(201)
        };
        posted.push(answer);
    }
    let last = posted.last().unwrap()["revision"].as_u64().unwrap();
    for answer in &posted {
        let id = answer["id"].as_str().unwrap();
        let path = format!("/v1/ledgers/acme/transactions/{id}");
        let mut read = client.get_at(&path, last).await.expect(200);
        if read["reversed_by"].is_string() {
            let reversal = posted
                .iter()
                .find(|other| other["id"] == read["reversed_by"]);
            assert_eq!(reversal.unwrap()["reverses"], answer["id"]);
            read["reversed_by"] = Value::Null;
        }
        assert_eq!(&read, answer);
    }
}

/// Reverses one that was not reversed yet.
async fn reverse(client: &Client, random: &mut Random, posted: &mut [Value], round: u64) -> Value {
    let target = random.index(posted.len());
    let id = posted[target]["id"].as_str().unwrap();
    let path = format!("/v1/ledgers/acme/transactions/{id}/reverse");
    let body = json!({"reason": "a mistake", "metadata": {"round": round.to_string()}});
    let answer = client.post(&path, &format!("round-{round}"), &body).await;
    if answer.status == 409 {
        assert_eq!(answer.code(), "already_reversed", "{answer}");
        let body = transaction(random, round);
        let path = "/v1/ledgers/acme/transactions";
        return client
            .post(path, &format!("instead-{round}"), &body)
            .await
            .expect(201);
    }
    answer.expect(201)
}

/// Everything that a transaction may have, each part now and then.
fn transaction(random: &mut Random, round: u64) -> Value {
    let mut body = json!({});
    if random.once_in(2) {
        body["reference"] = format!("order-{round}").into();
    }
    if random.once_in(2) {
        body["code"] = "sale".into();
    }
    if random.once_in(2) {
        body["description"] = "žluťoučký kůň \"quoted\" \\ 🐎".into();
    }
    if random.once_in(2) {
        let times = [
            "2026-02-28",
            "2026-03-01T12:00:00Z",
            "2026-03-01T12:00:00.123456+05:30",
            "1999-12-31T23:59:59.9-01:00",
        ];
        body["effective_at"] = (*random.pick(&times)).into();
    }
    if random.once_in(2) {
        body["metadata"] = json!({"channel": "web", "ключ": "значение", "empty": ""});
    }
    if random.once_in(4) {
        body["related_to"] = "0198c5e2-0000-7000-8000-000000000001".into();
    }
    if random.once_in(3) {
        body["postings"] = (0..=random.below(3)).map(|_| posting(random)).collect();
    } else {
        body["entries"] = (0..=random.below(4)).flat_map(|_| pair(random)).collect();
    }
    body
}

fn amount(random: &mut Random) -> Value {
    match random.below(4) {
        0 => json!(random.below(9_007_199_254_740_991) + 1),
        1 => json!("1000000000000000000000000000000"),
        2 => json!((random.number() | 1).to_string()),
        _ => json!((random.below(10_000) + 1).to_string()),
    }
}

fn pair(random: &mut Random) -> [Value; 2] {
    let (amount, asset) = (amount(random), *random.pick(&["USD", "EUR", "JPY"]));
    ["debit", "credit"].map(|direction| {
        let account = random.pick(ACCOUNTS).0;
        let mut entry =
            json!({"account": account, "direction": direction, "amount": amount, "asset": asset});
        if random.once_in(3) {
            entry["description"] = "a line".into();
        }
        if random.once_in(3) {
            entry["metadata"] = json!({"line": "1"});
        }
        entry
    })
}

fn posting(random: &mut Random) -> Value {
    let debit = random.pick(ACCOUNTS).0;
    let others: Vec<_> = ACCOUNTS.iter().filter(|(id, _)| *id != debit).collect();
    let credit = random.pick(&others).0;
    json!({"debit": debit, "credit": credit, "amount": amount(random), "asset": "USD"})
}
