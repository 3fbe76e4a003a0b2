//! The bodies of commands.

use daybook_tests::model::calendar::{text, text_at};
use daybook_tests::model::request::{
    Bounds, Capture, Command, Condition, Effective, Entry, Limit, LimitPatch, Lines,
    NewTransaction, OpenAccount, Part, Party, Patch, PatchAccount, Posting, Reverse,
};
use serde_json::{Map, Value, json};

use super::Pen;

/// The largest number that JSON keeps exactly everywhere.
const NUMBER_MAX: i128 = (1 << 53) - 1;

pub(super) fn object(members: Vec<(&str, Option<Value>)>) -> Value {
    let present = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect())
}

pub(super) fn some<T: serde::Serialize>(value: Option<&T>) -> Option<Value> {
    value.map(|value| json!(value))
}

impl Pen {
    pub(super) fn body(&mut self, command: &Command) -> Value {
        match command {
            Command::RegisterAsset { asset, scale, name } => object(vec![
                ("asset", some(Some(asset))),
                ("scale", some(Some(scale))),
                ("name", some(name.as_ref())),
            ]),
            Command::OpenAccount(new) => self.open_account(new),
            Command::PatchLedger { name, metadata } => object(vec![
                ("name", patch(name, |name| json!(name))),
                ("metadata", patch(metadata, |pairs| json!(pairs))),
            ]),
            Command::PatchAccount(patch) => self.patch_account(patch),
            Command::Turn { reason, .. } => json!({"reason": reason}),
            Command::Transaction(new) => self.transaction(new),
            Command::Capture(capture) => self.capture(capture),
            Command::Void { reason, .. } => object(vec![("reason", some(reason.as_ref()))]),
            Command::Reverse(reverse) => self.reverse(reverse),
            Command::TransactionPairs { metadata, .. } | Command::AccountPairs { metadata, .. } => {
                json!({"metadata": metadata})
            }
            Command::ClosePeriod { through, reason } => {
                json!({"through": through, "reason": reason})
            }
            Command::ReopenPeriod { through, reason } => {
                json!({"through": through, "reason": reason})
            }
        }
    }

    fn number(&mut self, number: i128) -> Value {
        if number.abs() <= NUMBER_MAX && self.0.once_in(2) {
            let number = i64::try_from(number).expect("below 2^53");
            return number.into();
        }
        number.to_string().into()
    }

    fn time(&mut self, micros: i64) -> Value {
        match self.0.below(3) {
            0 => text(micros).into(),
            1 => text_at(micros, 345).into(),
            _ => text_at(micros, -210).into(),
        }
    }

    fn id(&mut self, id: Option<&String>) -> Option<Value> {
        let upper = self.0.once_in(4);
        id.map(|id| {
            if upper {
                id.to_uppercase().into()
            } else {
                id.clone().into()
            }
        })
    }

    fn effective(&mut self, effective: Option<&Effective>) -> Option<Value> {
        effective.map(|effective| match effective {
            Effective::Day(day) => day.clone().into(),
            Effective::Instant(micros) => self.time(*micros),
        })
    }

    fn open_account(&mut self, new: &OpenAccount) -> Value {
        let limits = new.limits.as_ref().map(|limits| {
            let limits = limits
                .iter()
                .map(|(asset, limit)| (asset.clone(), self.limit(limit)));
            Value::Object(limits.collect())
        });
        object(vec![
            ("account", some(Some(&new.account))),
            ("type", Some(new.kind.into())),
            ("normal_balance", new.normal.map(|side| side.text().into())),
            ("name", some(new.name.as_ref())),
            ("assets", some(new.assets.as_ref())),
            ("limits", limits),
            ("metadata", some(new.metadata.as_ref())),
        ])
    }

    fn limit(&mut self, limit: &Limit) -> Value {
        object(vec![
            (
                "min_available",
                limit.min_available.map(|bound| self.number(bound)),
            ),
            (
                "max_balance",
                limit.max_balance.map(|bound| self.number(bound)),
            ),
        ])
    }

    fn patch_account(&mut self, change: &PatchAccount) -> Value {
        let limits = patch(&change.limits, |limits| {
            let mut members = Map::new();
            for (asset, limit) in limits {
                let limit = patch(limit, |limit| self.limit_patch(limit));
                members.extend(limit.map(|limit| (asset.clone(), limit)));
            }
            Value::Object(members)
        });
        object(vec![
            ("name", patch(&change.name, |name| json!(name))),
            ("limits", limits),
            ("metadata", patch(&change.metadata, |pairs| json!(pairs))),
            ("reason", some(change.reason.as_ref())),
        ])
    }

