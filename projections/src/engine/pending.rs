//! Events in hand and not yet in Postgres, and where they may be cut: never inside a command.

use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{LedgerId, Position};
use daybook_events::invalid::Invalid;
use rustc_hash::FxHashSet;

/// The most events of one transaction, unless one command has more.
pub(super) const BATCH_EVENTS_MAX: usize = 5_000;
/// The most bytes of events of one transaction, unless one command has more. In memory and in
/// Postgres the rows of an event are several times its size, and an event may have a thousand
/// entries: events alone bound neither.
pub(super) const BATCH_BYTES_MAX: usize = 8 << 20;

/// The events in hand, in order.
#[derive(Debug)]
pub(super) struct Pending {
    events: Vec<RecordedEvent>,
    marks: Vec<Mark>,
    /// The sum over `marks`.
    bytes: usize,
    /// Ledgers with a command of which events are still to come.
    open: FxHashSet<LedgerId>,
    received: Position,
    fed: bool,
}

/// What counts about an event when a batch is cut.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Whether every command is whole after it.
    whole: bool,
    bytes: usize,
}

/// Events that may be applied together, and the position they cover.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) events: Vec<RecordedEvent>,
    pub(super) position: Position,
    pub(super) bytes: usize,
}

impl Batch {
    /// No events: everything up to `position` is of other partitions.
    pub(super) fn passed_over(position: Position) -> Self {
        Self {
            events: Vec::new(),
            position,
            bytes: 0,
        }
    }
}

/// Where events come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A message: most likely right.
    Feed,
    /// The event store: right.
    Store,
}

impl Pending {
    /// Nothing in hand; everything up to `received` is in Postgres.
    pub(super) fn new(received: Position) -> Self {
        Self {
            events: Vec::new(),
            marks: Vec::new(),
            bytes: 0,
            open: FxHashSet::default(),
            received,
            fed: false,
        }
    }

    /// Everything up to here is in hand or in Postgres.
    pub(super) fn received(&self) -> Position {
        self.received
    }

    /// Whether nothing is in hand.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether a batch should be taken before more is read.
    pub(super) fn is_full(&self) -> bool {
        self.events.len() >= BATCH_EVENTS_MAX || self.bytes >= BATCH_BYTES_MAX
    }

    /// Whether anything in hand came by a message.
    pub(super) fn is_fed(&self) -> bool {
        self.fed
    }

    /// Adds the events beyond what is in hand; afterwards everything up to `to` is.
    pub(super) fn extend(
        &mut self,
        events: impl IntoIterator<Item = RecordedEvent>,
        to: Position,
        source: Source,
    ) -> Result<(), Invalid> {
        for event in events {
            if event.position <= self.received {
                continue;
            }
            let meta = event.parsed_meta().map_err(|error| {
                Invalid::new("event", format!("at position {}: {error}", event.position))
            })?;
            if meta.more() {
                self.open.insert(event.ledger.clone());
            } else {
                self.open.remove(&event.ledger);
            }
            self.received = event.position;
            let mark = Mark {
                whole: self.open.is_empty(),
                bytes: event.data.len() + event.meta.len(),
            };
            self.bytes += mark.bytes;
            self.marks.push(mark);
            self.events.push(event);
            self.fed |= source == Source::Feed;
        }
        self.received = self.received.max(to);
        Ok(())
    }

    /// Nothing of the partition lies between what is in hand and `to`. Ignored while a command is
    /// incomplete: its other events are still to come.
    pub(super) fn skip_to(&mut self, to: Position) {
        if self.events.is_empty() {
            self.received = self.received.max(to);
        }
    }

    /// Takes the next batch: as many whole commands as fit, at least one; `None` if there is none.
    pub(super) fn take_batch(&mut self) -> Option<Batch> {
        let within = self.within_limits();
        let (head, tail) = self.marks.split_at(within);
        let cut = match head.iter().rposition(|mark| mark.whole) {
            Some(last) => last + 1,
            None => within + tail.iter().position(|mark| mark.whole)? + 1,
        };
        let rest = self.events.split_off(cut);
        let events = std::mem::replace(&mut self.events, rest);
        let bytes = self.marks.drain(..cut).map(|mark| mark.bytes).sum();
        self.bytes -= bytes;
        let position = if self.events.is_empty() {
            self.fed = false;
            self.received
        } else {
            events.last()?.position
        };
        Some(Batch {
            events,
            position,
            bytes,
        })
    }

