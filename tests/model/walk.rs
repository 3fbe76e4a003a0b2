//! The judgement: the model is run in the order of the log, and every event and every answer must
//! be the model's.
//!
//! What was applied is found in the log by the id of its HTTP request. A refusal or a dry run names
//! the revision it was decided at, and is judged by the model there. An independent bulk request
//! goes along with the log, item by item. Revisions must agree with real time: whoever sent after
//! an answer was decided at that answer's revision or later.

mod answers;
mod batches;
mod said;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use daybook_tests::model::request::{Command, Request};
use daybook_tests::model::{Answer, Effect, Event, Ledger, Moment, Verdict};

use crate::drive::Attempt;
use crate::sent::Sent;
use crate::server::Recorded;
use batches::Cursor;

/// A run of the model along a log.
pub(crate) struct Walk<'a> {
    /// Whether nothing failed: then items of one request are decided in their order.
    calm: bool,
    pub(super) ledger: Ledger,
    pub(super) attempts: &'a [Attempt],
    by_request: HashMap<&'a str, usize>,
    /// By attempt: the last revision that was known when it was sent.
    pub(super) floors: Vec<u64>,
    /// By revision: the attempts that were decided there and left no event.
    pinned: BTreeMap<u64, Vec<usize>>,
    pub(super) cursors: Vec<Cursor>,
    /// The attempts that the log knows.
    pub(super) recorded: BTreeSet<usize>,
    /// The attempts that were told of what the log has from another attempt.
    pub(super) anothers: BTreeSet<usize>,
    /// How often each outcome was met.
    pub(crate) tally: BTreeMap<String, usize>,
}

impl<'a> Walk<'a> {
    /// Begins at a ledger that was just opened.
    pub(crate) fn new(
        calm: bool,
        ledger: Ledger,
        events: &'a [Recorded],
        attempts: &'a [Attempt],
    ) -> Self {
        let numbered = attempts.iter().enumerate();
        let by_request: HashMap<&str, usize> = numbered
            .map(|(index, attempt)| (attempt.request_id.as_str(), index))
            .collect();
        let made = events.iter().filter_map(Recorded::request_id);
        let recorded = made.filter_map(|id| by_request.get(id).copied());
        let recorded = recorded.collect();
        let mut walk = Self {
            calm,
            ledger,
            attempts,
            by_request,
            floors: floors(attempts),
            pinned: BTreeMap::new(),
            cursors: Vec::new(),
            recorded,
            anothers: BTreeSet::new(),
            tally: BTreeMap::new(),
        };
        walk.sort_attempts();
        walk
    }

    /// Which attempts are judged where.
    fn sort_attempts(&mut self) {
        for (index, attempt) in self.attempts.iter().enumerate() {
            if matches!(&*attempt.sent, Sent::Bulk(bulk) if !bulk.atomic) {
                self.cursors.push(Cursor::new(index, attempt));
                continue;
            }
            let Some(reply) = attempt.reply.as_ref().filter(|reply| reply.is_known()) else {
                continue;
            };
            let is_recorded = self.recorded.contains(&index);
            if is_recorded || reply.replayed {
                // After an append of unknown outcome, what has the client's id may be anybody's.
                let by_id = |request: &Request| request.asked.command.id().is_some();
                assert!(
                    !(is_recorded && reply.replayed)
                        || attempt.sent.requests().into_iter().all(by_id),
                    "what is in the log as its own was answered as a replay: {attempt:?}"
                );
                continue;
            }
            let revision = reply.revision;
            let revision = revision.unwrap_or_else(|| panic!("no revision: {attempt:?}"));
            let dry = attempt
                .sent
                .requests()
                .iter()
                .all(|request| request.dry_run);
            if reply.status < 400 && !dry {
                // While the clock stands still, what an unknown append wrote late is to the letter
                // what was decided again, if its id is the client's.
                let mut all = attempt.sent.requests().into_iter();
                assert!(
                    all.all(|request| request.asked.command.id().is_some()),
                    "INV-2: it was answered and is not in the log: {attempt:?}"
                );
                self.anothers.insert(index);
                continue;
            }
            self.pinned.entry(revision).or_default().push(index);
        }
    }

