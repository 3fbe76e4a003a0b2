//! Two walks in key order side by side: the rows that must be, and the rows that are.

use std::cmp::Ordering;

use daybook_events::ids::LedgerId;

use super::expected::Row;
use super::report::{Kind, Report};
use crate::read_model::audit::{Cell, Key, Rows};
use crate::read_model::audit_tables::Table;
use crate::read_model::{Snapshot, ViewError};

/// The longest text of a value in a difference: entries of a large transaction are cut.
const SHOWN_CHARS_MAX: usize = 300;

/// One table of one ledger.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    pub(super) kind: Kind,
    pub(super) ledger: &'a LedgerId,
    table: &'static Table,
    rows: Rows,
}

impl<'a> Comparison<'a> {
    pub(super) async fn begin(
        snapshot: &mut Snapshot,
        ledger: &'a LedgerId,
        kind: Kind,
        table: &'static Table,
    ) -> Result<Self, ViewError> {
        let rows = snapshot.walk(ledger, table).await?;
        Ok(Self {
            kind,
            ledger,
            table,
            rows,
        })
    }

    /// The next row that must be; rows before it must not. Keys come ascending. Gives what the row
    /// that is found says in the columns that are compared later; `None` if there is no such row.
    pub(super) async fn expect(
        &mut self,
        snapshot: &mut Snapshot,
        report: &mut Report,
        (key, cells): Row,
    ) -> Result<Option<Vec<Cell>>, ViewError> {
        report.compare(self.kind);
        loop {
            let order = match self.rows.peek(snapshot).await? {
                Some(row) => row.key.cmp(&key),
                None => Ordering::Greater,
            };
            match order {
                Ordering::Less => self.too_many(report),
                Ordering::Equal => break,
                Ordering::Greater => {
                    let what = "is missing from the views".to_owned();
                    report.differ(self.kind, Some(self.ledger), self.name(&key), what);
                    return Ok(None);
                }
            }
        }
        let Some(found) = self.rows.take() else {
            return Ok(None);
        };
        let what = differing(self.table.columns, &cells, &found.cells);
        if let Some(what) = what {
            report.differ(self.kind, Some(self.ledger), self.name(&key), what);
        }
        let found = cells.into_iter().zip(found.cells);
        let later = found.filter(|(expected, _)| *expected == Cell::Later);
        Ok(Some(later.map(|(_, found)| found).collect()))
    }

    /// No more rows must be.
    pub(super) async fn end(
        mut self,
        snapshot: &mut Snapshot,
        report: &mut Report,
    ) -> Result<(), ViewError> {
        while self.rows.peek(snapshot).await?.is_some() {
            self.too_many(report);
        }
        Ok(())
    }

    fn too_many(&mut self, report: &mut Report) {
        if let Some(row) = self.rows.take() {
            let what = "is in the views and not in the history".to_owned();
            report.differ(self.kind, Some(self.ledger), self.name(&row.key), what);
        }
    }

    fn name(&self, key: &Key) -> String {
        match self.kind {
            Kind::Transaction | Kind::Hold => format!("at revision {}", key.revision),
            Kind::TransactionHistory => format!(
                "of the transaction at revision {} from revision {} on",
                key.revision, key.entry
            ),
            Kind::AccountHistory => {
                format!("of account {} from revision {} on", key.first, key.revision)
            }
            Kind::Entry => format!(
                "{} of the transaction at revision {}, account {},",
                key.entry, key.revision, key.first
            ),
            Kind::Balance => format!("of account {} in {}", key.first, key.second),
            Kind::History | Kind::Checkpoint | Kind::Ledger | Kind::Asset | Kind::Account => {
                key.first.clone()
            }
        }
    }
}

/// The first column that differs, in words.
pub(super) fn differing(columns: &[&str], expected: &[Cell], found: &[Cell]) -> Option<String> {
    assert_eq!(
        columns.len(),
        expected.len(),
        "a value for every column is expected"
    );
    let ((column, expected), found) = columns
        .iter()
        .zip(expected)
        .zip(found)
        .find(|((_, expected), found)| *expected != &Cell::Later && expected != found)?;
    Some(format!(
        "has {column} {} in the views, {} by replay",
        show(found),
        show(expected)
    ))
}

fn show(cell: &Cell) -> String {
    let text = match cell {
        Cell::Text(None) | Cell::Later => return "null".to_owned(),
        Cell::Text(Some(text)) => text.clone(),
        Cell::Json(value) => value.to_string(),
    };
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text,
    }
}
