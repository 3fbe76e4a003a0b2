//! The rows of one ledger.

use std::collections::BTreeMap;

use daybook_events::envelope::RecordedEvent;
use serde_json::{Map, Value, json};

/// A row's table and columns.
type Out<'o> = &'o mut dyn FnMut(&str, Value);

#[derive(Default)]
pub(super) struct Ledger {
    opened: Value,
    opened_at: i64,
    last: (u64, i64),
    name: Value,
    metadata: Value,
    closed_through: Value,
    accounts: BTreeMap<String, Account>,
    /// Debits, credits, pending debits, pending credits; the last revision.
    balances: BTreeMap<(String, String), ([i128; 4], u64)>,
    /// By id.
    transactions: BTreeMap<String, Transaction>,
    holds: BTreeMap<String, Hold>,
    /// Rows that never change: entries and assets.
    fixed: Vec<(&'static str, Value)>,
}

struct Account {
    opened: Value,
    opened_at: i64,
    /// Name, status, limits and pairs, from each revision on.
    values: Vec<(u64, [Value; 4])>,
}

struct Transaction {
    data: Value,
    revision: u64,
    recorded_at: i64,
    effective: (i64, String),
    key: Value,
    is_hold: bool,
    status: String,
    reversed_by: Value,
    /// Pairs, from each revision on.
    metadata: Vec<(u64, Value)>,
}

#[derive(Default)]
struct Hold {
    /// Account, direction, asset, and how much remains.
    remaining: Vec<([Value; 3], i128)>,
    /// Revision, time, reason, outcome, what was released.
    ended: [Value; 5],
}

fn number(text: &Value) -> i128 {
    text.as_str().unwrap().parse().unwrap()
}

/// A member, or an empty object where it is left out.
fn object(data: &Value, member: &str) -> Value {
    let empty = || Value::Object(Map::new());
    data.get(member).cloned().unwrap_or_else(empty)
}

impl Ledger {
    pub(super) fn take(&mut self, recorded: &RecordedEvent) {
        let data: Value = serde_json::from_slice(&recorded.data).unwrap();
        let (revision, at) = (recorded.revision.get(), recorded.recorded_at.micros());
        self.last = (revision, at);
        match recorded.event_type.as_str() {
            "LedgerOpened" => {
                self.opened_at = at;
                (self.name, self.metadata) = (data["name"].clone(), object(&data, "metadata"));
                self.opened = data;
            }
            "LedgerUpdated" => {
                let after = &data["after"];
                (self.name, self.metadata) = (after["name"].clone(), object(after, "metadata"));
            }
            "PeriodClosed" | "PeriodReopened" => self.closed_through = data["through"].clone(),
            "AssetRegistered" => self.fixed.push((
                "assets",
                json!([data["asset"], data["scale"], data["name"], revision]),
            )),
            "AccountOpened" => {
                let [name, limits, metadata] = [
                    data["name"].clone(),
                    object(&data, "limits"),
                    object(&data, "metadata"),
                ];
                let account = Account {
                    opened_at: at,
                    values: vec![(revision, [name, json!("open"), limits, metadata])],
                    opened: data.clone(),
                };
                let id = data["account"].as_str().unwrap();
                assert!(self.accounts.insert(id.to_owned(), account).is_none());
            }
            "AccountUpdated" | "AccountFrozen" | "AccountUnfrozen" | "AccountClosed" => {
                let after = &data["after"];
                let values = [
                    after["name"].clone(),
                    after["status"].clone(),
                    object(after, "limits"),
                    object(after, "metadata"),
                ];
                self.account(&data).values.push((revision, values));
            }
            "MetadataSet" => self.set_metadata(revision, &data),
            "TransactionPosted" | "HoldPlaced" => self.take_transaction(recorded, data),
            "HoldEnded" => self.end_hold(recorded, &data),
            other => assert_eq!(other, "CommandRejected", "it changes nothing"),
        }
    }

    fn account(&mut self, data: &Value) -> &mut Account {
        self.accounts
            .get_mut(data["account"].as_str().unwrap())
            .unwrap()
    }

