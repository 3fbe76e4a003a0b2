//! The relay's heartbeat, as this process hears it.

use std::time::Duration;

use daybook_events::ids::{GenerationId, Position};
use daybook_events::names::SUBJECT_HEARTBEAT;
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Without a heartbeat for this long the feed counts as dead: two beats, and some patience.
const BEAT_AGE_MAX: Duration = Duration::from_millis(2_500);
/// Pause before the subscription is made anew.
const SUBSCRIBE_PAUSE: Duration = Duration::from_secs(1);

/// What the relay said last, and when.
#[derive(Debug, Clone)]
pub(super) struct Beat {
    generation: GenerationId,
    partitions: u16,
    head: Position,
    last: Vec<Position>,
    heard_at: Instant,
}

/// The heartbeat on the wire.
#[derive(Deserialize)]
struct Wire {
    generation: GenerationId,
    partitions: u16,
    head: Position,
    last: std::collections::BTreeMap<u16, Position>,
}

impl Beat {
    fn hear(payload: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(payload).ok()?;
        let last: Option<Vec<Position>> = (0..wire.partitions)
            .map(|partition| wire.last.get(&partition).copied())
            .collect();
        Some(Self {
            generation: wire.generation,
            partitions: wire.partitions,
            head: wire.head,
            last: last?,
            heard_at: Instant::now(),
        })
    }

    /// Whether it was heard lately and speaks of this generation and layout.
    pub(super) fn is_alive(&self, generation: GenerationId, partitions: u16) -> bool {
        self.heard_at.elapsed() < BEAT_AGE_MAX
            && self.generation == generation
            && self.partitions == partitions
    }

    /// No event of the partition lies between this position and [`Self::head`].
    pub(super) fn last(&self, partition: u16) -> Position {
        self.last
            .get(usize::from(partition))
            .copied()
            .unwrap_or(self.head)
    }

    /// The relay has published everything up to here.
    pub(super) fn head(&self) -> Position {
        self.head
    }
}

/// Listens until the token is cancelled. The subscription outlives reconnections.
pub(super) async fn listen(
    client: async_nats::Client,
    beats: watch::Sender<Option<Beat>>,
    token: CancellationToken,
) {
    loop {
        let session = async {
            if let Ok(mut heard) = client.subscribe(SUBJECT_HEARTBEAT).await {
                while let Some(message) = heard.next().await {
                    if let Some(beat) = Beat::hear(&message.payload) {
                        beats.send_replace(Some(beat));
                    }
                }
            }
            sleep(SUBSCRIBE_PAUSE).await;
        };
        tokio::select! {
            () = token.cancelled() => return,
            () = session => {}
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A heartbeat of two partitions, as just heard.
    pub(in crate::engine) fn beat(head: u64, last: [u64; 2]) -> Beat {
        Beat {
            generation: GenerationId::parse("0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f").unwrap(),
            partitions: 2,
            head: Position::new(head),
            last: last.map(Position::new).to_vec(),
            heard_at: Instant::now(),
        }
    }

    const WIRE: &[u8] = b"{\"generation\":\"0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f\",\
        \"partitions\":2,\"head\":9,\"last\":{\"0\":7,\"1\":9}}";

    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_ages() {
        let generation = GenerationId::parse("0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f").unwrap();
        let beat = Beat::hear(WIRE).unwrap();
        assert_eq!(
            (beat.last(0), beat.last(1)),
            (Position::new(7), Position::new(9))
        );
        assert!(beat.is_alive(generation, 2) && !beat.is_alive(generation, 4));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(!beat.is_alive(generation, 2));
    }

    #[test]
    fn a_heartbeat_that_misses_a_partition_is_not_heard() {
        assert!(Beat::hear(b"{}").is_none());
        let short = String::from_utf8(WIRE.to_vec())
            .unwrap()
            .replace("\"1\":9", "\"2\":9");
        assert!(Beat::hear(short.as_bytes()).is_none());
    }
}
