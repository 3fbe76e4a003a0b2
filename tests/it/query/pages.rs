//! Walks over pages, and cursors that nobody gave out.

use std::collections::{BTreeSet, VecDeque};

use daybook_events::money::AccountType;
use serde_json::Value;

use super::fixture::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_is_one_snapshot_while_rows_are_added_and_changed() {
    let mut fixture = Fixture::start().await;
    let mut book = fixture.book();
    book.open("acme").await;
    book.account("acme", "bank", AccountType::Asset).await;
    book.account("acme", "user", AccountType::Liability).await;
    let mut posted = VecDeque::new();
    for number in 0..25 {
        book.account("acme", &format!("a:{number:02}:x"), AccountType::Asset)
            .await;
        posted.push_back(book.post("acme", "bank", "user", number + 1).await);
    }
    fixture.project();
    let pinned = book.revision("acme");
    fixture.caught_up("acme", pinned).await;
    for (path, key) in [
        ("accounts", "account"),
        ("transactions", "id"),
        ("transactions?order=asc", "id"),
        ("transactions?account=user", "id"),
        ("accounts/user/entries", "id"),
        ("accounts/user/entries?order=asc", "id"),
        ("accounts?order=desc", "account"),
    ] {
        let before = book.revision("acme");
        let whole = walk(&fixture, path, 1000, &mut async || {}).await;
        let mut number = 0;
        let mut add = async || {
            number += 1;
            let name = format!(
                "a:{number:02}:{}",
                path.len() * 100 + usize::from(before > 60)
            );
            book.account("acme", &format!("{name}-{before}"), AccountType::Asset)
                .await;
            // Balances change, an account gets its first entry, and a transaction is reversed.
            posted.push_back(book.post("acme", "bank", "user", 1).await);
            book.post("acme", &format!("a:{number:02}:x"), "user", 1)
                .await;
            book.reverse("acme", posted.pop_front().unwrap()).await;
            fixture.caught_up("acme", book.revision("acme")).await;
        };
        let pages = walk(&fixture, path, 7, &mut add).await;
        assert_eq!(pages, whole, "{path}");
        let distinct: BTreeSet<_> = pages.iter().map(|row| row[key].as_str()).collect();
        assert_eq!(distinct.len(), pages.len(), "{path}");
        assert!(number > 2, "{path}: rows were added between the pages");
    }
}

/// Walks to the end; `between` runs after every page.
pub(crate) async fn walk(
    fixture: &Fixture,
    path: &str,
    limit: usize,
    between: &mut impl AsyncFnMut(),
) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut pinned = None;
    let mut cursor = String::new();
    let separator = if path.contains('?') { '&' } else { '?' };
    loop {
        let url = format!("/v1/ledgers/acme/{path}{separator}limit={limit}{cursor}");
        let answer = fixture.client.get(&url).await.checked(200);
        let page = answer.json();
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= limit);
        rows.extend(data.iter().cloned());
        let revision = page["revision"].as_u64().unwrap();
        assert_eq!(
            *pinned.get_or_insert(revision),
            revision,
            "a walk is one snapshot"
        );
        assert_eq!(answer.revision(), revision, "it says what it shows");
        assert_eq!(page["has_more"], page["next_cursor"] != Value::Null);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
        between().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_query_or_of_nobody_is_refused() {
    let (fixture, _) = Fixture::with_acme().await;
    let get = async |path: &str| {
        fixture
            .client
            .get(&format!("/v1/ledgers/acme/{path}"))
            .await
    };
    let first = get("transactions?limit=1").await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();
    get(&format!("transactions?limit=3&cursor={cursor}"))
        .await
        .expect(200);
    let mut changed = cursor.clone().into_bytes();
    for at in 0..changed.len() {
        let before = changed[at];
        changed[at] = if before == b'x' { b'y' } else { b'x' };
        let text = String::from_utf8(changed.clone()).unwrap();
        let answer = get(&format!("transactions?cursor={text}")).await;
        // The last character may carry bits that mean nothing.
        let last = at + 1 == changed.len();
        assert!(
            answer.status == 400 || (last && answer.status == 200),
            "{at}: {answer}"
        );
        changed[at] = before;
    }
    let long = "A".repeat(20_000);
    for path in [
        format!("transactions?order=asc&cursor={cursor}"),
        format!("transactions?status=posted&cursor={cursor}"),
        format!("accounts?cursor={cursor}"),
        format!("events?cursor={cursor}"),
        format!("accounts/users:1/entries?cursor={cursor}"),
        "transactions?cursor=".to_owned(),
        "transactions?cursor=%00%27%3B".to_owned(),
        "transactions?cursor=e30&cursor=e30".to_owned(),
        format!("transactions?cursor={long}"),
        "transactions?cursor=eyJ3IjoxLCJwIjpudWxsLCJrIjoiOTk5OSIsImMiOjF9".to_owned(),
    ] {
        let answer = get(&path).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "validation"),
            "{path:.80}"
        );
    }
}
