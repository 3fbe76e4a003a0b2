//! The largest requests, and those that are one too large.

use std::collections::BTreeMap;

use daybook_tests::{History, Service, caught_up};
use serde_json::{Value, json};

use super::{ACME, patch, payment, post, prepared, shown};

const ITEMS_MAX: usize = 10_000;
const ENTRIES_MAX: usize = 1_000;
const PAIRS_MAX: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_items_of_which_the_last_fails_write_nothing() {
    let service = Service::start_fresh();
    let client = prepared(&service).await;
    let before = History::read(&client, "acme").await.last_revision();
    let mut items: Vec<Value> = (1..ITEMS_MAX).map(|_| payment(1)).collect();
    let mut last = payment(1);
    last["postings"][0]["credit"] = "nobody".into();
    items.push(last);
    let refused = post(&client, "bulk?mode=atomic", "all", &items.clone().into()).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (422, "account_not_found")
    );
    assert_eq!(refused.json()["index"], ITEMS_MAX - 1);
    assert_eq!(refused.revision(), before);
    assert_eq!(History::read(&client, "acme").await.last_revision(), before);

    // No key of it was used up: the whole batch, put right, happens under the same ones.
    items[ITEMS_MAX - 1] = payment(1);
    let done = post(&client, "bulk?mode=atomic", "all", &items.into())
        .await
        .checked(200);
    let after = before + u64::try_from(ITEMS_MAX).unwrap();
    assert_eq!(done.revision(), after);
    let results = done.json();
    let mut statuses = results["results"].as_array().unwrap().iter();
    assert!(statuses.all(|result| result["status"] == "applied"));
    caught_up(&client, "acme", after).await;
    let balances = client
        .get_at(&format!("{ACME}/accounts/users/balances"), after)
        .await;
    assert_eq!(
        balances.expect(200)["balances"]["USD"]["posted"],
        ITEMS_MAX.to_string()
    );

    let too_many: Vec<Value> = (0..=ITEMS_MAX).map(|_| payment(1)).collect();
    let refused = post(&client, "bulk?mode=atomic", "more", &too_many.into()).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "validation")
    );
}

fn many_entries(count: usize) -> Value {
    let parts = (1..count)
        .map(|_| json!({"account": "users", "direction": "credit", "amount": "2", "asset": "USD"}));
    let whole = 2 * (count - 1);
    let whole = json!({"account": "bank", "direction": "debit", "amount": whole, "asset": "USD"});
    let entries: Vec<Value> = [whole].into_iter().chain(parts).collect();
    json!({"entries": entries})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_entries_are_posted_held_captured_and_reversed_and_no_more() {
    let service = Service::start_fresh();
    let client = prepared(&service).await;
    let posted = post(&client, "transactions", "post", &many_entries(ENTRIES_MAX)).await;
    let posted = posted.checked(201);
    assert_eq!(shown(&client, &posted).await, posted.json());
    assert_eq!(posted.json()["entries"][999]["balance"]["posted"], "1998");
    let id = posted.json()["id"].as_str().unwrap().to_owned();
    let reason = json!({"reason": "all of it"});
    let reversed = post(
        &client,
        &format!("transactions/{id}/reverse"),
        "back",
        &reason,
    )
    .await;
    let reversed = reversed.checked(201);
    assert_eq!(
        reversed.json()["entries"].as_array().unwrap().len(),
        ENTRIES_MAX
    );

    let mut body = many_entries(ENTRIES_MAX);
    body["status"] = "pending".into();
    let held = post(&client, "transactions", "hold", &body)
        .await
        .expect(201);
    let id = held["id"].as_str().unwrap();
    let part = json!({"entries": many_entries(600)["entries"], "final": false});
    let part = post(&client, &format!("transactions/{id}/post"), "part", &part).await;
    assert_eq!(part.expect(201)["entries"].as_array().unwrap().len(), 600);
    let rest = post(
        &client,
        &format!("transactions/{id}/post"),
        "rest",
        &json!({}),
    )
    .await;
    let rest = rest.checked(201);
    assert_eq!(rest.json()["entries"][1]["amount"], "800");
    assert_eq!(rest.json()["entries"][1]["balance"]["pending"], "0");
    assert_eq!(shown(&client, &rest).await, rest.json());

    let over = post(
        &client,
        "transactions",
        "over",
        &many_entries(ENTRIES_MAX + 1),
    )
    .await;
    assert_eq!((over.status, over.code().as_str()), (400, "validation"));
    let (clean, said) = service.audit();
    assert!(clean, "{said}");
}

fn pairs(count: usize) -> BTreeMap<String, String> {
    let value = "ř".repeat(512);
    let pair = |n| (format!("{n:064}"), value.clone());
    (0..count).map(pair).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pairs_at_their_limits_are_kept_to_the_byte_and_one_beyond_is_refused() {
    let service = Service::start_fresh();
    let client = prepared(&service).await;
    let mut body = payment(1);
    body["metadata"] = json!(pairs(PAIRS_MAX));
    let posted = post(&client, "transactions", "full", &body)
        .await
        .checked(201);
    assert_eq!(posted.json()["metadata"], body["metadata"]);
    assert_eq!(shown(&client, &posted).await, posted.json());
    let path = format!("transactions/{}", posted.json()["id"].as_str().unwrap());

    // One for one is no growth; one more is.
    let first = format!("{:064}", 0);
    let swap = json!({"metadata": {"new": "", first: null}});
    let swapped = patch(&client, &path, "swap", &swap).await.checked(200);
    let names = swapped.json()["metadata"].as_object().unwrap().len();
    assert_eq!(
        (names, &swapped.json()["metadata"]["new"]),
        (PAIRS_MAX, &json!(""))
    );
    assert_eq!(shown(&client, &swapped).await, swapped.json());
    let more = patch(
        &client,
        &path,
        "more",
        &json!({"metadata": {"one more": "x"}}),
    )
    .await;
    assert_eq!((more.status, more.code().as_str()), (422, "validation"));

    for wrong in [
        json!(pairs(PAIRS_MAX + 1)),
        json!({"k".repeat(65): "v"}),
        json!({"k": "v".repeat(1025)}),
        json!({"": "v"}),
        json!({"sealed": "v"}),
    ] {
        let mut body = payment(1);
        body["metadata"] = wrong.clone();
        let refused = post(&client, "transactions", "wrong", &body).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "validation"),
            "{wrong}"
        );
        let refused = patch(&client, &path, "wrong", &json!({"metadata": wrong})).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "validation")
        );
    }
    for (path, key) in [("accounts/users", "account"), ("", "ledger")] {
        let full = json!({"metadata": pairs(PAIRS_MAX)});
        let answer = patch(&client, path, key, &full).await.expect(200);
        assert_eq!(answer["metadata"], full["metadata"], "{path}");
    }
}
