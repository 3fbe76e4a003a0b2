//! What came of the pairs of transactions, found out before the replay.

use std::collections::HashMap;

use daybook_events::event::{Event, EventType, MetadataOf, MetadataSet};
use daybook_events::ids::{LedgerId, Revision, TransactionId};
use daybook_events::metadata::Metadata;
use daybook_store::{EventStore, ReadError};

use super::CHUNK;

/// Every change of the pairs of a transaction, oldest first.
pub(super) type Pairs = HashMap<TransactionId, Vec<(Revision, Metadata)>>;

/// The rows of a transaction's pairs stand where the transaction does: what came of its pairs is
/// found out before. What cannot be read is said by the replay.
pub(super) async fn changed_pairs(
    store: &dyn EventStore,
    ledger: &LedgerId,
    to: u64,
) -> Result<Pairs, ReadError> {
    let mut pairs = Pairs::new();
    let mut next = Revision::new(0);
    while next.get() <= to {
        let events = store.read_ledger(ledger, next, CHUNK).await?;
        let Some(last) = events.last() else { break };
        next = last.revision.plus(1);
        for recorded in events.iter().take_while(|event| event.revision.get() <= to) {
            if recorded.event_type != EventType::MetadataSet {
                continue;
            }
            if let Ok(Event::MetadataSet(MetadataSet { of, metadata })) = recorded.event()
                && let MetadataOf::Transaction(id) = of
            {
                let changes = pairs.entry(id).or_default();
                changes.push((recorded.revision, metadata));
            }
        }
    }
    Ok(pairs)
}
