//! Bulk requests along the log.

use daybook_tests::model::request::Request;
use daybook_tests::model::{Answer, Ledger, Moment, Refusal, Verdict};

use super::said::{Said, counts_add_up, is_said, said, same_results};
use super::{Walk, same_events, what};
use crate::drive::{Attempt, Reply};
use crate::sent::{Bulk, Item, Sent};
use crate::server::Recorded;

/// An independent bulk request on its way along the log.
pub(crate) struct Cursor {
    attempt: usize,
    /// By item: whether the model came to say the same.
    agreed: Vec<bool>,
    /// What was said of each item.
    said: Option<Vec<Said>>,
    /// The revision that was said after all of them.
    until: Option<u64>,
}

impl Cursor {
    pub(super) fn new(index: usize, attempt: &Attempt) -> Self {
        let reply = attempt.reply.as_ref().filter(|reply| reply.status == 200);
        let items = attempt.sent.requests().len();
        if let Some(reply) = &attempt.reply {
            let known = reply.status == 200 || reply.status >= 500;
            assert!(known, "a bulk request is refused as a whole: {attempt:?}");
        }
        Self {
            attempt: index,
            agreed: vec![false; items],
            said: reply.map(|reply| said(reply, items)),
            until: reply.and_then(|reply| reply.revision),
        }
    }

    /// The item that an event is of. One may stand twice, and be refused the first time.
    fn place_of(&self, bulk: &Bulk, event: &Recorded) -> usize {
        let key = event.meta["key"].as_str();
        let is_of = |item: &Item| match &item.request.key {
            Some(own) => Some(own.as_str()) == key,
            None => key.is_none() && item.request.asked.command.id() == Some(event.id.as_str()),
        };
        let places = (0..bulk.items.len()).filter(|place| is_of(&bulk.items[*place]));
        let places: Vec<usize> = places.collect();
        let says = |place: &&usize| match self.said.as_ref().map(|said| &said[**place]) {
            Some(Said::Applied(revision, _)) => *revision == event.revision,
            Some(_) | None => false,
        };
        let told = places.iter().find(says);
        let open = places.iter().find(|place| !self.agreed[**place]);
        let place = told.or(open).or(places.first());
        *place.unwrap_or_else(|| panic!("no item made this: {event:?}"))
    }
}

