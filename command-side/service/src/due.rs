//! Wakes the writers of ledgers whose holds are due and that nobody has loaded.
//!
//! A loaded ledger wakes by itself. For all others, of this process or not, there is a table of
//! open holds and their times ([`crate::index`]), fed from the store's order: every event passes
//! here, whoever wrote it. What the table says is a reason to look, never a fact: the ledger's
//! writer judges by its own state which holds are due. So a table that lags, or is filled anew
//! because it was deleted, damaged or of another log, costs time and nothing else.

mod backoff;

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use daybook_events::envelope::RecordedEvent;
use daybook_events::event::{Event, EventType};
use daybook_events::ids::{LedgerId, Position};
use daybook_events::time::Timestamp;
use daybook_store::{Head, ReadError, Subscription};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::index::{Disk, DueHold, HoldChanges, IndexError, Passed, blocking};
use crate::measure;
use crate::service::{CommandService, Shared};
use crate::work::Failure;
use backoff::{Backoff, RETRY_MAX, Retry};

/// Events that one read of the store asks for.
const PAGE_EVENTS: usize = 4_096;
/// How long events may gather before they are read: nothing here is urgent, since a ledger that has
/// new events is loaded.
const GATHER: Duration = Duration::from_millis(500);
/// Due holds that are looked at together.
const DUE_PAGE: usize = 512;
/// Ledgers that are woken at the same time: each may have to be loaded.
const WAKE_TOGETHER: usize = 8;

/// The table of due holds cannot be kept or followed now.
#[derive(Debug, thiserror::Error)]
enum DueError {
    #[error("failed to read the event store")]
    Store(#[from] ReadError),
    #[error("failed to use the table of due holds")]
    Index(#[from] IndexError),
}

/// Runs until it is stopped or the service is gone.
pub(crate) async fn run(
    shared: Arc<Shared>,
    service: Weak<CommandService>,
    stop: CancellationToken,
) {
    let mut retry = Retry::default();
    let mut starting = true;
    while !stop.is_cancelled() {
        let began = Instant::now();
        let failed = match Watch::open(&shared, &service, &stop, starting).await {
            Ok(mut watch) => {
                starting = false;
                watch.run().await
            }
            Err(error) => Err(error),
        };
        let Err(error) = failed else { return };
        if began.elapsed() > RETRY_MAX {
            retry.succeeded();
        }
        let pause = retry.failed();
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            retry_ms = pause.as_millis(),
            "ledgers with due holds cannot be found now"
        );
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

struct Watch<'a> {
    shared: &'a Arc<Shared>,
    service: &'a Weak<CommandService>,
    stop: &'a CancellationToken,
    disk: Arc<Disk>,
    passed: Passed,
    events: Box<dyn Subscription>,
    /// When events may be read again.
    gathered: Instant,
    /// When due ledgers may be woken again.
    wake_from: Instant,
    /// All that was due by then was looked at: it has ended, or its ledger backs off.
    looked: Option<Timestamp>,
    backoff: Backoff,
}

impl<'a> Watch<'a> {
    /// Goes on where the table ends, if it is of this log; else at the beginning. So, when the
    /// process starts, if the table lacks what an older build could not read.
    async fn open(
        shared: &'a Arc<Shared>,
        service: &'a Weak<CommandService>,
        stop: &'a CancellationToken,
        starting: bool,
    ) -> Result<Self, DueError> {
        let slot = Arc::clone(&shared.index);
        let disk = blocking(&shared.index.current(), move |_| slot.usable()).await?;
        let head = shared.store.head().await?;
        let known = blocking(&disk, Disk::due_passed).await?;
        let passed = match known {
            Some(known) if (known.whole || !starting) && is_of(shared, &head, &known).await? => {
                known
            }
            Some(_) | None => {
                if let Some(known) = known {
                    tracing::warn!(
                        due.position = %known.position,
                        due.whole = known.whole,
                        "the table of due holds belongs to another log, or lacks events that could \
                         not be read; it is filled anew"
                    );
                }
                measure::due_rebuilt();
                blocking(&disk, Disk::due_wipe).await?;
                Passed {
                    generation: head.generation,
                    position: Position::new(0),
                    event_id: None,
                    whole: true,
                }
            }
        };
        let now = Instant::now();
        let mut watch = Self {
            shared,
            service,
            stop,
            disk,
            passed,
            events: shared.store.subscribe(passed.position),
            gathered: now,
            wake_from: now,
            looked: None,
            backoff: Backoff::new(now),
        };
        // What has ended meanwhile is no reason to wake anybody.
        watch.catch_up(head.position).await?;
        Ok(watch)
    }

    /// Returns when it is stopped.
    async fn run(&mut self) -> Result<(), DueError> {
        while !self.stop.is_cancelled() {
            let due = self.next_due().await?.map(Timestamp::micros);
            let (clock, wake_from, gathered) = (&self.shared.clock, self.wake_from, self.gathered);
            let again = self.backoff.next();
            let is_due = async {
                tokio::select! {
                    () = when(due, |micros| clock.sleep_until(micros)) => {}
                    () = when(again, tokio::time::sleep_until) => {}
                }
                tokio::time::sleep_until(wake_from).await;
            };
            let events = &mut self.events;
            let page = async {
                tokio::time::sleep_until(gathered).await;
                events.next(PAGE_EVENTS).await
            };
            let page = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                () = is_due => None,
                page = page => Some(page?),
            };
            let Some(page) = page else {
                self.wake_due().await?;
                continue;
            };
            self.pass(page).await?;
            self.gathered = Instant::now() + GATHER;
        }
        Ok(())
    }

    /// Reads up to a position.
    async fn catch_up(&mut self, to: Position) -> Result<(), DueError> {
        while self.passed.position < to {
            let page = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                page = self.events.next(PAGE_EVENTS) => page?,
            };
            self.pass(page).await?;
        }
        Ok(())
    }

