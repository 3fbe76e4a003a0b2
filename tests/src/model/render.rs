//! JSON as api.md and the schemas of the events have it.

use serde_json::{Map, Value, json};

use super::calendar;
use super::ledger::{Account, Balance, Face, Ledger};
use super::request::{Effective, Entry, Limit, Pairs, Side};

/// An object without the members that are null, empty or absent.
pub(super) fn without_empty(members: Value) -> Value {
    let Value::Object(members) = members else {
        return members;
    };
    let kept = members.into_iter().filter(|(_, value)| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    });
    Value::Object(kept.collect())
}

/// An effective time, as given.
pub(super) fn effective(effective: &Effective) -> String {
    match effective {
        Effective::Day(day) => day.clone(),
        Effective::Instant(micros) => calendar::text(*micros),
    }
}

/// A balance in an answer.
pub(super) fn balance(balance: Balance) -> Value {
    json!({
        "posted": balance.posted.to_string(),
        "pending": balance.pending.to_string(),
        "available": balance.available.to_string(),
    })
}

/// A balance in an event: only what does not follow from the rest.
pub(super) fn stored_balance(balance: Balance) -> Value {
    let pending = (balance.pending != 0).then(|| balance.pending.to_string());
    let available = (balance.available != balance.posted).then(|| balance.available.to_string());
    without_empty(json!({
        "posted": balance.posted.to_string(),
        "pending": pending,
        "available": available,
    }))
}

/// An entry in an event.
pub(super) fn stored_entry(entry: &Entry, balance: Balance) -> Value {
    without_empty(json!({
        "account": entry.account,
        "direction": entry.side.text(),
        "amount": entry.amount.to_string(),
        "asset": entry.asset,
        "description": entry.description,
        "metadata": entry.metadata,
        "balance": stored_balance(balance),
    }))
}

/// An entry in an answer; one that has an id if it belongs to a transaction's own.
pub(super) fn entry(entry: &Entry, after: Balance, id: Option<String>) -> Value {
    let mut shown = without_empty(json!({
        "id": id,
        "account": entry.account,
        "direction": entry.side.text(),
        "amount": entry.amount.to_string(),
        "asset": entry.asset,
        "description": entry.description,
        "metadata": entry.metadata,
    }));
    shown["balance"] = balance(after);
    shown
}

fn limits<'a>(limits: impl Iterator<Item = (&'a String, &'a Limit)>) -> Value {
    let all = limits.map(|(asset, limit)| {
        let limit = without_empty(json!({
            "min_available": limit.min_available.map(|bound| bound.to_string()),
            "max_balance": limit.max_balance.map(|bound| bound.to_string()),
        }));
        (asset.clone(), limit)
    });
    Value::Object(all.collect())
}

/// An account in an answer.
pub(super) fn account(id: &str, account: &Account, revision: u64) -> Value {
    let balances: Map<String, Value> = account
        .turnovers
        .iter()
        .map(|(asset, turnover)| {
            let mut all = balance(turnover.balance(account.normal));
            all["debits"] = turnover.debits.to_string().into();
            all["credits"] = turnover.credits.to_string().into();
            all["pending_debits"] = turnover.pending_debits.to_string().into();
            all["pending_credits"] = turnover.pending_credits.to_string().into();
            (asset.clone(), all)
        })
        .collect();
    let mut shown = json!({
        "account": id,
        "type": account.kind,
        "normal_balance": account.normal.text(),
        "name": account.name,
        "status": account.status,
        "limits": limits(account.limits.iter()),
        "metadata": account.metadata,
        "opened_at": calendar::text(account.opened_at),
        "balances": balances,
        "revision": revision,
    });
    if let Some(assets) = &account.assets {
        shown["assets"] = json!(assets);
    }
    shown
}

/// `after` of an account's event.
pub(super) fn account_after(account: &Account) -> Value {
    let balances: Map<String, Value> = account
        .turnovers
        .iter()
        .map(|(asset, turnover)| {
            let some = |amount: i128| (amount != 0).then(|| amount.to_string());
            let stored = without_empty(json!({
                "debits": some(turnover.debits),
                "credits": some(turnover.credits),
                "pending_debits": some(turnover.pending_debits),
                "pending_credits": some(turnover.pending_credits),
            }));
            (asset.clone(), stored)
        })
        .collect();
    without_empty(json!({
        "type": account.kind,
        "normal_balance": account.normal.text(),
        "name": account.name,
        "status": account.status,
        "assets": account.assets,
        "limits": limits(account.limits.iter()),
        "metadata": account.metadata,
        "opened_at": calendar::text(account.opened_at),
        "balances": balances,
    }))
}

/// `data` of the opening of an account.
pub(super) fn account_opened(id: &str, account: &Account) -> Value {
    without_empty(json!({
        "account": id,
        "type": account.kind,
        "normal_balance": account.normal.text(),
        "name": account.name,
        "assets": account.assets,
        "limits": limits(account.limits.iter()),
        "metadata": account.metadata,
    }))
}

impl Ledger {
    /// The ledger in an answer.
    pub(super) fn shown(&self, face: &Face, revision: u64) -> Value {
        json!({
            "ledger": self.id,
            "name": face.name,
            "time_zone": self.zone.name,
            "revision": revision,
            "accounts": self.accounts.len(),
            "transactions": self.transactions.len(),
            "closed_through": face.closed_through,
            "opened_at": calendar::text(self.opened_at),
            "metadata": face.metadata,
        })
    }

    /// `after` of a ledger's event.
    pub(super) fn after(&self, face: &Face) -> Value {
        without_empty(json!({
            "name": face.name,
            "time_zone": self.zone.name,
            "accounts": self.accounts.len(),
            "transactions": self.transactions.len(),
            "closed_through": face.closed_through,
            "opened_at": calendar::text(self.opened_at),
            "metadata": face.metadata,
        }))
    }

    /// `effective_local` of an event, unless the zone is UTC.
    pub(super) fn effective_local(&self, given: Option<&Effective>, now: i64) -> Value {
        if self.zone.is_utc() {
            return Value::Null;
        }
        let instant = match given {
            Some(Effective::Day(day)) => self.zone.start_of(day),
            Some(Effective::Instant(instant)) => *instant,
            None => now,
        };
        json!({"instant": calendar::text(instant), "date": self.day(given, now)})
    }

    /// The day on which something counts.
    pub(super) fn day(&self, given: Option<&Effective>, now: i64) -> String {
        match given {
            Some(Effective::Day(day)) => day.clone(),
            Some(Effective::Instant(instant)) => self.zone.day_of(*instant),
            None => self.zone.day_of(now),
        }
    }
}

/// Pairs after a patch.
pub(super) fn patched(before: &Pairs, patch: &super::request::PairsPatch) -> Pairs {
    let mut after = before.clone();
    for (key, value) in patch {
        match value {
            Some(value) => after.insert(key.clone(), value.clone()),
            None => after.remove(key),
        };
    }
    after
}

/// The account's balance of an asset that has this turnover.
pub(super) fn side_of(kind: &str) -> Side {
    match kind {
        "asset" | "expense" => Side::Debit,
        _ => Side::Credit,
    }
}
