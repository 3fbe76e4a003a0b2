//! Days at the ends of the calendar, in zones at the ends of the world.

use daybook_tests::{Client, Service, caught_up};
use serde_json::{Value, json};

use super::payment;

/// A day ahead of everybody, a day behind, and in between.
const ZONES: [(&str, &str); 3] = [
    ("east", "Pacific/Kiritimati"),
    ("west", "Pacific/Pago_Pago"),
    ("utc", "UTC"),
];
const FIRST: &str = "0001-01-01";
const LAST: &str = "9999-12-31";

async fn prepared(client: &Client, ledger: &str, zone: &str) {
    let body = json!({"ledger": ledger, "time_zone": zone});
    client
        .post("/v1/ledgers", &format!("open-{ledger}"), &body)
        .await
        .expect(201);
    client
        .open_accounts(ledger, &[("bank", "asset"), ("users", "liability")])
        .await;
}

fn dated(effective_at: &str) -> Value {
    let mut body = payment(1);
    body["effective_at"] = effective_at.into();
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_and_the_last_day_are_kept_and_shown_in_every_zone() {
    let service = Service::start_fresh();
    let client = service.client();
    for (ledger, zone) in ZONES {
        prepared(&client, ledger, zone).await;
        let path = format!("/v1/ledgers/{ledger}/transactions");
        let mut revision = 0;
        let instants = ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"];
        for given in [FIRST, LAST].into_iter().chain(instants) {
            let posted = client.post(&path, given, &dated(given)).await.checked(201);
            assert_eq!(posted.json()["effective_at"], given, "{ledger}");
            revision = posted.revision();
            caught_up(&client, ledger, revision).await;
            let id = posted.json()["id"].as_str().unwrap().to_owned();
            let shown = client.get(&format!("{path}/{id}")).await.expect(200);
            assert_eq!(shown, posted.json(), "{ledger}");
        }
        // Beyond both ends, also by way of an offset, there is no day.
        for wrong in [
            "0000-12-31",
            "10000-01-01",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59.999999-00:01",
            "2026-02-29",
        ] {
            let refused = client.post(&path, wrong, &dated(wrong)).await;
            assert_eq!(
                (refused.status, refused.code().as_str()),
                (400, "validation"),
                "{wrong}"
            );
        }
        let listed = client
            .get_at(&format!("{path}?effective_to={FIRST}"), revision)
            .await;
        let listed = listed.expect(200)["data"].as_array().unwrap().len();
        assert!(
            (1..=2).contains(&listed),
            "{ledger}: {listed} on the first day"
        );
    }
    let (clean, said) = service.audit();
    assert!(clean, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_may_close_at_either_end_of_the_calendar() {
    let service = Service::start_fresh();
    let client = service.client();
    for (ledger, zone) in ZONES {
        prepared(&client, ledger, zone).await;
        let base = format!("/v1/ledgers/{ledger}");
        let close = async |through: &str| {
            let body = json!({"through": through, "reason": "x"});
            let key = format!("close-{through}");
            client
                .post(&format!("{base}/periods/close"), &key, &body)
                .await
        };
        let paid = async |key: &str, body: &Value| {
            client
                .post(&format!("{base}/transactions"), key, body)
                .await
        };
        assert_eq!(close(FIRST).await.expect(200)["closed_through"], FIRST);
        let refused = paid("first", &dated(FIRST)).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (422, "period_closed"),
            "{ledger}"
        );
        paid("second", &dated("0001-01-02")).await.expect(201);

        assert_eq!(close(LAST).await.expect(200)["closed_through"], LAST);
        for body in [
            dated(LAST),
            dated("9999-12-31T23:59:59.999999Z"),
            payment(1),
        ] {
            let refused = paid("none", &body).await;
            assert_eq!(
                (refused.status, refused.code().as_str()),
                (422, "period_closed")
            );
        }
        let reopen = json!({"through": null, "reason": "x"});
        let reopened = client
            .post(&format!("{base}/periods/reopen"), "reopen", &reopen)
            .await;
        assert_eq!(reopened.expect(200)["closed_through"], Value::Null);
        paid("first", &dated(FIRST)).await.expect(201);
    }
}
