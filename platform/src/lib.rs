//! daybook-platform
