//! Random sequences of commands. A seed gives the same sequence on every machine; in which order
//! the service takes them is up to the connections.
//!
//! What later commands refer to has an id that the client made, so that the sequence does not
//! depend on answers: a hold may be captured that was refused, or that is only on its way.

mod book;
mod bulk;
mod money;

use std::sync::Arc;

use daybook_store::testing::Fault;
use daybook_tests::Random;
use daybook_tests::model::calendar::micros;
use daybook_tests::model::request::{Command, Entry};

use crate::sent::{Sent, request, single};

/// One step of a sequence.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A request.
    Send(Planned),
    /// Time goes by, in microseconds.
    Advance(i64),
    /// The next appends fail.
    Fail(Fault, usize),
    /// The next reads fail.
    FailReads(usize),
    /// Appends wait for so many milliseconds.
    Stall(u64),
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// What.
    pub(crate) sent: Arc<Sent>,
    /// Whether it asks for the revision that was seen last.
    pub(crate) if_match: bool,
    /// Whether the client gives up waiting, at first, after so many microseconds.
    pub(crate) gives_up: Option<u64>,
}

/// Writes a sequence.
pub(crate) struct Script {
    /// Whether nothing is to fail.
    calm: bool,
    random: Random,
    seed: u64,
    /// The time as it will be when the command is about to be sent.
    now: i64,
    /// Keys that were used up to now.
    keys: u64,
    accounts: Vec<String>,
    assets: Vec<String>,
    holds: Vec<(String, Vec<Entry>)>,
    posted: Vec<String>,
    references: Vec<String>,
    past: Vec<Arc<Sent>>,
    /// What undoes an earlier command, and after how many commands it comes.
    later: Vec<(usize, Command)>,
    commands: usize,
}

/// When the clock of every sequence starts.
pub(crate) fn start() -> i64 {
    micros("2026-11-20T12:00:00Z")
}

/// How far back commands choose what they refer to: mostly what is still under way.
const RECENT: usize = 24;

impl Script {
    pub(crate) fn new(seed: u64, calm: bool) -> Self {
        Self {
            calm,
            random: Random::of(seed),
            seed,
            now: start(),
            keys: 0,
            accounts: Vec::new(),
            assets: ["USD", "EUR", "JPY"].map(str::to_owned).to_vec(),
            holds: Vec::new(),
            posted: Vec::new(),
            references: Vec::new(),
            past: Vec::new(),
            later: Vec::new(),
            commands: 0,
        }
    }

    /// How many commands were written.
    pub(crate) fn commands(&self) -> usize {
        self.commands
    }

    /// The steps up to so many commands.
    pub(crate) fn steps(&mut self, commands: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        let until = self.commands + commands;
        while self.commands < until {
            if self.random.once_in(35) {
                steps.push(self.time_goes_by());
            }
            if !self.calm && self.random.once_in(120) {
                steps.extend(self.trouble());
            }
            steps.push(Step::Send(self.planned()));
        }
        steps
    }

    fn time_goes_by(&mut self) -> Step {
        let micros = match self.random.below(20) {
            0..=8 => 5_000,
            9..=13 => 1_000_000,
            14..=16 => 20_000_000,
            17..=18 => 600_000_000,
            _ => 30_000_000_000,
        };
        self.now += micros;
        Step::Advance(micros)
    }

    fn trouble(&mut self) -> Vec<Step> {
        let fault = *self.random.pick(&[
            Fault::Unavailable,
            Fault::UnknownAfterWriting,
            Fault::UnknownWithoutWriting,
            Fault::UnknownThenLate,
        ]);
        let mut steps = vec![Step::Fail(fault, 1 + self.random.index(3))];
        match self.random.below(8) {
            0 => steps.push(Step::Fail(Fault::Unavailable, 5)),
            1 | 2 => steps.push(Step::FailReads(1 + self.random.index(3))),
            3 => steps.push(Step::Stall(self.random.below(30))),
            _ => {}
        }
        steps
    }

    fn planned(&mut self) -> Planned {
        let sent = Arc::new(self.sent());
        self.commands += sent.requests().len();
        self.past.push(Arc::clone(&sent));
        let single = matches!(*sent, Sent::Single(_));
        let atomic = matches!(&*sent, Sent::Bulk(bulk) if bulk.atomic);
        let repeatable = sent.is_repeatable();
        Planned {
            sent,
            if_match: (single || atomic) && self.random.once_in(40),
            gives_up: (repeatable && self.random.once_in(60)).then(|| self.random.below(3_000)),
        }
    }