    /// Walks the whole log.
    pub(crate) fn run(&mut self, events: &[Recorded]) {
        self.judge_state();
        let mut rest = events;
        while let Some(first) = rest.first() {
            let last = rest.iter().position(|event| !event.more());
            let last = last.unwrap_or_else(|| panic!("a command without its end: {first:?}"));
            let (command, later) = rest.split_at(last + 1);
            rest = later;
            self.command(command);
            self.judge_state();
        }
        self.finish();
    }

    /// The events of one command.
    fn command(&mut self, events: &[Recorded]) {
        let first = &events[0];
        assert_eq!(first.revision, self.ledger.revision + 1, "INV-8");
        let now = first.recorded_at;
        assert!(
            now >= self.ledger.recorded_at && events.iter().all(|event| event.recorded_at == now),
            "recorded times rise, and a command has one: {events:?}"
        );
        let due = self.ledger.due(now);
        if !due.is_empty() || first.request_id().is_none() {
            let hold = first.data["hold"].as_str().unwrap_or_default();
            assert!(
                due.contains(&hold) && first.kind == "HoldEnded" && first.meta["by"].is_null(),
                "holds that are due end first, and no others: {due:?}, {first:?}"
            );
            let hold = hold.to_owned();
            self.expire(&hold, events);
            return;
        }
        let id = first.request_id().unwrap_or_default();
        let found = self.by_request.get(id).copied();
        let index = found.unwrap_or_else(|| panic!("nobody sent this: {first:?}"));
        let attempt = &self.attempts[index];
        assert!(
            events.iter().all(|event| event.request_id() == Some(id)),
            "a command is of one request: {events:?}"
        );
        assert!(
            first.revision > self.floors[index],
            "real time: sent after revision {} was known: {first:?}",
            self.floors[index]
        );
        assert!(
            now <= attempt.clock.1.max(self.ledger.recorded_at + 1),
            "recorded later than answered: {first:?}"
        );
        match &*attempt.sent {
            Sent::Single(request) => self.applied(index, request, events),
            Sent::Bulk(bulk) if bulk.atomic => self.batch(index, bulk, events),
            Sent::Bulk(bulk) => self.item(index, bulk, events),
        }
    }

    fn expire(&mut self, hold: &str, events: &[Recorded]) {
        let now = events[0].recorded_at;
        let effect = self.ledger.expire(hold, now);
        same_events(&effect.events, events, "an expiry");
        let nobody = crate::sent::request(
            None,
            Command::Void {
                hold: hold.to_owned(),
                reason: None,
            },
        );
        self.ledger.take(&nobody, effect, now);
        self.count("expired");
    }

    /// What a command that is in the log does in the model; it must be the same.
    pub(super) fn happens(
        &mut self,
        index: usize,
        request: &Request,
        events: &[Recorded],
        if_match: bool,
    ) -> Effect {
        let last = &events[events.len() - 1];
        let now = last.recorded_at;
        let moment = Moment {
            now,
            minted: &last.id,
            if_match,
        };
        self.in_time(index, request);
        match self.ledger.judge(request, moment) {
            Verdict::Happens(effect) => *effect,
            verdict @ (Verdict::Again(_) | Verdict::Refused(_)) => panic!(
                "the log has what the model does not do at revision {}:\n{request:?}\n\
                 model: {verdict:?}\nlog: {events:?}\nattempt: {:?}",
                self.ledger.revision, self.attempts[index]
            ),
        }
    }

    /// What takes from a hold was sent before its time was over.
    fn in_time(&self, index: usize, request: &Request) {
        let hold = if let Command::Capture(capture) = &request.asked.command {
            &capture.hold
        } else if let Command::Void { hold, .. } = &request.asked.command {
            hold
        } else {
            return;
        };
        let hold = self.ledger.transactions.get(hold);
        let expires_at = hold.and_then(|found| found.hold.as_ref()?.expires_at);
        if request.asked.record_rejection {
            return;
        }
        let sent = self.attempts[index].clock.0;
        assert!(
            expires_at.is_none_or(|expires_at| sent < expires_at),
            "sent at {sent}, when the hold was over since {expires_at:?}: {request:?}"
        );
    }

