//! What a relay is told.

use std::time::Duration;

/// Where to publish, and how much the stream may keep.
#[derive(Debug, Clone)]
pub struct RelayConfig {
    /// The NATS server; may hold a password, so it is never logged.
    pub nats_url: String,
    /// Partitions of ledgers, fixed per generation.
    pub partitions: u16,
    /// How many bytes JetStream keeps; older messages go first. A cache, not the record.
    pub stream_bytes_max: i64,
    /// How long JetStream keeps a message.
    pub stream_age_max: Duration,
}

/// Enough for about two million transactions; a projector further behind reads the store anyway.
const STREAM_BYTES_MAX: i64 = 1 << 30;
/// A projector that was away for longer than a week reads the store anyway.
const STREAM_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

impl RelayConfig {
    /// The default cache limits.
    pub fn new(nats_url: impl Into<String>, partitions: u16) -> Self {
        Self {
            nats_url: nats_url.into(),
            partitions,
            stream_bytes_max: STREAM_BYTES_MAX,
            stream_age_max: STREAM_AGE_MAX,
        }
    }
}
