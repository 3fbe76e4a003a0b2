//! What an audit found.

use std::collections::BTreeMap;
use std::fmt;

use daybook_events::ids::LedgerId;

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The history by itself: readable, dense, keeping its laws.
    History,
    /// A projector's checkpoint.
    Checkpoint,
    /// A ledger's own row.
    Ledger,
    /// A registered asset.
    Asset,
    /// An account.
    Account,
    /// What stood of an account from a revision on.
    AccountHistory,
    /// A balance.
    Balance,
    /// A transaction, posted or hold.
    Transaction,
    /// What stood of a transaction's pairs from a revision on.
    TransactionHistory,
    /// How a hold stands.
    Hold,
    /// An entry with its running balance.
    Entry,
}

impl Kind {
    /// Its name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Checkpoint => "checkpoint",
            Self::Ledger => "ledger",
            Self::Asset => "asset",
            Self::Account => "account",
            Self::AccountHistory => "account history",
            Self::Balance => "balance",
            Self::Transaction => "transaction",
            Self::TransactionHistory => "transaction history",
            Self::Hold => "hold",
            Self::Entry => "entry",
        }
    }

    /// The kind of a view's rows.
    pub(super) fn of_view(view: &str) -> Self {
        match view {
            "assets" => Self::Asset,
            "accounts" => Self::Account,
            "account_history" => Self::AccountHistory,
            "balances" => Self::Balance,
            "transactions" => Self::Transaction,
            "transaction_history" => Self::TransactionHistory,
            "holds" => Self::Hold,
            "movements" => Self::Entry,
            _ => Self::Ledger,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One row that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What kind of row.
    pub kind: Kind,
    /// Its ledger, where it belongs to one.
    pub ledger: Option<LedgerId>,
    /// Which row.
    pub key: String,
    /// How it differs.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ledger) = &self.ledger {
            write!(f, "ledger {ledger}: ")?;
        }
        write!(f, "{} {} {}", self.kind, self.key, self.what)
    }
}

/// The rows of one kind that differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How many.
    pub count: u64,
    /// The first one.
    pub first: Difference,
}

/// What an audit compared and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Whether the views had reached the store's head.
    pub complete: bool,
    /// Ledgers replayed.
    pub ledgers: u64,
    /// Events replayed.
    pub events: u64,
    /// Rows compared, by kind.
    pub compared: BTreeMap<Kind, u64>,
    /// Rows that differ, by kind.
    pub findings: BTreeMap<Kind, Finding>,
}

impl Report {
    /// Whether every row is as the history says, up to the store's head.
    pub fn is_clean(&self) -> bool {
        self.complete && self.findings.is_empty()
    }

    /// How many rows differ.
    pub fn differences(&self) -> u64 {
        self.findings.values().map(|finding| finding.count).sum()
    }

    pub(super) fn compare(&mut self, kind: Kind) {
        *self.compared.entry(kind).or_default() += 1;
    }

    pub(super) fn differ(
        &mut self,
        kind: Kind,
        ledger: Option<&LedgerId>,
        key: String,
        what: String,
    ) {
        let finding = self.findings.entry(kind).or_insert_with(|| Finding {
            count: 0,
            first: Difference {
                kind,
                ledger: ledger.cloned(),
                key,
                what,
            },
        });
        finding.count += 1;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        writeln!(
            f,
            "{} ledger{}, {} event{} replayed",
            self.ledgers,
            plural(self.ledgers),
            self.events,
            plural(self.events)
        )?;
        for (kind, count) in &self.compared {
            writeln!(f, "  {kind}: {count} compared")?;
        }
        if !self.complete {
            writeln!(f, "the views have not reached the end of the history")?;
        }
        for Finding { count, first } in self.findings.values() {
            writeln!(f, "DIFFERENT: {} ({count}), the first: {first}", first.kind)?;
        }
        match self.is_clean() {
            true => write!(f, "no difference"),
            false => {
                let count = self.differences();
                write!(f, "{count} difference{}", plural(count))
            }
        }
    }
}
