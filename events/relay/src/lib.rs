//! `command → decide → append → RELAY → project → query`: event store → NATS JetStream.
//!
//! Owns the fan-out: it reads the store's order up to the durable head and publishes runs of events
//! of one ledger to the stream `DAYBOOK_EVENTS`, each message naming the range `(from, to]` of its
//! partition that it covers (D5). It keeps no state of its own: where it goes on is written in the
//! stream's last message. Once a second it says on core NATS how far it is.
//!
//! Must not: be trusted for progress (the checkpoint inside Postgres is), hold events in memory
//! between the store and NATS beyond a bounded window, interpret an event, touch SQL.
//!
//! Guards the feed's half of INV-5: every range is true by itself, because it is written from one
//! unbroken reading of the store. Whatever NATS then does with the messages (refuses, drops,
//! repeats, reorders them, forgets them all), a projector sees a hole as `from` beyond what it has
//! and reads the store instead. `Nats-Expected-Last-Sequence` keeps holes rare, not impossible:
//! with two relays at once a refused message can be followed by an accepted one of the same window.
//! INV-9: window, message, page and every wait have a named limit.

pub mod config;
mod connection;
mod heartbeat;
mod message;
mod pipeline;
mod resume;
mod run;

pub use config::RelayConfig;
pub use run::{RelayError, run};
