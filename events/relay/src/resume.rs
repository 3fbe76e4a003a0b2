//! Where to go on: the stream's own last message says it.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::CreateStreamError;
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, InfoError, PurgeError, RawMessageError, RawMessageErrorKind,
    RetentionPolicy, StorageType, Stream,
};
use daybook_events::ids::{GenerationId, Position};
use daybook_events::names::{JETSTREAM, SUBJECT_EVENTS_ALL, header};
use daybook_store::port::Head;

use crate::config::RelayConfig;

/// Further behind than this, the messages are not worth sending: projectors have long turned to the
/// store, so the relay goes to the head and the range of its next message shows the jump.
pub(crate) const LAG_EVENTS_MAX: u64 = 100_000;

/// Message ids are not used; the server insists on a window, so it is small.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(1);

/// Where publishing goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resume {
    /// The sequence of the stream's last message, ever.
    pub(crate) last_sequence: u64,
    /// Every event up to here was published, or is left to the store.
    pub(crate) position: Position,
}

/// Why the stream could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResumeError {
    #[error("failed to open the stream or to set its limits")]
    Open(#[from] CreateStreamError),
    #[error("failed to read the stream's state")]
    State(#[from] InfoError),
    #[error("failed to read the stream's last message")]
    Last(#[from] RawMessageError),
    #[error("failed to purge the stream")]
    Purge(#[from] PurgeError),
}

/// Opens the stream, making it if it is missing, and finds where to go on.
pub(crate) async fn find(
    jetstream: &Context,
    config: &RelayConfig,
    head: Head,
) -> Result<Resume, ResumeError> {
    let wanted = stream_config(config);
    let stream = jetstream.get_or_create_stream(wanted.clone()).await?;
    let kept = &stream.cached_info().config;
    if kept.max_bytes != wanted.max_bytes || kept.max_age != wanted.max_age {
        jetstream.update_stream(wanted).await?;
    }
    let state = stream.get_info().await?.state;
    if state.messages == 0 {
        return Ok(Resume {
            last_sequence: state.last_sequence,
            position: head.position,
        });
    }
    let last_sequence = state.last_sequence;
    let last = match stream.get_raw_message(last_sequence).await {
        Ok(last) => last,
        // Messages of one ledger were purged, or this one was deleted: it cannot say any more what
        // was published, and those before it say less. The stream still counts from it.
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {
            return Ok(jump(
                last_sequence,
                head,
                "the stream's last message is gone",
            ));
        }
        Err(error) => return Err(error.into()),
    };
    match judge(&last.headers, config.partitions, head) {
        Found::GoOn(position) => Ok(Resume {
            last_sequence,
            position,
        }),
        Found::Jump => Ok(jump(last_sequence, head, "the stream is too far behind")),
        Found::Foreign(why) => {
            tracing::warn!("the stream holds another history ({why}): emptying it");
            purge(&stream, head).await
        }
    }
}

/// Leaves what was not published to the store: the range of the next message shows the jump.
fn jump(last_sequence: u64, head: Head, why: &'static str) -> Resume {
    tracing::warn!(position = %head.position, "{why}: going on at the head");
    Resume {
        last_sequence,
        position: head.position,
    }
}

async fn purge(stream: &Stream, head: Head) -> Result<Resume, ResumeError> {
    stream.purge().await?;
    let last_sequence = stream.get_info().await?.state.last_sequence;
    Ok(Resume {
        last_sequence,
        position: head.position,
    })
}

/// What the last message means for this store.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    GoOn(Position),
    Jump,
    Foreign(&'static str),
}

fn judge(headers: &HeaderMap, partitions: u16, head: Head) -> Found {
    let text = |name: &'static str| headers.get(name).map(|value| value.as_str());
    let generation = text(header::GENERATION).and_then(|text| GenerationId::parse(text).ok());
    if generation != Some(head.generation) {
        return Found::Foreign("another generation");
    }
    if text(header::PARTITIONS).and_then(|text| text.parse().ok()) != Some(partitions) {
        return Found::Foreign("another number of partitions");
    }
    let Some(to) = text(header::TO)
        .and_then(|text| text.parse().ok())
        .map(Position::new)
    else {
        return Found::Foreign("no position");
    };
    match head.position.get().checked_sub(to.get()) {
        None => Found::Foreign("a position beyond the head"),
        Some(lag) if lag > LAG_EVENTS_MAX => Found::Jump,
        Some(_) => Found::GoOn(to),
    }
}

fn stream_config(config: &RelayConfig) -> Config {
    Config {
        name: JETSTREAM.to_owned(),
        subjects: vec![SUBJECT_EVENTS_ALL.to_owned()],
        storage: StorageType::File,
        // What was read is not deleted: the limits alone make it a cache.
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::Old,
        max_bytes: config.stream_bytes_max,
        max_age: config.stream_age_max,
        duplicate_window: DUPLICATE_WINDOW.min(config.stream_age_max),
        num_replicas: 1,
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERATION: &str = "0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f";

    fn last(generation: &str, partitions: &str, to: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::GENERATION, generation);
        headers.insert(header::PARTITIONS, partitions);
        headers.insert(header::TO, to);
        headers
    }

    fn judged(generation: &str, partitions: &str, to: &str, head: u64) -> Found {
        let head = Head {
            generation: GenerationId::parse(GENERATION).unwrap(),
            position: Position::new(head),
        };
        judge(&last(generation, partitions, to), 4, head)
    }

    #[test]
    fn the_last_message_says_where_to_go_on() {
        assert_eq!(
            judged(GENERATION, "4", "7", 9),
            Found::GoOn(Position::new(7))
        );
        assert_eq!(
            judged(GENERATION, "4", "9", 9),
            Found::GoOn(Position::new(9))
        );
        assert_eq!(
            judged(GENERATION, "4", "7", 7 + LAG_EVENTS_MAX + 1),
            Found::Jump
        );
    }

    #[test]
    fn another_history_is_told_by_generation_partitions_and_position() {
        let other = "0198c5e2-3f4b-7c52-9d0e-000000000000";
        assert_eq!(
            judged(other, "4", "7", 9),
            Found::Foreign("another generation")
        );
        assert_eq!(
            judged(GENERATION, "8", "7", 9),
            Found::Foreign("another number of partitions")
        );
        assert_eq!(
            judged(GENERATION, "4", "", 9),
            Found::Foreign("no position")
        );
        assert_eq!(
            judged(GENERATION, "4", "10", 9),
            Found::Foreign("a position beyond the head")
        );
    }
}
