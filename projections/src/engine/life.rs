//! One life of a partition: from reading its checkpoint to the first thing that breaks it.

use std::time::Duration;

use daybook_events::ids::Position;
use daybook_events::names::partition_of;
use daybook_store::port::ReadError;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::announce::announce;
use super::apply::{ApplyError, apply, statement_limit};
use super::board::State;
use super::checkpoint::{Checkpoint, Taken, take};
use super::feed::FeedMessage;
use super::follow::{Follow, Missing};
use super::partition::{Foreign, Partition};
use super::pending::{BATCH_EVENTS_MAX, Batch, Source};
use crate::books::Touched;

/// How often the store's head is looked at while the feed is away: at once after there was
/// something, then ever more slowly.
const POLL_MIN: Duration = Duration::from_millis(20);
const POLL_MAX: Duration = Duration::from_millis(250);
/// How often a partition says where it is, and notes what it has passed over.
const TICK: Duration = Duration::from_secs(1);
/// A partition that reads from the store for longer than this keeps up no more, and says so.
const CATCH_UP_LONG: Duration = Duration::from_secs(10);
/// A transaction is at most two dozen statements, of which few are long; one that takes this
/// much longer than the longest statement may is stuck on a dead connection.
const APPLY_PATIENCE: Duration = Duration::from_secs(90);

