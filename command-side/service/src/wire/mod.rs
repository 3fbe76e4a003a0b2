//! The wire: request bodies as typed values, strictly read.
//!
//! Text is parsed straight from the borrowed body into the vocabulary's types, so that a value that
//! is wrong by itself is refused where it stands, with its JSON pointer.

pub(crate) mod amount;
mod books;
pub(crate) mod bulk;
mod entries;
pub(crate) mod json;
mod patch;
pub(crate) mod request;
mod transactions;
