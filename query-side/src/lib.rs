//! `command → decide → append → relay → project → query`: this crate is **query**.
//!
//! Owns the reads: the read models over the views, pages, reports, freshness, the history as the
//! event store has it, and the audit that compares the views with a replay of that history.
//!
//! Must not: write anything anywhere, decide anything, know how a view is built, or answer from
//! memory what only Postgres can say. SQL stands in [`read_model`] alone.
//!
//! Guards INV-4 (`audit::verify`: every view equals the fold of the log), INV-8 (an answer names
//! the revision that it was read at, in the same snapshot), INV-9 (pages, waits, waiters, reports
//! and connections have named limits) and INV-10 (no internal text leaves the process).

mod answer;
pub mod audit;
mod cursor;
mod errors;
mod freshness;
pub mod http;
mod params;
mod read_model;
mod service;
mod state;
mod views;

pub use read_model::ViewError;
pub use service::{ConnectError, QueryConfig, QueryService};