impl Walk<'_> {
    /// An atomic batch that is in the log.
    pub(super) fn batch(&mut self, index: usize, bulk: &Bulk, events: &[Recorded]) {
        let reply = self.attempts[index]
            .reply
            .as_ref()
            .filter(|reply| reply.is_known());
        let mut results = Vec::new();
        let (mut at, mut if_match) = (0, true);
        for item in &bulk.items {
            // A replay needs no event; what happens takes as many as it has.
            let rest = &events[at..];
            let last = rest.first().unwrap_or(&events[events.len() - 1]);
            let moment = Moment {
                now: last.recorded_at,
                minted: "",
                if_match,
            };
            if let Verdict::Again(done) = self.ledger.judge(&item.request, moment) {
                results.push(("replayed", done));
                continue;
            }
            assert!(!rest.is_empty(), "the log lacks an item: {bulk:?}");
            let length = if rest[0].kind == "HoldEnded" && rest.len() > 1 {
                // Only the end of a hold by a capture has a second event.
                1 + usize::from(rest[0].data["outcome"] == "captured")
            } else {
                1
            };
            let own = &rest[..length];
            let effect = self.happens(index, &item.request, own, if_match);
            same_events(&effect.events, own, "an item of a batch");
            let done = self.ledger.take(&item.request, effect, last.recorded_at);
            results.push(("applied", done));
            at += length;
            if_match = false;
        }
        assert_eq!(
            at,
            events.len(),
            "the log has more than the batch: {bulk:?}\n{events:?}"
        );
        self.count("batch");
        if let Some(reply) = reply {
            assert_eq!(reply.status, 200, "{bulk:?}\n{reply:?}");
            assert_eq!(reply.revision, Some(self.ledger.revision), "{reply:?}");
            same_results(bulk, reply, &results);
        }
    }

    /// An atomic batch that was refused on the state as it is.
    pub(super) fn batch_refused(&mut self, index: usize, bulk: &Bulk, reply: &Reply) {
        let attempt = &self.attempts[index];
        let requests = attempt.sent.requests();
        let times = self.times(attempt, &requests, reply);
        let told: Vec<_> = times
            .into_iter()
            .map(|now| refusal_of(self.ledger.clone(), bulk, now))
            .collect();
        let agrees = told.iter().flatten().any(|(place, refusal)| {
            reply.status == refusal.status
                && reply.body["code"] == refusal.code
                && reply.body["index"].as_u64() == u64::try_from(*place).ok()
        });
        assert!(
            agrees,
            "a batch refused: {bulk:?}\nmodel: {told:?}\nservice: {reply:?}"
        );
    }

    /// An item of an independent bulk request that is in the log.
    pub(super) fn item(&mut self, index: usize, bulk: &Bulk, events: &[Recorded]) {
        let last = &events[events.len() - 1];
        let found = self
            .cursors
            .iter()
            .position(|cursor| cursor.attempt == index);
        let found = found.expect("it goes along");
        let place = self.cursors[found].place_of(bulk, last);
        let request = &bulk.items[place].request;
        let effect = self.happens(index, request, events, true);
        same_events(&effect.events, events, "an item");
        let done = self.ledger.take(request, effect, last.recorded_at);
        self.count(&format!("item {}", what(last)));
        let calm = self.calm;
        let cursor = &mut self.cursors[found];
        let Some(said) = &cursor.said else { return };
        let right = match &said[place] {
            Said::Applied(..) | Said::Either => is_said(&said[place], &done),
            Said::Unknown => true,
            Said::Rejected(code) => matches!(&done.answer, Answer::No(no) if no.code == code),
            // After an append of unknown outcome, what has the client's id may be anybody's.
            Said::Replayed(..) => {
                request.asked.command.id().is_some() && is_said(&said[place], &done)
            }
        };
        assert!(right, "item {place}: {:?}\nmodel: {done:?}", said[place]);
        let early = cursor.agreed.iter().take(place).position(|agreed| !agreed);
        assert!(
            !calm || early.is_none(),
            "item {place} happened before item {early:?} was decided: {said:?}\n{:?}",
            self.attempts[index].request_id
        );
        cursor.agreed[place] = true;
    }

    /// Every independent request goes as far as the state lets it.
    pub(super) fn go_along(&mut self) {
        let mut cursors = std::mem::take(&mut self.cursors);
        let revision = self.ledger.revision;
        for cursor in &mut cursors {
            let begun = revision >= self.floors[cursor.attempt];
            let over = cursor.until.is_some_and(|until| revision > until);
            if begun && !over {
                self.advance(cursor);
            }
        }
        self.cursors = cursors;
    }

    fn advance(&mut self, cursor: &mut Cursor) {
        let attempt = &self.attempts[cursor.attempt];
        let (Some(said), Some(reply)) = (&cursor.said, &attempt.reply) else {
            return;
        };
        let Sent::Bulk(bulk) = &*attempt.sent else {
            return;
        };
        for (place, one) in said.iter().enumerate() {
            if cursor.agreed[place] {
                continue;
            }
            let request = &bulk.items[place].request;
            if self.says(one, cursor.attempt, request, reply) {
                if let Said::Rejected(code) = one {
                    self.count(&format!("item {code}"));
                } else {
                    self.count("item again");
                }
                cursor.agreed[place] = true;
            } else if self.calm {
                return;
            }
            // After a fault, items that were refused are decided again, after those that were not:
            // each is true of some state, in whatever order.
        }
    }

    /// Whether the model says the same of an item on the state as it is.
    fn says(&self, said: &Said, index: usize, request: &Request, reply: &Reply) -> bool {
        let verdicts = || self.verdicts(index, request, reply).into_iter();
        match said {
            Said::Unknown => true,
            // When its event comes.
            Said::Applied(..) => false,
            Said::Rejected(code) => verdicts().any(|verdict| match verdict {
                Verdict::Refused(refusal) => refusal.code == code,
                Verdict::Again(done) => matches!(&done.answer, Answer::No(no) if no.code == code),
                Verdict::Happens(_) => false,
            }),
            Said::Replayed(..) | Said::Either => verdicts()
                .any(|verdict| matches!(verdict, Verdict::Again(done) if is_said(said, &done))),
        }
    }

    /// Every independent request came to its end.
    pub(super) fn finish_cursors(&mut self) {
        for cursor in &self.cursors {
            let attempt = &self.attempts[cursor.attempt];
            let Some(said) = &cursor.said else { continue };
            if self.all_again(cursor) {
                continue;
            }
            let open = cursor.agreed.iter().position(|agreed| !agreed);
            assert!(
                open.is_none(),
                "the model never came to say this of item {open:?}: {said:?}\n{attempt:?}"
            );
            if let Some(reply) = &attempt.reply {
                assert_eq!(
                    reply.body["revision"].as_u64(),
                    reply.revision,
                    "{attempt:?}"
                );
                counts_add_up(reply, said);
            }
        }
    }
}

impl Walk<'_> {
    /// Whether every item was a replay: then the answer names the revision that they had reached,
    /// which may be long past.
    fn all_again(&self, cursor: &Cursor) -> bool {
        let attempt = &self.attempts[cursor.attempt];
        let Some(said) = &cursor.said else {
            return false;
        };
        let mut reached = None;
        for (request, said) in attempt.sent.requests().into_iter().zip(said) {
            let Some(done) = self.again(request, self.floors[cursor.attempt]) else {
                return false;
            };
            let right = match (said, &done.answer) {
                (Said::Rejected(code), Answer::No(refusal)) => refusal.code == code,
                (said, Answer::Yes(_) | Answer::No(_)) => is_said(said, &done),
            };
            if !right {
                return false;
            }
            reached = reached.max(Some(done.revision));
        }
        reached == cursor.until
    }
}

/// The first item that a batch fails on.
fn refusal_of(mut ledger: Ledger, bulk: &Bulk, now: i64) -> Option<(usize, Refusal)> {
    let mut if_match = true;
    for (place, item) in bulk.items.iter().enumerate() {
        // What the batch would make itself has some id that nobody knows.
        let minted = format!("minted-{place}");
        let moment = Moment {
            now,
            minted: &minted,
            if_match,
        };
        match ledger.judge(&item.request, moment) {
            Verdict::Again(done) => match &done.answer {
                Answer::Yes(_) => {}
                Answer::No(refusal) => return Some((place, refusal.clone())),
            },
            Verdict::Refused(refusal) => return Some((place, refusal)),
            Verdict::Happens(effect) => {
                ledger.take(&item.request, *effect, now);
                if_match = false;
            }
        }
    }
    None
}
