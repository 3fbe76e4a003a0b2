//! The statements that write: one a table and batch, COPY where rows are only added, UNNEST where
//! they change.

mod accounts;
mod balances;
mod holds;
mod ledgers;
mod transactions;

use daybook_events::ids::GenerationId;
use sqlx::PgConnection;

use super::BooksError;
use super::rows::Delta;

/// Writes what a batch does to the rows.
pub(super) async fn write(
    connection: &mut PgConnection,
    generation: GenerationId,
    delta: &Delta<'_>,
) -> Result<(), BooksError> {
    ledgers::write_ledgers(connection, generation, &delta.ledgers).await?;
    ledgers::write_assets(connection, &delta.assets).await?;
    accounts::write_opened(connection, &delta.accounts).await?;
    accounts::write_changed(connection, &delta.accounts).await?;
    accounts::write_history(connection, &delta.account_history).await?;
    balances::write_balances(connection, &delta.balances).await?;
    transactions::write_recorded(connection, &delta.transactions).await?;
    balances::write_entries(connection, &delta.entries).await?;
    transactions::write_changes(connection, &delta.transaction_changes).await?;
    transactions::write_history(connection, &delta.transaction_history).await?;
    holds::write_placed(connection, &delta.holds).await?;
    holds::write_changed(connection, &delta.holds).await
}

fn json(value: &impl serde::Serialize) -> String {
    // Maps with string keys, and lists of such, always become JSON.
    serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned())
}

/// What is said of a row that was read, and then is not there.
const GONE: &str = "a row that was there is gone";

/// Every changed row was read before: one that is gone means that the rows are not what they were.
fn all_there(changed: u64, asked: usize) -> Result<(), BooksError> {
    if u64::try_from(asked) == Ok(changed) {
        return Ok(());
    }
    Err(BooksError::Row(GONE))
}
