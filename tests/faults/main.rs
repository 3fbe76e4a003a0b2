//! What Daybook does when something breaks, on real processes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends with a clear message"
)]

mod disk;
mod importing;
mod kills;
mod startup;
