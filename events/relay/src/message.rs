//! Messages: runs of consecutive events of one ledger, cut to size.

use std::collections::VecDeque;

use async_nats::HeaderMap;
use bytes::Bytes;
use daybook_events::envelope::RecordedEvent;
use daybook_events::ids::{GenerationId, LedgerId, Position, Revision};
use daybook_events::names::{header, partition_of};

/// The largest payload; a run is cut before it, also inside a command.
pub(crate) const MESSAGE_BYTES_MAX: usize = 512 << 10;
/// Room for headers below the server's `max_payload`: ten short headers, one ledger id.
pub(crate) const HEADER_BYTES_MAX: usize = 4 << 10;

/// A run of consecutive events of one ledger, encoded.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) ledger: LedgerId,
    pub(crate) partition: u16,
    pub(crate) first: Revision,
    pub(crate) last: Revision,
    /// The position of its last event.
    pub(crate) to: Position,
    pub(crate) events: usize,
    /// The events, one a line, or nothing if the one event is larger than any message may be.
    pub(crate) payload: Option<Bytes>,
    trace: Option<String>,
}

/// Cuts runs; keeps one buffer for all of them.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    lines: Vec<u8>,
}

impl Cutter {
    /// Takes the next run from the front of the queue: as many events of one ledger as fit into
    /// `bytes_max`, at least one.
    pub(crate) fn next_run(
        &mut self,
        queue: &mut VecDeque<RecordedEvent>,
        partitions: u16,
        bytes_max: usize,
    ) -> Option<Run> {
        let first = queue.pop_front()?;
        self.lines.clear();
        first.write_feed_line(&mut self.lines);
        let (mut last, mut events) = (first.clone(), 1);
        while let Some(next) = queue.front() {
            if next.ledger != first.ledger {
                break;
            }
            let fits = self.lines.len();
            next.write_feed_line(&mut self.lines);
            if self.lines.len() > bytes_max {
                self.lines.truncate(fits);
                break;
            }
            let Some(next) = queue.pop_front() else { break };
            (last, events) = (next, events + 1);
        }
        let payload = (self.lines.len() <= bytes_max).then(|| Bytes::copy_from_slice(&self.lines));
        Some(Run {
            partition: partition_of(&first.ledger, partitions),
            first: first.revision,
            last: last.revision,
            to: last.position,
            events,
            payload,
            trace: trace_of(&last),
            ledger: first.ledger,
        })
    }
}

/// The trace context of an event's command. Metadata that does not parse has none: judging it is
/// the projector's work, and the bytes go out as they are.
fn trace_of(event: &RecordedEvent) -> Option<String> {
    event.parsed_meta().ok().and_then(|meta| meta.trace)
}

impl Run {
    /// The message's headers.
    pub(crate) fn headers(
        &self,
        generation: GenerationId,
        partitions: u16,
        from: Position,
        last_sequence: u64,
    ) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::EXPECTED_LAST_SEQUENCE, last_sequence.to_string());
        headers.insert(header::LEDGER, self.ledger.as_str());
        headers.insert(header::GENERATION, generation.to_string());
        headers.insert(header::PARTITIONS, partitions.to_string());
        headers.insert(header::FROM, from.to_string());
        headers.insert(header::TO, self.to.to_string());
        headers.insert(header::FIRST_REVISION, self.first.to_string());
        headers.insert(header::LAST_REVISION, self.last.to_string());
        // A header must stay on its line, whatever the request put into the trace context.
        let trace = self.trace.as_deref().filter(|trace| is_plain(trace));
        if let Some(trace) = trace {
            headers.insert(header::TRACEPARENT, trace);
        }
        headers
    }
}

fn is_plain(text: &str) -> bool {
    text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use daybook_events::event::EventType;
    use daybook_events::ids::EventId;
    use daybook_events::time::Timestamp;

    use super::*;

    fn event(position: u64, ledger: &str, bytes: usize) -> RecordedEvent {
        RecordedEvent {
            position: Position::new(position),
            ledger: LedgerId::parse(ledger).unwrap(),
            revision: Revision::new(position),
            id: EventId::parse("0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f").unwrap(),
            event_type: EventType::LedgerOpened,
            version: 1,
            recorded_at: Timestamp::try_from_micros(1).unwrap(),
            data: Bytes::from(format!("\"{}\"", "x".repeat(bytes))),
            meta: Bytes::from_static(b"{}"),
        }
    }

    fn cut(events: Vec<RecordedEvent>, bytes_max: usize) -> Vec<(u64, usize, bool)> {
        let mut queue = VecDeque::from(events);
        let mut cutter = Cutter::default();
        let mut runs = Vec::new();
        while let Some(run) = cutter.next_run(&mut queue, 4, bytes_max) {
            if let Some(payload) = &run.payload {
                assert!(payload.len() <= bytes_max);
                let lines = payload
                    .split(|byte| *byte == b'\n')
                    .filter(|line| !line.is_empty());
                assert_eq!(lines.count(), run.events);
            }
            runs.push((run.to.get(), run.events, run.payload.is_some()));
        }
        runs
    }

    #[test]
    fn a_run_ends_where_the_ledger_changes() {
        let events = vec![
            event(1, "a", 1),
            event(2, "a", 1),
            event(3, "b", 1),
            event(4, "a", 1),
        ];
        let runs = cut(events, MESSAGE_BYTES_MAX);
        assert_eq!(runs, [(2, 2, true), (3, 1, true), (4, 1, true)]);
    }

    #[test]
    fn a_run_ends_before_the_message_is_too_large() {
        let events = (1..=5)
            .map(|position| event(position, "a", 1_000))
            .collect();
        assert_eq!(
            cut(events, 3_000),
            [(2, 2, true), (4, 2, true), (5, 1, true)]
        );
    }

    #[test]
    fn an_event_larger_than_any_message_is_a_run_without_payload() {
        let events = vec![event(1, "a", 1), event(2, "a", 5_000), event(3, "a", 1)];
        assert_eq!(
            cut(events, 3_000),
            [(1, 1, true), (2, 1, false), (3, 1, true)]
        );
    }

    #[test]
    fn a_trace_that_would_break_the_header_is_left_out() {
        let mut odd = event(1, "a", 1);
        odd.meta = Bytes::from_static(b"{\"trace\":\"a\\r\\nb\"}");
        let mut queue = VecDeque::from([odd]);
        let run = Cutter::default().next_run(&mut queue, 4, 3_000).unwrap();
        let generation = GenerationId::parse("0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f").unwrap();
        let headers = run.headers(generation, 4, Position::new(0), 0);
        assert!(headers.get(header::TRACEPARENT).is_none());
        assert_eq!(headers.get(header::TO).unwrap().as_str(), "1");
    }
}
