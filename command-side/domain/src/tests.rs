//! The rules as tables of given, when, then; the laws as properties.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that overflows or misses an index fails, as it should"
)]

mod book;
mod effective;
mod given;
mod history;
mod laws;
mod limits;
mod order;
mod reversal;
mod transaction;
mod undo;