    fn set_metadata(&mut self, revision: u64, data: &Value) {
        let metadata = object(data, "metadata");
        if let Some(id) = data["transaction"].as_str() {
            let transaction = self.transactions.get_mut(id).unwrap();
            transaction.metadata.push((revision, metadata));
        } else {
            let account = self.account(data);
            let mut values = account.values.last().unwrap().1.clone();
            values[3] = metadata;
            account.values.push((revision, values));
        }
    }

    fn take_transaction(&mut self, recorded: &RecordedEvent, data: Value) {
        let (revision, id) = (recorded.revision.get(), recorded.id.to_string());
        // How a zone reads a time is not what is tested here.
        let event = recorded.event().unwrap();
        let effective = event.transaction().unwrap().effective(recorded.recorded_at);
        let effective = (effective.instant.micros(), effective.date.to_string());
        let is_hold = recorded.event_type.as_str() == "HoldPlaced";
        let of = data["origin"]["of"].as_str();
        let kind = data["origin"]["kind"].as_str();
        let effect = match kind {
            _ if is_hold => [0, 1],
            Some("capture") => [1, -1],
            _ => [1, 0],
        };
        let entries = data["entries"].as_array().unwrap();
        let kind_of_row = if is_hold { "held" } else { "posted" };
        self.take_entries(recorded, (kind_of_row, &id, &effective), entries, effect);
        if is_hold {
            let hold = self.holds.entry(id.clone()).or_default();
            entries.iter().for_each(|entry| hold.change(entry, 1));
        } else if kind == Some("capture") {
            let hold = self.holds.get_mut(of.unwrap()).unwrap();
            entries.iter().for_each(|entry| hold.change(entry, -1));
        } else if kind == Some("reversal") {
            let target = self.transactions.get_mut(of.unwrap()).unwrap();
            target.reversed_by = json!(id);
        }
        let transaction = Transaction {
            revision,
            recorded_at: recorded.recorded_at.micros(),
            effective,
            key: json!(recorded.parsed_meta().unwrap().key),
            is_hold,
            status: if is_hold { "pending" } else { "posted" }.to_owned(),
            reversed_by: Value::Null,
            metadata: vec![(revision, object(&data, "metadata"))],
            data,
        };
        assert!(self.transactions.insert(id, transaction).is_none());
    }

    fn end_hold(&mut self, recorded: &RecordedEvent, data: &Value) {
        let id = data["hold"].as_str().unwrap();
        let none = json!([]);
        let released = data.get("released").unwrap_or(&none);
        let entries = released.as_array().unwrap();
        let effective = self.transactions[id].effective.clone();
        self.take_entries(recorded, ("released", id, &effective), entries, [0, -1]);
        let hold = self.holds.get_mut(id).unwrap();
        entries.iter().for_each(|entry| hold.change(entry, -1));
        hold.ended = [
            json!(recorded.revision),
            json!(recorded.recorded_at.micros()),
            data["reason"].clone(),
            data["outcome"].clone(),
            released.clone(),
        ];
        let status = match data["outcome"].as_str().unwrap() {
            "captured" => "posted",
            other => other,
        };
        self.transactions.get_mut(id).unwrap().status = status.to_owned();
    }

    /// What the entries add to the posted and the pending turnover, times their amounts.
    fn take_entries(
        &mut self,
        recorded: &RecordedEvent,
        (kind, transaction, effective): (&str, &str, &(i64, String)),
        entries: &[Value],
        [posted, pending]: [i128; 2],
    ) {
        let (revision, at) = (recorded.revision.get(), recorded.recorded_at.micros());
        for (index, entry) in entries.iter().enumerate() {
            let text = |member: &str| entry[member].as_str().unwrap().to_owned();
            let key = (text("account"), text("asset"));
            let (sums, last) = self.balances.entry(key).or_default();
            let side = usize::from(entry["direction"] == "credit");
            sums[side] += number(&entry["amount"]) * posted;
            sums[side + 2] += number(&entry["amount"]) * pending;
            *last = revision;
            let [debits, credits, pending_debits, pending_credits] =
                sums.map(|sum| sum.to_string());
            self.fixed.push((
                "movements",
                json!([
                    kind,
                    entry["account"],
                    revision,
                    index,
                    transaction,
                    entry["asset"],
                    entry["direction"],
                    entry["amount"],
                    debits,
                    credits,
                    pending_debits,
                    pending_credits,
                    effective.0,
                    effective.1,
                    at,
                    entry["description"],
                    object(entry, "metadata"),
                ]),
            ));
        }
    }

