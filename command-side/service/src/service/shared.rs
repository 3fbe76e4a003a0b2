//! What every writer needs of the process, and what they say of the store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use daybook_events::ids::GenerationId;
use daybook_platform::clock::Clock;
use daybook_platform::health::Part;
use daybook_store::EventStore;

use super::OpenError;
use crate::config::CommandConfig;
use crate::index::IndexSlot;
use crate::snapshot::Snapshots;

/// How often a store that failed is asked whether it answers again.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// What every writer needs.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) index: Arc<IndexSlot>,
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) config: CommandConfig,
    pub(crate) clock: Clock,
    pub(super) generation: OnceLock<GenerationId>,
    pub(super) health: OnceLock<Part>,
    /// Whether somebody is asking the store already if it answers again.
    probing: AtomicBool,
}

impl Shared {
    pub(super) fn new(
        store: Arc<dyn EventStore>,
        config: CommandConfig,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            store,
            index: Arc::new(IndexSlot::open(&config.index_dir)?),
            snapshots: Arc::new(Snapshots::open(&config.snapshot_dir)?),
            config,
            clock,
            generation: OnceLock::new(),
            health: OnceLock::new(),
            probing: AtomicBool::new(false),
        })
    }

    /// Says that the store answers.
    pub(crate) fn store_answers(&self) {
        if let Some(part) = self.health.get() {
            part.ready("taking commands");
        }
    }

    /// Says that the store does not, until it does: somebody has to ask, since a process that is
    /// not ready gets no more commands that would.
    pub(crate) fn store_fails(self: &Arc<Self>, what: &str) {
        let Some(part) = self.health.get() else {
            return;
        };
        part.not_ready(what.to_owned());
        if self.probing.swap(true, Ordering::AcqRel) {
            return;
        }
        let shared = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(PROBE_EVERY).await;
                // Ends with the service as well.
                let Some(shared) = shared.upgrade() else {
                    return;
                };
                if shared.store.head().await.is_ok() {
                    shared.probing.store(false, Ordering::Release);
                    shared.store_answers();
                    return;
                }
            }
        });
    }
}
