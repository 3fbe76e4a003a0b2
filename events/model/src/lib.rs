//! `command → decide → append → relay → project → query`: the vocabulary that every step speaks.
//!
//! Owns ids, money, time, assets, the event types with their stored shape, the envelope, the
//! metadata, the names (streams, subjects, partitions), the permission table and the problem codes.
//! It is pure: no IO, no async, no clock, no randomness.
//!
//! Guards INV-7 (a stored event shape never changes: a new version, an upcaster, a golden file)
//! and gives INV-1 its type: every [`money::Amount`] is a positive whole number of minor units.
#![warn(missing_docs)]
#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing
)]

pub mod access;
pub mod assets;
pub mod envelope;
pub mod event;
pub mod ids;
pub mod invalid;
pub mod meta;
pub mod metadata;
pub mod money;
pub mod names;
pub mod problems;
pub mod time;

pub use invalid::Invalid;
