//! What Daybook does, on real processes: one test binary, one module per area.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends with a clear message"
)]

mod access;
mod accounting;
mod bad_input;
mod comparison;
mod freshness;
mod harness;
mod idempotency;
mod import;
mod projections;
mod query;
mod relay;
mod sync_order;
mod tour;
mod whole_ledger;
