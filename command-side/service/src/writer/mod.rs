//! The ledger writer (D2): one task per loaded ledger.
//!
//! Drain the mailbox, look up what each command names, decide all of it against memory, append the
//! events as one unit with the exact expected revision. *Decide ahead, never send ahead*: while one
//! append is in flight, the next unit is decided on top of it and waits. *No reply from a state that
//! is not durable*: an answer belongs to the unit that was open when it was decided, and is given
//! once that unit, hence everything below it, is durable.

mod batch;
mod decide;
mod expire;
mod flush;
mod load;
mod lookup;
mod outcome;
mod snapshot;
mod unit;
mod wake;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use daybook_domain::Ledger;
use daybook_events::ids::{LedgerId, Revision};
use daybook_events::time::Timestamp;
use daybook_store::{AppendError, Appended, ExpectedRevision};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::index::{Flush, IndexError, LedgerIndex};
use crate::measure;
use crate::service::Shared;
use crate::work::{Failure, Outcome, Task};
use load::Loaded;
use lookup::Found;
pub(crate) use unit::EPOCH;
use unit::{Decided, OpenUnit};
use wake::Wake;

/// Entries beyond the index's own bound at which the writer waits for the disk.
const UNFLUSHED_MAX: usize = 500_000;

/// Runs the writer until its mailbox is closed or the ledger is let go.
pub(crate) async fn run(
    shared: Arc<Shared>,
    ledger: LedgerId,
    mut mailbox: mpsc::Receiver<Vec<Task>>,
    retire: Arc<Notify>,
) {
    let failure = match load::first(&shared, &ledger).await {
        Ok((loaded, index)) => {
            shared.store_answers();
            let mut writer = Writer::new(shared, loaded, index);
            match writer.serve(&mut mailbox, &retire).await {
                Ok(()) => return,
                Err(failure) => {
                    writer.fail_all(failure);
                    writer.end_flush().await;
                    writer.end_snapshot().await;
                    failure
                }
            }
        }
        Err(error) => {
            shared.store_fails("the event store cannot be read");
            error.log(&ledger);
            error.failure()
        }
    };
    // The state is gone: whoever still waits is told so, and the next request loads afresh.
    mailbox.close();
    while let Some(tasks) = mailbox.recv().await {
        for task in tasks {
            answer(task, Outcome::failure(failure));
        }
    }
}

struct InFlight {
    decided: Decided,
    append: JoinHandle<Result<Appended, AppendError>>,
    began: Instant,
}

type Flushing = JoinHandle<Result<Flush, IndexError>>;

struct Writer {
    shared: Arc<Shared>,
    /// The state with everything decided so far, durable or not.
    state: Ledger,
    index: LedgerIndex,
    /// The last revision that is known to be durable.
    durable: Option<Revision>,
    /// Taken from the mailbox, not decided yet.
    pending: VecDeque<Task>,
    open: OpenUnit,
    in_flight: Option<InFlight>,
    flushing: Option<Flushing>,
    last_flush: Instant,
    attempts: u32,
    /// Whether the store answered an append since the writer began, or since one whose outcome
    /// nobody knows: what was on its way before stands in the log by now, or never will.
    fenced: bool,
    /// Tasks that are appended alone, because together they were too large for the store.
    alone: usize,
    /// Bytes after which a unit takes no more: the configuration's, or less if the store said so.
    unit_bytes_max: usize,
    /// Bytes of events that a batch may come to: the configuration's, or less if the store said so.
    batch_bytes_max: usize,
    /// What was read for commands that wait.
    found: Found,
    /// The index cannot be used any more: the ledger is let go, and loaded again over another one.
    index_failed: bool,
    /// Whether anything came in yet.
    served: bool,
    /// When holds that are due, with nobody waiting, are looked at again.
    expiry: expire::Retry,
    /// The metadata of what the ledger does by itself: no `by`, no request.
    nobody: Arc<[u8]>,
    snapshot: snapshot::Progress,
}

