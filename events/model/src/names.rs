//! Names that processes agree on: streams, subjects, headers, partitions.

use crate::ids::LedgerId;

/// A ledger's stream in the event store is this and the ledger's id.
pub const STREAM_PREFIX: &str = "ledger-";

/// The name of a ledger's stream.
pub fn stream_of(ledger: &LedgerId) -> String {
    format!("{STREAM_PREFIX}{ledger}")
}

/// The ledger that a stream belongs to, or `None` if it is not a ledger's stream.
pub fn ledger_of(stream: &str) -> Option<LedgerId> {
    LedgerId::parse(stream.strip_prefix(STREAM_PREFIX)?).ok()
}

/// Partitions of ledgers, fixed per generation. More than the projector processes one machine
/// needs, few enough that every partition's commit still holds a batch.
pub const PARTITIONS: u16 = 4;

/// The partition of a ledger: FNV-1a (64 bit) of its id modulo `partitions`.
pub fn partition_of(ledger: &LedgerId, partitions: u16) -> u16 {
    let hash = ledger
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    let partition = hash.checked_rem(u64::from(partitions)).unwrap_or(0);
    u16::try_from(partition).unwrap_or(0)
}

/// The JetStream stream that holds the fan-out.
pub const JETSTREAM: &str = "DAYBOOK_EVENTS";
/// Every event subject.
pub const SUBJECT_EVENTS_ALL: &str = "daybook.events.>";

/// The subject of a ledger's events.
pub fn subject_of(partition: u16, ledger: &LedgerId) -> String {
    format!("daybook.events.{partition}.{ledger}")
}

/// The filter for a partition's events.
pub fn subject_of_partition(partition: u16) -> String {
    format!("daybook.events.{partition}.>")
}

/// Core NATS, from the relay: each partition's last position, every second.
pub const SUBJECT_HEARTBEAT: &str = "daybook.heartbeat";
/// Core NATS, from projectors, after each commit and every second: `<prefix>.<projection>.<partition>`.
pub const SUBJECT_APPLIED_PREFIX: &str = "daybook.applied";

/// Message headers of the fan-out.
pub mod header {
    /// The ledger's id.
    pub const LEDGER: &str = "Daybook-Ledger";
    /// The store's generation.
    pub const GENERATION: &str = "Daybook-Generation";
    /// The partition's positions that the message covers: after this one …
    pub const FROM: &str = "Daybook-From";
    /// … up to and including this one.
    pub const TO: &str = "Daybook-To";
    /// The first event's revision.
    pub const FIRST_REVISION: &str = "Daybook-First-Revision";
    /// The last event's revision.
    pub const LAST_REVISION: &str = "Daybook-Last-Revision";
    /// How many partitions this generation has.
    pub const PARTITIONS: &str = "Daybook-Partitions";
    /// W3C trace context of the last event's command.
    pub const TRACEPARENT: &str = "traceparent";
    /// JetStream: the stream's last sequence as the publisher knows it.
    pub const EXPECTED_LAST_SEQUENCE: &str = "Nats-Expected-Last-Sequence";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_never_move() {
        let partition = |ledger| partition_of(&LedgerId::parse(ledger).unwrap(), 4);
        assert_eq!(
            ["acme", "berka", "shop-1", "a"].map(partition),
            [3, 2, 3, 0]
        );
        assert_eq!(partition_of(&LedgerId::parse("acme").unwrap(), 1), 0);
    }

    #[test]
    fn streams_and_ledgers_name_each_other() {
        let acme = LedgerId::parse("acme").unwrap();
        assert_eq!(ledger_of(&stream_of(&acme)), Some(acme));
        assert_eq!(ledger_of("$settings"), None);
        assert_eq!(ledger_of("ledger-"), None);
    }
}
