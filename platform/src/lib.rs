//! `command → decide → append → relay → project → query`: what every step stands on.
//!
//! Owns time, problems (RFC 9457), authentication and the permission decision, the HTTP route
//! table and its middleware, logs, metrics, health, start and stop, and the printing of settings.
//! It knows no ledger: what a route protects is called a *scope* here.
//!
//! Must not: hold a business rule, name a domain type, register a route outside [`http`], read the
//! clock outside [`clock`], or let internal error text reach an answer.
//!
//! Guards INV-9 (bodies, headers, tokens, caches and waits have named limits) and INV-10 (a scope
//! that the token does not cover looks as if it did not exist).

pub mod auth;
pub mod clock;
pub mod config;
pub mod health;
pub mod http;
pub mod metrics;
pub mod ops;
pub mod problem;
pub mod tasks;
pub mod telemetry;

/// An error of any part, as the start and stop code handles it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An error with everything behind it, on one line: for the log, never for a client.
pub fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
