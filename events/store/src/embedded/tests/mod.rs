//! Tests on real files.

mod contract;
mod durability;
mod recovery;
mod support;
mod tamper;
