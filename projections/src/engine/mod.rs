//! The engine (D6): per partition a feed, a back-fill, a checkpoint and one writer.
//!
//! ```text
//! NATS ──▶ feed ──▶ pending ──▶ apply ──▶ Postgres (rows + checkpoint, one transaction)
//! store ─▶ catch-up ──┘                └▶ announce (core NATS, after the commit)
//! ```
//!
//! The rule for a message that covers `(from, to]`, with everything up to `received` in hand:
//! `to ≤ received` is dropped; `from ≤ received` gives what lies beyond; else the store is read.

mod announce;
mod apply;
mod beat;
mod board;
mod checkpoint;
mod feed;
mod follow;
mod life;
mod partition;
mod pending;
mod run;

pub use run::{ProjectorError, run};