impl Writer {
    fn new(shared: Arc<Shared>, loaded: Loaded, index: LedgerIndex) -> Self {
        let Loaded {
            state,
            last_id,
            snapshot,
        } = loaded;
        let now = now(&shared, state.last_recorded_at());
        let open = OpenUnit::new(&state, now);
        Self {
            durable: state.revision(),
            unit_bytes_max: shared.config.unit_bytes_max,
            batch_bytes_max: shared.config.batch_bytes_max,
            shared,
            state,
            index,
            pending: VecDeque::new(),
            open,
            in_flight: None,
            flushing: None,
            last_flush: Instant::now(),
            attempts: 0,
            fenced: false,
            alone: 0,
            found: Found::default(),
            index_failed: false,
            served: false,
            expiry: expire::Retry::default(),
            nobody: Arc::from([]),
            snapshot: snapshot::Progress::new(last_id, snapshot),
        }
    }

    async fn serve(
        &mut self,
        mailbox: &mut mpsc::Receiver<Vec<Task>>,
        retire: &Notify,
    ) -> Result<(), Failure> {
        let mut ended = false;
        loop {
            self.start_snapshot();
            if !ended {
                self.end_holds_when_due();
            }
            self.decide_and_send().await;
            self.start_flush();
            if self.index_failed {
                mailbox.close();
            }
            if self.is_quiet() {
                if ended {
                    self.finish().await;
                    return Ok(());
                }
                // A ledger that does not exist leaves nothing behind.
                if self.durable.is_none() && self.served {
                    mailbox.close();
                }
            }
            match self.next(mailbox, retire, ended).await {
                Wake::Appended(result) => self.settle(*result).await?,
                Wake::Mail(Some(tasks)) => self.take(tasks, mailbox),
                Wake::Mail(None) => ended = true,
                Wake::Flushed(done) => self.flushed(*done),
                Wake::Snapshot(done) => self.snapshot_written(*done),
                Wake::Retire | Wake::Idle => mailbox.close(),
                Wake::FlushTime | Wake::Due => {}
            }
        }
    }

    fn take(&mut self, tasks: Vec<Task>, mailbox: &mut mpsc::Receiver<Vec<Task>>) {
        self.served = true;
        self.pending.extend(tasks);
        // Drain what waits already, as much as one unit may take.
        while self.pending.len() < self.shared.config.unit_commands_max {
            match mailbox.try_recv() {
                Ok(tasks) => self.pending.extend(tasks),
                Err(mpsc::error::TryRecvError::Empty | mpsc::error::TryRecvError::Disconnected) => {
                    break;
                }
            }
        }
        measure::mailbox_depth(mailbox.len());
    }

    /// Nothing waits, nothing is under way.
    fn is_quiet(&self) -> bool {
        self.pending.is_empty() && self.open.is_untouched() && self.in_flight.is_none()
    }

    fn is_full(&self) -> bool {
        let config = &self.shared.config;
        let commands_max = if self.alone > 0 {
            1
        } else {
            config.unit_commands_max
        };
        self.open.commands() >= commands_max
            || self.open.bytes() >= self.unit_bytes_max
            || self.open.is_filled()
            // A command that comes after a hold's time is not decided at a time before it.
            || (!self.open.is_untouched() && self.has_due_holds())
            || self.makes_way()
            // Without an index to wait for, what was taken is finished.
            || (self.index.unflushed() >= UNFLUSHED_MAX && !self.index_failed)
    }

    /// Works until an append is in flight or nothing waits. A unit without events may be answered at
    /// once: then what did not fit into it goes on in the next.
    async fn decide_and_send(&mut self) {
        loop {
            self.decide_pending().await;
            self.send();
            if self.in_flight.is_some() || self.pending.is_empty() || self.is_full() {
                return;
            }
        }
    }

