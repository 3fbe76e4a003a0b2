//! The relay's life: sessions of publishing, one after the other, until it is told to stop.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use daybook_events::names::SUBJECT_HEARTBEAT;
use daybook_platform::health::Part;
use daybook_store::port::{EventStore, Head, ReadError};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::RelayConfig;
use crate::connection::{self, ANSWER_TIMEOUT, is_connected};
use crate::heartbeat::{HEARTBEAT_EVERY, Heartbeat};
use crate::pipeline::{Pipeline, Refused};
use crate::resume::{self, ResumeError};

/// Events taken from the store at once.
const PAGE_EVENTS_MAX: usize = 4_096;
/// Pause after a session that ended at once; doubles up to the maximum, with jitter, so that two
/// relays, or many processes of one server, do not meet again and again.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Why a relay ends by itself. NATS being away is never a reason.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The address cannot be understood.
    #[error("NATS_URL is not an address of a NATS server")]
    Address(#[source] async_nats::ConnectError),
    /// The store says that its log does not check.
    #[error("failed to read the event store")]
    Store(#[source] ReadError),
}

/// Why a session ended; all but a damaged store are waited out.
#[derive(Debug, thiserror::Error)]
enum SessionEnd {
    #[error("no connection to NATS")]
    Disconnected,
    #[error("NATS takes no messages")]
    TimedOut,
    #[error("failed to find where to go on")]
    Resume(#[from] ResumeError),
    #[error("publishing stopped")]
    Refused(#[from] Refused),
    #[error("failed to read the event store")]
    Store(#[from] ReadError),
    #[error("the event store began another generation")]
    Generation,
}

/// Publishes the store's events until the token is cancelled.
pub async fn run(
    store: Arc<dyn EventStore>,
    config: RelayConfig,
    health: Part,
    token: CancellationToken,
) -> Result<(), RelayError> {
    let client = connection::connect(&config.nats_url)
        .await
        .map_err(RelayError::Address)?;
    let relay = Relay {
        store,
        config,
        health,
        client,
    };
    let mut pauses = pauses();
    let mut said: Option<String> = None;
    let mut first = true;
    loop {
        let mut progress = false;
        let end = tokio::select! {
            () = token.cancelled() => return Ok(()),
            end = relay.session(&mut progress) => end,
        };
        let Err(end) = end;
        if let SessionEnd::Store(error @ ReadError::Damaged { .. }) = end {
            relay.health.not_ready("the event store is damaged");
            return Err(RelayError::Store(error));
        }
        metrics::counter!("daybook_relay_sessions_ended_total").increment(1);
        relay.health.not_ready(end.to_string());
        if progress {
            pauses = self::pauses();
            said = None;
        }
        first &= matches!(end, SessionEnd::Disconnected);
        let why = chain(&end);
        if said.as_ref() != Some(&why) {
            // The first connection is made in the background: not being there yet is no warning.
            if first {
                tracing::info!("relay waits for NATS");
            } else {
                tracing::warn!("relay pauses: {why}");
            }
            said = Some(why);
        }
        tokio::select! {
            () = token.cancelled() => return Ok(()),
            () = sleep(pauses.next().unwrap_or(PAUSE_MAX)) => {}
        }
    }
}

struct Relay {
    store: Arc<dyn EventStore>,
    config: RelayConfig,
    health: Part,
    client: async_nats::Client,
}

impl Relay {
    /// Publishes from where the stream ends until something stops it. Sets `progress` once a
    /// message was acknowledged.
    async fn session(&self, progress: &mut bool) -> Result<std::convert::Infallible, SessionEnd> {
        if !is_connected(&self.client) {
            return Err(SessionEnd::Disconnected);
        }
        let jetstream = connection::jetstream(self.client.clone());
        let head = self.store.head().await?;
        let resume = resume::find(&jetstream, &self.config, head).await?;
        tracing::info!(
            position = %resume.position, stream.sequence = resume.last_sequence,
            "relay publishes from position {} on", resume.position
        );
        let mut pipeline =
            Pipeline::new(jetstream, head.generation, self.config.partitions, resume);
        let mut events = self.store.subscribe(resume.position);
        let mut ticks = interval(HEARTBEAT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pipeline.send().await?;
            let hungry = pipeline.is_hungry();
            tokio::select! {
                acknowledged = pipeline.acknowledged() => {
                    acknowledged?;
                    *progress = true;
                }
                page = events.next(PAGE_EVENTS_MAX), if hungry => pipeline.feed(page?),
                _ = ticks.tick() => self.tick(&mut pipeline, head).await?,
            }
        }
    }

    /// Once a second: is the session still what it was, and where is it? Borrowed alone, since a
    /// shared borrow of acknowledgements in flight cannot move between threads.
    async fn tick(&self, pipeline: &mut Pipeline, began: Head) -> Result<(), SessionEnd> {
        if !is_connected(&self.client) {
            return Err(SessionEnd::Disconnected);
        }
        let head = self.store.head().await?;
        if head.generation != began.generation {
            return Err(SessionEnd::Generation);
        }
        let position = pipeline.acknowledged_up_to();
        let lag = head.position.get().saturating_sub(position.get());
        self.health
            .ready(format!("position {position}, {lag} events behind"));
        gauge("daybook_relay_position", position.get());
        gauge("daybook_relay_lag_events", lag);
        let sent_up_to = pipeline.sent_up_to();
        let heartbeat = Heartbeat::new(began.generation, sent_up_to, pipeline.last()).to_json();
        let sent = self.client.publish(SUBJECT_HEARTBEAT, heartbeat.into());
        match timeout(ANSWER_TIMEOUT, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(SessionEnd::TimedOut),
        }
    }
}

fn gauge(name: &'static str, value: u64) {
    // Gauges are f64; beyond 2^53 a dashboard may be off by one.
    metrics::gauge!(name).set(value as f64);
}

fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(PAUSE_MIN)
        .with_max_delay(PAUSE_MAX)
        .with_jitter()
        .without_max_times()
        .build()
}

/// An error with its causes, for the log.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
