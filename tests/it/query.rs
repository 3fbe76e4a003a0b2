//! Reads over the views and the history, on a real Postgres and a real log: the projector fills the
//! views from events that the domain decided, the query service answers over HTTP.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test that cannot go on ends it with what it found"
)]

mod audit;
mod book;
mod books;
mod commands;
mod conditional;
mod events;
mod fixture;
mod holds;
mod limits;
mod outage;
mod pages;
mod pinned;
mod reports;
mod state;
mod tampering;
