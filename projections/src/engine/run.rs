//! A projector process: connections, the heartbeat's ear, and one task per partition.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{ConnectOptions, jetstream};
use daybook_platform::clock::Clock;
use daybook_platform::config::credentials;
use daybook_platform::health::Part;
use daybook_store::port::EventStore;
use sqlx::migrate::MigrateError;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::beat;
use super::board::Board;
use super::feed::feed;
use super::partition::{Partition, Shared, chain};
use crate::config::ProjectorConfig;
use crate::schema;

/// How long one request to NATS may take.
const NATS_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest pause between two attempts to reach a NATS server that is away.
const RECONNECT_DELAY_MS_MAX: u64 = 1_000;
/// Pause between two attempts to migrate while the database is away or a lock is held.
const MIGRATE_PAUSE: Duration = Duration::from_millis(500);

/// Why a projector ends by itself. Postgres or NATS being away is never a reason.
#[derive(Debug, thiserror::Error)]
pub enum ProjectorError {
    /// The address cannot be understood.
    #[error("DATABASE_URL is not an address of a Postgres database")]
    DatabaseUrl(#[source] sqlx::Error),
    /// The address cannot be understood.
    #[error("NATS_URL is not an address of a NATS server")]
    NatsUrl(#[source] async_nats::ConnectError),
    /// The database was made by another build.
    #[error("the database's schema is not one that this build can bring up to date")]
    Schema(#[source] MigrateError),
    /// A partition's task ended by a bug.
    #[error("a partition's task ended unexpectedly")]
    Task(#[source] tokio::task::JoinError),
}

/// Keeps the views up to date until the token is cancelled.
pub async fn run(
    store: Arc<dyn EventStore>,
    config: ProjectorConfig,
    health: Part,
    token: CancellationToken,
) -> Result<(), ProjectorError> {
    let pool = schema::pool(&config).map_err(ProjectorError::DatabaseUrl)?;
    let client = connect(&config.nats_url)
        .await
        .map_err(ProjectorError::NatsUrl)?;
    tokio::select! {
        () = token.cancelled() => return Ok(()),
        migrated = migrate(&pool, &health) => migrated?,
    }
    let partitions = config.partitions;
    let board = Board::new(health, partitions);
    let clock = Clock::system();
    let shared = Arc::new(Shared {
        store,
        pool,
        client: client.clone(),
        config,
        clock,
        board,
    });
    let (beats, heard) = watch::channel(None);
    let jetstream = jetstream::context::ContextBuilder::new()
        .timeout(NATS_TIMEOUT)
        .build(client.clone());
    // A guard, so that a task that panics takes the others with it instead of leaving them behind.
    let stop = token.child_token();
    let _guard = stop.clone().drop_guard();
    let mut tasks = JoinSet::new();
    tasks.spawn(beat::listen(client, beats, stop.clone()));
    for number in 0..partitions {
        let (feed, consumer) = feed(jetstream.clone(), number);
        tasks.spawn(consumer.run(stop.clone()));
        let partition = Partition::new(number, Arc::clone(&shared), feed, heard.clone());
        tasks.spawn(partition.run(stop.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(ProjectorError::Task)?;
    }
    shared.pool.close().await;
    Ok(())
}

/// Brings the schema up to date, as soon as the database is there.
async fn migrate(pool: &sqlx::PgPool, health: &Part) -> Result<(), ProjectorError> {
    let mut said = "";
    loop {
        match schema::migrate(pool).await {
            Ok(()) => return Ok(()),
            Err(error) if schema::is_foreign(&error) => return Err(ProjectorError::Schema(error)),
            Err(error) => {
                let why = match schema::is_locked(&error) {
                    true => "others hold locks that the migration needs",
                    false => "the database is away",
                };
                health.not_ready(why);
                if said != why {
                    tracing::warn!(error = %chain(&error), "projector waits: {why}");
                    said = why;
                }
            }
        }
        sleep(MIGRATE_PAUSE).await;
    }
}

/// Begins to connect; an error means that the address is not one, never that nobody answers.
async fn connect(url: &str) -> Result<async_nats::Client, async_nats::ConnectError> {
    let clock = Clock::system();
    // The client library does not take the credentials from the address by itself.
    let options = match credentials(url) {
        Some((user, password)) => ConnectOptions::with_user_and_password(user, password),
        None => ConnectOptions::new(),
    };
    options
        .name("daybook-projector")
        .retry_on_initial_connect()
        .max_reconnects(None)
        .request_timeout(Some(NATS_TIMEOUT))
        .connection_timeout(NATS_TIMEOUT)
        .reconnect_delay_callback(move |attempts| {
            // Doubles from 50 ms; the upper half is spread by the clock's last digits, so that many
            // clients of one server do not come back in step.
            let doublings = u32::try_from(attempts.min(5)).unwrap_or(5);
            let full_ms = (50_u64 << doublings).min(RECONNECT_DELAY_MS_MAX);
            let spread = clock.now_micros().unsigned_abs() % (full_ms / 2 + 1);
            Duration::from_millis(full_ms / 2 + spread)
        })
        .event_callback(|event| async move {
            tracing::debug!(nats.event = %event, "nats connection: {event}");
        })
        .connect(url)
        .await
}