    /// How many events fit into one transaction.
    fn within_limits(&self) -> usize {
        let mut bytes = 0;
        self.marks
            .iter()
            .take(BATCH_EVENTS_MAX)
            .take_while(|mark| {
                bytes += mark.bytes;
                bytes <= BATCH_BYTES_MAX
            })
            .count()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use daybook_events::event::EventType;
    use daybook_events::ids::{EventId, Revision};
    use daybook_events::time::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn event(position: u64, ledger: &str, more: bool) -> RecordedEvent {
        RecordedEvent {
            position: Position::new(position),
            ledger: LedgerId::parse(ledger).unwrap(),
            revision: Revision::new(position),
            id: EventId::new(Uuid::from_u128(u128::from(position))),
            event_type: EventType::LedgerOpened,
            version: 1,
            recorded_at: Timestamp::try_from_micros(1).unwrap(),
            data: Bytes::from_static(b"{}"),
            meta: Bytes::from_static(if more { b"{\"more\":1}" } else { b"{}" }),
        }
    }

    fn sized(position: u64, bytes: usize, more: bool) -> RecordedEvent {
        RecordedEvent {
            data: Bytes::from(vec![b' '; bytes]),
            ..event(position, "a", more)
        }
    }

    fn batches(pending: &mut Pending) -> Vec<(usize, u64)> {
        std::iter::from_fn(|| pending.take_batch())
            .map(|batch| (batch.events.len(), batch.position.get()))
            .collect()
    }

    #[test]
    fn a_command_is_never_cut() {
        let mut pending = Pending::new(Position::new(0));
        let events = vec![
            event(1, "a", false),
            event(2, "a", true),
            event(3, "a", true),
        ];
        pending
            .extend(events, Position::new(3), Source::Feed)
            .unwrap();
        assert_eq!(batches(&mut pending), [(1, 1)]);
        assert!(!pending.is_empty());
        pending.skip_to(Position::new(9));
        assert_eq!(
            pending.received(),
            Position::new(3),
            "the command is not whole yet"
        );
        pending
            .extend(vec![event(4, "a", false)], Position::new(7), Source::Feed)
            .unwrap();
        assert_eq!(batches(&mut pending), [(3, 7)]);
        assert!(pending.is_empty() && !pending.is_fed());
    }

    #[test]
    fn commands_of_two_ledgers_that_interleave_are_cut_where_both_are_whole() {
        let mut pending = Pending::new(Position::new(0));
        let events = vec![
            event(1, "a", true),
            event(2, "b", false),
            event(3, "a", false),
            event(4, "b", true),
        ];
        pending
            .extend(events, Position::new(4), Source::Store)
            .unwrap();
        assert_eq!(batches(&mut pending), [(3, 3)]);
    }

    #[test]
    fn what_is_in_hand_is_not_taken_twice() {
        let mut pending = Pending::new(Position::new(1));
        let events = vec![event(1, "a", false), event(2, "a", false)];
        pending
            .extend(events.clone(), Position::new(2), Source::Feed)
            .unwrap();
        pending
            .extend(events, Position::new(2), Source::Feed)
            .unwrap();
        assert_eq!(batches(&mut pending), [(1, 2)]);
    }

    #[test]
    fn a_batch_grows_beyond_its_limit_only_for_one_command() {
        let many = u64::try_from(BATCH_EVENTS_MAX).unwrap() + 10;
        let mut pending = Pending::new(Position::new(0));
        let singles = (1..=many).map(|position| event(position, "a", false));
        pending
            .extend(singles, Position::new(many), Source::Store)
            .unwrap();
        assert_eq!(
            batches(&mut pending),
            [(BATCH_EVENTS_MAX, 5_000), (10, many)]
        );
        let one = (many + 1..=2 * many).map(|position| event(position, "a", position < 2 * many));
        pending
            .extend(one, Position::new(2 * many), Source::Store)
            .unwrap();
        assert_eq!(batches(&mut pending), [(BATCH_EVENTS_MAX + 10, 2 * many)]);
    }

    #[test]
    fn a_batch_is_bounded_by_its_bytes_too() {
        let third = BATCH_BYTES_MAX / 3;
        let mut pending = Pending::new(Position::new(0));
        for position in 1..=7 {
            assert_eq!(
                pending.is_full(),
                position > 3,
                "after {} events",
                position - 1
            );
            let event = sized(position, third, false);
            pending
                .extend([event], Position::new(position), Source::Store)
                .unwrap();
        }
        // With its metadata, a third event is beyond the limit.
        assert_eq!(batches(&mut pending), [(2, 2), (2, 4), (2, 6), (1, 7)]);
        assert!(!pending.is_full(), "what was taken does not count any more");
    }

    #[test]
    fn a_command_beyond_the_bytes_is_one_batch_by_itself() {
        let mut pending = Pending::new(Position::new(0));
        let events = vec![
            sized(1, 10, false),
            sized(2, BATCH_BYTES_MAX / 2, true),
            sized(3, BATCH_BYTES_MAX / 2, true),
            sized(4, BATCH_BYTES_MAX / 2, false),
            sized(5, BATCH_BYTES_MAX + 1, false),
            sized(6, 10, false),
        ];
        pending
            .extend(events, Position::new(6), Source::Store)
            .unwrap();
        assert_eq!(batches(&mut pending), [(1, 1), (3, 4), (1, 5), (1, 6)]);
    }
}
