//! Real bank transactions as bulk items: the converter for the data set that `README.md` beside it
//! describes, with the rules of that page and nothing of our own.
//!
//! The data is looked for in `../shared/data/berka` beside this repository, or where the
//! environment variable `DAYBOOK_BERKA` says.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use uuid::Uuid;

const TRANSACTIONS: &str = "trans-1993.csv";
const BALANCES: &str = "balances-1993.csv";
/// What the bank wrote down differs from the sum by exactly this, or not at all, in minor units.
const ROUNDING: i64 = 10;

/// The data set, read.
#[derive(Debug)]
pub struct Berka {
    /// Every transaction, in the file's order.
    pub rows: Vec<Row>,
    /// The bank's balance of every customer at the end of the year, in minor units, by account.
    pub balances: BTreeMap<String, i64>,
}

/// One transaction of one customer.
#[derive(Debug, Clone)]
pub struct Row {
    /// The bank's number of it.
    pub number: String,
    /// The customer's account, as Daybook calls it.
    pub customer: String,
    /// `1993-01-31`.
    pub date: String,
    /// Whether the customer gets money.
    pub credit: bool,
    /// In minor units.
    pub amount: i64,
    /// The balance that the bank wrote down afterwards, in minor units.
    pub balance: i64,
    /// The bank's side of it.
    pub other: Account,
    /// What the bank added (or took, if negative) by rounding.
    pub rounding: i64,
}

/// An account of the bank itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// Its id.
    pub id: &'static str,
    /// Its type.
    pub account_type: &'static str,
}

const ROUNDING_ACCOUNT: Account = Account {
    id: "income:rounding",
    account_type: "income",
};

impl Berka {
    /// Reads the data set; `None`, with a line that says so, when it is not on this machine.
    ///
    /// # Panics
    /// When the data is there and is not what its README says.
    pub fn find() -> Option<Self> {
        let directory = place();
        let read = |name: &str| std::fs::read_to_string(directory.join(name)).ok();
        let (Some(transactions), Some(balances)) = (read(TRANSACTIONS), read(BALANCES)) else {
            eprintln!(
                "SKIPPED: the bank data is not at {} (set DAYBOOK_BERKA to the directory that has \
                 {TRANSACTIONS} and {BALANCES})",
                directory.display()
            );
            return None;
        };
        Some(Self::parse(&transactions, &balances))
    }

    fn parse(transactions: &str, balances: &str) -> Self {
        let mut last: HashMap<String, i64> = HashMap::new();
        let rows = transactions
            .lines()
            .skip(1)
            .map(|line| {
                let mut row = Row::parse(line);
                let before = last.insert(row.customer.clone(), row.balance).unwrap_or(0);
                let moved = if row.credit { row.amount } else { -row.amount };
                row.rounding = row.balance - (before + moved);
                assert!(
                    [-ROUNDING, 0, ROUNDING].contains(&row.rounding),
                    "the bank rounds by 0.10 or not at all: {line}"
                );
                row
            })
            .collect();
        let balances = balances
            .lines()
            .skip(1)
            .map(|line| {
                let (account, balance) = line.split_once(';').expect("two columns");
                (customer(account), minor_units(balance))
            })
            .collect();
        Self { rows, balances }
    }

    /// The bulk items that open every account.
    pub fn accounts(&self) -> Vec<Value> {
        let bank: BTreeSet<Account> = self
            .rows
            .iter()
            .map(|row| row.other)
            .chain([ROUNDING_ACCOUNT])
            .collect();
        let bank = bank
            .into_iter()
            .map(|account| (account.id, account.account_type));
        let customers = self.balances.keys().map(|id| (id.as_str(), "liability"));
        bank.chain(customers)
            .map(|(account, account_type)| {
                json!({
                    "action": "account",
                    "idempotency_key": format!("berka-account-{account}"),
                    "data": {"account": account, "type": account_type, "assets": ["CZK"]},
                })
            })
            .collect()
    }

    /// The whole data set as NDJSON for `daybook import`: the accounts, then the transactions.
    pub fn ndjson(&self) -> String {
        let mut text = String::new();
        for item in self
            .accounts()
            .into_iter()
            .chain(self.rows.iter().map(Row::item))
        {
            text.push_str(&item.to_string());
            text.push('\n');
        }
        text
    }
}

