//! The reference model: what a ledger must answer, written from the contract alone.
//!
//! It is naive on purpose: plain maps, strings, `i128` and `serde_json`, one command after the
//! other. It shares no code with Daybook, so that the two are wrong together only if the contract
//! is. Run in the order of the log, it gives every event and every answer (`tests/model`).

pub mod calendar;
pub mod effect;
pub mod judge;
pub mod ledger;
pub mod request;

mod book;
mod drafts;
mod holds;
mod money;
mod render;

pub use effect::{Effect, Event, Verdict};
pub use judge::Moment;
pub use ledger::{Answer, Done, Face, Ledger, Refusal, Yes};
pub use money::entries_of;

/// The currencies that the model knows without being told. Daybook knows more.
pub const ISO: &[&str] = &["USD", "EUR", "JPY", "GBP"];
/// The most pairs of anything.
pub const PAIRS_MAX: usize = 50;
/// The largest turnover.
const BALANCE_MAX: i128 = 10_i128.pow(36);
