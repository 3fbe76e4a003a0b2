//! `command → decide → append → relay → project → query`: this crate tests **all of it**.
//!
//! Owns the harness: real Postgres, real nats-server and the real `daybook` binary, each started
//! privately by the test that needs it, in a temporary directory and on a free port or socket, and
//! gone when the test ends, also when it panics or is killed. It must not imitate a part of
//! Daybook: tests speak to the parts through their public interfaces only.
//!
//! The tests are `tests/it` (what Daybook does), `tests/faults` (what it does when something
//! breaks) and `tests/model` (whether it does what an independent [`model`] says, whatever the
//! order of commands); together they guard INV-1 to INV-10 from the outside.
//!
//! Every wait has a bound. A missing program fails the test with the command that installs it.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a harness: what cannot go on ends the test with a clear message"
)]

pub mod berka;
pub mod client;
pub mod history;
pub mod model;
pub mod nats;
pub mod postgres;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod random;
mod scratch;
pub mod service;
pub mod setup;
pub mod store;
pub mod traffic;
pub mod wait;

pub use client::{Answer, Client};
pub use history::{History, all_pages, caught_up};
pub use nats::Nats;
pub use postgres::Postgres;
pub use proxy::{Mode, Proxy};
pub use random::Random;
pub use service::Service;
pub use setup::Setup;
pub use store::{TempStore, temp_store};
pub use traffic::Traffic;
pub use wait::{until, until_async};
