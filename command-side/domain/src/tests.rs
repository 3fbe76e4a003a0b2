//! The rules as tables of given, when, then; the laws as properties.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that overflows or misses an index fails, as it should"
)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the events that it is about; a new one is not among them"
)]

mod account;
mod book;
mod capture;
mod capture_rules;
mod changes;
mod condition;
mod effective;
mod given;
mod history;
mod hold;
mod hold_end;
mod hold_history;
mod laws;
mod limits;
mod metadata;
mod mixed;
mod order;
mod period;
mod reversal;
mod snapshot;
mod split;
mod tampered;
mod transaction;
mod undo;
mod words;
