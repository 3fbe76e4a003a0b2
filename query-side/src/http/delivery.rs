//! Long bodies on their way out: how a client that stops reading gives back what it holds.
//!
//! The server asks a body for more only when the connection has taken what came before, and has no
//! bound of its own on how long that takes. So a body's source runs in a task beside it: when
//! nothing was taken for [`STALLED_AFTER`], the task ends, and with it the place it held.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::{HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use daybook_store::ReadError;
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::task::TaskTracker;

/// A client that took nothing for this long has stopped reading. Pauses of a network that still
/// works are shorter.
const STALLED_AFTER: Duration = Duration::from_secs(30);
/// What is handed over at once: this much, and not a whole chunk of the source, stays with a
/// connection whose client has stopped reading.
const PIECE_BYTES: usize = 64 << 10;

/// Why a body ended before its end. The connection is broken off, so that nobody takes a part for
/// the whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum BrokenOff {
    /// The client took nothing for too long.
    #[error("the client stopped reading")]
    Stalled,
    /// What the body is made of could not be read.
    #[error("failed to read what the body is made of")]
    Source(#[source] ReadError),
}

enum Piece {
    Bytes(Bytes),
    Failed(ReadError),
    End,
}

/// A body of unknown length. The place is given back when the source is at its end, when the client
/// is gone, and when it has stopped reading.
pub(super) fn streamed(
    tasks: &TaskTracker,
    place: OwnedSemaphorePermit,
    source: impl Stream<Item = Result<Bytes, ReadError>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, BrokenOff>> + 'static {
    let (pieces, out) = mpsc::channel(1);
    tasks.spawn(async move {
        hand_over(source, &pieces).await;
        drop(place);
    });
    stream::unfold(Some(out), next_piece)
}

/// Answers with a body that is whole in memory already.
pub(super) fn whole(
    tasks: &TaskTracker,
    place: OwnedSemaphorePermit,
    mut builder: HttpResponseBuilder,
    body: Vec<u8>,
) -> HttpResponse {
    let length = match u64::try_from(body.len()) {
        Ok(length) if body.len() > PIECE_BYTES => length,
        // The connection takes it at once: nobody can hold the place.
        Ok(_) | Err(_) => return builder.body(body),
    };
    let source = stream::iter([Ok(Bytes::from(body))]);
    builder.body(SizedStream::new(length, streamed(tasks, place, source)))
}

async fn hand_over(
    source: impl Stream<Item = Result<Bytes, ReadError>>,
    pieces: &Sender<Piece>,
) -> Option<Infallible> {
    let mut source = std::pin::pin!(source);
    while let Some(chunk) = source.next().await {
        match chunk {
            Ok(chunk) => {
                for piece in chunk.chunks(PIECE_BYTES) {
                    // A copy: a slice would keep the whole chunk in memory.
                    give(pieces, Piece::Bytes(Bytes::copy_from_slice(piece))).await?;
                }
            }
            Err(error) => {
                give(pieces, Piece::Failed(error)).await?;
                return None;
            }
        }
    }
    give(pieces, Piece::End).await?;
    None
}

/// `None` if nobody takes it.
async fn give(pieces: &Sender<Piece>, piece: Piece) -> Option<()> {
    match pieces.send_timeout(piece, STALLED_AFTER).await {
        Ok(()) => Some(()),
        Err(mpsc::error::SendTimeoutError::Closed(_)) => None,
        Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
            tracing::info!("a client stopped reading: its answer is broken off");
            None
        }
    }
}

type Left = Option<Receiver<Piece>>;

async fn next_piece(left: Left) -> Option<(Result<Bytes, BrokenOff>, Left)> {
    let mut left = left?;
    match left.recv().await {
        Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(left))),
        Some(Piece::End) => None,
        Some(Piece::Failed(error)) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "answer broken off"
            );
            Some((Err(BrokenOff::Source(error)), None))
        }
        None => Some((Err(BrokenOff::Stalled), None)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    fn endless() -> impl Stream<Item = Result<Bytes, ReadError>> + Send + 'static {
        stream::repeat_with(|| Ok(Bytes::from(vec![b'x'; 3 * PIECE_BYTES])))
    }

    fn place(places: &Arc<Semaphore>) -> OwnedSemaphorePermit {
        Arc::clone(places).try_acquire_owned().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_reading_gives_its_place_back_and_is_broken_off() {
        let places = Arc::new(Semaphore::new(1));
        let tasks = TaskTracker::new();
        let mut body = std::pin::pin!(streamed(&tasks, place(&places), endless()));
        for _ in 0..10 {
            // As slow as is allowed.
            tokio::time::sleep(STALLED_AFTER - Duration::from_secs(1)).await;
            assert_eq!(body.next().await.unwrap().unwrap().len(), PIECE_BYTES);
            assert_eq!(places.available_permits(), 0);
        }
        tokio::time::sleep(STALLED_AFTER + Duration::from_secs(1)).await;
        assert_eq!(places.available_permits(), 1, "the place is free again");
        // What was handed over before, then the error, and no good end.
        assert!(body.next().await.unwrap().is_ok());
        assert!(matches!(body.next().await, Some(Err(BrokenOff::Stalled))));
        assert!(body.next().await.is_none());
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_taken_is_whole_and_a_broken_source_breaks_it_off() {
        let places = Arc::new(Semaphore::new(1));
        let tasks = TaskTracker::new();
        let text: Vec<u8> = (0..=u8::MAX).cycle().take(5 * PIECE_BYTES / 2).collect();
        let source = stream::iter([Ok(Bytes::from(text.clone())), Ok(Bytes::from_static(b"."))]);
        let taken: Vec<_> = streamed(&tasks, place(&places), source).collect().await;
        let taken: Vec<Bytes> = taken.into_iter().map(Result::unwrap).collect();
        assert_eq!(taken.concat(), [text.as_slice(), b"."].concat());
        tasks.close();
        tasks.wait().await;
        let broken = ReadError::Unavailable {
            reason: "test".to_owned(),
        };
        let source = stream::iter([Ok(Bytes::from_static(b"a")), Err(broken)]);
        let taken: Vec<_> = streamed(&tasks, place(&places), source).collect().await;
        assert!(matches!(
            taken.as_slice(),
            [Ok(_), Err(BrokenOff::Source(_))]
        ));
    }
}
