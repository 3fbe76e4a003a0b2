//! The command side over its real routes and the real embedded store, in temporary directories.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helpers fail the test where they stand"
)]

mod bodies;
mod bulk;
mod commands;
mod expiry;
mod faults;
mod harness;
mod holds;
mod hostile;
mod idempotency;
mod laws;
mod restart;
mod snapshots;
