//! Every route × every role × every kind of token (INV-10): the routes are the program's own, the
//! permissions are written out again here, from section 7 of the API.

mod table;

use std::collections::BTreeSet;

use daybook_platform::auth::{DevClaims, DevGrant, DevKey};
use daybook_tests::client::sent;
use daybook_tests::{Answer, Client, Service};
use reqwest::Method;
use serde_json::{Value, json};

use table::Needs::{Nothing, Permission, Token};
use table::{ROLES, Route, table};

/// Stands in the foreign ledger, in every place that an answer could show.
const CANARY: &str = "canary-7f3a";
const OWN: &str = "own";
const FOREIGN: &str = "foreign";

/// Ledgers, accounts and a transaction in both ledgers; the canary in the foreign one.
struct World {
    service: Service,
    everyone: Client,
    /// A transaction of each ledger, by the ledger's name.
    transactions: [(&'static str, String); 2],
}

async fn world() -> World {
    let service = Service::start_fresh();
    let client = service.client();
    let mut transactions = Vec::new();
    for (ledger, word) in [(OWN, "plain"), (FOREIGN, CANARY)] {
        let body = json!({"ledger": ledger, "name": word, "metadata": {"word": word}});
        client
            .post("/v1/ledgers", ledger, &body)
            .await
            .checked(201)
            .json();
        for (account, account_type) in [("cash", "asset"), (word, "liability")] {
            let body = json!({"account": account, "type": account_type, "name": word});
            let path = format!("/v1/ledgers/{ledger}/accounts");
            client.post(&path, account, &body).await.checked(201).json();
        }
        let body = json!({
            "reference": word, "description": word, "metadata": {"word": word},
            "postings": [{"debit": "cash", "credit": word, "amount": "1", "asset": "USD"}],
        });
        let path = format!("/v1/ledgers/{ledger}/transactions");
        let posted = client.post(&path, "posted", &body).await.checked(201);
        daybook_tests::caught_up(&client, ledger, posted.revision()).await;
        transactions.push((ledger, posted.json()["id"].as_str().unwrap().to_owned()));
    }
    let everyone = client.with_token(None);
    World {
        service,
        everyone,
        transactions: transactions.try_into().unwrap(),
    }
}

impl World {
    /// A client whose token was minted `age_s` seconds ago for an hour.
    fn client(&self, role: &str, ledger: &str, age_s: i64) -> Client {
        let key = self.service.setup().data().join("keys/development.key");
        let claims = DevClaims {
            sub: format!("test-{role}"),
            grants: vec![DevGrant {
                scopes: vec![ledger.to_owned()],
                roles: vec![role.to_owned()],
            }],
            ttl_s: 3600,
        };
        let now = daybook_platform::clock::Clock::system().now_micros() / 1_000_000;
        let token = DevKey::load_or_create(&key)
            .unwrap()
            .mint(&claims, now - age_s)
            .unwrap();
        self.everyone.with_token(Some(token))
    }

    /// Asks a route about a ledger.
    async fn ask(&self, client: &Client, route: &Route, ledger: &str) -> Answer {
        let Route {
            method, path, body, ..
        } = route;
        let id = self.transactions.iter().find(|(known, _)| *known == ledger);
        let id = id.map_or("0198c5e2-0000-7000-8000-000000000001", |(_, id)| id);
        let path = path
            .replace("{ledger}", ledger)
            .replace("{account}", "cash");
        let mut path = path.replace("{transaction}", id);
        if path.ends_with("/bulk") {
            path.push_str("?mode=atomic");
        }
        let mut request = client.request(method.clone(), &path);
        if method != Method::GET {
            let body = body.to_string().replace("{ledger}", ledger);
            request = request
                .header("Idempotency-Key", "matrix")
                .header("Content-Type", "application/json")
                .body(body);
        }
        sent(request).await
    }
}

/// `/v1/ledgers/{anything}` without the names of its parameters.
fn nameless(path: &str) -> String {
    let inside = |segment: &str| {
        if segment.starts_with('{') {
            "{}"
        } else {
            segment
        }
        .to_owned()
    };
    path.split('/').map(inside).collect::<Vec<_>>().join("/")
}

#[test]
fn every_route_of_the_program_is_in_the_table_and_no_other() {
    let ours: BTreeSet<_> = table()
        .iter()
        .map(|row| format!("{} {}", row.method, nameless(&row.path)))
        .collect();
    let programs: BTreeSet<_> = daybook::wiring::routes()
        .iter()
        .map(|route| format!("{} {}", route.method, nameless(route.path)))
        .collect();
    let missing: Vec<_> = programs.difference(&ours).collect();
    assert!(
        missing.is_empty(),
        "routes without a row in the permission table: {missing:?}"
    );
    let gone: Vec<_> = ours.difference(&programs).collect();
    assert!(
        gone.is_empty(),
        "rows of the permission table without a route: {gone:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_do_what_the_table_says_on_its_own_ledger_and_nothing_on_another() {
    let world = world().await;
    for (role, permissions) in ROLES {
        let client = world.client(role, OWN, 0);
        for route in &table() {
            let Route {
                method,
                path,
                needs,
                ..
            } = route;
            let what = format!("{role}: {method} {path}");
            let allowed = match needs {
                Nothing | Token => true,
                Permission(permission) => permissions.contains(permission),
            };
            let answer = world.ask(&client, route, OWN).await;
            if allowed {
                let refused = [401, 403].contains(&answer.status);
                assert!(
                    !refused && answer.code() != "ledger_not_found",
                    "{what}: {answer}"
                );
                assert!(answer.status < 500, "{what}: {answer}");
            } else {
                refused(&what, &answer, 403, "forbidden");
            }
            no_canary(&what, &answer);

            let foreign = world.ask(&client, route, FOREIGN).await;
            no_canary(&what, &foreign);
            if path.contains("{ledger}") {
                refused(&what, &foreign, 404, "ledger_not_found");
                let nowhere = world.ask(&client, route, "nowhere").await;
                assert_eq!(
                    told_of(&foreign, FOREIGN),
                    told_of(&nowhere, "nowhere"),
                    "{what}"
                );
            } else if path == "/v1/ledgers" && method == Method::POST {
                assert!([403, 404].contains(&foreign.status), "{what}: {foreign}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_token_nothing_but_the_public_routes_answers() {
    let world = world().await;
    let good = world.service.token();
    let tampered = {
        let mut bytes = good.clone().into_bytes();
        let dot = bytes.iter().position(|byte| *byte == b'.').unwrap();
        bytes[dot + 5] = if bytes[dot + 5] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.".to_owned();
    let clients = [
        ("no token", world.everyone.clone()),
        ("an expired token", world.client("operator", "*", 2 * 3600)),
        (
            "a token that was changed",
            world.everyone.with_token(Some(tampered)),
        ),
        (
            "a token that is not signed",
            world.everyone.with_token(Some(unsigned)),
        ),
        (
            "no token at all",
            world.everyone.with_token(Some("nonsense".to_owned())),
        ),
        (
            "a very long token",
            world.everyone.with_token(Some("x".repeat(9000))),
        ),
    ];
    for (who, client) in &clients {
        for route in &table() {
            let Route {
                method,
                path,
                needs,
                ..
            } = route;
            let what = format!("{who}: {method} {path}");
            for ledger in [OWN, FOREIGN] {
                let answer = world.ask(client, route, ledger).await;
                no_canary(&what, &answer);
                if *needs == Nothing {
                    assert_eq!(answer.status, 200, "{what}: {answer}");
                    continue;
                }
                refused(&what, &answer, 401, "unauthenticated");
                assert!(answer.header("WWW-Authenticate").is_some(), "{what}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_items_are_judged_by_what_each_of_them_does() {
    let world = world().await;
    let body = json!([
        {"postings": [{"debit": "cash", "credit": "plain", "amount": "1", "asset": "USD"}]},
        {"action": "account", "data": {"account": "new", "type": "asset"}},
        {"action": "reverse", "transaction": world.transactions[0].1, "data": {"reason": "x"}},
    ]);
    let path = format!("/v1/ledgers/{OWN}/bulk");
    for (role, expected) in [
        ("client", ["", "forbidden", "forbidden"]),
        ("controller", ["forbidden", "forbidden", ""]),
        ("reader", ["forbidden", "forbidden", "forbidden"]),
    ] {
        let client = world.client(role, OWN, 0);
        let atomic = client
            .post(&format!("{path}?mode=atomic"), role, &body)
            .await;
        refused(role, &atomic, 403, "forbidden");
        let answer = client
            .post(&format!("{path}?mode=independent"), role, &body)
            .await;
        let answer = answer.expect(200);
        let codes: Vec<&str> = answer["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| result["code"].as_str().unwrap_or_default())
            .collect();
        assert_eq!(codes, expected, "{role}: {answer}");
    }
}

fn refused(what: &str, answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{what}: {answer}"
    );
}

fn no_canary(what: &str, answer: &Answer) {
    let shown = format!("{answer} {:?}", answer.headers);
    assert!(
        !shown.contains(CANARY),
        "INV-10: {what} shows the foreign ledger: {shown}"
    );
}

/// An answer without what differs by nature: the ledger's name and the request's id.
fn told_of(answer: &Answer, ledger: &str) -> String {
    let mut body = answer.json();
    body["request_id"] = Value::Null;
    format!(
        "{} {}",
        answer.status,
        body.to_string().replace(ledger, "…")
    )
}
