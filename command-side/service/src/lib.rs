//! `command → decide → append → relay → project → query`: this crate carries a command through
//! **command → decide → append** and answers it.
//!
//! Owns the HTTP routes of the command side, the ledger writers (one per loaded ledger: drain, look
//! up, end the holds that are due, decide a batch, append it as one unit, answer), the ledgers' index
//! of keys, ids and references (D9), their snapshots, and the rendering of answers.
//!
//! Must not: hold a business rule (those are `daybook-domain`'s), answer from a state that is not
//! durable (D2), keep anything that cannot be rebuilt from the log, or touch Postgres and NATS.
//!
//! Guards INV-2 (nothing is acknowledged before the store has it), INV-3 (one key, one effect, equal
//! answers), INV-8 (every answer, rejections included, is true of the log) and INV-9 (mailbox, unit,
//! body, index and wait have named limits).

pub mod config;
mod due;
pub mod http;
mod index;
mod measure;
mod service;
mod snapshot;
#[cfg(test)]
mod tests;
mod view;
mod wire;
mod work;
mod writer;

pub use config::CommandConfig;
pub use service::{CommandService, OpenError};
