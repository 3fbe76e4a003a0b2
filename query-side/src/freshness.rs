//! Waiting until a ledger's view has reached a revision (D8).
//!
//! Projectors say on core NATS what they have just committed: one subscription of the process feeds
//! everybody who waits. Such a message is a hint; whoever is woken reads Postgres, which alone
//! decides. One poller asks Postgres for all waited-for ledgers at once, so that a lost message, or
//! NATS being down, costs a few milliseconds and nothing else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::ConnectOptions;
use daybook_events::ids::{LedgerId, Revision};
use daybook_events::names::SUBJECT_APPLIED_PREFIX;
use daybook_platform::config::credentials;
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::read_model::{ReadModel, ViewError, within_read_time};

/// Who may wait at once. More waiting reads than this would be the sign of a stuck projector, and
/// each holds a connection of the server.
pub(crate) const WAITERS_MAX: usize = 1_000;
/// The first poll comes this soon …
const POLL_FIRST: Duration = Duration::from_millis(5);
/// … this soon where NATS is heard, which is faster than any poll …
const POLL_FIRST_HEARD: Duration = Duration::from_millis(50);
/// … and the further ones slow down to this.
const POLL_MAX: Duration = Duration::from_millis(100);
/// Projectors speak every second; after twice that, NATS counts as silent.
const HEARD_WITHIN: Duration = Duration::from_secs(2);
/// Messages that may wait to be read: a hint that is dropped is made good by the poll.
const SUBSCRIPTION_CAPACITY: usize = 1_024;

/// Who waits for which ledger.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    state: Mutex<State>,
    someone: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Present only while someone waits, so the map is bounded by [`WAITERS_MAX`].
    ledgers: HashMap<LedgerId, Waited>,
    waiters: usize,
    heard: Option<Instant>,
}

#[derive(Debug)]
struct Waited {
    revision: watch::Sender<Option<Revision>>,
    waiters: usize,
}

/// A place among those who wait; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Waiter {
    waits: Arc<Waits>,
    ledger: LedgerId,
    revision: watch::Receiver<Option<Revision>>,
}

impl Waits {
    /// Takes a place, or `None` if all are taken.
    pub(crate) fn join(self: &Arc<Self>, ledger: &LedgerId) -> Option<Waiter> {
        let revision = {
            let mut state = self.lock();
            if state.waiters >= WAITERS_MAX {
                return None;
            }
            state.waiters += 1;
            let waited = state
                .ledgers
                .entry(ledger.clone())
                .or_insert_with(|| Waited {
                    revision: watch::Sender::new(None),
                    waiters: 0,
                });
            waited.waiters += 1;
            waited.revision.subscribe()
        };
        // A permit is kept if the poller is busy at this moment, so nobody is forgotten.
        self.someone.notify_one();
        Some(Waiter {
            waits: Arc::clone(self),
            ledger: ledger.clone(),
            revision,
        })
    }

    /// A ledger's view was seen at a revision.
    fn reached(&self, ledger: &LedgerId, revision: Revision) {
        if let Some(waited) = self.lock().ledgers.get(ledger) {
            waited.revision.send_if_modified(|known| {
                let news = *known < Some(revision);
                *known = (*known).max(Some(revision));
                news
            });
        }
    }

    fn waited_for(&self) -> Vec<String> {
        let state = self.lock();
        state
            .ledgers
            .keys()
            .map(|ledger| ledger.as_str().to_owned())
            .collect()
    }

    fn heard(&self) {
        self.lock().heard = Some(Instant::now());
    }

