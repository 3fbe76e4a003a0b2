//! What each part of the process says about itself, gathered for `/readyz`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// The parts and their states. Cheap to clone; clones share.
#[derive(Clone, Debug, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<&'static str, PartState>>>,
}

/// One part's own line in [`Health`].
#[derive(Clone, Debug)]
pub struct Part {
    name: &'static str,
    health: Health,
}

/// What a part said last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartState {
    /// Whether it can do its work.
    pub ready: bool,
    /// In words, for people: position, lag, what is missing.
    pub detail: String,
}

/// The whole at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Whether every part is ready.
    pub ready: bool,
    /// Each part by name.
    pub parts: BTreeMap<&'static str, PartState>,
}

impl Health {
    /// No parts yet: ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part; it is not ready until it says so. The same name is the same part.
    pub fn part(&self, name: &'static str) -> Part {
        self.lock().entry(name).or_insert_with(|| PartState {
            ready: false,
            detail: "starting".to_owned(),
        });
        Part {
            name,
            health: self.clone(),
        }
    }

    /// What every part said last.
    pub fn snapshot(&self) -> Snapshot {
        let parts = self.lock().clone();
        Snapshot {
            ready: parts.values().all(|part| part.ready),
            parts,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, PartState>> {
        // The map is whole at every moment, so a panic elsewhere does not spoil it.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// Can do its work.
    pub fn ready(&self, detail: impl Into<String>) {
        self.set(PartState {
            ready: true,
            detail: detail.into(),
        });
    }

    /// Cannot do its work now. The detail is shown to the public: no addresses, no error text.
    pub fn not_ready(&self, detail: impl Into<String>) {
        self.set(PartState {
            ready: false,
            detail: detail.into(),
        });
    }

    /// The name it was added under.
    pub fn name(&self) -> &'static str {
        self.name
    }

    fn set(&self, state: PartState) {
        let before = self.health.lock().insert(self.name, state.clone());
        let was_ready = before.is_some_and(|before| before.ready);
        if was_ready != state.ready {
            let word = if state.ready { "ready" } else { "not ready" };
            tracing::info!(part = self.name, detail = %state.detail, "{} is {word}", self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_ready_when_every_part_is() {
        let health = Health::new();
        assert!(health.snapshot().ready);
        let (store, feed) = (health.part("store"), health.part("feed"));
        assert!(!health.snapshot().ready, "a part starts not ready");
        store.ready("open");
        assert!(!health.snapshot().ready);
        feed.ready("position 7");
        assert!(health.snapshot().ready);
        feed.not_ready("no connection");
        let snapshot = health.clone().snapshot();
        assert!(!snapshot.ready);
        assert_eq!(snapshot.parts["feed"].detail, "no connection");
        assert!(snapshot.parts["store"].ready);
    }
}
