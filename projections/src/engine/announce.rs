//! What a projector says on core NATS after each commit, and every second: where the view is.
//! Nobody's correctness depends on it; a failure is counted and ignored.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::connection::State;
use daybook_events::ids::{GenerationId, LedgerId, Position, Revision};
use daybook_events::names::SUBJECT_APPLIED_PREFIX;
use serde::Serialize;
use tokio::time::timeout;

use crate::books::{self, Touched};
use crate::engine::checkpoint::Checkpoint;

/// Handing a small message to the connection's queue takes no time unless the queue is full.
const SEND_TIMEOUT: Duration = Duration::from_millis(100);
/// A commit that touched more ledgers names only this many; readers of the others ask Postgres.
const LEDGERS_MAX: usize = 1_000;

#[derive(Serialize)]
struct Applied<'a> {
    projection: &'a str,
    version: i32,
    generation: GenerationId,
    position: Position,
    ledgers: BTreeMap<&'a LedgerId, Revision>,
}

/// Says where the partition is, naming the ledgers that the last commit touched.
pub(super) async fn announce(
    client: &async_nats::Client,
    checkpoint: &Checkpoint,
    touched: &Touched,
) {
    let applied = Applied {
        projection: books::NAME,
        version: books::VERSION,
        generation: checkpoint.generation,
        position: checkpoint.position,
        ledgers: touched
            .iter()
            .take(LEDGERS_MAX)
            .map(|(ledger, at)| (ledger, *at))
            .collect(),
    };
    let subject = format!(
        "{SUBJECT_APPLIED_PREFIX}.{}.{}",
        books::NAME,
        checkpoint.partition
    );
    let sent = async {
        // A queue for a connection that is away would only deliver what is no longer news.
        if client.connection_state() != State::Connected {
            return false;
        }
        let Ok(json) = serde_json::to_vec(&applied) else {
            return false;
        };
        matches!(
            timeout(SEND_TIMEOUT, client.publish(subject, json.into())).await,
            Ok(Ok(()))
        )
    };
    if !sent.await {
        metrics::counter!("daybook_projection_announce_failures_total").increment(1);
    }
}
