//! A partition over its lives: waiting out what passes, making rows anew, standing by, stopping.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use daybook_events::ids::Position;
use daybook_platform::clock::Clock;
use daybook_store::port::{EventStore, ReadError};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::apply::restart;
use super::beat::Beat;
use super::board::{Board, State};
use super::checkpoint::{self, Checkpoint, Taken, take};
use super::feed::Feed;
use super::follow::Follow;
use super::life::End;
use crate::config::ProjectorConfig;
use crate::schema;

/// Pause after a life that ended at once; doubles, with jitter.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// A stand-by looks this often whether the owner lives …
const STAND_BY_LOOK: Duration = Duration::from_secs(1);
/// … and takes over when there is work that the owner has not touched for this long.
const STAND_BY_PATIENCE: Duration = Duration::from_secs(10);

/// What all partitions of a process share.
pub(super) struct Shared {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) pool: PgPool,
    pub(super) client: async_nats::Client,
    pub(super) config: ProjectorConfig,
    pub(super) clock: Clock,
    pub(super) board: Board,
}

/// How a checkpoint shows that it is not of the store's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    Generation,
    Partitions,
    BeyondHead,
    Event,
    Rows,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Generation => "the store has another generation",
            Self::Partitions => "the ledgers were divided otherwise",
            Self::BeyondHead => "the checkpoint is beyond the store's head",
            Self::Event => "another event is at the checkpoint's position",
            Self::Rows => "the rows do not agree with the events",
        })
    }
}

