//! daybook-command
