//! A unit's record inside a group: its length, the CRC of its body, its body. A record is read
//! alone, through an index, so it carries all that a reader needs.

use std::ops::Range;

use uuid::Uuid;

use super::format::{Cursor, length, size};

/// Length and CRC before the body.
pub(super) const RECORD_HEADER: usize = 8;

/// What the events of a unit share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnitHead<'a> {
    pub(super) stream: &'a str,
    pub(super) first_revision: u64,
    pub(super) first_position: u64,
    /// Microseconds since the Unix epoch.
    pub(super) recorded_at: i64,
}

/// An event to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventIn<'a> {
    pub(super) id: Uuid,
    pub(super) event_type: &'a str,
    pub(super) version: u16,
    pub(super) shared: usize,
    pub(super) data: &'a [u8],
    pub(super) own: &'a [u8],
}

/// A record's body, checked; ranges are into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnitView<'a> {
    pub(super) head: UnitHead<'a>,
    pub(super) shared: Vec<Range<usize>>,
    pub(super) events: Vec<EventAt<'a>>,
}

/// An event of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EventAt<'a> {
    pub(super) id: Uuid,
    pub(super) event_type: &'a str,
    pub(super) version: u16,
    /// Index into [`UnitView::shared`], checked.
    pub(super) shared: usize,
    pub(super) data: Range<usize>,
    pub(super) own: Range<usize>,
}

/// The most that a record adds to an event's data and metadata, type name included.
const EVENT_OVERHEAD_MAX: usize = 16 + 2 + 64 + 2 + 4 + 4 + 4;

/// An upper bound of a record's length, for the limits on what waits and what is written.
pub(super) fn record_len_max(bytes: usize, events: usize, shared: usize, stream: usize) -> usize {
    RECORD_HEADER
        + 2
        + stream
        + 8
        + 8
        + 8
        + 4
        + 4
        + shared * 4
        + bytes
        + events * EVENT_OVERHEAD_MAX
}

/// Appends a record.
pub(super) fn encode<'a>(
    out: &mut Vec<u8>,
    head: &UnitHead<'_>,
    shared: impl ExactSizeIterator<Item = &'a [u8]>,
    events: impl ExactSizeIterator<Item = EventIn<'a>>,
) {
    let start = out.len();
    out.extend_from_slice(&[0; RECORD_HEADER]);
    put_text(out, head.stream);
    out.extend_from_slice(&head.first_revision.to_le_bytes());
    out.extend_from_slice(&head.first_position.to_le_bytes());
    out.extend_from_slice(&head.recorded_at.to_le_bytes());
    out.extend_from_slice(&length(shared.len()).to_le_bytes());
    for fragment in shared {
        put_bytes(out, fragment);
    }
    out.extend_from_slice(&length(events.len()).to_le_bytes());
    for event in events {
        out.extend_from_slice(event.id.as_bytes());
        put_text(out, event.event_type);
        out.extend_from_slice(&event.version.to_le_bytes());
        out.extend_from_slice(&length(event.shared).to_le_bytes());
        put_bytes(out, event.data);
        put_bytes(out, event.own);
    }
    let body = start + RECORD_HEADER;
    let body_len = length(out.len() - body);
    let crc = crc32c::crc32c(&out[body..]);
    out[start..start + 4].copy_from_slice(&body_len.to_le_bytes());
    out[start + 4..body].copy_from_slice(&crc.to_le_bytes());
}

/// The body of the record at the beginning of `bytes`, if its length and CRC check.
pub(super) fn body(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let mut cursor = Cursor::new(bytes);
    let (Some(body_len), Some(crc)) = (cursor.u32(), cursor.u32()) else {
        return Err("record header is cut off");
    };
    let body = cursor.take(size(body_len)).ok_or("record is cut off")?;
    if crc32c::crc32c(body) != crc {
        return Err("record does not match its CRC");
    }
    Ok(body)
}

