//! daybook-projections
