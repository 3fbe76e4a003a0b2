//! What is stored stays readable and stays the same bytes (INV-7), and hostile bytes are refused.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test fails the test where it stands"
)]

mod explained;
mod golden;
mod hostile;
mod meaning;
mod patch;
mod problems;
mod refused;
mod round_trip;
mod schemas;
mod upcast;
mod values;
