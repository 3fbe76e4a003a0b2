//! Answers compared: status, body, headers.

use std::collections::BTreeSet;
use std::sync::Arc;

use daybook_tests::model::calendar::micros;
use daybook_tests::model::request::{Command, Request};
use daybook_tests::model::{Answer, Done, Moment, Refusal, Verdict};

use super::Walk;
use crate::drive::{Attempt, Reply};
use crate::sent::Sent;

impl Walk<'_> {
    /// What the model says to a request at this state, at the times at which it may have been
    /// decided.
    pub(super) fn verdicts(&self, index: usize, request: &Request, reply: &Reply) -> Vec<Verdict> {
        let minted = reply.body["id"].as_str().unwrap_or_default();
        let mut verdicts = Vec::new();
        for now in self.times(&self.attempts[index], &[request], reply) {
            let moment = Moment {
                now,
                minted,
                if_match: true,
            };
            verdicts.push(self.ledger.judge(request, moment));
        }
        verdicts
    }

    /// The times at which a request may have been decided at this state: one is enough, unless time
    /// went by meanwhile. At none of them is a hold due that is still open.
    pub(super) fn times(
        &self,
        attempt: &Attempt,
        requests: &[&Request],
        reply: &Reply,
    ) -> BTreeSet<i64> {
        let last = self.ledger.recorded_at;
        let (from, to) = (last, attempt.clock.1.max(last + 1));
        // A dry run says when it was decided: a hold's end in a place of its own.
        let shown = reply.body["ended"]["at"].as_str();
        let shown = shown.or_else(|| reply.body["recorded_at"].as_str());
        if let Some(shown) = shown
            && requests.iter().any(|request| request.dry_run)
        {
            let shown = micros(shown);
            if shown >= from && shown <= to {
                return BTreeSet::from([shown]);
            }
        }
        let mut times = BTreeSet::from([from, attempt.clock.0.max(last + 1), to]);
        for request in requests {
            if let Command::Transaction(new) = &request.asked.command {
                times.extend(new.expires_at);
            }
        }
        let zone = self.ledger.zone;
        if to < i64::MAX {
            times.insert(zone.start_of(&zone.day_of(to)));
        }
        times.retain(|time| *time >= from && *time <= to && self.ledger.due(*time).is_empty());
        times
    }

    /// A replay is the first answer again.
    pub(super) fn replayed(&mut self, index: usize) {
        let attempt = &self.attempts[index];
        let known = attempt.reply.as_ref().filter(|reply| reply.is_known());
        let again = |reply: &&Reply| reply.replayed || self.anothers.contains(&index);
        let Some(reply) = known.filter(again) else {
            return;
        };
        if matches!(&*attempt.sent, Sent::Bulk(bulk) if !bulk.atomic) {
            return;
        }
        let mut latest = 0;
        for request in attempt.sent.requests() {
            let done = self.again(request, self.floors[index]);
            let done = done.unwrap_or_else(|| panic!("a replay of nothing: {request:?}"));
            latest = latest.max(done.revision);
            if matches!(*attempt.sent, Sent::Single(_)) {
                same(&done, reply, request, reply.replayed);
            }
        }
        assert_eq!(reply.revision, Some(latest), "{attempt:?}");
        self.count("replayed");
    }
}

impl Walk<'_> {
    /// What a request repeats that was sent when `floor` was known.
    pub(super) fn again(&self, request: &Request, floor: u64) -> Option<Arc<Done>> {
        let moment = Moment {
            now: i64::MAX / 4,
            minted: "",
            if_match: true,
        };
        if let Verdict::Again(done) = self.ledger.judge(request, moment) {
            return Some(done);
        }
        // What is found by its id does not use its key up: it may be another's since.
        let key = request
            .key
            .as_ref()
            .and_then(|key| self.ledger.by_key.get(key));
        let found = self.ledger.by_id.get(request.asked.command.id()?)?;
        let right = found.asked == request.asked && key?.revision > floor;
        right.then(|| Arc::clone(found))
    }
}

/// The answer must be this one.
pub(super) fn same(done: &Done, reply: &Reply, request: &Request, replayed: bool) {
    let right = is(&done.answer, reply)
        && reply.replayed == replayed
        && reply.revision == Some(done.revision);
    if !right {
        panic!(
            "at revision {}:\n{request:?}\nmodel:   {:?}\nservice: {} {:?} {:?} {}",
            done.revision, done.answer, reply.status, reply.revision, reply.location, reply.body
        );
    }
}

fn is(answer: &Answer, reply: &Reply) -> bool {
    match answer {
        Answer::Yes(yes) => {
            reply.status == yes.status && reply.body == yes.body && reply.location == yes.location
        }
        Answer::No(refusal) => refuses(refusal, reply),
    }
}

fn refuses(refusal: &Refusal, reply: &Reply) -> bool {
    let index = refusal
        .index
        .map(|index| u64::try_from(index).expect("an index"));
    reply.status == refusal.status
        && reply.body["code"] == refusal.code
        && reply.body["index"].as_u64() == index
}

/// Whether an answer that left no event is what the model says.
pub(super) fn agrees(verdict: &Verdict, reply: &Reply) -> bool {
    match verdict {
        Verdict::Refused(refusal) => refuses(refusal, reply),
        // A dry run: what would be said, and that it is not done.
        Verdict::Happens(effect) => would_be(&effect.answer, reply),
        Verdict::Again(done) => would_be(&done.answer, reply),
    }
}

fn would_be(answer: &Answer, reply: &Reply) -> bool {
    match answer {
        Answer::Yes(yes) => {
            reply.status == 200 && reply.body == yes.body && reply.location.is_none()
        }
        Answer::No(refusal) => refuses(refusal, reply),
    }
}
