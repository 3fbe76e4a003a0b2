//! The command side over its real routes and the real embedded store, in temporary directories.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helpers fail the test where they stand"
)]

mod bulk;
mod commands;
mod faults;
mod harness;
mod hostile;
mod idempotency;
mod laws;
mod restart;
