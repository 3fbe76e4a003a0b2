//! Columns whose value a later event decides: what the rows say is kept until that event is met.

use std::collections::HashMap;

use daybook_events::ids::{LedgerId, TransactionId};

use super::compare::differing;
use super::report::{Kind, Report};
use crate::read_model::audit::Cell;

/// What the rows of one kind say of some of their columns, by the transaction they belong to.
#[derive(Debug)]
pub(super) struct Claims<'a> {
    kind: Kind,
    ledger: &'a LedgerId,
    columns: &'static [&'static str],
    said: HashMap<TransactionId, Vec<Cell>>,
}

impl<'a> Claims<'a> {
    pub(super) fn new(kind: Kind, ledger: &'a LedgerId, columns: &'static [&'static str]) -> Self {
        Self {
            kind,
            ledger,
            columns,
            said: HashMap::new(),
        }
    }

    /// A row says this; `None` if the row is missing, which is said elsewhere.
    pub(super) fn hear(&mut self, of: TransactionId, said: Option<Vec<Cell>>) {
        if let Some(said) = said {
            self.said.insert(of, said);
        }
    }

    /// An event, or the end of the history, decides.
    pub(super) fn settle(&mut self, report: &mut Report, of: TransactionId, expected: &[Cell]) {
        if let Some(said) = self.said.remove(&of) {
            self.judge(report, of, expected, &said);
        }
    }

    /// The same where silence means these values.
    pub(super) fn settle_or(
        &mut self,
        report: &mut Report,
        of: TransactionId,
        expected: &[Cell],
        silence: &[Cell],
    ) {
        let said = self.said.remove(&of);
        self.judge(report, of, expected, said.as_deref().unwrap_or(silence));
    }

    /// What is still claimed at the end should be this.
    pub(super) fn end(mut self, report: &mut Report, expected: &[Cell]) {
        let mut left: Vec<_> = self.said.drain().collect();
        left.sort_unstable_by_key(|(of, _)| *of);
        for (of, said) in left {
            self.judge(report, of, expected, &said);
        }
    }

    fn judge(&self, report: &mut Report, of: TransactionId, expected: &[Cell], said: &[Cell]) {
        if let Some(what) = differing(self.columns, expected, said) {
            report.differ(self.kind, Some(self.ledger), of.to_string(), what);
        }
    }
}
