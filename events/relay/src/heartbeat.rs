//! The relay's heartbeat on core NATS, outside the stream: "no events" and "dead feeder" are
//! different facts.

use std::collections::BTreeMap;
use std::time::Duration;

use daybook_events::ids::{GenerationId, Position};
use serde::Serialize;

/// How often it is sent.
pub(crate) const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);

/// What it says. Between a partition's `last` and `head` that partition has no events; after a
/// fresh start `last` may lie later than the partition's true last event, never before it.
#[derive(Debug, Serialize)]
pub(crate) struct Heartbeat {
    generation: GenerationId,
    partitions: u16,
    head: Position,
    last: BTreeMap<u16, Position>,
}

impl Heartbeat {
    /// A heartbeat of a relay that has published everything up to `head`.
    pub(crate) fn new(generation: GenerationId, head: Position, last: &[Position]) -> Self {
        let last: BTreeMap<u16, Position> = (0..).zip(last.iter().copied()).collect();
        Self {
            generation,
            partitions: u16::try_from(last.len()).unwrap_or(u16::MAX),
            head,
            last,
        }
    }

    /// As JSON.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Numbers and strings with string keys always become JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_names_every_partition() {
        let generation = GenerationId::parse("0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f").unwrap();
        let last = [Position::new(7), Position::new(9)];
        let json = Heartbeat::new(generation, Position::new(9), &last).to_json();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            "{\"generation\":\"0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f\",\"partitions\":2,\
             \"head\":9,\"last\":{\"0\":7,\"1\":9}}"
        );
    }
}
