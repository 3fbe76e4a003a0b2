//! What tests send, and where to.

use daybook_events::envelope::RecordedEvent;
use daybook_events::time::Timestamp;
use serde_json::{Value, json};

/// Where a clock that is moved by hand begins: 2026-11-20T12:00:00Z.
pub(crate) const NOON: i64 = 1_795_176_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000;

pub(crate) const PAY: &str = "/v1/ledgers/acme/transactions";
pub(crate) const BULK: &str = "/v1/ledgers/acme/bulk";

pub(crate) fn payment(amount: u64) -> Value {
    json!({"postings": [
        {"debit": "assets:bank", "credit": "users:1", "amount": amount, "asset": "USD"}
    ]})
}

/// Takes `amount` from `users:1`.
pub(crate) fn payout(amount: u64) -> Value {
    json!({"postings": [
        {"debit": "users:1", "credit": "assets:bank", "amount": amount, "asset": "USD"}
    ]})
}

/// The time so many seconds after [`NOON`].
pub(crate) fn after_noon(seconds: i64) -> String {
    let at = Timestamp::try_from_micros(NOON + seconds * SECOND).unwrap();
    at.to_string()
}

/// The id of a test's transaction.
pub(crate) fn id(number: usize) -> String {
    format!("0198c5e2-3f4b-7c52-9d0e-{number:012x}")
}

/// Reserves `amount` of `users:1` under [`id`], until that many seconds after [`NOON`].
pub(crate) fn hold(number: usize, amount: u64, expires_after_s: Option<i64>) -> Value {
    let mut hold = payout(amount);
    hold["id"] = id(number).into();
    hold["status"] = "pending".into();
    if let Some(seconds) = expires_after_s {
        hold["expires_at"] = after_noon(seconds).into();
    }
    hold
}

/// Where the hold of [`id`] is captured (`post`) or given up (`void`).
pub(crate) fn hold_path(number: usize, action: &str) -> String {
    format!("{PAY}/{}/{action}", id(number))
}

/// The types of events, in order.
pub(crate) fn types(events: &[RecordedEvent]) -> Vec<&'static str> {
    let types = events.iter().map(|event| event.event_type.as_str());
    types.collect()
}
