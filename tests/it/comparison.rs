//! The command side's answer and the query side's are built by different code from different data:
//! for the same ledger, account or transaction they are the same bytes.

use daybook_tests::client::sent;
use daybook_tests::{Answer, Client, Random, Service};
use reqwest::Method;
use serde_json::{Value, json};

const ROUNDS: u64 = 200;
const ACCOUNTS: &[(&str, &str)] = &[
    ("assets:bank", "asset"),
    ("users:1", "liability"),
    ("users:2:wallet", "liability"),
    ("income:fees", "income"),
    ("expenses:rent", "expense"),
    ("equity", "equity"),
];
/// More than any transaction here: nothing is ever beyond it.
const MUCH: &str = "1000000000000000000000000000000000";

/// One ledger of a service, and what was done to it.
struct World {
    service: Service,
    client: Client,
    commands: u64,
}

impl World {
    async fn start() -> Self {
        let service = Service::start_fresh();
        let client = service.client();
        let world = Self {
            service,
            client,
            commands: 0,
        };
        world.client.open_ledger("acme").await;
        world.client.open_accounts("acme", ACCOUNTS).await;
        world
    }

    /// Commands, and checks that a read of what it answers with gives the same bytes at its
    /// revision: `read` below the ledger, or where the answer says that it is.
    async fn command(
        &mut self,
        (method, path): (Method, &str),
        body: &Value,
        (status, read): (u16, Option<&str>),
    ) -> Value {
        self.commands += 1;
        let path = format!("/v1/ledgers/acme{path}");
        let request = self.client.request(method, &path).json(body);
        let key = format!("command-{}", self.commands);
        let answer = sent(request.header("Idempotency-Key", key)).await;
        let answer = answer.checked(status);
        let read = match read {
            Some(below) => format!("/v1/ledgers/acme{below}"),
            None => answer.header("Location").unwrap().to_owned(),
        };
        self.same(&answer, &read).await;
        answer.json()
    }

    async fn same(&self, answer: &Answer, path: &str) {
        let read = self.client.get_at(path, answer.revision()).await;
        let read = read.checked(200);
        assert_eq!(read.revision(), answer.revision(), "nobody else is here");
        assert!(
            read.body == answer.body,
            "{path}:\n{read}\nis not what was answered:\n{answer}"
        );
    }

    async fn post(&mut self, path: &str, body: &Value) -> Value {
        self.command((Method::POST, path), body, (201, None)).await
    }

    /// A command whose answer is what stands at `read`.
    async fn change(&mut self, method: Method, path: &str, body: &Value, read: &str) -> Value {
        let answer = (200, Some(read));
        self.command((method, path), body, answer).await
    }

    async fn tag(&mut self, id: &str, metadata: &Value) -> Value {
        let path = format!("/transactions/{id}");
        let body = json!({"metadata": metadata});
        self.change(Method::PATCH, &path, &body, &path).await
    }

    async fn void(&mut self, id: &str, body: &Value) -> Value {
        let path = format!("/transactions/{id}");
        let void = format!("{path}/void");
        self.change(Method::POST, &void, body, &path).await
    }

    async fn read(&self, id: &str) -> Value {
        let path = format!("/v1/ledgers/acme/transactions/{id}");
        self.client.get(&path).await.expect(200)
    }
}

fn id(transaction: &Value) -> String {
    transaction["id"].as_str().unwrap().to_owned()
}

