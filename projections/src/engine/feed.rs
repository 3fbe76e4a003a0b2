//! The feed: a JetStream consumer per partition, made anew whenever it ends.
//!
//! It is allowed to lose, repeat and reorder: each message says which range it covers, so the
//! consumer needs no acknowledgements, no durable name and no order beyond the usual.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use bytes::Bytes;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{GenerationId, Position};
use daybook_events::invalid::Invalid;
use daybook_events::names::{JETSTREAM, header, subject_of_partition};
use futures_util::StreamExt as _;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Messages asked for at once. At 512 KiB each, 32 MiB wait in this process at the most.
const PULL_MESSAGES_MAX: usize = 64;
/// Messages between the consumer and the partition's writer.
pub(super) const MESSAGES_WAITING_MAX: usize = 8;
/// A consumer that says nothing for twice this long is gone.
const IDLE_HEARTBEAT: Duration = Duration::from_secs(5);
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// The server forgets a consumer that nobody asks for this long.
const CONSUMER_IDLE_MAX: Duration = Duration::from_secs(60);
/// Pause before a consumer is made anew; doubles, with jitter.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A message of the fan-out.
#[derive(Debug)]
pub(super) struct FeedMessage {
    pub(super) generation: GenerationId,
    pub(super) partitions: u16,
    pub(super) from: Position,
    pub(super) to: Position,
    lines: Bytes,
}

impl FeedMessage {
    fn read(headers: &HeaderMap, lines: Bytes) -> Option<Self> {
        let text = |name: &'static str| headers.get(name).map(|value| value.as_str());
        let position = |name| text(name)?.parse().ok().map(Position::new);
        Some(Self {
            generation: GenerationId::parse(text(header::GENERATION)?).ok()?,
            partitions: text(header::PARTITIONS)?.parse().ok()?,
            from: position(header::FROM)?,
            to: position(header::TO)?,
            lines,
        })
    }

    /// Its events beyond `received`, if the message is what its headers say: ascending, of one
    /// partition, the last at `to`.
    pub(super) fn events(
        &self,
        received: Position,
        belongs: impl Fn(&RecordedEvent) -> bool,
    ) -> Result<Vec<RecordedEvent>, Invalid> {
        let mut events = Vec::new();
        let mut last = self.from;
        let lines = self
            .lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        for line in lines {
            let event = RecordedEvent::read_feed_line(line)?;
            if event.position <= last || !belongs(&event) {
                return Err(Invalid::new("message", "an event is out of place"));
            }
            last = event.position;
            if event.position > received {
                events.push(event);
            }
        }
        if last != self.to {
            return Err(Invalid::new(
                "message",
                "it does not end where its range ends",
            ));
        }
        Ok(events)
    }
}

/// The writer's side of a feed.
pub(super) struct Feed {
    pub(super) messages: mpsc::Receiver<FeedMessage>,
    attached: Arc<AtomicBool>,
    renew: Arc<Notify>,
}

impl Feed {
    /// Whether a consumer is in place.
    pub(super) fn is_attached(&self) -> bool {
        self.attached.load(Ordering::Relaxed)
    }

    /// Makes the consumer anew: it does not deliver what is there.
    pub(super) fn renew(&self) {
        self.renew.notify_one();
    }
}

/// The consumer's side.
pub(super) struct Consumer {
    jetstream: Context,
    partition: u16,
    messages: mpsc::Sender<FeedMessage>,
    attached: Arc<AtomicBool>,
    renew: Arc<Notify>,
    /// The last message seen: its sequence in the stream.
    seen: Option<u64>,
}

/// The two sides of a partition's feed.
pub(super) fn feed(jetstream: Context, partition: u16) -> (Feed, Consumer) {
    let (sender, messages) = mpsc::channel(MESSAGES_WAITING_MAX);
    let attached = Arc::new(AtomicBool::new(false));
    let renew = Arc::new(Notify::new());
    let feed = Feed {
        messages,
        attached: Arc::clone(&attached),
        renew: Arc::clone(&renew),
    };
    (
        feed,
        Consumer {
            jetstream,
            partition,
            messages: sender,
            attached,
            renew,
            seen: None,
        },
    )
}

impl Consumer {
    /// Delivers until the token is cancelled.
    pub(super) async fn run(mut self, token: CancellationToken) {
        let pauses = ExponentialBuilder::new()
            .with_min_delay(PAUSE_MIN)
            .with_max_delay(PAUSE_MAX)
            .with_jitter()
            .without_max_times();
        let mut pause = pauses.build();
        let renew = Arc::clone(&self.renew);
        loop {
            let ended = tokio::select! {
                () = token.cancelled() => return,
                () = renew.notified() => Ok(()),
                ended = self.deliver() => ended,
            };
            let was_attached = self.attached.swap(false, Ordering::Relaxed);
            if was_attached {
                pause = pauses.build();
            }
            if let Err(error) = ended {
                tracing::debug!(partition = self.partition, "feed ended: {error}");
            }
            tokio::select! {
                () = token.cancelled() => return,
                () = sleep(pause.next().unwrap_or(PAUSE_MAX)) => {}
            }
        }
    }

    /// Delivers until the consumer ends.
    async fn deliver(&mut self) -> Result<(), async_nats::Error> {
        if self.jetstream.client().connection_state() != State::Connected {
            return Err("no connection to NATS".into());
        }
        let mut stream = self.jetstream.get_stream(JETSTREAM).await?;
        let last_sequence = stream.info().await?.state.last_sequence;
        // Go on where the last consumer ended, if the stream still is the one it read; otherwise
        // begin with what is new, and leave the rest to the store.
        let deliver_policy = match self.seen {
            Some(seen) if seen <= last_sequence => DeliverPolicy::ByStartSequence {
                start_sequence: seen + 1,
            },
            Some(_) | None => DeliverPolicy::New,
        };
        let consumer = stream
            .create_consumer(pull::Config {
                description: Some("daybook projector".to_owned()),
                deliver_policy,
                ack_policy: AckPolicy::None,
                filter_subject: subject_of_partition(self.partition),
                inactive_threshold: CONSUMER_IDLE_MAX,
                memory_storage: true,
                num_replicas: 1,
                ..pull::Config::default()
            })
            .await?;
        let mut messages = consumer
            .stream()
            .max_messages_per_batch(PULL_MESSAGES_MAX)
            .expires(PULL_EXPIRES)
            .heartbeat(IDLE_HEARTBEAT)
            .messages()
            .await?;
        self.attached.store(true, Ordering::Relaxed);
        while let Some(message) = messages.next().await {
            let message = message?;
            self.seen = Some(message.info()?.stream_sequence);
            let headers = message.headers.as_ref();
            let read =
                headers.and_then(|headers| FeedMessage::read(headers, message.payload.clone()));
            match read {
                Some(read) => self.messages.send(read).await?,
                // Not the relay's; if it stands for something, its place shows as a hole.
                None => tracing::warn!(subject = %message.subject, "a message without a range"),
            }
        }
        Ok(())
    }
}