    /// Decides what waits on top of everything decided before, as far as the open unit takes it.
    async fn decide_pending(&mut self) {
        while !self.is_full()
            && let Some(task) = self.pending.pop_front()
        {
            if task.works.len() == 1 {
                self.pending.push_front(task);
                self.decide_singles().await;
            } else {
                self.begin_unit();
                if self.open.is_filled() {
                    self.pending.push_front(task);
                    return;
                }
                self.decide_batch(task).await;
            }
        }
    }

    /// Decides the commands at the front that take effect one by one, as far as one look-up goes.
    async fn decide_singles(&mut self) {
        let commands_max = self.shared.config.unit_commands_max;
        let room = commands_max.saturating_sub(self.open.commands()).max(1);
        let singles = self.pending.iter().take_while(|task| task.works.len() == 1);
        let batch = singles.take(room).count();
        let mut tasks: VecDeque<Task> = self.pending.drain(..batch).collect();
        let works = tasks.iter();
        let works = works.flat_map(|task| task.works.iter().map(|work| (task.again, work)));
        let works: Vec<_> = works.collect();
        match self.look_up(&works).await {
            Ok((past, ready)) => {
                self.begin_unit();
                for _ in 0..ready {
                    if self.is_full() {
                        break;
                    }
                    let Some(task) = tasks.pop_front() else { break };
                    self.decide(task, &past);
                }
                // What was decided now is in no look-up of before: names are asked again.
                self.keep(past);
            }
            Err(error) => {
                error.log(self.state.id());
                self.index_failed |= error.is_index();
                for task in tasks.drain(..) {
                    answer(task, Outcome::failure(error.failure()));
                }
            }
        }
        // What is left waits at the front.
        while let Some(task) = tasks.pop_back() {
            self.pending.push_front(task);
        }
    }

    /// Sends the open unit unless one is in flight already.
    fn send(&mut self) {
        while self.in_flight.is_none() && !self.open.is_untouched() {
            let (unit, decided) = self.open.close(&self.state);
            if decided.tasks() > 0 {
                self.alone = self.alone.saturating_sub(1);
            }
            if unit.is_empty() && self.fenced && !self.shared.config.multi_writer {
                // Decided on a durable state, nobody else may write, and nothing is on its way to
                // the store: true as it stands. Otherwise a zero-event append asks the store.
                decided.answer();
                continue;
            }
            let store = Arc::clone(&self.shared.store);
            self.in_flight = Some(InFlight {
                append: tokio::spawn(async move { store.append(unit).await }),
                decided,
                began: Instant::now(),
            });
        }
    }

    /// Answers everybody with the same failure.
    fn fail_all(&mut self, failure: Failure) {
        if let Some(flight) = self.in_flight.take() {
            flight.decided.fail(failure);
        }
        let (_, on_top) = self.open.close(&self.state);
        on_top.fail(failure);
        for task in self.pending.drain(..) {
            answer(task, Outcome::failure(failure));
        }
    }
}

/// The output of a spawned task; waits for ever if there is none. `None`: it panicked.
async fn joined<T>(task: Option<&mut JoinHandle<T>>) -> Option<T> {
    match task {
        Some(task) => match task.await {
            Ok(output) => Some(output),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a task of a ledger writer ended without an outcome"
                );
                None
            }
        },
        None => std::future::pending().await,
    }
}

/// A unit's `recorded_at`: the clock, but always after the ledger's last.
fn now(shared: &Shared, last: Option<Timestamp>) -> Timestamp {
    let micros = shared.clock.now_micros();
    Timestamp::try_from_micros(micros)
        .unwrap_or(EPOCH)
        .after(last)
}

pub(crate) fn answer(task: Task, outcome: Outcome) {
    measure::answered(&task, &outcome);
    task.reply.send(outcome);
}

/// Where a stream is, as an expectation.
pub(crate) fn expected(last: Option<Revision>) -> ExpectedRevision {
    ExpectedRevision::from_last(last)
}