/// One partition's writer.
pub(super) struct Partition {
    pub(super) number: u16,
    pub(super) shared: Arc<Shared>,
    pub(super) feed: Feed,
    pub(super) beats: watch::Receiver<Option<Beat>>,
    pub(super) labels: [(&'static str, String); 1],
    /// The epoch that this process holds.
    pub(super) epoch: Option<i64>,
    pub(super) is_rebuilding: bool,
    /// Rows that disagree are made anew once; if they disagree again before the store's head was
    /// reached, the events are wrong.
    pub(super) was_rebuilt: bool,
}

impl Partition {
    /// A partition that has not begun.
    pub(super) fn new(
        number: u16,
        shared: Arc<Shared>,
        feed: Feed,
        beats: watch::Receiver<Option<Beat>>,
    ) -> Self {
        Self {
            number,
            shared,
            feed,
            beats,
            labels: [("partition", number.to_string())],
            epoch: None,
            is_rebuilding: false,
            was_rebuilt: false,
        }
    }

    /// Lives until the token is cancelled. Whatever happens to this partition, the others go on.
    pub(super) async fn run(mut self, token: CancellationToken) {
        tokio::select! {
            () = token.cancelled() => {}
            () = self.lives() => {}
        }
    }

    async fn lives(&mut self) {
        let mut pauses = pauses();
        let mut ended_at = Instant::now();
        loop {
            let Err(end) = self.life().await;
            if ended_at.elapsed() > PAUSE_MAX * 2 {
                pauses = self::pauses();
            }
            ended_at = Instant::now();
            match end {
                End::Fenced => self.stand_by().await,
                End::Distrust => {}
                End::Foreign(why) => {
                    self.rebuild(why, String::new()).await;
                }
                End::Rows(error) if !self.was_rebuilt => {
                    self.was_rebuilt = self.rebuild(Foreign::Rows, chain(&error)).await;
                }
                End::Rows(error) | End::Corrupt(error) => return self.stop(chain(&error)).await,
                End::Store(error @ ReadError::Damaged { .. }) => {
                    return self.stop(chain(&error)).await;
                }
                End::Store(error @ ReadError::Unavailable { .. }) => {
                    self.wait_out("the event store cannot be read", &error);
                }
                End::Database(error) => {
                    self.wait_out("the database is away", &error);
                    self.restore_schema(&error).await;
                }
            }
            sleep(pauses.next().unwrap_or(PAUSE_MAX)).await;
        }
    }

    fn wait_out(&self, what: &'static str, error: &dyn Error) {
        self.say(State::Waiting(what));
        let partition = self.number;
        tracing::warn!(partition, error = %chain(error), "projector waits: {what}");
    }

    /// A database without our tables is a new one: make them.
    async fn restore_schema(&self, error: &sqlx::Error) {
        let code = error.as_database_error().and_then(|error| error.code());
        if !matches!(code.as_deref(), Some("42P01" | "3F000")) {
            return;
        }
        if let Err(error) = schema::migrate(&self.shared.pool).await {
            tracing::warn!(error = %chain(&error), "failed to make the schema again");
        }
    }

    /// Deletes the partition's rows, to be made anew from the store; never a silent gap. Returns
    /// whether it was done; if not, the next life meets the same and tries again.
    async fn rebuild(&mut self, why: Foreign, detail: String) -> bool {
        let partition = self.number;
        self.is_rebuilding = true;
        self.say(State::Rebuilding);
        self.count("daybook_projection_alarms_total", 1);
        tracing::error!(
            partition,
            error = detail,
            "ALARM: {why}: making the rows anew"
        );
        let deleted = self.delete_rows().await;
        if let Err(error) = &deleted {
            tracing::warn!(partition, error = chain(error), "failed to delete the rows");
        }
        deleted.is_ok()
    }

    async fn delete_rows(&self) -> Result<(), End> {
        let head = self.shared.store.head().await?;
        let fresh = Checkpoint::fresh(self.number, self.shared.config.partitions, head.generation);
        // Read again: it may have moved since this life began.
        let taken = take(&self.shared.pool, &fresh, self.epoch)
            .await
            .map_err(End::Database)?;
        let Taken::Ours(from) = taken else {
            return Err(End::Fenced);
        };
        let to = Checkpoint {
            epoch: from.epoch,
            ..fresh
        };
        let ledgers = restart(&self.shared.pool, &from, &to)
            .await
            .map_err(End::Rows)?;
        tracing::warn!(
            partition = self.number,
            ledgers,
            "rows of {ledgers} ledgers were deleted"
        );
        Ok(())
    }

    /// Waits for people, and says why.
    async fn stop(&self, error: String) {
        let partition = self.number;
        self.say(State::Stopped);
        self.count("daybook_projection_alarms_total", 1);
        tracing::error!(partition, error, "ALARM: the partition stops");
        std::future::pending().await
    }

    /// Another process has the partition: watches it, and takes over if it dies.
    async fn stand_by(&mut self) {
        let partition = self.number;
        self.say(State::StandBy);
        tracing::warn!(
            partition,
            "another projector took the partition: standing by"
        );
        self.epoch = None;
        let mut seen = None;
        let mut since = Instant::now();
        loop {
            sleep(STAND_BY_LOOK).await;
            let Ok(now) = checkpoint::watch(&self.shared.pool, partition).await else {
                // Without the database the owner cannot work either.
                since = Instant::now();
                continue;
            };
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            let Ok(head) = self.shared.store.head().await else {
                continue;
            };
            let is_behind = now.is_none_or(|(_, at)| Position::from_i64(at) < head.position);
            if is_behind && since.elapsed() >= STAND_BY_PATIENCE {
                tracing::warn!(partition, "the other projector does not move: taking over");
                return;
            }
        }
    }

    /// Notes the partition's state, unless its rows are being made anew: that comes first.
    pub(super) fn say(&self, state: State) {
        let hidden = self.is_rebuilding
            && matches!(
                state,
                State::Following(_) | State::CatchingUp { .. } | State::Waiting(_)
            );
        if !hidden {
            self.shared.board.set(self.number, state);
        }
    }

    pub(super) fn count(&self, name: &'static str, by: u64) {
        metrics::counter!(name, &self.labels).increment(by);
    }

    /// Position, and how long the view is behind the store.
    pub(super) fn measure(&self, follow: &Follow, head: Position) {
        let position = follow.checkpoint.position;
        // Gauges are f64; beyond 2^53 a dashboard may be off by one.
        metrics::gauge!("daybook_projection_position", &self.labels).set(position.get() as f64);
        let lag = match follow.last_recorded_at {
            Some(recorded_at) if head > follow.pending.received() => {
                let micros = self
                    .shared
                    .clock
                    .now_micros()
                    .saturating_sub(recorded_at.micros());
                Duration::from_micros(u64::try_from(micros).unwrap_or(0))
            }
            Some(_) | None => Duration::ZERO,
        };
        metrics::gauge!("daybook_projection_lag_seconds", &self.labels).set(lag.as_secs_f64());
    }
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
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