    fn sent(&mut self) -> Sent {
        match self.random.below(100) {
            0..=5 => self.bulk(),
            6..=12 => self.again(),
            13..=16 => self.nearly_again(),
            _ => self.single(),
        }
    }

    fn single(&mut self) -> Sent {
        let command = self.command();
        let key = self.key_of(&command);
        let mut request = request(key, command);
        if request.asked.command.moves_money() {
            request.dry_run = self.random.once_in(16);
            request.asked.record_rejection = !request.dry_run && self.random.once_in(16);
        }
        Sent::Single(Box::new(request))
    }

    /// A key, unless the command can do without one.
    fn key_of(&mut self, command: &Command) -> Option<String> {
        let spare = command.id().is_some();
        (!spare || !self.random.once_in(3)).then(|| self.key())
    }

    fn key(&mut self) -> String {
        self.keys += 1;
        format!("key-{}-{}", self.seed, self.keys)
    }

    fn command(&mut self) -> Command {
        let due = self
            .later
            .iter()
            .position(|(after, _)| *after <= self.commands);
        if let Some(due) = due {
            return self.later.swap_remove(due).1;
        }
        match self.random.below(100) {
            0..=39 => self.transaction(),
            40..=59 => self.hold(),
            60..=76 => self.capture(),
            77..=80 => self.void(),
            81..=86 => self.reverse(),
            _ => self.book(),
        }
    }

    /// Has a command follow before long.
    fn later(&mut self, command: Command) {
        let after = self.commands + 10 + self.random.index(40);
        self.later.push((after, command));
    }

    /// Something that was sent before, to the letter.
    fn again(&mut self) -> Sent {
        match self.recent_past() {
            Some(sent) if self.random.once_in(3) => self.elsewhere(&sent),
            Some(sent) => (*sent).clone(),
            None => self.single(),
        }
    }

    /// The key or the id of something that was sent before, with another request.
    fn nearly_again(&mut self) -> Sent {
        let Some(sent) = self.recent_past() else {
            return self.single();
        };
        let Sent::Single(before) = &*sent else {
            return self.single();
        };
        let mut request = (**before).clone();
        match self.random.below(4) {
            // The same key, another command.
            0 => request.asked.command = self.command(),
            // The same id under no key.
            1 if request.asked.command.id().is_some() => request.key = None,
            // The same under another key.
            2 => request.key = Some(self.key()),
            _ if !alter(&mut request.asked.command) => {
                request.asked.command = self.command();
            }
            _ => {}
        }
        if request.key.is_none() && request.asked.command.id().is_none() {
            request.key = Some(self.key());
        }
        if !request.asked.command.moves_money() {
            request.dry_run = false;
            request.asked.record_rejection = false;
        }
        Sent::Single(Box::new(request))
    }

    fn recent_past(&mut self) -> Option<Arc<Sent>> {
        let reach = if self.random.once_in(3) {
            usize::MAX
        } else {
            RECENT
        };
        self.recent(reach, |script| script.past.as_slice()).cloned()
    }

    fn recent<T>(&mut self, reach: usize, all: impl Fn(&Self) -> &[T]) -> Option<&T> {
        let length = all(self).len();
        if length == 0 {
            return None;
        }
        let back = self.random.index(length.min(reach));
        all(self).get(length - 1 - back)
    }

    fn uuid(&mut self) -> String {
        let (high, low) = (self.random.number(), self.random.number());
        let text = format!("{high:016x}{low:016x}");
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        format!(
            "{}-{}-4{}-8{}-{}",
            part(0, 8),
            part(8, 12),
            part(13, 16),
            part(17, 20),
            part(20, 32)
        )
    }

    /// What everything else needs: accounts with money on them.
    pub(crate) fn opening(&mut self) -> Vec<Sent> {
        let commands = self.founding();
        let mut all = Vec::new();
        for command in commands {
            let key = Some(self.key());
            all.push(single(key, command));
        }
        all
    }
}

/// Makes another command of it under the same id, if it may have one.
fn alter(command: &mut Command) -> bool {
    if let Command::Transaction(new) = command {
        new.code = Some("other".to_owned());
    } else if let Command::Capture(capture) = command {
        capture.last = Some(capture.last.is_none());
    } else if let Command::Reverse(reverse) = command {
        reverse.reason.push('!');
    } else {
        return false;
    }
    true
}
