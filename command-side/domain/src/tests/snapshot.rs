//! Snapshots: what is restored is what was, and what no history leads to is refused.

use std::panic::{AssertUnwindSafe, catch_unwind};

use daybook_events::assets::Scale;
use daybook_events::event::Event;
use daybook_events::ids::Name;
use daybook_events::money::AccountType;
use serde_json::{Value, json};

use super::given::{
    Book, account, asset, capture_amount, change_status, close_through, entry, pairs, patch, place,
    place_until, post, restricted_to, transfer, update_account,
};
use crate::{Command, Decision, Ledger, LedgerSnapshot, Patch, RegisterAsset, StatusChange};
use crate::{UpdateAccount, UpdateLedger, decide};
use daybook_events::money::Side;

/// A ledger with something of everything.
fn full_book() -> Book {
    let mut points = account("points", AccountType::Equity);
    points.assets = restricted_to(&["PTS", "USD"]);
    points.limits = super::given::limits("*", Some(-100), Some(100));
    let mut book = Book::ready();
    book.accept(&Command::RegisterAsset(RegisterAsset {
        asset: asset("PTS"),
        scale: Scale::try_new(3).unwrap(),
        name: None,
    }));
    book = book.with(points);
    book.accept(&Command::UpdateLedger(UpdateLedger {
        name: Patch::Set(Name::parse("Acme").unwrap()),
        metadata: patch(&[("a", Some("1"))]),
    }));
    book = book.posted(vec![
        entry(Side::Debit, "cash", 70, "USD"),
        entry(Side::Credit, "users:1", 70, "USD"),
        entry(Side::Debit, "cash", 5, "PTS"),
        entry(Side::Credit, "points", 5, "PTS"),
    ]);
    book.accept(&Command::UpdateAccount(UpdateAccount {
        name: Patch::Set(Name::parse("User").unwrap()),
        metadata: patch(&[("b", Some("2"))]),
        ..update_account("users:1")
    }));
    let hold = book.hold(&place_until(transfer("users:1", "cash", 9), Some(10_000)));
    // The same account and direction twice, and out of the order of accounts.
    book.hold(&place(vec![
        entry(Side::Debit, "users:1", 3, "USD"),
        entry(Side::Credit, "cash", 5, "USD"),
        entry(Side::Debit, "users:1", 2, "USD"),
        entry(Side::Debit, "points", 4, "PTS"),
        entry(Side::Credit, "cash", 4, "PTS"),
    ]));
    book.accept_about(hold, &capture_amount(hold, 4, false));
    book.accept(&change_status("points", StatusChange::Freeze));
    book.accept(&close_through("1969-12-31"));
    book = book.with(account("gone", AccountType::Asset));
    book.accept(&change_status("gone", StatusChange::Close));
    book
}

fn stored(ledger: &Ledger) -> Value {
    serde_json::to_value(ledger.snapshot()).unwrap()
}

/// Reads a snapshot as from a file and restores it; the error in words.
fn restore(stored: Value) -> Result<Ledger, String> {
    let snapshot: LedgerSnapshot =
        serde_json::from_value(stored).map_err(|error| error.to_string())?;
    Ledger::restore(snapshot).map_err(|invalid| {
        assert_eq!(invalid.what, "snapshot");
        invalid.why
    })
}

#[test]
fn what_is_restored_is_what_was() {
    for book in [Book::missing(), Book::opened(), Book::ready(), full_book()] {
        let again = restore(stored(&book.ledger)).unwrap();
        assert_eq!(again, book.ledger);
        assert_eq!(stored(&again), stored(&book.ledger));
    }
    let book = full_book();
    let again = restore(stored(&book.ledger)).unwrap();
    assert_eq!(again.name(), Some(&Name::parse("Acme").unwrap()));
    assert_eq!(again.metadata(), Some(&pairs(&[("a", "1")])));
    assert_eq!(again.next_due(), book.ledger.next_due());
    assert!(again.next_due().is_some());
}

#[test]
fn the_same_state_gives_the_same_bytes_however_it_came_to_be() {
    let book = full_book();
    let bytes = |ledger: &Ledger| serde_json::to_vec(&ledger.snapshot()).unwrap();
    let restored = restore(stored(&book.ledger)).unwrap();
    assert_eq!(bytes(&restored), bytes(&book.ledger));
    let mut taken_back = book.clone();
    taken_back.ledger.begin();
    for number in 0..50 {
        taken_back = taken_back.with(account(&format!("x:{number}"), AccountType::Asset));
    }
    taken_back.accept(&post(transfer("x:1", "x:2", 1)));
    taken_back.ledger.rollback();
    assert_eq!(bytes(&taken_back.ledger), bytes(&book.ledger));
}

