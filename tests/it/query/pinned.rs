//! A walk shows everything as it was when it began, whatever changes between its pages.

use daybook_domain::StatusChange;
use daybook_events::ids::EventId;
use daybook_events::money::AccountType;
use serde_json::Value;

use super::book::{Book, pairs, transfer};
use super::fixture::Fixture;
use super::pages::walk;

/// Of accounts and holds, at first.
const MANY: usize = 12;

/// What there is to change, the next one at either end, so that what a walk has shown and what it
/// has still to show change alike.
struct Left {
    accounts: Vec<String>,
    holds: Vec<EventId>,
    posted: Vec<EventId>,
}

fn ends<T>(left: &mut Vec<T>) -> [T; 2] {
    let last = left.pop().unwrap();
    [left.remove(0), last]
}

async fn set_up(book: &mut Book) -> Left {
    book.open("acme").await;
    book.account("acme", "bank", AccountType::Asset).await;
    book.account("acme", "user", AccountType::Liability).await;
    let mut left = Left {
        accounts: Vec::new(),
        holds: Vec::new(),
        posted: Vec::new(),
    };
    for number in 0..MANY {
        let account = format!("a:{number:02}");
        book.account("acme", &account, AccountType::Liability).await;
        // Some were changed before any walk began.
        if number % 3 == 0 {
            book.rename("acme", &account, "old").await;
        }
        let held = ("bank", account.as_str(), 100);
        left.holds.push(book.hold("acme", held, None).await);
        let mut transaction = transfer("bank", &account, 7);
        let changes = number % 4 == 0;
        let recorded = if changes { "older" } else { "old" };
        transaction.metadata = pairs(&[("tag", recorded)]);
        let key = format!("posted-{number}");
        let posted = book.post_whole("acme", transaction, &key).await;
        if changes {
            book.tag("acme", posted, &[("tag", "oldish")]).await;
            book.tag("acme", posted, &[("tag", "old")]).await;
        }
        left.posted.push(posted);
        left.accounts.push(account);
    }
    left
}

/// Changes everything that can change, of two accounts, holds and transactions.
async fn change(book: &mut Book, left: &mut Left) {
    for account in ends(&mut left.accounts) {
        book.rename("acme", &account, "new").await;
        book.tag_account("acme", &account, &[("tag", "new")]).await;
        book.change_status("acme", &account, StatusChange::Freeze)
            .await;
    }
    let [first, last] = ends(&mut left.holds);
    book.void("acme", first, "gone").await;
    // Captures go through on frozen accounts.
    book.capture("acme", last, (Some(30), false)).await;
    book.capture("acme", last, (None, true)).await;
    book.tag("acme", last, &[("tag", "new")]).await;
    let [first, last] = ends(&mut left.posted);
    for posted in [first, last] {
        book.tag("acme", posted, &[("tag", "new")]).await;
    }
    // New ones that the filters would take, and that were not there.
    let account = format!("a:x{}", left.accounts.len());
    book.account("acme", &account, AccountType::Liability).await;
    let held = ("bank", account.as_str(), 5);
    let held = book.hold("acme", held, None).await;
    book.tag("acme", held, &[("tag", "old")]).await;
    let posted = book.post("acme", "bank", &account, 1).await;
    book.reverse("acme", posted).await;
}

async fn is_one_snapshot(path: &str, rows: usize) {
    let mut fixture = Fixture::start().await;
    let mut book = fixture.book();
    let mut left = set_up(&mut book).await;
    fixture.project();
    fixture.caught_up("acme", book.revision("acme")).await;
    let whole = walk(&fixture, path, 1000, &mut async || {}).await;
    assert_eq!(whole.len(), rows, "{path}");
    let mut changes = 0;
    let mut between = async || {
        if left.accounts.len() >= 2 {
            changes += 1;
            change(&mut book, &mut left).await;
            fixture.caught_up("acme", book.revision("acme")).await;
        }
    };
    let pages = walk(&fixture, path, rows.div_ceil(4), &mut between).await;
    assert!(changes >= 3, "{path}");
    for (page, whole) in pages.iter().zip(&whole) {
        assert_eq!(page, whole, "{path}");
    }
    assert_eq!(pages.len(), whole.len(), "{path}");
    let now: Vec<Value> = walk(&fixture, path, 1000, &mut async || {}).await;
    assert_ne!(now, whole, "{path}: what was walked over did change");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_change_between_pages_are_shown_as_they_were() {
    is_one_snapshot("accounts", MANY + 2).await;
    is_one_snapshot("accounts?order=desc&prefix=a", MANY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_filtered_by_what_they_were() {
    is_one_snapshot("accounts?status=open", MANY + 2).await;
    is_one_snapshot("accounts?metadata[named]=old", MANY / 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_change_between_pages_are_shown_as_they_were() {
    is_one_snapshot("transactions", 2 * MANY).await;
    is_one_snapshot("transactions?order=asc&account=bank", 2 * MANY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_are_filtered_by_what_they_were() {
    is_one_snapshot("transactions?status=pending", MANY).await;
    is_one_snapshot("transactions?order=asc&metadata[tag]=old", MANY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_shown_with_the_balances_of_then() {
    is_one_snapshot("accounts/bank/entries?order=asc", MANY).await;
}
