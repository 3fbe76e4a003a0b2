//! The SQL schema: embedded migrations, applied by one process at a time; and the pool.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::config::ProjectorConfig;

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// A statement that takes longer is stuck, and is given up so that its locks go. Applying a large
/// batch allows itself more.
pub(crate) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait for a connection before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a migration waits for a lock: whoever reads or writes the table meanwhile queues behind
/// it.
const MIGRATION_LOCK_TIMEOUT: &str = "SET lock_timeout = '5s'";
/// Postgres' code of a lock that was not to be had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// One connection for each partition's transaction, and two for migrations and look-ups.
const CONNECTIONS_SPARE: u32 = 2;

/// Brings the schema up to date. Processes that do it at the same time wait for each other: sqlx
/// holds an advisory lock of the database meanwhile. An attempt that gets a lock too late changes
/// nothing ([`is_locked`]), and may be made again.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    let mut connection = pool.acquire().await?.detach();
    // A migration may take longer than any statement of the hot path.
    for setting in ["SET statement_timeout = 0", MIGRATION_LOCK_TIMEOUT] {
        sqlx::query(setting).execute(&mut connection).await?;
    }
    // `run_direct` rather than `run`: the latter's future cannot be seen to be `Send`.
    let migrated = MIGRATOR.run_direct(None, &mut connection, false).await;
    // Closing the connection gives the advisory lock back in every case.
    let closed = sqlx::Connection::close(connection).await;
    migrated?;
    Ok(closed?)
}

/// Whether somebody else held a lock for too long, of a table or as the one who migrates.
pub(crate) fn is_locked(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(|error| error.code());
    code.as_deref() == Some(LOCK_NOT_AVAILABLE)
}

/// Whether trying again cannot help: the database was made by another build.
pub(crate) fn is_foreign(error: &MigrateError) -> bool {
    matches!(
        error,
        MigrateError::VersionMissing(_)
            | MigrateError::VersionMismatch(_)
            | MigrateError::VersionTooOld(..)
            | MigrateError::VersionTooNew(..)
            | MigrateError::Dirty(_)
    )
}

/// A pool that connects when it is first used.
pub(crate) fn pool(config: &ProjectorConfig) -> Result<PgPool, sqlx::Error> {
    let timeout = STATEMENT_TIMEOUT.as_millis().to_string();
    let options = PgConnectOptions::from_str(&config.database_url)?
        .application_name(&format!("daybook-projector {}", config.instance))
        .options([
            ("statement_timeout", timeout.as_str()),
            // A projector that was stopped inside a transaction must not keep its row locked.
            ("idle_in_transaction_session_timeout", timeout.as_str()),
        ]);
    Ok(PgPoolOptions::new()
        .max_connections(u32::from(config.partitions) + CONNECTIONS_SPARE)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options))
}