/// Takes a body apart. It never panics, whatever the bytes.
pub(super) fn parse(body: &[u8]) -> Result<UnitView<'_>, &'static str> {
    let mut cursor = Cursor::new(body);
    let view = parse_fields(&mut cursor).ok_or("record's fields do not fit its length")?;
    if cursor.at() != body.len() {
        return Err("record is longer than its fields");
    }
    if view.events.is_empty() {
        return Err("record has no events");
    }
    if (view.events.iter()).any(|event| event.shared >= view.shared.len()) {
        return Err("event names a metadata fragment that is not there");
    }
    Ok(view)
}

fn parse_fields<'a>(cursor: &mut Cursor<'a>) -> Option<UnitView<'a>> {
    let head = UnitHead {
        stream: text(cursor)?,
        first_revision: cursor.u64()?,
        first_position: cursor.u64()?,
        recorded_at: cursor.i64()?,
    };
    // Vectors grow with what is really there: a count is not believed beforehand.
    let mut shared = Vec::new();
    for _ in 0..cursor.u32()? {
        shared.push(range(cursor)?);
    }
    let mut events = Vec::new();
    for _ in 0..cursor.u32()? {
        events.push(EventAt {
            id: Uuid::from_bytes(cursor.array()?),
            event_type: text(cursor)?,
            version: cursor.u16()?,
            shared: size(cursor.u32()?),
            data: range(cursor)?,
            own: range(cursor)?,
        });
    }
    Some(UnitView {
        head,
        shared,
        events,
    })
}

fn text<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    let len = cursor.u16()?;
    std::str::from_utf8(cursor.take(usize::from(len))?).ok()
}

fn range(cursor: &mut Cursor<'_>) -> Option<Range<usize>> {
    let len = size(cursor.u32()?);
    let start = cursor.at();
    cursor.take(len)?;
    Some(start..cursor.at())
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    assert_eq!(
        usize::from(len),
        text.len(),
        "a name is at most 65,535 bytes"
    );
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&length(bytes.len()).to_le_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    type Event = (u128, String, u16, usize, Vec<u8>, Vec<u8>);

    fn event() -> impl Strategy<Value = Event> {
        let bytes = || vec(any::<u8>(), 0..80);
        (
            any::<u128>(),
            any::<String>(),
            any::<u16>(),
            0..3_usize,
            bytes(),
            bytes(),
        )
    }

    proptest! {
        #[test]
        fn a_record_gives_back_what_was_put_in(
            stream in any::<String>(),
            numbers in (any::<u64>(), any::<u64>(), any::<i64>()),
            shared in vec(vec(any::<u8>(), 0..40), 3),
            events in vec(event(), 1..5),
        ) {
            let head = UnitHead {
                stream: &stream,
                first_revision: numbers.0,
                first_position: numbers.1,
                recorded_at: numbers.2,
            };
            let mut out = vec![7];
            encode(
                &mut out,
                &head,
                shared.iter().map(Vec::as_slice),
                events.iter().map(|(id, event_type, version, shared, data, own)| EventIn {
                    id: Uuid::from_u128(*id),
                    event_type,
                    version: *version,
                    shared: *shared,
                    data,
                    own,
                }),
            );
            out.extend_from_slice(b"what follows");
            let body = body(&out[1..]).unwrap();
            let view = parse(body).unwrap();
            prop_assert_eq!(view.head, head);
            let fragments = view.shared.iter().map(|range| body[range.clone()].to_vec());
            prop_assert_eq!(fragments.collect::<Vec<_>>(), shared);
            let read = view.events.iter().map(|event| (
                event.id.as_u128(),
                event.event_type.to_owned(),
                event.version,
                event.shared,
                body[event.data.clone()].to_vec(),
                body[event.own.clone()].to_vec(),
            ));
            prop_assert_eq!(read.collect::<Vec<_>>(), events);
        }

        #[test]
        fn hostile_bytes_are_refused_or_read_but_never_panic(
            mut bytes in vec(any::<u8>(), 0..300),
            small in any::<bool>(),
        ) {
            if small {
                // Small numbers get further into the fields.
                bytes.iter_mut().for_each(|byte| *byte &= 3);
            }
            if let Ok(view) = parse(&bytes) {
                prop_assert!(view.events.iter().all(|event| event.data.end <= bytes.len()));
            }
            if let Ok(body) = body(&bytes) {
                prop_assert!(body.len() <= bytes.len());
            }
        }
    }
}
