//! What a projector is told.

/// Where it reads, where it writes, and who it is. The addresses may hold passwords: never logged.
#[derive(Debug, Clone)]
pub struct ProjectorConfig {
    /// The Postgres database of the views.
    pub database_url: String,
    /// The NATS server.
    pub nats_url: String,
    /// Partitions of ledgers, fixed per generation.
    pub partitions: u16,
    /// Names this process in logs and in Postgres' list of connections.
    pub instance: String,
}