fn hold(amount: &str) -> Value {
    json!({"status": "pending", "metadata": {"kind": "deposit"}, "postings": [
        {"debit": "users:1", "credit": "users:2:wallet", "amount": amount, "asset": "USD"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_reads_as_it_was_answered_whatever_becomes_of_it() {
    let mut world = World::start().await;
    let all = id(&world.post("/transactions", &hold("300")).await);
    // In parts, the last of which leaves something.
    let post = format!("/transactions/{all}/post");
    let part = json!({"amount": "100", "final": false, "reference": "part-1"});
    world.post(&post, &part).await;
    world
        .tag(&all, &json!({"kind": "rent", "room": "12"}))
        .await;
    let entries = json!([
        {"account": "users:2:wallet", "direction": "credit", "amount": "50", "asset": "USD"},
        {"account": "users:1", "direction": "debit", "amount": "50", "asset": "USD",
         "description": "a part", "metadata": {"line": "1"}},
    ]);
    let last = json!({"entries": entries, "effective_at": "2026-03-01", "metadata": {"n": "2"}});
    let capture = id(&world.post(&post, &last).await);
    assert_eq!(world.read(&all).await["ended"]["outcome"], "captured");
    world.tag(&all, &json!({"kind": null})).await;
    // A capture is reversed, and tagged after that; so is its reversal.
    let reverse = format!("/transactions/{capture}/reverse");
    let reversal = id(&world.post(&reverse, &json!({"reason": "never came"})).await);
    let reversed = world.tag(&capture, &json!({"n": "3"})).await;
    assert_eq!(reversed["reversed_by"], reversal.as_str());
    world.tag(&reversal, &json!({"seen": "1"})).await;
    // Captured as a whole.
    let whole = id(&world.post("/transactions", &hold("7")).await);
    let post = format!("/transactions/{whole}/post");
    world.post(&post, &json!({})).await;
    // Voided: as it was placed, with other pairs, after a part was captured.
    let plain = id(&world.post("/transactions", &hold("8")).await);
    world.void(&plain, &json!({})).await;
    let tagged = id(&world.post("/transactions", &hold("9")).await);
    world.tag(&tagged, &json!({"kind": "mistake"})).await;
    let post = format!("/transactions/{tagged}/post");
    let part = json!({"amount": "4", "final": false});
    world.post(&post, &part).await;
    let voided = world.void(&tagged, &json!({"reason": "left early"})).await;
    assert_eq!(voided["metadata"], json!({"kind": "mistake"}));
    assert_eq!(voided["ended"]["released"][0]["amount"], "5");
    world.tag(&tagged, &json!({"kind": null})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_hold_reads_as_the_next_command_on_it_answers() {
    let mut world = World::start().await;
    let mut body = hold("300");
    let now = daybook_platform::clock::Clock::system().now_micros();
    let soon = daybook_events::time::Timestamp::try_from_micros(now + 1_500_000).unwrap();
    body["expires_at"] = soon.to_string().into();
    let held = world.post("/transactions", &body).await;
    let expired = daybook_tests::until_async(
        "the hold expires",
        std::time::Duration::from_secs(20),
        async || {
            let read = world.read(&id(&held)).await;
            (read["status"] == "expired").then_some(read)
        },
    )
    .await;
    assert_eq!(expired["ended"]["outcome"], "expired");
    let tagged = world.tag(&id(&held), &json!({"late": "1"})).await;
    assert_eq!(tagged["ended"], expired["ended"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_and_a_ledger_read_as_they_were_answered() {
    let mut world = World::start().await;
    let new = json!({"account": "users:3", "type": "liability", "normal_balance": "debit",
        "name": "third", "assets": ["USD", "EUR"], "metadata": {"k": "v"},
        "limits": {"*": {"max_balance": "5"}, "USD": {"min_available": "-10"}}});
    world.post("/accounts", &new).await;
    let empty = json!({"account": "users:4", "type": "expense"});
    world.post("/accounts", &empty).await;
    world.post("/transactions", &hold("300")).await;
    let posted = transaction(&mut Random::seeded(7), 1, Size::Any);
    world.post("/transactions", &posted).await;
    let user = "/accounts/users:1";
    let patches = [
        json!({"name": "first", "limits": {"USD": {"min_available": "-1", "max_balance": MUCH}}}),
        json!({"metadata": {"vip": "1", "since": "2026"}, "reason": "asked for"}),
        json!({"limits": {"USD": {"max_balance": null}, "*": {"max_balance": "0"}}}),
        json!({"name": null, "limits": null, "metadata": {"vip": null}}),
    ];
    for patch in patches {
        world.change(Method::PATCH, user, &patch, user).await;
    }
    for change in ["freeze", "unfreeze", "freeze"] {
        let path = format!("{user}/{change}");
        let body = json!({"reason": "as asked"});
        world.change(Method::POST, &path, &body, user).await;
    }
    let (empty, body) = ("/accounts/users:4", json!({"reason": "not used"}));
    let close = format!("{empty}/close");
    world.change(Method::POST, &close, &body, empty).await;
    let patch = json!({"name": "the books", "metadata": {"k": "v"}});
    world.change(Method::PATCH, "", &patch, "").await;
    for (path, through) in [
        ("/periods/close", json!("2001-12-31")),
        ("/periods/reopen", json!("2000-12-31")),
        ("/periods/reopen", Value::Null),
    ] {
        let body = json!({"through": through, "reason": "the year is over"});
        world.change(Method::POST, path, &body, "").await;
    }
    let patch = json!({"name": null, "metadata": {"k": null}});
    world.change(Method::PATCH, "", &patch, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_reads_as_it_was_answered() {
    let mut world = World::start().await;
    let mut random = Random::seeded(0x00da_7b00);
    let mut posted: Vec<Value> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        match random.below(8) {
            0 if !posted.is_empty() => {
                let of = posted.swap_remove(random.index(posted.len()));
                let path = format!("/transactions/{}/reverse", id(&of));
                let body = json!({"reason": "a mistake", "metadata": {"round": "x"}});
                posted.push(world.post(&path, &body).await);
            }
            1 if !posted.is_empty() => {
                let of = id(random.pick(&posted));
                let tags = json!({"round": round.to_string(), "channel": null});
                world.tag(&of, &tags).await;
            }
            2 if !open.is_empty() => {
                let of = open.swap_remove(random.index(open.len()));
                let path = format!("/transactions/{of}/post");
                posted.push(world.post(&path, &json!({})).await);
            }
            3 if !open.is_empty() => {
                let of = open.swap_remove(random.index(open.len()));
                world.void(&of, &json!({"reason": "gone"})).await;
            }
            4 | 5 => {
                let mut body = transaction(&mut random, round, Size::Several);
                body["status"] = "pending".into();
                if random.once_in(2) {
                    body["expires_at"] = "2199-01-01T00:00:00Z".into();
                }
                open.push(id(&world.post("/transactions", &body).await));
            }
            _ => {
                let body = transaction(&mut random, round, Size::Any);
                posted.push(world.post("/transactions", &body).await);
            }
        }
    }
    assert!(posted.len() > 50 && open.len() > 5, "some of everything");
    // What was read stands in the views as a replay of the events gives it, and so does the state.
    let (is_clean, report) = world.service.audit();
    assert!(is_clean, "{report}");
    let state = world.client.get("/v1/ledgers/acme/state").await.expect(200);
    let accounts = "/v1/ledgers/acme/accounts";
    let accounts = world.client.get(accounts).await.expect(200);
    let replayed = state["accounts"].as_array().unwrap().iter();
    for (replayed, shown) in replayed.zip(accounts["data"].as_array().unwrap()) {
        assert_eq!(replayed["balances"], shown["balances"], "{shown}");
    }
    assert_eq!(state["holds"].as_array().unwrap().len(), open.len());
}

/// Everything that a transaction may have, each part now and then.
fn transaction(random: &mut Random, round: u64, size: Size) -> Value {
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
        let postings = 0..=random.below(3);
        body["postings"] = postings.map(|_| posting(random, size)).collect();
    } else {
        let pairs = 0..=random.below(4);
        body["entries"] = pairs.flat_map(|_| pair(random, size)).collect();
    }
    body
}

/// How large amounts may be.
#[derive(Clone, Copy)]
enum Size {
    /// Up to the most that an entry may have.
    Any,
    /// So that several on one side of a hold are still no more than that.
    Several,
}

fn amount(random: &mut Random, size: Size) -> Value {
    match (random.below(4), size) {
        (0, _) => json!(random.below(9_007_199_254_740_991) + 1),
        (1, Size::Any) => json!("1000000000000000000000000000000"),
        (2, _) => json!((random.number() | 1).to_string()),
        (_, _) => json!((random.below(10_000) + 1).to_string()),
    }
}

fn pair(random: &mut Random, size: Size) -> [Value; 2] {
    let (amount, asset) = (amount(random, size), *random.pick(&["USD", "EUR", "JPY"]));
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

fn posting(random: &mut Random, size: Size) -> Value {
    let debit = random.pick(ACCOUNTS).0;
    let others: Vec<_> = ACCOUNTS.iter().filter(|(id, _)| *id != debit).collect();
    let credit = random.pick(&others).0;
    json!({"debit": debit, "credit": credit, "amount": amount(random, size), "asset": "USD"})
}
