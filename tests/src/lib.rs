//! daybook-tests