    fn applied(&mut self, index: usize, request: &Request, events: &[Recorded]) {
        let effect = self.happens(index, request, events, true);
        let last = &events[events.len() - 1];
        assert_eq!(
            last.meta["key"].as_str(),
            request.key.as_deref(),
            "{last:?}"
        );
        same_events(&effect.events, events, "a command");
        self.count(what(last));
        let now = events[0].recorded_at;
        let done = self.ledger.take(request, effect, now);
        if let Some(reply) = &self.attempts[index].reply
            && reply.is_known()
        {
            answers::same(&done, reply, request, reply.replayed);
        }
    }

    pub(super) fn count(&mut self, what: &str) {
        *self.tally.entry(what.to_owned()).or_default() += 1;
    }

    /// Judges everything that was decided on the state as it is now.
    fn judge_state(&mut self) {
        let revision = self.ledger.revision;
        for index in self.pinned.remove(&revision).unwrap_or_default() {
            self.pinned_here(index);
        }
        self.go_along();
    }

    fn pinned_here(&mut self, index: usize) {
        let attempt = &self.attempts[index];
        assert!(
            self.ledger.revision >= self.floors[index],
            "real time: decided at {}, sent after {} was known: {attempt:?}",
            self.ledger.revision,
            self.floors[index]
        );
        let Some(reply) = &attempt.reply else { return };
        match &*attempt.sent {
            Sent::Single(request) => {
                let verdicts = self.verdicts(index, request, reply);
                let agrees = verdicts
                    .iter()
                    .any(|verdict| answers::agrees(verdict, reply));
                assert!(
                    agrees,
                    "decided at revision {}:\n{request:?}\nmodel: {verdicts:?}\n\
                     service: {attempt:?}",
                    self.ledger.revision
                );
            }
            Sent::Bulk(bulk) => self.batch_refused(index, bulk, reply),
        }
        let code = reply.body["code"].as_str().filter(|_| reply.status >= 400);
        let code = code.unwrap_or("dry run").to_owned();
        self.count(&code);
    }

    /// Nothing is left that was not judged.
    fn finish(&mut self) {
        assert!(
            self.pinned.is_empty(),
            "decided where no command ends: {:?}",
            self.pinned
        );
        for index in 0..self.attempts.len() {
            self.replayed(index);
        }
        self.finish_cursors();
    }
}

/// By attempt: the last revision that anybody had been told when it was sent.
fn floors(attempts: &[Attempt]) -> Vec<u64> {
    let mut known: Vec<(u64, u64)> = attempts
        .iter()
        .filter_map(|attempt| Some((attempt.answered_at?, attempt.reply.as_ref()?.revision?)))
        .collect();
    known.sort_unstable();
    let mut highest = 0;
    for (_, revision) in &mut known {
        highest = highest.max(*revision);
        *revision = highest;
    }
    let floor = |attempt: &Attempt| {
        let before = known.partition_point(|(answered, _)| *answered < attempt.sent_at);
        before.checked_sub(1).map_or(0, |last| known[last].1)
    };
    attempts.iter().map(floor).collect()
}

/// The log has exactly these events.
pub(super) fn same_events(expected: &[Event], found: &[Recorded], what: &str) {
    assert_eq!(
        expected.len(),
        found.len(),
        "{what}: {expected:?}\nlog: {found:?}"
    );
    for (expected, found) in expected.iter().zip(found) {
        let mut data = found.data.clone();
        if expected.kind == "CommandRejected"
            && let Some(members) = data.as_object_mut()
        {
            // In whose words a refusal is told is the service's affair.
            let detail = members.remove("detail");
            assert!(detail.is_some_and(|detail| detail.is_string()), "{found:?}");
        }
        let id = expected.id.as_ref().is_none_or(|id| *id == found.id);
        assert!(
            expected.kind == found.kind && id && expected.data == data,
            "{what} at revision {}\nmodel: {} {:?} {}\nlog:   {} {} {data}",
            found.revision,
            expected.kind,
            expected.id,
            expected.data,
            found.kind,
            found.id
        );
    }
}

/// What an event is, for the tally.
pub(super) fn what(event: &Recorded) -> &str {
    match event.data["origin"]["kind"].as_str() {
        Some(origin) => origin,
        None => &event.kind,
    }
}

/// Whether an answer is a success.
pub(super) fn is_yes(answer: &Answer) -> bool {
    matches!(answer, Answer::Yes(_))
}
