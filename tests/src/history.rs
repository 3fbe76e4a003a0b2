//! A ledger's history as the auditor reads it, and the laws that every history keeps.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::client::sent;
use crate::{Client, until_async};

/// How long views may take to catch up after the last fault.
pub const CATCH_UP_BOUND: Duration = Duration::from_secs(120);

/// A ledger's whole history; every law that can be checked on it was checked.
#[derive(Debug)]
pub struct History {
    /// The events, in order.
    pub events: Vec<Value>,
}

impl History {
    /// Reads the history as NDJSON and checks it: dense revisions (INV-8), no event, id or key
    /// twice (INV-3), every transaction balanced (INV-1).
    ///
    /// # Panics
    /// When the history breaks a law.
    pub async fn read(client: &Client, ledger: &str) -> Self {
        let request = client
            .request(Method::GET, &format!("/v1/ledgers/{ledger}/events"))
            .header("Accept", "application/x-ndjson");
        let answer = sent(request).await.checked(200);
        let events: Vec<Value> = answer
            .body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("an event is a line of JSON"))
            .collect();
        let history = Self { events };
        history.check(ledger);
        history
    }

    /// The revision of the last event.
    ///
    /// # Panics
    /// When the history is empty.
    pub fn last_revision(&self) -> u64 {
        let last = self.events.last().expect("a ledger has events");
        last["revision"].as_u64().expect("a revision")
    }

    /// The event at a revision.
    ///
    /// # Panics
    /// When the history is shorter.
    pub fn at(&self, revision: u64) -> &Value {
        let index = usize::try_from(revision).expect("a revision");
        self.events
            .get(index)
            .unwrap_or_else(|| panic!("the history ends before revision {revision}"))
    }

    /// The events of a type.
    pub fn of_type(&self, event_type: &str) -> impl Iterator<Item = &Value> {
        self.events
            .iter()
            .filter(move |event| event["type"] == event_type)
    }

    fn check(&self, ledger: &str) {
        let (mut ids, mut keys) = (HashSet::new(), HashSet::new());
        for (revision, event) in self.events.iter().enumerate() {
            assert_eq!(event["ledger"], ledger, "{event}");
            assert_eq!(event["revision"], revision, "INV-8: dense revisions");
            assert!(ids.insert(event["id"].to_string()), "id twice: {event}");
            if let Some(key) = event["meta"]["key"].as_str() {
                assert!(keys.insert(key), "INV-3: key twice: {event}");
            }
            if event["type"] == "TransactionPosted" {
                check_balanced(event);
            }
        }
    }
}

fn check_balanced(event: &Value) {
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    for entry in event["data"]["entries"].as_array().expect("entries") {
        let amount: i128 = entry["amount"]
            .as_str()
            .and_then(|text| text.parse().ok())
            .expect("an amount");
        let signed = if entry["direction"] == "debit" {
            amount
        } else {
            -amount
        };
        *sums
            .entry(entry["asset"].as_str().expect("an asset"))
            .or_default() += signed;
    }
    assert!(sums.values().all(|sum| *sum == 0), "INV-1: {event}");
}

/// Waits until the views show this revision of the ledger, and gives the ledger.
///
/// # Panics
/// When they do not within [`CATCH_UP_BOUND`].
pub async fn caught_up(client: &Client, ledger: &str, revision: u64) -> Value {
    let path = format!("/v1/ledgers/{ledger}?wait_ms=5000");
    until_async("the views have caught up", CATCH_UP_BOUND, async || {
        let answer = client.get_at(&path, revision).await;
        match answer.status {
            200 => Some(answer.json()),
            503 => None,
            _ => panic!("while the views catch up: {answer}"),
        }
    })
    .await
}

/// Every row of a list, page by page.
///
/// # Panics
/// When a page does not come.
pub async fn all_pages(client: &Client, path: &str, revision: u64) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let joined = if path.contains('?') { '&' } else { '?' };
        let next = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        let page = client
            .get_at(&format!("{path}{joined}limit=1000{next}"), revision)
            .await
            .expect(200);
        rows.extend(page["data"].as_array().expect("a page").iter().cloned());
        assert_eq!(
            page["has_more"].as_bool(),
            Some(page["next_cursor"].is_string())
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return rows,
        }
    }
}
