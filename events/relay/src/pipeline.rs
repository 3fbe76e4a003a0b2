//! Publishing with a bounded window: sent ahead, acknowledged in order, stopped by any refusal.

use std::collections::VecDeque;
use std::pin::Pin;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishError;
use async_nats::jetstream::publish::PublishAck;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{GenerationId, Position};
use daybook_events::names::subject_of;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;

use crate::message::{Cutter, HEADER_BYTES_MAX, MESSAGE_BYTES_MAX, Run};
use crate::resume::Resume;

/// Messages sent and not acknowledged: enough to fill a connection with a round trip of some
/// milliseconds, few enough that a refusal throws little away.
pub(crate) const MESSAGES_IN_FLIGHT_MAX: usize = 256;
/// Bytes sent and not acknowledged: 32 of the largest messages.
const BYTES_IN_FLIGHT_MAX: usize = 16 << 20;

type AckFuture = Pin<Box<dyn Future<Output = (Result<PublishAck, PublishError>, Sent)> + Send>>;

/// A message that was sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    bytes: usize,
    sequence: u64,
    to: Position,
}

/// Why a session of publishing ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("failed to send a message")]
    Send(#[source] PublishError),
    #[error("a message was refused")]
    Message(#[source] PublishError),
    #[error("a message got sequence {got} where {expected} was expected")]
    Sequence { got: u64, expected: u64 },
}

/// One session of publishing, from a resume point to the first refusal.
pub(crate) struct Pipeline {
    jetstream: Context,
    generation: GenerationId,
    bytes_max: usize,
    /// The stream's last sequence, counting what is in flight as arrived.
    last_sequence: u64,
    /// Every event up to here was sent.
    sent_up_to: Position,
    /// Every event up to here was acknowledged.
    acknowledged_up_to: Position,
    /// Per partition: its last event sent, or where this session began.
    last: Vec<Position>,
    queue: VecDeque<RecordedEvent>,
    in_flight: FuturesOrdered<AckFuture>,
    in_flight_bytes: usize,
    cutter: Cutter,
}

impl Pipeline {
    /// Begins after `resume`. What lies before it counts as published in every partition: each
    /// was, or is a hole that the next message's range shows.
    pub(crate) fn new(
        jetstream: Context,
        generation: GenerationId,
        partitions: u16,
        resume: Resume,
    ) -> Self {
        let payload_max = jetstream
            .client()
            .max_payload()
            .saturating_sub(HEADER_BYTES_MAX);
        Self {
            jetstream,
            generation,
            bytes_max: MESSAGE_BYTES_MAX.min(payload_max),
            last_sequence: resume.last_sequence,
            sent_up_to: resume.position,
            acknowledged_up_to: resume.position,
            last: vec![resume.position; usize::from(partitions)],
            queue: VecDeque::new(),
            in_flight: FuturesOrdered::new(),
            in_flight_bytes: 0,
            cutter: Cutter::default(),
        }
    }

    /// Whether more events can be taken in.
    pub(crate) fn is_hungry(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes events in, to be sent by [`Self::send`].
    pub(crate) fn feed(&mut self, events: Vec<RecordedEvent>) {
        self.queue.extend(events);
    }

    /// Sends what the window takes.
    pub(crate) async fn send(&mut self) -> Result<(), Refused> {
        let partitions = u16::try_from(self.last.len()).unwrap_or(u16::MAX);
        while self.in_flight.len() < MESSAGES_IN_FLIGHT_MAX
            && self.in_flight_bytes < BYTES_IN_FLIGHT_MAX
        {
            let run = self
                .cutter
                .next_run(&mut self.queue, partitions, self.bytes_max);
            let Some(run) = run else { break };
            self.publish(run).await?;
        }
        Ok(())
    }

    async fn publish(&mut self, run: Run) -> Result<(), Refused> {
        let from = self
            .last
            .get_mut(usize::from(run.partition))
            .map_or(run.to, |last| std::mem::replace(last, run.to));
        self.sent_up_to = run.to;
        let partitions = u16::try_from(self.last.len()).unwrap_or(u16::MAX);
        let headers = run.headers(self.generation, partitions, from, self.last_sequence);
        let Some(payload) = run.payload else {
            // The partition's `last` has moved on: the next range, and every heartbeat until then,
            // shows the hole, and projectors read the event from the store.
            metrics::counter!("daybook_relay_oversized_total").increment(1);
            tracing::warn!(
                ledger = %run.ledger, revision = %run.last,
                "an event is larger than a message may be: left to the store"
            );
            return Ok(());
        };
        self.last_sequence += 1;
        let sent = Sent {
            bytes: payload.len(),
            sequence: self.last_sequence,
            to: run.to,
        };
        let subject = subject_of(run.partition, &run.ledger);
        let ack = self
            .jetstream
            .publish_with_headers(subject, headers, payload)
            .await
            .map_err(Refused::Send)?;
        self.in_flight_bytes += sent.bytes;
        self.in_flight
            .push_back(Box::pin(async move { (ack.await, sent) }));
        metrics::counter!("daybook_relay_messages_total").increment(1);
        metrics::counter!("daybook_relay_events_total")
            .increment(u64::try_from(run.events).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Waits for the next acknowledgement; for ever if nothing is in flight. Cancel-safe.
    pub(crate) async fn acknowledged(&mut self) -> Result<(), Refused> {
        let Some((answer, sent)) = self.in_flight.next().await else {
            return std::future::pending().await;
        };
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(sent.bytes);
        let ack = answer.map_err(Refused::Message)?;
        if ack.sequence != sent.sequence {
            return Err(Refused::Sequence {
                got: ack.sequence,
                expected: sent.sequence,
            });
        }
        self.acknowledged_up_to = sent.to;
        Ok(())
    }

    /// Every event up to here was sent.
    pub(crate) fn sent_up_to(&self) -> Position {
        self.sent_up_to
    }

    /// Every event up to here is in the stream.
    pub(crate) fn acknowledged_up_to(&self) -> Position {
        self.acknowledged_up_to
    }

    /// Per partition: its last event sent, or where this session began.
    pub(crate) fn last(&self) -> &[Position] {
        &self.last
    }
}
