//! `command → decide → append → relay → project → query`: this crate is **append**.
//!
//! Owns the [`EventStore`] port and its stores: [`embedded`], the segmented log of one machine.
//! It must not know what an event means: it keeps bytes, in order, for ever.
//!
//! Guards INV-2 (an acknowledged append stays, at its revision), INV-7 (append-only) and INV-8
//! (dense revisions, positions in commit order).

pub mod port;
pub mod unit;

pub use port::{
    AppendError, Appended, EventStore, ExpectedRevision, Head, ReadError, Subscription,
};
pub use unit::{NewEvent, Unit};
