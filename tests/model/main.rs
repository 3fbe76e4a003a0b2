//! The service and the reference model, driven by the same commands.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on ends with a clear message"
)]

mod drive;
mod races;
mod script;
mod seeds;
mod sent;
mod server;
mod walk;
mod wire;
