//! `command → decide → append → relay → project → query`: the one binary, all steps wired together.
//!
//! Owns the command line, the data directory, the private PostgreSQL and NATS server that `daybook
//! up` runs as its children, and the wiring of the four roles (command, relay, project, query) and
//! of their routes into one listener.
//!
//! Must not: hold a business rule, speak SQL, or let one role reach into another other than through
//! the event store, NATS and PostgreSQL.
//!
//! Guards INV-9 (every wait of start and stop is bounded) and the route table: what is served is
//! what [`wiring::routes`] lists and what the OpenAPI document describes.

pub mod cli;
pub mod data_dir;
pub mod failure;
pub mod import;
pub mod settings;
pub mod supervise;
pub mod wiring;
