//! daybook-domain