    fn first_poll(&self) -> Duration {
        let heard = self.lock().heard;
        match heard {
            Some(last) if last.elapsed() < HEARD_WITHIN => POLL_FIRST_HEARD,
            _ => POLL_FIRST,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole at every moment, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// Waits until the ledger was seen at `revision` or later. Cancel-safe.
    pub(crate) async fn until(&mut self, revision: Revision) {
        // The sender lives in the map as long as this waiter does.
        let seen = self
            .revision
            .wait_for(|known| *known >= Some(revision))
            .await;
        drop(seen);
    }

    /// Whether the ledger was seen at `revision` or later already.
    pub(crate) fn has_seen(&self, revision: Revision) -> bool {
        *self.revision.borrow() >= Some(revision)
    }

    /// Forgets what was seen: Postgres did not confirm it (a view that is being rebuilt).
    pub(crate) fn doubt(&self) {
        if let Some(waited) = self.waits.lock().ledgers.get(&self.ledger) {
            waited.revision.send_replace(None);
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut state = self.waits.lock();
        state.waiters = state.waiters.saturating_sub(1);
        if let Some(waited) = state.ledgers.get_mut(&self.ledger) {
            waited.waiters = waited.waiters.saturating_sub(1);
            if waited.waiters == 0 {
                state.ledgers.remove(&self.ledger);
            }
        }
    }
}

/// Polls Postgres while someone waits, until the token is cancelled.
pub(crate) async fn poll(waits: Arc<Waits>, read_model: ReadModel, token: CancellationToken) {
    poll_with(waits, token, |ledgers| {
        let read_model = read_model.clone();
        async move { within_read_time(read_model.revisions(ledgers)).await }
    })
    .await;
}

async fn poll_with<F>(
    waits: Arc<Waits>,
    token: CancellationToken,
    revisions: impl Fn(Vec<String>) -> F,
) where
    F: Future<Output = Result<Vec<(LedgerId, Revision)>, ViewError>>,
{
    let mut pause = POLL_FIRST;
    let mut next_poll = Instant::now();
    loop {
        let ledgers = waits.waited_for();
        if ledgers.is_empty() {
            tokio::select! {
                () = token.cancelled() => return,
                () = waits.someone.notified() => {
                    pause = waits.first_poll();
                    next_poll = Instant::now() + pause;
                }
            }
            continue;
        }
        tokio::select! {
            () = token.cancelled() => return,
            () = tokio::time::sleep_until(next_poll) => {}
            // A newcomer is not kept waiting by those who wait long. It may bring the poll forward
            // and never puts it off: a stream of newcomers must not keep the poll from coming.
            () = waits.someone.notified() => {
                let first = waits.first_poll();
                pause = pause.min(first);
                next_poll = next_poll.min(Instant::now() + first);
                continue;
            }
        }
        pause = pause.saturating_mul(2).min(POLL_MAX);
        match revisions(ledgers).await {
            Ok(revisions) => {
                for (ledger, revision) in revisions {
                    waits.reached(&ledger, revision);
                }
            }
            Err(error) => {
                pause = POLL_MAX;
                tracing::debug!(error = &error as &dyn std::error::Error, "poll failed");
            }
        }
        next_poll = Instant::now() + pause;
    }
}

#[derive(Deserialize)]
struct Applied {
    ledgers: HashMap<LedgerId, Revision>,
}

/// Hears what projectors have committed, until the token is cancelled. NATS down means polling.
pub(crate) async fn listen(waits: Arc<Waits>, nats_url: String, token: CancellationToken) {
    // The client library does not take the credentials from the address by itself.
    let options = match credentials(&nats_url) {
        Some((user, password)) => ConnectOptions::with_user_and_password(user, password),
        None => ConnectOptions::new(),
    };
    let connected = options
        .name("daybook-query")
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .retry_on_initial_connect()
        .connect(&nats_url)
        .await;
    let client = match connected {
        Ok(client) => client,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "NATS URL is not usable"
            );
            return;
        }
    };
    let subject = format!("{SUBJECT_APPLIED_PREFIX}.books.*");
    let mut messages = match client.subscribe(subject).await {
        Ok(messages) => messages,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "NATS takes no subscription"
            );
            return;
        }
    };
    loop {
        let message = tokio::select! {
            () = token.cancelled() => return,
            message = messages.next() => message,
        };
        let Some(message) = message else { return };
        match serde_json::from_slice::<Applied>(&message.payload) {
            Ok(applied) => {
                waits.heard();
                for (ledger, revision) in &applied.ledgers {
                    waits.reached(ledger, *revision);
                }
            }
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "not a projector's"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(name: &str) -> LedgerId {
        LedgerId::parse(name).unwrap()
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_its_own_revision_alone() {
        let waits = Arc::new(Waits::default());
        let mut waiter = waits.join(&ledger("acme")).unwrap();
        waits.reached(&ledger("other"), Revision::new(9));
        waits.reached(&ledger("acme"), Revision::new(4));
        assert!(!waiter.has_seen(Revision::new(5)));
        waits.reached(&ledger("acme"), Revision::new(5));
        waits.reached(&ledger("acme"), Revision::new(3));
        waiter.until(Revision::new(5)).await;
        waiter.doubt();
        assert!(!waiter.has_seen(Revision::new(0)));
    }

    #[tokio::test]
    async fn a_stream_of_newcomers_does_not_keep_the_poll_from_coming() {
        let waits = Arc::new(Waits::default());
        waits.heard();
        let token = CancellationToken::new();
        let polling = tokio::spawn(poll_with(
            Arc::clone(&waits),
            token.clone(),
            |ledgers: Vec<String>| async move {
                let parsed = ledgers
                    .iter()
                    .map(|ledger| LedgerId::parse(ledger).unwrap());
                Ok(parsed.map(|ledger| (ledger, Revision::new(5))).collect())
            },
        ));
        // It looks, and sees nobody.
        tokio::task::yield_now().await;
        let mut waiter = waits.join(&ledger("acme")).unwrap();
        let mut waiting = std::pin::pin!(waiter.until(Revision::new(5)));
        let until = Instant::now() + 20 * POLL_FIRST_HEARD;
        let mut others = Vec::new();
        // They come faster than the pause before a newcomer's own poll.
        while tokio::time::timeout(POLL_FIRST_HEARD / 10, waiting.as_mut())
            .await
            .is_err()
        {
            assert!(Instant::now() < until, "nobody polled");
            others.push(waits.join(&ledger("acme")).unwrap());
        }
        assert!(!others.is_empty(), "newcomers came while it waited");
        token.cancel();
        polling.await.unwrap();
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let waits = Arc::new(Waits::default());
        let taken: Vec<_> = (0..WAITERS_MAX)
            .map(|number| waits.join(&ledger(&format!("l{number}"))).unwrap())
            .collect();
        assert!(waits.join(&ledger("acme")).is_none());
        drop(taken);
        assert!(waits.lock().ledgers.is_empty());
        assert!(waits.join(&ledger("acme")).is_some());
    }
}
