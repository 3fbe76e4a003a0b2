//! A transaction as it is recorded and shown, whatever made it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::calendar;
use super::effect::{Change, Effect, Event};
use super::ledger::{Hold, Ledger, Share, Transaction, Yes};
use super::money::Turnovers;
use super::render::{effective, entry, stored_entry, without_empty};
use super::request::{Effective, Entry, Pairs};

/// What a transaction is made of, whatever made it.
pub(super) struct Draft<'a> {
    pub(super) id: &'a str,
    pub(super) reference: Option<&'a String>,
    pub(super) code: Option<&'a String>,
    pub(super) description: Option<&'a String>,
    pub(super) effective_at: Option<&'a Effective>,
    pub(super) related_to: Option<&'a String>,
    pub(super) metadata: Pairs,
    pub(super) entries: Vec<Entry>,
    pub(super) origin: Origin<'a>,
}

pub(super) enum Origin<'a> {
    Itself,
    Hold(Option<i64>),
    Capture(&'a str),
    Reversal(&'a str, &'a str),
}

impl Transaction {
    /// It as it is now.
    pub(super) fn shown(&self) -> Value {
        let mut body = self.body.clone();
        body["metadata"] = json!(self.metadata);
        body["reversed_by"] = json!(self.reversed_by);
        if let Some(hold) = &self.hold {
            body["status"] = hold.status.into();
            body["ended"] = hold.ended.clone();
        }
        body
    }
}

impl Ledger {
    pub(super) fn accounts_after(&self, after: &Turnovers) -> Vec<Change> {
        let mut changed = BTreeMap::new();
        for ((account, asset), turnover) in after {
            let now = || (*self.accounts[account]).clone();
            let account = changed.entry(account.clone()).or_insert_with(now);
            account.turnovers.insert(asset.clone(), *turnover);
        }
        let changed = changed.into_iter();
        changed
            .map(|(id, account)| Change::Account(id, account))
            .collect()
    }

    /// A transaction that is recorded at this revision.
    pub(super) fn recorded(
        &self,
        draft: Draft<'_>,
        after: Turnovers,
        now: i64,
        revision: u64,
    ) -> Effect {
        let id = draft.id.to_owned();
        let event = self.event_of(&draft, &after, now);
        let body = self.body_of(&draft, &after, now, revision);
        let mut changes = self.accounts_after(&after);
        changes.extend(draft.reference.cloned().map(Change::Reference));
        let hold = match draft.origin {
            Origin::Hold(expires_at) => Some(Hold {
                expires_at,
                rest: shares(&draft.entries),
                status: "pending",
                ended: Value::Null,
            }),
            Origin::Itself | Origin::Capture(_) | Origin::Reversal(..) => None,
        };
        let transaction = Transaction {
            body: body.clone(),
            entries: draft.entries,
            metadata: draft.metadata,
            metadata_changed: false,
            reversed_by: None,
            hold,
        };
        changes.push(Change::Transaction(id.clone(), transaction));
        let yes = Yes {
            status: 201,
            body,
            location: Some(format!("/v1/ledgers/{}/transactions/{id}", self.id)),
            id: Some(id),
        };
        Effect::one(event, yes, changes)
    }

    fn event_of(&self, draft: &Draft<'_>, after: &Turnovers, now: i64) -> Event {
        let entries = draft.entries.iter();
        let entries = entries.map(|entry| stored_entry(entry, self.balance_in(after, entry)));
        let mut data = json!({
            "reference": draft.reference,
            "code": draft.code,
            "description": draft.description,
            "effective_at": draft.effective_at.map(effective),
            "effective_local": self.effective_local(draft.effective_at, now),
            "related_to": draft.related_to,
            "entries": entries.collect::<Vec<_>>(),
            "metadata": draft.metadata,
        });
        let mut kind = "TransactionPosted";
        match draft.origin {
            Origin::Itself => {}
            Origin::Hold(expires_at) => {
                kind = "HoldPlaced";
                data["expires_at"] = json!(expires_at.map(calendar::text));
            }
            Origin::Capture(of) => data["origin"] = json!({"kind": "capture", "of": of}),
            Origin::Reversal(of, reason) => {
                data["origin"] = json!({"kind": "reversal", "of": of, "reason": reason});
            }
        }
        Event {
            kind,
            id: Some(draft.id.to_owned()),
            data: without_empty(data),
        }
    }

    fn body_of(&self, draft: &Draft<'_>, after: &Turnovers, now: i64, revision: u64) -> Value {
        let id = draft.id;
        let entries = draft.entries.iter().enumerate();
        let entries = entries.map(|(index, one)| {
            entry(
                one,
                self.balance_in(after, one),
                Some(format!("{id}:{index}")),
            )
        });
        let mut body = json!({
            "id": id,
            "ledger": self.id,
            "revision": revision,
            "status": "posted",
            "reference": draft.reference,
            "code": draft.code,
            "description": draft.description,
            "recorded_at": calendar::text(now),
            "effective_at": draft.effective_at.map_or_else(|| calendar::text(now), effective),
            "related_to": draft.related_to,
            "entries": entries.collect::<Vec<_>>(),
            "reverses": null,
            "reversed_by": null,
            "captures": null,
            "reason": null,
            "metadata": draft.metadata,
        });
        match draft.origin {
            Origin::Itself => {}
            Origin::Hold(expires_at) => {
                body["status"] = "pending".into();
                body["expires_at"] = json!(expires_at.map(calendar::text));
                body["ended"] = Value::Null;
            }
            Origin::Capture(of) => body["captures"] = of.into(),
            Origin::Reversal(of, reason) => {
                body["reverses"] = of.into();
                body["reason"] = reason.into();
            }
        }
        body
    }
}

/// What entries come to, once per account, side and asset.
fn shares(entries: &[Entry]) -> Vec<Share> {
    let mut shares: Vec<Share> = Vec::new();
    for entry in entries {
        match shares.iter_mut().find(|share| share.is_of(entry)) {
            Some(share) => share.amount += entry.amount,
            None => shares.push(Share {
                account: entry.account.clone(),
                side: entry.side,
                asset: entry.asset.clone(),
                amount: entry.amount,
            }),
        }
    }
    shares
}
