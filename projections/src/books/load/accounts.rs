//! Balances, and the accounts they are of.

use daybook_events::event::{AccountStatus, Turnover};
use daybook_events::ids::{AssetCode, Name, Revision};
use daybook_events::money::Side;
use rustc_hash::FxHashMap;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::{json, minor, nth};
use crate::books::rows::{AccountKey, BalanceKey, PriorAccount, PriorBalance};
use crate::books::{BooksError, column};

/// Reads the accounts that are changed, with the assets they have balances of.
pub(super) async fn load_changed<'a>(
    connection: &mut PgConnection,
    keys: &[AccountKey<'a>],
) -> Result<FxHashMap<AccountKey<'a>, PriorAccount>, BooksError> {
    let mut found = FxHashMap::default();
    if keys.is_empty() {
        return Ok(found);
    }
    let rows = sqlx::query(
        "SELECT k.n, coalesce(a.opened_revision, a.revision), a.revision, a.name, a.status,
                a.limits::text, a.metadata::text,
                ARRAY(SELECT b.asset FROM books_v1.balances b
                      WHERE b.ledger = a.ledger AND b.account = a.account)
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k(ledger, account, n)
         JOIN books_v1.accounts a ON a.ledger = k.ledger AND a.account = k.account",
    )
    .bind(column(keys, |key| key.ledger.as_str()))
    .bind(column(keys, |key| key.account.as_str()))
    .fetch_all(connection)
    .await?;
    for row in rows {
        found.insert(*nth(keys, row.try_get(0)?)?, changed(&row)?);
    }
    Ok(found)
}

fn changed(row: &PgRow) -> Result<PriorAccount, BooksError> {
    let name: Option<&str> = row.try_get(3)?;
    let name = name.map(Name::parse).transpose();
    let assets: Vec<String> = row.try_get(7)?;
    let assets: Result<Vec<AssetCode>, _> =
        assets.iter().map(|asset| AssetCode::parse(asset)).collect();
    Ok(PriorAccount {
        opened_revision: Revision::from_i64(row.try_get(1)?),
        revision: Revision::from_i64(row.try_get(2)?),
        name: name.or(Err(BooksError::Row("an account's name")))?,
        status: status(row.try_get(4)?)?,
        limits: json(row.try_get(5)?, "an account's limits")?,
        metadata: json(row.try_get(6)?, "an account's pairs")?,
        assets: assets.or(Err(BooksError::Row("the asset of a balance")))?,
    })
}

fn status(text: &str) -> Result<AccountStatus, BooksError> {
    let all = [
        AccountStatus::Open,
        AccountStatus::Frozen,
        AccountStatus::Closed,
    ];
    all.into_iter()
        .find(|status| status.as_str() == text)
        .ok_or(BooksError::Row("an account's status"))
}

/// Reads balances, and on which side their accounts grow.
pub(super) async fn load_balances<'a>(
    connection: &mut PgConnection,
    keys: &[BalanceKey<'a>],
) -> Result<FxHashMap<BalanceKey<'a>, PriorBalance>, BooksError> {
    if keys.is_empty() {
        return Ok(FxHashMap::default());
    }
    let rows = sqlx::query(
        "SELECT k.n, a.normal_balance = 'debit', b.debits::text, b.credits::text,
                b.pending_debits::text, b.pending_credits::text
         FROM unnest($1::text[], $2::text[], $3::text[])
              WITH ORDINALITY AS k(ledger, account, asset, n)
         JOIN books_v1.accounts a ON a.ledger = k.ledger AND a.account = k.account
         LEFT JOIN books_v1.balances b
           ON b.ledger = k.ledger AND b.account = k.account AND b.asset = k.asset",
    )
    .bind(column(keys, |key| key.ledger.as_str()))
    .bind(column(keys, |key| key.account.as_str()))
    .bind(column(keys, |key| key.asset.as_str()))
    .fetch_all(connection)
    .await?;
    let mut found = FxHashMap::default();
    found.reserve(rows.len());
    for row in rows {
        let is_debit: bool = row.try_get(1)?;
        let debits: Option<&str> = row.try_get(2)?;
        let turnover = match debits {
            None => None,
            Some(debits) => Some(Turnover {
                debits: minor(debits)?,
                credits: minor(row.try_get(3)?)?,
                pending_debits: minor(row.try_get(4)?)?,
                pending_credits: minor(row.try_get(5)?)?,
            }),
        };
        let normal = if is_debit { Side::Debit } else { Side::Credit };
        let balance = PriorBalance { normal, turnover };
        found.insert(*nth(keys, row.try_get(0)?)?, balance);
    }
    Ok(found)
}