    fn limit_patch(&mut self, limit: &LimitPatch) -> Value {
        object(vec![
            (
                "min_available",
                patch(&limit.min_available, |bound| self.number(*bound)),
            ),
            (
                "max_balance",
                patch(&limit.max_balance, |bound| self.number(*bound)),
            ),
        ])
    }

    fn transaction(&mut self, new: &NewTransaction) -> Value {
        let (entries, postings) = match &new.lines {
            Lines::Entries(entries) => (Some(self.entries(entries)), None),
            Lines::Postings(postings) => {
                let postings: Vec<Value> = postings.iter().map(|one| self.posting(one)).collect();
                (None, Some(Value::Array(postings)))
            }
        };
        let status = new
            .pending
            .map(|pending| if pending { "pending" } else { "posted" });
        object(vec![
            ("id", self.id(new.id.as_ref())),
            ("reference", some(new.reference.as_ref())),
            ("code", some(new.code.as_ref())),
            ("description", some(new.description.as_ref())),
            ("effective_at", self.effective(new.effective_at.as_ref())),
            ("status", some(status.as_ref())),
            ("expires_at", new.expires_at.map(|at| self.time(at))),
            ("related_to", self.id(new.related_to.as_ref())),
            ("entries", entries),
            ("postings", postings),
            ("metadata", some(new.metadata.as_ref())),
        ])
    }

    fn entries(&mut self, entries: &[Entry]) -> Value {
        let all = entries.iter().map(|entry| {
            object(vec![
                ("account", some(Some(&entry.account))),
                ("direction", Some(entry.side.text().into())),
                ("amount", Some(self.number(entry.amount))),
                ("asset", some(Some(&entry.asset))),
                ("description", some(entry.description.as_ref())),
                ("metadata", some(entry.metadata.as_ref())),
                (
                    "condition",
                    entry.condition.as_ref().map(|one| self.condition(one)),
                ),
            ])
        });
        Value::Array(all.collect())
    }

    fn condition(&mut self, condition: &Condition) -> Value {
        object(vec![
            (
                "available",
                condition
                    .available
                    .as_ref()
                    .map(|bounds| self.bounds(bounds)),
            ),
            (
                "posted",
                condition.posted.as_ref().map(|bounds| self.bounds(bounds)),
            ),
        ])
    }

    fn bounds(&mut self, bounds: &Bounds) -> Value {
        object(vec![
            ("gte", bounds.gte.map(|bound| self.number(bound))),
            ("lte", bounds.lte.map(|bound| self.number(bound))),
            ("eq", bounds.eq.map(|bound| self.number(bound))),
        ])
    }

    fn posting(&mut self, posting: &Posting) -> Value {
        json!({
            "debit": party(&posting.debit),
            "credit": party(&posting.credit),
            "amount": self.number(posting.amount),
            "asset": posting.asset,
        })
    }

    fn capture(&mut self, capture: &Capture) -> Value {
        let (entries, amount) = match &capture.part {
            Part::Rest => (None, None),
            Part::Amount(amount) => (None, Some(self.number(*amount))),
            Part::Entries(entries) => (Some(self.entries(entries)), None),
        };
        object(vec![
            ("id", self.id(capture.id.as_ref())),
            ("entries", entries),
            ("amount", amount),
            ("final", some(capture.last.as_ref())),
            (
                "effective_at",
                self.effective(capture.effective_at.as_ref()),
            ),
            ("reference", some(capture.reference.as_ref())),
            ("metadata", some(capture.metadata.as_ref())),
        ])
    }

    fn reverse(&mut self, reverse: &Reverse) -> Value {
        object(vec![
            ("id", self.id(reverse.id.as_ref())),
            (
                "effective_at",
                self.effective(reverse.effective_at.as_ref()),
            ),
            ("reference", some(reverse.reference.as_ref())),
            ("reason", some(Some(&reverse.reason))),
            ("metadata", some(reverse.metadata.as_ref())),
        ])
    }
}

fn patch<T>(patch: &Patch<T>, set: impl FnOnce(&T) -> Value) -> Option<Value> {
    match patch {
        Patch::Keep => None,
        Patch::Remove => Some(Value::Null),
        Patch::Set(value) => Some(set(value)),
    }
}

fn party(party: &Party) -> Value {
    match party {
        Party::One(account) => json!(account),
        Party::Split(shares) => {
            let shares = shares.iter().map(|(account, millionths)| {
                let (whole, rest) = (millionths / 1_000_000, millionths % 1_000_000);
                let ratio = format!("{whole}.{rest:06}");
                let ratio = ratio.trim_end_matches('0').trim_end_matches('.');
                json!({"account": account, "ratio": ratio})
            });
            json!({"split": shares.collect::<Vec<_>>()})
        }
    }
}