/// Why a life ends.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    /// Another process took the partition.
    #[error("another projector took the partition")]
    Fenced,
    /// The checkpoint is not of this history.
    #[error("the views were made from another history: {0}")]
    Foreign(Foreign),
    /// An event from a message cannot be applied: begin anew and take it from the store.
    #[error("a message brought an event that cannot be applied")]
    Distrust,
    /// The rows do not agree with the events.
    #[error("the rows do not agree with the events")]
    Rows(#[source] ApplyError),
    /// An event of the store cannot be applied.
    #[error("an event cannot be applied")]
    Corrupt(#[source] ApplyError),
    /// The store is away or damaged.
    #[error("failed to read the event store")]
    Store(#[from] ReadError),
    /// Postgres is away.
    #[error("failed to use Postgres")]
    Database(#[source] sqlx::Error),
}

impl Partition {
    /// Lives until something breaks.
    pub(super) async fn life(&mut self) -> Result<std::convert::Infallible, End> {
        let mut follow = self.begin().await?;
        let head = self.shared.store.head().await?.position;
        // Before the feed is heard, what is in the store is taken from the store: after a message
        // that could not be applied this is what makes the second attempt a different one.
        self.catch_up(&mut follow, head).await?;
        self.is_rebuilding = false;
        // The rows agree with the whole history: if they disagree later, that is another matter.
        self.was_rebuilt = false;
        let mut beats = self.beats.clone();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut poll_every = POLL_MIN;
        let mut poll_at = Instant::now();
        loop {
            tokio::select! {
                Some(message) = self.feed.messages.recv() => {
                    self.take_messages(&mut follow, message).await?;
                }
                Ok(()) = beats.changed() => {
                    if let Some(beat) = beats.borrow_and_update().as_ref() {
                        follow.hear(beat);
                    }
                }
                () = sleep_until(poll_at) => {
                    let found = self.poll(&mut follow).await?;
                    poll_every = if found { POLL_MIN } else { (poll_every * 2).min(POLL_MAX) };
                    poll_at = Instant::now() + poll_every;
                }
                _ = tick.tick() => self.tick(&mut follow).await?,
            }
        }
    }

    /// Takes the partition and checks that its checkpoint is of the store's history.
    async fn begin(&mut self) -> Result<Follow, End> {
        let generation = self.shared.store.head().await?.generation;
        let fresh = Checkpoint::fresh(self.number, self.shared.config.partitions, generation);
        let taken = take(&self.shared.pool, &fresh, self.epoch)
            .await
            .map_err(End::Database)?;
        let Taken::Ours(checkpoint) = taken else {
            return Err(End::Fenced);
        };
        if self.epoch != Some(checkpoint.epoch) {
            tracing::info!(
                partition = self.number, position = %checkpoint.position,
                epoch = checkpoint.epoch, "projector begins at position {}", checkpoint.position
            );
        }
        self.epoch = Some(checkpoint.epoch);
        // Read after the checkpoint, never before: taking it may wait for an owner that moves it, and
        // an earlier head would make a true checkpoint look foreign.
        let head = self.shared.store.head().await?;
        if checkpoint.generation != head.generation {
            return Err(End::Foreign(Foreign::Generation));
        }
        if checkpoint.partitions != fresh.partitions {
            return Err(End::Foreign(Foreign::Partitions));
        }
        if checkpoint.position > head.position {
            return Err(End::Foreign(Foreign::BeyondHead));
        }
        if let Some((position, id)) = checkpoint.last
            && self.shared.store.event_id_at(position).await? != Some(id)
        {
            return Err(End::Foreign(Foreign::Event));
        }
        self.say(State::CatchingUp {
            at: checkpoint.position,
            head: head.position,
        });
        Ok(Follow::new(checkpoint))
    }

    /// Takes a message, and those that wait behind it, as one batch.
    async fn take_messages(&mut self, follow: &mut Follow, first: FeedMessage) -> Result<(), End> {
        follow.moved();
        self.take_message(follow, first).await?;
        while !follow.pending.is_full() {
            let Ok(next) = self.feed.messages.try_recv() else {
                break;
            };
            self.take_message(follow, next).await?;
        }
        self.commit(follow).await
    }

    /// The rule for a message that covers `(from, to]`.
    async fn take_message(&mut self, follow: &mut Follow, message: FeedMessage) -> Result<(), End> {
        let received = follow.pending.received();
        let is_ours = message.generation == follow.checkpoint.generation
            && message.partitions == follow.checkpoint.partitions;
        if !is_ours {
            // A leftover of another generation, or the news of one: the store knows which.
            return self.check_history(follow).await.map(drop);
        }
        if message.to <= received {
            return Ok(());
        }
        if message.from <= received {
            let (number, partitions) = (self.number, self.shared.config.partitions);
            let events = message.events(received, |event| {
                partition_of(&event.ledger, partitions) == number
            });
            match events.and_then(|events| follow.pending.extend(events, message.to, Source::Feed))
            {
                Ok(()) => return Ok(()),
                Err(error) => tracing::warn!(
                    partition = number, %error, "a message cannot be read: reading the store"
                ),
            }
        }
        self.count("daybook_projection_backfills_total", 1);
        self.catch_up(follow, message.to).await
    }

    /// Looks at the store's head, and reads what is missing if the feed does not bring it. Returns
    /// whether there was anything.
    async fn poll(&mut self, follow: &mut Follow) -> Result<bool, End> {
        let head = self.check_history(follow).await?;
        let received = follow.pending.received();
        if head <= received || !self.feed.messages.is_empty() {
            return Ok(false);
        }
        let beat = self.beats.borrow().clone();
        match follow.missing(head, beat.as_ref(), self.feed.is_attached()) {
            Missing::Wait => return Ok(false),
            Missing::Read => {}
            Missing::ReadAndRenew => self.feed.renew(),
        }
        self.count("daybook_projection_backfills_total", 1);
        self.catch_up(follow, head).await?;
        Ok(follow.pending.received() > received)
    }

    /// The store's durable head, if the checkpoint is still of its history.
    async fn check_history(&self, follow: &Follow) -> Result<Position, End> {
        let head = self.shared.store.head().await?;
        if head.generation != follow.checkpoint.generation {
            return Err(End::Foreign(Foreign::Generation));
        }
        if head.position < follow.checkpoint.position {
            return Err(End::Foreign(Foreign::BeyondHead));
        }
        Ok(head.position)
    }

    /// Reads the store until everything up to `target` is applied, or its durable head is reached.
    async fn catch_up(&mut self, follow: &mut Follow, target: Position) -> Result<(), End> {
        let (number, partitions) = (self.number, self.shared.config.partitions);
        let began = Instant::now();
        let mut said = began;
        while follow.pending.received() < target {
            let after = follow.pending.received();
            let page = self.shared.store.read_all(after, BATCH_EVENTS_MAX).await?;
            let Some(to) = page.last().map(|event| event.position) else {
                break;
            };
            let ours = page
                .into_iter()
                .filter(|event| partition_of(&event.ledger, partitions) == number);
            follow
                .pending
                .extend(ours, to, Source::Store)
                .map_err(|error| {
                    End::Store(ReadError::Damaged {
                        reason: error.to_string(),
                    })
                })?;
            if follow.pending.is_full() {
                self.commit(follow).await?;
            }
            if said.elapsed() >= TICK {
                follow.is_behind |= began.elapsed() >= CATCH_UP_LONG;
                self.tick(follow).await?;
                said = Instant::now();
            }
        }
        self.commit(follow).await?;
        follow.is_behind = false;
        Ok(())
    }

    /// Applies what is in hand, except the beginning of a command that is not whole yet.
    async fn commit(&mut self, follow: &mut Follow) -> Result<(), End> {
        let is_fed = follow.pending.is_fed();
        while let Some(batch) = follow.pending.take_batch() {
            self.apply(follow, &batch, is_fed).await?;
        }
        Ok(())
    }

    async fn apply(&mut self, follow: &mut Follow, batch: &Batch, is_fed: bool) -> Result<(), End> {
        let applying = apply(&self.shared.pool, &follow.checkpoint, batch);
        let applied = timeout(statement_limit(batch.bytes) + APPLY_PATIENCE, applying)
            .await
            .unwrap_or_else(|_elapsed| {
                Err(ApplyError::Database(
                    std::io::Error::from(std::io::ErrorKind::TimedOut).into(),
                ))
            });
        let (checkpoint, touched) = applied.map_err(|error| match error {
            ApplyError::Fenced => End::Fenced,
            ApplyError::Database(error) => End::Database(error),
            error @ (ApplyError::Corrupt(_) | ApplyError::Rows(_)) => {
                if is_fed {
                    tracing::warn!(
                        partition = self.number, %error,
                        "a message brought what cannot be applied: reading the store"
                    );
                    End::Distrust
                } else if error.may_be_the_rows() {
                    End::Rows(error)
                } else {
                    End::Corrupt(error)
                }
            }
        })?;
        self.applied(follow, batch, checkpoint, &touched).await;
        Ok(())
    }

    /// After a commit: note it, say it.
    async fn applied(
        &mut self,
        follow: &mut Follow,
        batch: &Batch,
        checkpoint: Checkpoint,
        touched: &Touched,
    ) {
        follow.checkpoint = checkpoint;
        if let Some(last) = batch.events.last() {
            follow.last_recorded_at = Some(last.recorded_at);
        }
        self.count("daybook_projection_commits_total", 1);
        let events = u32::try_from(batch.events.len()).unwrap_or(u32::MAX);
        self.count("daybook_projection_events_total", u64::from(events));
        metrics::histogram!("daybook_projection_batch_events", &self.labels)
            .record(f64::from(events));
        announce(&self.shared.client, &follow.checkpoint, touched).await;
    }

    /// Once a second: note what was passed over, say where the partition is.
    async fn tick(&mut self, follow: &mut Follow) -> Result<(), End> {
        let received = follow.pending.received();
        if follow.pending.is_empty() && received > follow.checkpoint.position {
            // Nothing of this partition: only the covered position moves.
            let batch = Batch::passed_over(received);
            self.apply(follow, &batch, false).await?;
        } else {
            announce(&self.shared.client, &follow.checkpoint, &Touched::new()).await;
        }
        let head = self.shared.store.head().await?.position;
        self.measure(follow, head);
        let at = follow.checkpoint.position;
        self.say(if follow.is_behind {
            State::CatchingUp { at, head }
        } else {
            State::Following(at)
        });
        Ok(())
    }
}
