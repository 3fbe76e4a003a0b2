//! `command → decide → append → relay → project → query`: this crate is **append**.
//!
//! Owns the [`EventStore`] port and its stores: [`embedded`], the segmented log of one machine.
//! `contract` is the suite that every store must pass (feature `contract`), `testing` a store that
//! fails on demand (feature `testing`).
//! It must not know what an event means: it keeps bytes, in order, for ever.
//!
//! Guards INV-2 (an acknowledged append stays, at its revision), INV-7 (append-only) and INV-8
//! (dense revisions, positions in commit order).

pub mod embedded;
pub mod port;
pub mod unit;

#[cfg(any(test, feature = "contract"))]
pub mod contract;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use port::{
    AppendError, Appended, EventStore, ExpectedRevision, Head, ReadError, Subscription,
};
pub use unit::{NewEvent, Unit};