    /// Takes over what became of holds in these events.
    async fn pass(&mut self, page: Vec<RecordedEvent>) -> Result<(), DueError> {
        let Some(last) = page.last() else {
            return Ok(());
        };
        let (changes, whole) = changes(&page);
        let passed = Passed {
            position: last.position,
            event_id: Some(last.id),
            whole: self.passed.whole && whole,
            ..self.passed
        };
        if let Some(failure) = self.disk.failure() {
            // There is another one by now, or will be.
            return Err(failure.into());
        }
        let first = changes.values().flatten().min().copied();
        blocking(&self.disk, move |disk| disk.due_pass(&changes, &passed)).await?;
        self.passed = passed;
        if let Some(first) = first.filter(|first| Some(*first) <= self.looked) {
            // It was placed before that was looked at, and is known only now.
            self.looked = Timestamp::try_from_micros(first.micros() - 1);
        }
        Ok(())
    }

    /// Has every ledger with due holds loaded, whose writer then ends them, but for those that back
    /// off. Afterwards the table is as far as the store, and who is still in it backs off.
    async fn wake_due(&mut self) -> Result<(), DueError> {
        let now = self.now();
        self.looked = Some(now);
        self.backoff.begin_round(Instant::now());
        let mut last = None;
        while let Some(ledgers) = self.due_page(now, &mut last).await? {
            let ledgers = ledgers.into_iter();
            let ledgers = ledgers.filter(|ledger| !self.backoff.waits(ledger));
            self.wake(ledgers.collect()).await;
        }
        let head = self.shared.store.head().await?;
        self.catch_up(head.position).await?;
        let mut room = true;
        let mut last = None;
        while let Some(ledgers) = self.due_page(now, &mut last).await? {
            for ledger in ledgers {
                room &= self.backoff.still_due(ledger);
            }
        }
        if !room {
            self.wake_from = Instant::now() + RETRY_MAX;
        }
        let ledgers = self.backoff.end_round();
        if ledgers > 0 {
            tracing::warn!(ledgers, "holds are due whose end could not be recorded yet");
        }
        Ok(())
    }