    /// Says every row.
    pub(super) fn rows(self, out: Out<'_>) {
        out(
            "ledgers",
            json!([
                self.last.0,
                self.last.1,
                self.accounts.len(),
                self.transactions.len(),
                self.name,
                self.opened["time_zone"],
                self.metadata,
                self.opened_at,
                self.closed_through,
            ]),
        );
        for (table, row) in self.fixed {
            out(table, row);
        }
        for account in self.accounts.values() {
            account.rows(out);
        }
        for ((account, asset), (sums, revision)) in &self.balances {
            let [debits, credits, held, reserved] = sums.map(|sum| sum.to_string());
            let row = json!([account, asset, debits, credits, held, reserved, revision]);
            out("balances", row);
        }
        for (id, transaction) in &self.transactions {
            transaction.rows(id, out);
            if let Some(hold) = self.holds.get(id) {
                hold.row(id, transaction, out);
            }
        }
    }
}

impl Account {
    fn rows(&self, out: Out<'_>) {
        let opened = &self.opened;
        let (revision, [name, status, limits, metadata]) = self.values.last().unwrap();
        out(
            "accounts",
            json!([
                opened["account"],
                opened["type"],
                opened["normal_balance"],
                name,
                status,
                opened["assets"],
                limits,
                metadata,
                self.opened_at,
                revision,
                self.values[0].0,
            ]),
        );
        // What never changed has no history.
        for (revision, [name, status, limits, metadata]) in &self.values {
            if self.values.len() > 1 {
                let id = &opened["account"];
                let row = json!([id, revision, name, status, limits, metadata]);
                out("account_history", row);
            }
        }
    }
}

impl Transaction {
    fn rows(&self, id: &str, out: Out<'_>) {
        let data = &self.data;
        let origin = |kind: &str, member: &str| match data["origin"]["kind"] == kind {
            true => data["origin"][member].clone(),
            false => Value::Null,
        };
        let is_changed = self.metadata.len() > 1;
        let (changed_at, metadata) = self.metadata.last().unwrap();
        out(
            "transactions",
            json!([
                self.revision,
                id,
                self.status,
                data["reference"],
                data["code"],
                data["description"],
                self.effective.0,
                self.effective.1,
                data["effective_at"],
                self.recorded_at,
                data["related_to"],
                origin("reversal", "of"),
                self.reversed_by,
                origin("capture", "of"),
                origin("reversal", "reason"),
                self.key,
                data["entries"],
                metadata,
                self.is_hold,
                micros(&data["expires_at"]),
                is_changed.then_some(changed_at),
            ]),
        );
        for (revision, metadata) in &self.metadata {
            if is_changed {
                let row = json!([self.revision, revision, metadata]);
                out("transaction_history", row);
            }
        }
    }
}

impl Hold {
    fn change(&mut self, entry: &Value, sign: i128) {
        let key = ["account", "direction", "asset"].map(|member| entry[member].clone());
        let amount = number(&entry["amount"]) * sign;
        match self.remaining.iter_mut().find(|(known, _)| *known == key) {
            Some((_, rest)) => *rest += amount,
            None => self.remaining.push((key, amount)),
        }
    }

    fn row(&self, id: &str, transaction: &Transaction, out: Out<'_>) {
        let open = self.remaining.iter().filter(|(_, amount)| *amount != 0);
        let remaining: Vec<Value> = open
            .map(|([account, direction, asset], amount)| {
                let amount = amount.to_string();
                json!({
                    "account": account, "direction": direction, "asset": asset, "amount": amount,
                })
            })
            .collect();
        let [ended_revision, ended_at, reason, outcome, released] = &self.ended;
        out(
            "holds",
            json!([
                id,
                transaction.revision,
                transaction.status,
                micros(&transaction.data["expires_at"]),
                remaining,
                ended_revision,
                ended_at,
                reason,
                outcome,
                released,
            ]),
        );
    }
}

fn micros(time: &Value) -> Option<i64> {
    let time = daybook_events::time::Timestamp::parse(time.as_str()?);
    Some(time.unwrap().micros())
}
