//! What a command does: its events, its answer, and what is different afterwards.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ledger::{Account, Answer, Done, Face, Ledger, Refusal, Transaction, Yes};
use super::request::Request;

/// What comes of a command.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It happens.
    Happens(Box<Effect>),
    /// It happened before, or was refused for good: the same answer again.
    Again(Arc<Done>),
    /// A rule says no.
    Refused(Refusal),
}

/// A command that happens.
#[derive(Debug, Clone)]
pub struct Effect {
    /// What is recorded.
    pub events: Vec<Event>,
    /// What is answered.
    pub answer: Answer,
    /// What is different afterwards.
    pub changes: Vec<Change>,
}

/// An event, as far as a command decides about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its type.
    pub kind: &'static str,
    /// Its id, if it is a transaction's or was made by the client.
    pub id: Option<String>,
    /// Its data.
    pub data: Value,
}

/// Something that is different.
#[derive(Debug, Clone)]
pub enum Change {
    /// An account is like this.
    Account(String, Account),
    /// A transaction is like this.
    Transaction(String, Transaction),
    /// A reference is taken.
    Reference(String),
    /// An asset is known.
    Asset(String),
    /// The ledger itself is like this.
    Face(Face),
}

impl Effect {
    /// One event and a plain answer.
    pub(super) fn one(event: Event, yes: Yes, changes: Vec<Change>) -> Self {
        Self {
            events: vec![event],
            answer: Answer::Yes(yes),
            changes,
        }
    }

    /// A refusal that is kept. Its words are the service's own.
    pub fn refusal(refusal: &Refusal, id: Option<&str>) -> Self {
        let mut data = json!({"status": refusal.status, "code": refusal.code});
        if let Some(index) = refusal.index {
            data["index"] = index.into();
        }
        let event = Event {
            kind: "CommandRejected",
            id: id.map(str::to_owned),
            data,
        };
        Self {
            events: vec![event],
            answer: Answer::No(refusal.clone()),
            changes: Vec::new(),
        }
    }
}

impl Ledger {
    /// Takes a command's effect in, recorded at `now`.
    pub fn take(&mut self, request: &Request, effect: Effect, now: i64) -> Arc<Done> {
        let events = u64::try_from(effect.events.len()).expect("a few events");
        self.revision += events;
        self.recorded_at = now;
        for change in effect.changes {
            self.change(change);
        }
        let own = effect.events.iter().filter_map(|event| event.id.clone());
        let ids: Vec<String> = own.collect();
        let done = Arc::new(Done {
            asked: request.asked.clone(),
            revision: self.revision,
            answer: effect.answer,
        });
        if let Some(key) = &request.key {
            self.by_key.insert(key.clone(), Arc::clone(&done));
        }
        for id in ids {
            self.by_id.insert(id, Arc::clone(&done));
        }
        done
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Account(id, account) => {
                self.accounts.insert(id, Arc::new(account));
            }
            Change::Transaction(id, transaction) => {
                match &transaction.hold {
                    Some(hold) if hold.status == "pending" => {
                        self.open_holds.insert(id.clone(), hold.expires_at);
                    }
                    Some(_) | None => {
                        self.open_holds.remove(&id);
                    }
                }
                self.transactions.insert(id, Arc::new(transaction));
            }
            Change::Reference(reference) => {
                self.references.insert(reference);
            }
            Change::Asset(asset) => {
                self.assets.insert(asset);
            }
            Change::Face(face) => self.face = face,
        }
    }
}
