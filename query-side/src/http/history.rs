//! A ledger's whole history as NDJSON: one chunk in memory, the next is read when it was taken.

use std::sync::Arc;

use bytes::Bytes;
use daybook_events::ids::Revision;
use daybook_store::{EventStore, ReadError};
use futures_util::stream::{self, Stream};

use super::events::{Asked, CHUNK};

/// A history on its way out.
pub(super) struct History {
    store: Arc<dyn EventStore>,
    asked: Asked,
    next: Revision,
    end: Revision,
    left: u64,
}

impl History {
    /// What was asked for, up to `end`, at most `limit` events of it.
    pub(super) fn new(
        store: Arc<dyn EventStore>,
        asked: Asked,
        end: Revision,
        limit: Option<u64>,
    ) -> Self {
        Self {
            store,
            next: asked.first(),
            asked,
            end,
            left: limit.unwrap_or(u64::MAX),
        }
    }

    /// The chunks; nothing follows an error.
    pub(super) fn stream(self) -> impl Stream<Item = Result<Bytes, ReadError>> + Send + 'static {
        stream::unfold(Some(self), |history| async {
            let mut history = history?;
            match history.chunk().await {
                Ok(Some(bytes)) => Some((Ok(bytes), Some(history))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, ReadError> {
        while self.next <= self.end && self.left > 0 {
            let events = self
                .store
                .read_ledger(&self.asked.ledger, self.next, CHUNK)
                .await?;
            if events.is_empty() {
                return Err(ReadError::Damaged {
                    reason: format!("{} ends before its last revision", self.asked.ledger),
                });
            }
            let mut bytes = Vec::new();
            for event in events {
                if event.revision > self.end || self.left == 0 {
                    break;
                }
                self.next = event.revision.plus(1);
                if self.asked.wants(&event) {
                    event.write_line(&mut bytes);
                    bytes.push(b'\n');
                    self.left -= 1;
                }
            }
            if !bytes.is_empty() {
                return Ok(Some(Bytes::from(bytes)));
            }
        }
        Ok(None)
    }
}
