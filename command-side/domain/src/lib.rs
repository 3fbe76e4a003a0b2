//! `command → decide → append → relay → project → query`: this crate is **decide**.
//!
//! Owns the rules: what a ledger's state is, which commands it accepts and with which event, which
//! rule refuses the others, and how a recorded event changes the state.
//!
//! It is pure: no IO, no async, no clock, no randomness, no JSON. Time, ids and everything about
//! the past that a command names (keys, ids, references, transactions) are handed in as
//! [`Context`]; the state itself holds no past transactions (D9).
//!
//! Guards INV-1 (debits equal credits per asset), INV-4 (a replay gives the same state and the
//! same decisions), INV-6 (no account beyond its limits) and the dense revisions of INV-8.
#![warn(missing_docs)]
#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing
)]

mod command;
mod context;
mod decide;
mod evolve;
mod ledger;
mod rejection;

pub use command::{
    AllowedAssets, CaptureHold, Captured, ChangeAccountStatus, ClosePeriod, Command, Comparison,
    Condition, Entries, LimitPatch, LimitsPatch, NewEntry, NewPosting, OpenAccount, OpenLedger,
    Patch, PlaceHold, PostTransaction, PostingSide, Ratio, RegisterAsset, ReopenPeriod,
    ReverseTransaction, SetMetadata, Share, StatusChange, UpdateAccount, UpdateLedger, VoidHold,
    expand_postings,
};
pub use context::{Context, Decision, Earlier, Named, Target, TargetKind};
pub use decide::{decide, expire};
pub use evolve::{Corrupt, Law, Recorded, evolve};
pub use ledger::{AccountView, Balance, HoldView, Ledger, LedgerSnapshot, Reserved};
pub use rejection::{Existing, Rejection};

#[cfg(test)]
mod tests;
