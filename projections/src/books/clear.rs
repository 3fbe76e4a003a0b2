//! The statements that delete: all rows of a partition's ledgers.

use std::collections::BTreeSet;

use daybook_events::ids::LedgerId;
use daybook_events::names::partition_of;
use sqlx::PgConnection;

/// The statements of one table: which ledgers it names, and the deletion of some.
///
/// Each table's primary key begins with the ledger, so one step of the recursion is one look into
/// an index, however many rows a ledger has.
macro_rules! of_table {
    ($table:literal) => {
        (
            concat!(
                "WITH RECURSIVE named(ledger) AS (
                     SELECT min(ledger) FROM ",
                $table,
                " UNION ALL
                     SELECT (SELECT min(t.ledger) FROM ",
                $table,
                " t WHERE t.ledger > named.ledger)
                     FROM named WHERE named.ledger IS NOT NULL
                 )
                 SELECT ledger FROM named WHERE ledger IS NOT NULL"
            ),
            concat!("DELETE FROM ", $table, " WHERE ledger = ANY($1)"),
        )
    };
}

const TABLES: [(&str, &str); 9] = [
    of_table!("books_v1.entries"),
    of_table!("books_v1.holds"),
    of_table!("books_v1.transaction_history"),
    of_table!("books_v1.transactions"),
    of_table!("books_v1.balances"),
    of_table!("books_v1.account_history"),
    of_table!("books_v1.accounts"),
    of_table!("books_v1.assets"),
    of_table!("books_v1.ledgers"),
];

/// Deletes all rows of a partition's ledgers, and returns how many ledgers there were. Every table
/// is asked for its ledgers: a row that one of them lost must not hide those of the others.
pub(crate) async fn clear(
    connection: &mut PgConnection,
    partition: u16,
    partitions: u16,
) -> Result<usize, sqlx::Error> {
    // A rebuild is rare and may be long; it is bounded by the tables, not by a statement's limit.
    sqlx::query("SET LOCAL statement_timeout = 0")
        .execute(&mut *connection)
        .await?;
    let mut ours: BTreeSet<String> = BTreeSet::new();
    for (named, _) in TABLES {
        let names: Vec<String> = sqlx::query_scalar(named)
            .fetch_all(&mut *connection)
            .await?;
        ours.extend(names.into_iter().filter(|name| {
            LedgerId::parse(name).is_ok_and(|id| partition_of(&id, partitions) == partition)
        }));
    }
    if ours.is_empty() {
        return Ok(0);
    }
    let ours: Vec<String> = ours.into_iter().collect();
    for (_, delete) in TABLES {
        sqlx::query(delete)
            .bind(&ours)
            .execute(&mut *connection)
            .await?;
    }
    Ok(ours.len())
}
