//! `command → decide → append → relay → PROJECT → query`: events → Postgres views.
//!
//! Owns the views and the progress: the engine (feed, back-fill, checkpoint, apply) and the
//! projection `books` (ledgers, assets, accounts, balances, transactions, holds, entries, and what
//! of these was before), with the SQL migrations of both. A projector trusts positions, not the
//! broker (D6): NATS wakes it and carries what it most likely needs next; whatever is missing is
//! read from the event store; the checkpoint that commits together with the rows is the only
//! progress.
//!
//! Must not: use the domain's `evolve` (running balances are computed here a second time, from the
//! rows; an event that carries another one is refused), take a balance from an event, write to the
//! event store, answer HTTP.
//!
//! Guards INV-1 (debits equal credits in every transaction that is applied), INV-4 (a view at a
//! checkpoint equals the fold of the log up to it, and so do the balances in the log), INV-5 (no
//! delivery, however doubled, reordered or lost, changes a view) and INV-9 (batches, pages, waits
//! and the pool have named limits).

mod books;
pub mod config;
mod engine;
pub mod schema;

pub use config::ProjectorConfig;
pub use engine::{ProjectorError, run};
pub use schema::migrate;