    /// The ledgers of the next due holds after `last`; `None` after the last of all.
    async fn due_page(
        &mut self,
        now: Timestamp,
        last: &mut Option<DueHold>,
    ) -> Result<Option<BTreeSet<LedgerId>>, DueError> {
        if self.stop.is_cancelled() {
            return Ok(None);
        }
        let after = last.take();
        let due = blocking(&self.disk, move |disk| {
            disk.due_at(now, after.as_ref(), DUE_PAGE)
        });
        let due = due.await?;
        *last = due.last().cloned();
        let ledgers = due.into_iter().map(|due| due.ledger);
        Ok(last.is_some().then(|| ledgers.collect()))
    }

    async fn wake(&mut self, ledgers: BTreeSet<LedgerId>) {
        let mut waiting = ledgers.into_iter();
        let mut waking = JoinSet::new();
        loop {
            while waking.len() < WAKE_TOGETHER
                && let Some(ledger) = waiting.next()
                && let Some(service) = self.service.upgrade()
            {
                waking.spawn(async move { (service.end_due_holds(&ledger).await, ledger) });
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return waking.shutdown().await,
                woken = waking.join_next() => match woken {
                    Some(woken) => told(woken),
                    None => return,
                },
            }
        }
    }

    /// When the first hold expires that was not looked at.
    async fn next_due(&mut self) -> Result<Option<Timestamp>, DueError> {
        let looked = self.looked;
        Ok(blocking(&self.disk, move |disk| disk.due_first(looked)).await?)
    }

    fn now(&self) -> Timestamp {
        let micros = self.shared.clock.now_micros();
        Timestamp::try_from_micros(micros).unwrap_or(crate::writer::EPOCH)
    }
}

type Woken = Result<(Result<(), Failure>, LedgerId), tokio::task::JoinError>;

fn told(woken: Woken) {
    match woken {
        Ok((Ok(()), _)) => measure::due_woken("ended"),
        Ok((Err(failure), ledger)) => {
            measure::due_woken("failed");
            tracing::warn!(%ledger, ?failure, "the due holds of a ledger are not ended yet");
        }
        Err(error) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "a task that wakes a ledger ended without an outcome"
        ),
    }
}

/// Whether the table was filled from this log.
async fn is_of(shared: &Shared, head: &Head, known: &Passed) -> Result<bool, ReadError> {
    if known.generation != head.generation || known.position > head.position {
        return Ok(false);
    }
    if known.event_id.is_none() {
        return Ok(known.position == Position::new(0));
    }
    let there = shared.store.event_id_at(known.position).await?;
    Ok(there == known.event_id)
}

/// Waits until a time, or for ever if there is none.
async fn when<T, F: Future<Output = ()>>(time: Option<T>, sleep_until: impl FnOnce(T) -> F) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// What became of holds that expire; of each the last event counts. And whether all of it could be
/// read.
fn changes(page: &[RecordedEvent]) -> (HoldChanges, bool) {
    let mut changes = HoldChanges::new();
    let mut whole = true;
    for stored in page {
        let is_about_holds = matches!(
            stored.event_type,
            EventType::HoldPlaced | EventType::HoldEnded
        );
        if !is_about_holds {
            continue;
        }
        let (hold, expires_at) = match stored.event() {
            Ok(Event::HoldPlaced(placed)) if placed.expires_at.is_some() => {
                (stored.id.into(), placed.expires_at)
            }
            Ok(Event::HoldEnded(ended)) => (ended.hold, None),
            Ok(_) => continue,
            Err(error) => {
                // Its ledger cannot be loaded either, and says so to whoever asks. Holds of all
                // others are ended meanwhile; a build that can read it fills the table anew.
                whole = false;
                tracing::error!(
                    ledger = %stored.ledger,
                    revision = %stored.revision,
                    error = &error as &dyn std::error::Error,
                    "an event about a hold cannot be read"
                );
                continue;
            }
        };
        changes.insert((stored.ledger.clone(), hold), expires_at);
    }
    (changes, whole)
}
