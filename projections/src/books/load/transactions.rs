//! Transactions whose pairs change, and open holds.

use daybook_events::event::transaction::EffectiveLocal;
use daybook_events::ids::Revision;
use rustc_hash::FxHashMap;
use sqlx::types::Uuid;
use sqlx::types::chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row as _};

use super::{day, instant, json, nth};
use crate::books::BooksError;
use crate::books::rows::{PriorHold, PriorTransaction, TransactionKey};

/// Reads the transactions whose pairs are changed.
pub(super) async fn load_changed<'a>(
    connection: &mut PgConnection,
    keys: &[TransactionKey<'a>],
) -> Result<FxHashMap<TransactionKey<'a>, PriorTransaction>, BooksError> {
    let mut found = FxHashMap::default();
    if keys.is_empty() {
        return Ok(found);
    }
    let (ledgers, ids) = columns(keys);
    let rows = sqlx::query(
        "SELECT k.n, t.revision, t.metadata::text, t.metadata_revision IS NOT NULL
         FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS k(ledger, id, n)
         JOIN books_v1.transactions t ON t.ledger = k.ledger AND t.id = k.id",
    )
    .bind(ledgers)
    .bind(ids)
    .fetch_all(connection)
    .await?;
    for row in rows {
        let transaction = PriorTransaction {
            revision: Revision::from_i64(row.try_get(1)?),
            metadata: json(row.try_get(2)?, "a transaction's pairs")?,
            is_changed: row.try_get(3)?,
        };
        found.insert(*nth(keys, row.try_get(0)?)?, transaction);
    }
    Ok(found)
}

/// Reads the holds that are captured or ended, where they are open.
pub(super) async fn load_holds<'a>(
    connection: &mut PgConnection,
    keys: &[TransactionKey<'a>],
) -> Result<FxHashMap<TransactionKey<'a>, PriorHold>, BooksError> {
    let mut found = FxHashMap::default();
    if keys.is_empty() {
        return Ok(found);
    }
    let (ledgers, ids) = columns(keys);
    let rows = sqlx::query(
        "SELECT k.n, t.effective_at, t.effective_date, h.expires_at, h.remaining::text
         FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS k(ledger, id, n)
         JOIN books_v1.holds h ON h.ledger = k.ledger AND h.id = k.id
         JOIN books_v1.transactions t ON t.ledger = h.ledger AND t.revision = h.revision
         WHERE h.status = 'pending'",
    )
    .bind(ledgers)
    .bind(ids)
    .fetch_all(connection)
    .await?;
    for row in rows {
        let expires_at: Option<DateTime<Utc>> = row.try_get(3)?;
        let hold = PriorHold {
            effective: EffectiveLocal {
                instant: instant(row.try_get(1)?)?,
                date: day(row.try_get(2)?)?,
            },
            expires_at: expires_at.map(instant).transpose()?,
            remaining: json(row.try_get(4)?, "what remains of a hold")?,
        };
        found.insert(*nth(keys, row.try_get(0)?)?, hold);
    }
    Ok(found)
}

fn columns<'a>(keys: &[TransactionKey<'a>]) -> (Vec<&'a str>, Vec<Uuid>) {
    keys.iter()
        .map(|key| (key.ledger.as_str(), key.id.uuid()))
        .unzip()
}