impl Row {
    fn parse(line: &str) -> Self {
        let fields: Vec<&str> = line.split(';').map(str::trim).collect();
        let [
            number,
            account,
            date,
            kind,
            operation,
            amount,
            balance,
            symbol,
            ..,
        ] = fields[..]
        else {
            panic!("ten columns are wanted: {line}");
        };
        Self {
            number: number.to_owned(),
            customer: customer(account),
            date: format!("19{}-{}-{}", &date[..2], &date[2..4], &date[4..6]),
            credit: kind == "PRIJEM",
            amount: minor_units(amount),
            balance: minor_units(balance),
            other: other_side(operation, symbol),
            rounding: 0,
        }
    }

    /// The transaction's id: always the same for the same row.
    pub fn id(&self) -> Uuid {
        Uuid::new_v5(
            &Uuid::NAMESPACE_URL,
            format!("berka:{}", self.number).as_bytes(),
        )
    }

    /// The transaction as a bulk item.
    pub fn item(&self) -> Value {
        let mut entries = self.pair(self.credit, self.amount, self.other.id, None);
        if self.rounding != 0 {
            let note = Some("the bank's rounding");
            entries.extend(self.pair(
                self.rounding > 0,
                self.rounding.abs(),
                ROUNDING_ACCOUNT.id,
                note,
            ));
        }
        json!({
            "id": self.id(),
            "reference": format!("berka-{}", self.number),
            "effective_at": self.date,
            "entries": entries,
        })
    }

    /// The customer's entry and the one against it.
    fn pair(&self, credit: bool, amount: i64, other: &str, note: Option<&str>) -> Vec<Value> {
        let (ours, theirs) = if credit {
            ("credit", "debit")
        } else {
            ("debit", "credit")
        };
        [(self.customer.as_str(), ours), (other, theirs)]
            .map(|(account, direction)| {
                let mut entry = json!({
                    "account": account,
                    "direction": direction,
                    "amount": amount.to_string(),
                    "asset": "CZK",
                });
                if let Some(note) = note {
                    entry["description"] = note.into();
                }
                entry
            })
            .into()
    }
}

fn place() -> PathBuf {
    std::env::var_os("DAYBOOK_BERKA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/berka"),
        PathBuf::from,
    )
}

fn customer(account: &str) -> String {
    format!("liabilities:customers:{account}")
}

fn other_side(operation: &str, symbol: &str) -> Account {
    let (id, account_type) = match (operation, symbol) {
        ("VYBER", "SLUZBY") => ("income:fees", "income"),
        ("VYBER", "SANKC. UROK") => ("income:penalty-interest", "income"),
        ("VKLAD" | "VYBER", _) => ("assets:cash", "asset"),
        ("VYBER KARTOU", _) => ("assets:card-clearing", "asset"),
        ("PREVOD Z UCTU" | "PREVOD NA UCET", _) => ("assets:interbank", "asset"),
        ("", "UROK") => ("expenses:interest", "expense"),
        unknown => panic!("the data's README does not know {unknown:?}"),
    };
    Account { id, account_type }
}

/// `"12.30"` is 1230.
fn minor_units(text: &str) -> i64 {
    let (whole, cents) = text.split_once('.').expect("two decimals");
    assert_eq!(cents.len(), 2, "two decimals: {text}");
    format!("{whole}{cents}").parse().expect("an amount")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The totals of the data's README, computed from the items that are sent.
    #[test]
    fn the_items_add_up_to_the_totals_of_the_readme() {
        let Some(berka) = Berka::find() else { return };
        let mut turnover: BTreeMap<String, i64> = BTreeMap::new();
        for row in &berka.rows {
            for entry in row.item()["entries"].as_array().unwrap() {
                let amount: i64 = entry["amount"].as_str().unwrap().parse().unwrap();
                let signed = if entry["direction"] == "debit" {
                    amount
                } else {
                    -amount
                };
                *turnover
                    .entry(entry["account"].as_str().unwrap().to_owned())
                    .or_default() += signed;
            }
        }
        let customers: i64 = berka.balances.values().sum();
        assert_eq!(berka.rows.len(), 28_205);
        assert_eq!(berka.balances.len(), 1_139);
        assert_eq!(
            berka.rows.iter().filter(|row| row.rounding != 0).count(),
            1_422
        );
        assert_eq!(customers, 3_657_591_290);
        for (account, balance) in &berka.balances {
            assert_eq!(turnover.remove(account).unwrap_or(0), -balance, "{account}");
        }
        let bank: Vec<(&str, i64)> = turnover
            .iter()
            .map(|(id, sum)| (id.as_str(), *sum))
            .collect();
        assert_eq!(
            bank,
            [
                ("assets:cash", 1_616_536_150),
                ("assets:interbank", 1_964_971_830),
                ("expenses:interest", 81_086_290),
                ("income:fees", -4_992_160),
                ("income:penalty-interest", -7_500),
                ("income:rounding", -3_320),
            ]
        );
    }
}
