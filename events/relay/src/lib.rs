//! daybook-relay
