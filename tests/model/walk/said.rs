//! What bulk answers say of their items.

use std::collections::BTreeMap;
use std::sync::Arc;

use daybook_tests::model::{Answer, Done};
use serde_json::Value;

use super::is_yes;
use crate::drive::{Reply, item_is_unknown};
use crate::sent::Bulk;

/// What a bulk answer says of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// It happened: its revision and id.
    Applied(u64, Option<String>),
    /// It had happened before.
    Replayed(u64, Option<String>),
    /// In the short form: one of both.
    Either,
    /// It was refused.
    Rejected(String),
    /// Nobody knows.
    Unknown,
}

/// What the answer says of each item.
pub(super) fn said(reply: &Reply, items: usize) -> Vec<Said> {
    let body = &reply.body;
    if let Some(failures) = body["failures"].as_array() {
        let mut said = vec![Said::Either; items];
        for failure in failures {
            let index = failure["index"]
                .as_u64()
                .and_then(|index| usize::try_from(index).ok());
            said[index.expect("an index")] = said_of(failure);
        }
        return said;
    }
    let results = body["results"]
        .as_array()
        .unwrap_or_else(|| panic!("no results: {reply:?}"));
    assert_eq!(results.len(), items, "one result per item");
    for (index, result) in results.iter().enumerate() {
        assert_eq!(
            result["index"].as_u64(),
            u64::try_from(index).ok(),
            "in order"
        );
    }
    results.iter().map(said_of).collect()
}

fn said_of(item: &Value) -> Said {
    let revision = || item["revision"].as_u64().expect("a revision");
    let id = item["id"].as_str().map(str::to_owned);
    match item["status"].as_str() {
        Some("applied") => Said::Applied(revision(), id),
        Some("replayed") => Said::Replayed(revision(), id),
        Some("rejected") if item_is_unknown(item) => Said::Unknown,
        Some("rejected") => {
            let code = item["code"].as_str().expect("a code");
            assert!(item["detail"].is_string(), "it is said why: {item}");
            Said::Rejected(code.to_owned())
        }
        _ => panic!("an item's result: {item}"),
    }
}

pub(super) fn id_of(done: &Done) -> Option<String> {
    match &done.answer {
        Answer::Yes(yes) => yes.id.clone(),
        Answer::No(_) => None,
    }
}

/// Whether a success is told as it is.
pub(super) fn is_said(said: &Said, done: &Done) -> bool {
    let named =
        |revision: u64, id: &Option<String>| revision == done.revision && *id == id_of(done);
    let right = match said {
        Said::Applied(revision, id) | Said::Replayed(revision, id) => named(*revision, id),
        Said::Either => true,
        Said::Rejected(_) | Said::Unknown => false,
    };
    right && is_yes(&done.answer)
}

pub(super) fn counts_add_up(reply: &Reply, said: &[Said]) {
    if !reply.body["failures"].is_array() {
        return;
    }
    let count = |name: &str| reply.body[name].as_u64().expect("a count");
    let either = said.iter().filter(|said| **said == Said::Either).count();
    let rejected = said.len() - either;
    assert_eq!(
        count("applied") + count("replayed"),
        u64::try_from(either).unwrap_or(0)
    );
    assert_eq!(count("rejected"), u64::try_from(rejected).unwrap_or(0));
}

/// The results of a batch that happened.
pub(super) fn same_results(bulk: &Bulk, reply: &Reply, results: &[(&str, Arc<Done>)]) {
    if bulk.minimal {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::from([("applied", 0), ("replayed", 0)]);
        for (status, _) in results {
            *counts.entry(*status).or_default() += 1;
        }
        let told = |status: &str| reply.body[status].as_u64().unwrap_or_default();
        let (applied, replayed) = (counts["applied"], counts["replayed"]);
        assert!(told("applied") <= applied, "{reply:?}");
        assert_eq!(
            told("applied") + told("replayed"),
            applied + replayed,
            "{reply:?}"
        );
        return;
    }
    for (place, (status, done)) in results.iter().enumerate() {
        let said = said_of(&reply.body["results"][place]);
        let by_id = bulk.items[place].request.asked.command.id().is_some();
        let told_new = matches!(said, Said::Applied(..));
        let right = is_said(&said, done) && (told_new == (*status == "applied") || by_id);
        assert!(right, "item {place} {status} as {said:?}: {done:?}");
    }
}
