//! daybook-query
