//! The wire: request bodies as typed values, strictly read.
//!
//! Text is parsed straight from the borrowed body into the vocabulary's types, so that a value that
//! is wrong by itself is refused where it stands, with its JSON pointer.

pub(crate) mod amount;
pub(crate) mod body;
pub(crate) mod bulk;
pub(crate) mod json;
pub(crate) mod request;