#[test]
fn a_snapshot_is_not_taken_where_something_could_still_be_taken_back() {
    let panics = |book: &Book| catch_unwind(AssertUnwindSafe(|| book.ledger.snapshot())).is_err();
    let mut book = full_book();
    assert!(!panics(&book));
    book.ledger.begin();
    assert!(panics(&book));
    book.ledger.commit();
    assert!(!panics(&book));

    // Between the end of a hold and its last capture.
    let mut book = Book::ready();
    let hold = book.hold(&place(transfer("cash", "users:1", 5)));
    let capture = capture_amount(hold, 3, true);
    let Ok(Decision::Ending(ended, captured)) = decide(&book.ledger, &capture, &book.about(hold))
    else {
        panic!("a last capture ends its hold");
    };
    let now = book.next().now;
    book.apply(now, &Event::HoldEnded(*ended));
    assert!(panics(&book));
    book.apply(now, &captured);
    assert!(!panics(&book));
}

/// Whether a part of the reason is what is expected.
type Tampering = (&'static str, fn(&mut Value));

/// Accounts in the order of opening: cash, users:1, points, gone. Assets: PTS, USD.
const TAMPERINGS: &[Tampering] = &[
    ("format", |snapshot| snapshot["format"] = json!(2)),
    ("format", |snapshot| snapshot["format"] = json!(0)),
    ("unknown field", |snapshot| snapshot["more"] = json!(1)),
    ("has something", |snapshot| {
        snapshot["opened"] = Value::Null;
    }),
    ("more than there were events", |snapshot| {
        snapshot["opened"]["revision"] = json!(6);
    }),
    ("more than there were events", |snapshot| {
        snapshot["opened"]["transactions"] = json!(1);
    }),
    ("after its last event", |snapshot| {
        snapshot["opened"]["opened_at"] = json!("2026-01-01T00:00:00Z");
    }),
    ("not as old", |snapshot| {
        snapshot["accounts"][1]["revision"] = json!(999);
    }),
    ("not as old", |snapshot| {
        snapshot["accounts"][0]["opened_revision"] = json!(0);
    }),
    ("not as old", |snapshot| {
        snapshot["accounts"][1]["opened_revision"] = json!(1);
    }),
    ("not as old", |snapshot| {
        // It is the last one that was opened.
        snapshot["accounts"][3]["revision"] = json!(10);
    }),
    ("not as old", |snapshot| {
        snapshot["accounts"][1]["opened_at"] = json!("2026-01-01T00:00:00Z");
    }),
    ("account stands twice", |snapshot| {
        snapshot["accounts"][1]["account"] = json!("cash");
    }),
    ("closed account is not empty", |snapshot| {
        snapshot["accounts"][0]["terms"]["status"] = json!("closed");
    }),
    ("not in order", |snapshot| {
        snapshot["accounts"][0]["balances"]
            .as_array_mut()
            .unwrap()
            .reverse();
    }),
    ("not in order", |snapshot| {
        let first = snapshot["accounts"][0]["balances"][0].clone();
        snapshot["accounts"][0]["balances"]
            .as_array_mut()
            .unwrap()
            .insert(0, first);
    }),
    ("must not be negative", |snapshot| {
        debits_of_cash(snapshot, "-70");
    }),
    ("below zero or beyond", |snapshot| {
        // With the pending debits it is beyond; alone it is not.
        debits_of_cash(snapshot, &format!("1{}", "0".repeat(36)));
        snapshot["accounts"][0]["balances"][1][1]["pending_debits"] = json!("1");
    }),
    ("10^36", |snapshot| {
        debits_of_cash(snapshot, &format!("1{}1", "0".repeat(35)));
    }),
    ("INV-1", |snapshot| debits_of_cash(snapshot, "71")),
    ("INV-1", |snapshot| {
        // What is posted still balances over both assets together.
        debits_of_cash(snapshot, "71");
        snapshot["accounts"][0]["balances"][0][1]["debits"] = json!("4");
    }),
    ("INV-1", |snapshot| {
        snapshot["accounts"][1]["balances"][0][1]["pending_debits"] = json!("9");
    }),
    ("unknown asset", |snapshot| {
        snapshot["accounts"][0]["balances"][1][0] = json!(2);
    }),
    ("without reason", |snapshot| {
        snapshot["assets"]
            .as_array_mut()
            .unwrap()
            .push(json!({"code": "JPY"}));
    }),
    ("asset stands twice", |snapshot| {
        let first = snapshot["assets"][0].clone();
        snapshot["assets"].as_array_mut().unwrap().push(first);
    }),
    ("names account nobody", |snapshot| {
        snapshot["holds"][0]["parts"][0]["account"] = json!("nobody");
    }),
    ("not what the open holds reserve", |snapshot| {
        snapshot["holds"].as_array_mut().unwrap().pop();
    }),
    ("not what the open holds reserve", |snapshot| {
        snapshot["holds"][0]["parts"][0]["remaining"] = json!("6");
    }),
    ("not what the open holds reserve", |snapshot| {
        // The other side of the same account.
        snapshot["holds"][0]["parts"][0]["direction"] = json!("credit");
    }),
    ("a balance that there is not", |snapshot| {
        let more = json!({
            "id": "00000000-0000-4000-8000-000000000001",
            "parts": [{"account": "gone", "direction": "debit", "asset": 0, "remaining": "1"}],
        });
        snapshot["holds"].as_array_mut().unwrap().push(more);
    }),
    ("stands twice", |snapshot| {
        let first = snapshot["holds"][0].clone();
        snapshot["holds"].as_array_mut().unwrap().push(first);
    }),
    ("stands twice", |snapshot| {
        // What is reserved of it is the same, in two parts of one.
        let parts = snapshot["holds"][0]["parts"].as_array_mut().unwrap();
        parts[0]["remaining"] = json!("3");
        let mut second = parts[0].clone();
        second["remaining"] = json!("2");
        parts.push(second);
    }),
    ("less than nothing", |snapshot| {
        snapshot["holds"][0]["parts"][0]["remaining"] = json!("-5");
    }),
    ("not open", |snapshot| {
        for part in snapshot["holds"][0]["parts"].as_array_mut().unwrap() {
            part["remaining"] = json!("0");
        }
    }),
    ("account id", |snapshot| {
        snapshot["accounts"][0]["account"] = json!("..");
    }),
];

fn debits_of_cash(snapshot: &mut Value, debits: &str) {
    snapshot["accounts"][0]["balances"][1][1]["debits"] = json!(debits);
}

#[test]
fn a_snapshot_that_no_history_leads_to_is_refused() {
    let book = full_book();
    let snapshot = stored(&book.ledger);
    let ids: Vec<_> = snapshot["accounts"].as_array().unwrap().iter().collect();
    let ids: Vec<_> = ids
        .iter()
        .map(|stored| stored["account"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["cash", "users:1", "points", "gone"]);
    for (place, (expected, tamper)) in TAMPERINGS.iter().enumerate() {
        let mut tampered = snapshot.clone();
        tamper(&mut tampered);
        assert_ne!(tampered, snapshot, "{place}: {expected}");
        let refused = restore(tampered).unwrap_err();
        assert!(refused.contains(expected), "{place}: {expected}: {refused}");
    }
}

#[test]
fn sums_beyond_128_bits_are_compared_exactly() {
    // 500 accounts with the largest turnover there is: the sum is 5 × 10^38, beyond i128 and u128.
    let mut book = Book::opened();
    for number in 0..500 {
        book = book.with(account(&format!("x:{number}"), AccountType::Asset));
    }
    let full = format!("1{}", "0".repeat(36));
    let balances = json!([[0, {"debits": full, "credits": full}]]);
    let mut snapshot = stored(&book.ledger);
    snapshot["assets"] = json!([{"code": "USD"}]);
    for account in snapshot["accounts"].as_array_mut().unwrap() {
        account["balances"] = balances.clone();
    }
    assert!(restore(snapshot.clone()).is_ok());
    let all_but_one = "9".repeat(36);
    snapshot["accounts"][499]["balances"][0][1]["credits"] = json!(all_but_one);
    assert!(restore(snapshot.clone()).unwrap_err().contains("INV-1"));
    // A difference that is nothing modulo 2^128 is still one: 340 × 10^36 + the rest is 2^128.
    for account in &mut snapshot["accounts"].as_array_mut().unwrap()[..340] {
        account["balances"][0][1]["credits"] = json!("0");
    }
    let rest = u128::MAX - 340 * 10_u128.pow(36) + 1;
    let left = 10_u128.pow(36) - rest;
    snapshot["accounts"][499]["balances"][0][1]["credits"] = json!(left.to_string());
    assert!(restore(snapshot).unwrap_err().contains("INV-1"));
}
