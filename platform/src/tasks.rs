//! Start and stop: the parts of one process live and end together.
//!
//! The first part that fails stops all; SIGINT and SIGTERM stop all; a second signal does not wait
//! any longer. Every part watches [`Group::token`]; one that does not is cut off after the drain.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::BoxError;

/// Parts that live and stop together.
#[derive(Debug)]
pub struct Group {
    token: CancellationToken,
    hurry: CancellationToken,
    parts: JoinSet<Result<(), BoxError>>,
    names: HashMap<Id, Part>,
    signals: Option<AbortHandle>,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    name: &'static str,
    /// Whether it may end well before the group stops.
    once: bool,
}

/// The part that ended the group, and why.
#[derive(Debug, thiserror::Error)]
#[error("{part} failed")]
pub struct TaskFailed {
    /// Its name.
    pub part: &'static str,
    /// What it said.
    #[source]
    pub source: BoxError,
}

/// How a part ended that gave no error of its own.
#[derive(Debug, thiserror::Error)]
enum Ending {
    #[error("it ended although nobody asked it to")]
    ByItself,
    #[error("it panicked: {0}")]
    Panic(String),
    #[error("it did not stop within {0} s and was cut off")]
    TooSlow(u64),
    #[error("it was cut off by a second signal")]
    Hurried,
}

impl Default for Group {
    fn default() -> Self {
        Self::new()
    }
}

impl Group {
    /// An empty group. Inside a runtime it listens for signals from now on, so that a stop during
    /// a long start is orderly as well.
    pub fn new() -> Self {
        let (token, hurry) = (CancellationToken::new(), CancellationToken::new());
        let signals = listen(&token, &hurry);
        Self {
            token,
            hurry,
            parts: JoinSet::new(),
            names: HashMap::new(),
            signals,
        }
    }

    /// Cancelled when the group is to stop; cancelling it stops the group.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Adds a part that lives as long as the group: that it ends before the stop is a failure, even
    /// without an error.
    pub fn spawn<F>(&mut self, name: &'static str, part: F)
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.add(Part { name, once: false }, part);
    }

    /// Adds a part that may end well at any time.
    pub fn spawn_once<F>(&mut self, name: &'static str, part: F)
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.add(Part { name, once: true }, part);
    }

    /// Waits for the stop, then for every part, at most so long. The first failure is the result;
    /// a part that had to be cut off is one.
    pub async fn wait(mut self, drain_s: u64) -> Result<(), TaskFailed> {
        if self.signals.is_none() {
            self.signals = listen(&self.token, &self.hurry);
        }
        let mut failure = self.until_stop().await;
        self.token.cancel();
        let hurry = self.hurry.clone();
        let cut = tokio::select! {
            () = self.drain(&mut failure) => None,
            () = tokio::time::sleep(Duration::from_secs(drain_s)) => Some(Ending::TooSlow(drain_s)),
            () = hurry.cancelled() => Some(Ending::Hurried),
        };
        if let Some(ending) = cut {
            let late: Vec<&str> = self.names.values().map(|part| part.name).collect();
            tracing::error!(parts = ?late, "cutting off the parts that did not stop: {ending}");
            let part = late.first().copied().unwrap_or("a part");
            failure.get_or_insert(TaskFailed {
                part,
                source: Box::new(ending),
            });
        }
        failure.map_or(Ok(()), Err)
    }

    fn add<F>(&mut self, part: Part, future: F)
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let handle = self.parts.spawn(future);
        self.names.insert(handle.id(), part);
    }

    /// Until the first failure, the stop, or the end of the last part.
    async fn until_stop(&mut self) -> Option<TaskFailed> {
        let token = self.token.clone();
        loop {
            let ended = tokio::select! {
                biased;
                () = token.cancelled() => return None,
                ended = self.parts.join_next_with_id() => ended?,
            };
            if let Err(failed) = self.ended(ended) {
                let why = crate::error_chain(&failed);
                tracing::error!(part = failed.part, "stopping everything: {why}");
                return Some(failed);
            }
        }
    }

    async fn drain(&mut self, failure: &mut Option<TaskFailed>) {
        while let Some(ended) = self.parts.join_next_with_id().await {
            if let Err(failed) = self.ended(ended) {
                let why = crate::error_chain(&failed);
                tracing::error!(part = failed.part, "failed while stopping: {why}");
                failure.get_or_insert(failed);
            }
        }
    }

    fn ended(
        &mut self,
        ended: Result<(Id, Result<(), BoxError>), JoinError>,
    ) -> Result<(), TaskFailed> {
        let (id, result) = match ended {
            Ok((id, result)) => (id, result),
            Err(error) => {
                let id = error.id();
                (
                    id,
                    Err(Box::new(Ending::Panic(panic_text(error))) as BoxError),
                )
            }
        };
        let part = self.names.remove(&id).unwrap_or(Part {
            name: "a part",
            once: true,
        });
        let early = !(part.once || self.token.is_cancelled());
        let result = result.and_then(|()| {
            if early {
                Err(Box::new(Ending::ByItself) as BoxError)
            } else {
                Ok(())
            }
        });
        result.map_err(|source| TaskFailed {
            part: part.name,
            source,
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(signals) = &self.signals {
            signals.abort();
        }
    }
}

fn panic_text(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "it was aborted".to_owned();
    };
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

/// The first signal stops, the second hurries. `None` outside a runtime.
fn listen(stop: &CancellationToken, hurry: &CancellationToken) -> Option<AbortHandle> {
    let runtime = tokio::runtime::Handle::try_current().ok()?;
    let streams = signal(SignalKind::interrupt()).and_then(|interrupt| {
        signal(SignalKind::terminate()).map(|terminate| (interrupt, terminate))
    });
    let (mut interrupt, mut terminate) = match streams {
        Ok(streams) => streams,
        Err(error) => {
            tracing::error!(%error, "no orderly stop: signals cannot be received");
            return None;
        }
    };
    let (stop, hurry) = (stop.clone(), hurry.clone());
    let listener = runtime.spawn(async move {
        for token in [&stop, &hurry] {
            let name = next(&mut interrupt, &mut terminate).await;
            tracing::info!(signal = name, "stopping");
            token.cancel();
        }
    });
    Some(listener.abort_handle())
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> &'static str {
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}

#[cfg(test)]
#[path = "tasks_tests.rs"]
mod tests;
