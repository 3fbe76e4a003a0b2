//! What is stored stays readable and stays the same bytes (INV-7), and hostile bytes are refused.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails the test where it stands"
)]

mod golden;
mod hostile;
mod problems;
mod round_trip;
