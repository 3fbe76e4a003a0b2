//! What waits for the writer: bounded by units and by bytes, full at once (INV-9).

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use super::options::Options;
use crate::port::{AppendError, Appended};
use crate::unit::Unit;

/// A unit and who waits for it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) unit: Unit,
    /// An upper bound of its record's length.
    pub(super) bytes: usize,
    pub(super) answer: oneshot::Sender<Result<Appended, AppendError>>,
}

/// What the writer has to do next.
#[derive(Debug)]
pub(super) enum Work {
    /// These units, in this order; at least one.
    Units(Vec<Request>),
    /// Nothing came until the time that was named.
    Idle,
    /// Nothing will come any more.
    Closed,
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    units_max: usize,
    bytes_max: usize,
    group_bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Request>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            units_max: options.queue_units_max,
            bytes_max: options.queue_bytes_max,
            group_bytes_max: options.group_bytes_max,
        }
    }

    /// Adds a request, or says at once why not.
    pub(super) fn push(&self, request: Request) -> Result<(), AppendError> {
        let mut state = self.state();
        let full = state.waiting.len() >= self.units_max
            || (!state.waiting.is_empty() && state.bytes + request.bytes > self.bytes_max);
        let reason = if state.closed {
            "log is closed"
        } else if full {
            "too much waits to be written"
        } else {
            state.bytes += request.bytes;
            state.waiting.push_back(request);
            drop(state);
            self.wake.notify_one();
            return Ok(());
        };
        let reason = reason.to_owned();
        Err(AppendError::Unavailable { reason })
    }

    /// Waits for work; with `idle_at`, at most until then. Without it the wait ends with the next
    /// append or with [`Self::close`], which the store's owner always calls.
    pub(super) fn next(&self, idle_at: Option<Instant>) -> Work {
        let mut state = self.state();
        loop {
            if !state.waiting.is_empty() {
                return Work::Units(state.take(self.group_bytes_max));
            }
            if state.closed {
                return Work::Closed;
            }
            let Some(idle_at) = idle_at else {
                let woken = self.wake.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = idle_at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Work::Idle;
            }
            let woken = self.wake.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes no more requests; those that wait are still handed out.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.wake.notify_all();
    }

    /// Takes no more requests and forgets those that wait: their outcome is unknown.
    pub(super) fn abandon(&self) {
        let mut state = self.state();
        state.closed = true;
        state.waiting.clear();
        state.bytes = 0;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock; a poisoned one holds a valid value.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What waits, as far as it fits into one group; at least one request.
    fn take(&mut self, group_bytes_max: usize) -> Vec<Request> {
        let mut bytes = 0;
        let fitting = self.waiting.iter().take_while(|request| {
            bytes += request.bytes;
            bytes <= group_bytes_max
        });
        let count = fitting.count().max(1);
        let taken: Vec<Request> = self.waiting.drain(..count).collect();
        self.bytes -= taken.iter().map(|request| request.bytes).sum::<usize>();
        taken
    }
}
