//! Columns become the model's types; what does not parse is a damaged view, never a guess.

use chrono::{DateTime, Utc};
use daybook_events::Invalid;
use daybook_events::money::{AccountType, Minor, Side};
use daybook_events::time::Timestamp;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::ViewError;
use crate::views::Balance;

/// The most bytes of one page's rows. A page that would be longer ends early and says that there is
/// more: what a request may hold in memory must not depend on what clients once wrote (INV-9).
pub(crate) const PAGE_BYTES_MAX: usize = 8 << 20;

/// The rows of a page.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    pub(crate) rows: Vec<T>,
    /// Whether [`PAGE_BYTES_MAX`] ended them early: there are more.
    pub(crate) cut: bool,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T> From<Vec<T>> for Rows<T> {
    fn from(rows: Vec<T>) -> Self {
        Self { rows, cut: false }
    }
}

/// An amount that was selected as text.
pub(super) fn minor(row: &PgRow, column: &str) -> Result<Minor, ViewError> {
    Ok(Minor::parse(row.try_get(column)?)?)
}

/// An instant.
pub(super) fn time(row: &PgRow, column: &str) -> Result<Timestamp, ViewError> {
    instant(row.try_get(column)?)
}

/// An instant, or none.
pub(super) fn time_or_null(row: &PgRow, column: &str) -> Result<Option<Timestamp>, ViewError> {
    let time: Option<DateTime<Utc>> = row.try_get(column)?;
    time.map(instant).transpose()
}

fn instant(time: DateTime<Utc>) -> Result<Timestamp, ViewError> {
    Timestamp::try_from_utc(time)
        .ok_or_else(|| Invalid::new("time", "a year out of range in the views").into())
}

/// An account's type.
pub(super) fn account_type(text: &str) -> Result<AccountType, ViewError> {
    [
        AccountType::Asset,
        AccountType::Liability,
        AccountType::Equity,
        AccountType::Income,
        AccountType::Expense,
    ]
    .into_iter()
    .find(|known| known.as_str() == text)
    .ok_or_else(|| Invalid::new("account type", format!("{text:?} in the views")).into())
}

/// A side.
pub(super) fn side(text: &str) -> Result<Side, ViewError> {
    match text {
        "debit" => Ok(Side::Debit),
        "credit" => Ok(Side::Credit),
        other => Err(Invalid::new("side", format!("{other:?} in the views")).into()),
    }
}

/// A JSON column that was selected as text.
pub(super) fn json<T: serde::de::DeserializeOwned>(
    row: &PgRow,
    column: &str,
) -> Result<T, ViewError> {
    Ok(serde_json::from_str(row.try_get(column)?)?)
}

/// The balance from its four turnovers `debits`, `credits`, `pending_debits`, `pending_credits`.
pub(super) fn balance(row: &PgRow, normal: Side) -> Result<Balance, ViewError> {
    Balance::from_turnover(
        normal,
        minor(row, "debits")?,
        minor(row, "credits")?,
        minor(row, "pending_debits")?,
        minor(row, "pending_credits")?,
    )
    .ok_or_else(|| Invalid::new("balance", "beyond 10^36 in the views").into())
}
