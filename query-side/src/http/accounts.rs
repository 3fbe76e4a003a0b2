//! Accounts, their balances and entries.

use actix_web::{HttpRequest, HttpResponse};
use daybook_events::event::AccountStatus;
use daybook_events::ids::{AccountId, LedgerId, Revision};
use daybook_platform::http::Query;
use daybook_platform::problem::Problem;
use serde::Serialize;

use super::Service;
use super::page::{self, List};
use crate::errors;
use crate::params::{Order, bad, metadata, one_of, parsed_many};
use crate::read_model::accounts::{AccountFilter, Stretch};
use crate::read_model::entries::EntryKey;
use crate::read_model::rows::Rows;
use crate::read_model::{Snapshot, ViewError};
use crate::views::{Account, AccountBalances, AccountEntry};

const TYPES: &[&str] = &["asset", "liability", "equity", "income", "expense"];
const STATUSES: &[&str] = &[
    AccountStatus::Open.as_str(),
    AccountStatus::Frozen.as_str(),
    AccountStatus::Closed.as_str(),
];

/// Accounts by id, with their balances.
///
/// A walk shows all of them as they were at the revision of its first page.
#[utoipa::path(get, path = "/v1/ledgers/{ledger}/accounts", tag = "queries",
    operation_id = "list_accounts",
    params(
        ("ledger" = String, Path, description = "The ledger"),
        ("prefix" = Option<Vec<String>>, Query,
            description = "`users:1` matches `users:1` and `users:1:*`, not `users:12`"),
        ("type" = Option<Vec<String>>, Query,
            description = "`asset`, `liability`, `equity`, `income`, `expense`"),
        ("status" = Option<Vec<String>>, Query, description = "`open`, `frozen`, `closed`"),
        ("metadata[key]" = Option<Vec<String>>, Query, description = "Exact value of the key"),
        ("limit" = Option<u16>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("order" = Option<String>, Query, description = "`asc` (default) or `desc`"),
        ("min_revision" = Option<u64>, Query, description = "Wait until the view has reached it"),
        ("wait_ms" = Option<u64>, Query, description = "How long at most; default 2000"),
    ),
    responses(
        (status = 200, description = "A page of accounts", body = crate::views::Page<Account>),
        (status = 400, description = "`validation`"),
        (status = 404, description = "`ledger_not_found`"),
        (status = 503, description = "`view_behind`"),
    ))]
pub(super) async fn list(service: Service, request: HttpRequest) -> Result<HttpResponse, Problem> {
    page::list::<AccountFilter>(&service, &request).await
}

impl List for AccountFilter {
    const NAME: &'static str = "accounts";
    const ORDER: Order = Order::Asc;
    type Key = String;
    type Row = Account;

    fn take(_request: &HttpRequest, query: &mut Query) -> Result<Self, Problem> {
        Ok(Self {
            prefix: parsed_many(query, "prefix", AccountId::parse)?,
            account_type: parsed_many(query, "type", one_of(TYPES))?,
            status: parsed_many(query, "status", one_of(STATUSES))?,
            metadata: metadata(query)?,
        })
    }

    async fn rows(
        &self,
        snapshot: &mut Snapshot,
        ledger: &LedgerId,
        stretch: &Stretch<String>,
    ) -> Result<Option<Rows<Account>>, ViewError> {
        let rows = snapshot.accounts(ledger, self, stretch).await?;
        Ok(Some(rows.into()))
    }

    fn key(row: &Account) -> String {
        row.account.as_str().to_owned()
    }
}

/// One account with its balances.
#[utoipa::path(get, path = "/v1/ledgers/{ledger}/accounts/{account}", tag = "queries",
    operation_id = "get_account",
    params(
        ("ledger" = String, Path, description = "The ledger"),
        ("account" = String, Path, description = "The account"),
        ("min_revision" = Option<u64>, Query, description = "Wait until the view has reached it"),
        ("wait_ms" = Option<u64>, Query, description = "How long at most; default 2000"),
    ),
    responses(
        (status = 200, description = "The account", body = Account),
        (status = 304, description = "Unchanged since `If-None-Match`"),
        (status = 404, description = "`ledger_not_found`, `account_not_found`"),
        (status = 503, description = "`view_behind`"),
    ))]
pub(super) async fn one(service: Service, request: HttpRequest) -> Result<HttpResponse, Problem> {
    find(&service, &request, |account, _at| account).await
}

/// An account's balances alone.
#[utoipa::path(get, path = "/v1/ledgers/{ledger}/accounts/{account}/balances", tag = "queries",
    operation_id = "get_balances",
    params(
        ("ledger" = String, Path, description = "The ledger"),
        ("account" = String, Path, description = "The account"),
        ("min_revision" = Option<u64>, Query, description = "Wait until the view has reached it"),
        ("wait_ms" = Option<u64>, Query, description = "How long at most; default 2000"),
    ),
    responses(
        (status = 200, description = "The balances by asset", body = AccountBalances),
        (status = 304, description = "Unchanged since `If-None-Match`"),
        (status = 404, description = "`ledger_not_found`, `account_not_found`"),
        (status = 503, description = "`view_behind`"),
    ))]
pub(super) async fn balances(
    service: Service,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    find(&service, &request, |account, at| AccountBalances {
        account: account.account,
        balances: account.balances,
        revision: at,
    })
    .await
}

/// An account's posted entries in recorded order, each with the balance after it.
///
/// What holds reserve is in the balances and makes no entries here; what a capture posts does.
#[utoipa::path(get, path = "/v1/ledgers/{ledger}/accounts/{account}/entries", tag = "queries",
    operation_id = "list_entries",
    params(
        ("ledger" = String, Path, description = "The ledger"),
        ("account" = String, Path, description = "The account"),
        ("by" = Option<String>, Query, description = "`recorded` (default): the order"),
        ("limit" = Option<u16>, Query, description = "1 to 1000, default 100"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("order" = Option<String>, Query, description = "`desc` (default) or `asc`"),
        ("min_revision" = Option<u64>, Query, description = "Wait until the view has reached it"),
        ("wait_ms" = Option<u64>, Query, description = "How long at most; default 2000"),
    ),
    responses(
        (status = 200, description = "A page of entries", body = crate::views::Page<AccountEntry>),
        (status = 400, description = "`validation`"),
        (status = 404, description = "`ledger_not_found`, `account_not_found`"),
        (status = 503, description = "`view_behind`"),
    ))]
pub(super) async fn entries(
    service: Service,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    page::list::<EntriesOf>(&service, &request).await
}

/// The entries of the account that the path names; of what is no account's id there are none.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct EntriesOf(Option<AccountId>);

impl List for EntriesOf {
    const NAME: &'static str = "entries";
    const ORDER: Order = Order::Desc;
    type Key = EntryKey;
    type Row = AccountEntry;

    fn take(request: &HttpRequest, query: &mut Query) -> Result<Self, Problem> {
        by_recorded(query)?;
        Ok(Self(account_of(request)))
    }

    async fn rows(
        &self,
        snapshot: &mut Snapshot,
        ledger: &LedgerId,
        stretch: &Stretch<EntryKey>,
    ) -> Result<Option<Rows<AccountEntry>>, ViewError> {
        let Self(Some(account)) = self else {
            return Ok(None);
        };
        let Some(normal) = snapshot.normal_balance(ledger, account).await? else {
            return Ok(None);
        };
        let rows = snapshot.entries(ledger, account, normal, stretch).await?;
        Ok(Some(rows.into()))
    }

    fn key(row: &AccountEntry) -> EntryKey {
        EntryKey {
            revision: row.revision,
            entry: row.entry,
        }
    }
}

/// The order that the running balances stand in. What is not there yet is refused by name, not as
/// an unknown parameter.
fn by_recorded(query: &mut Query) -> Result<(), Problem> {
    match query.one("by")?.as_deref() {
        None | Some("recorded") => {}
        Some("effective") => {
            return Err(bad(
                "by",
                &"effective is not supported yet; expected recorded",
            ));
        }
        Some(_) => return Err(bad("by", &"expected recorded")),
    }
    for name in ["from", "to"] {
        if query.one(name)?.is_some() {
            return Err(bad(name, &"not supported yet"));
        }
    }
    Ok(())
}

/// Answers with what is shown of the account that the path names.
async fn find<T: Serialize>(
    service: &Service,
    request: &HttpRequest,
    show: impl FnOnce(Account, Revision) -> T,
) -> Result<HttpResponse, Problem> {
    let not_found = errors::account_not_found;
    page::one(service, request, not_found, async |snapshot, ledger, at| {
        let Some(account) = account_of(request) else {
            return Ok(None);
        };
        let found = snapshot.account(ledger, &account, at).await?;
        Ok(found.map(|account| show(account, at)))
    })
    .await
}

/// The account that the path names; what is no account's id is no account.
fn account_of(request: &HttpRequest) -> Option<AccountId> {
    AccountId::parse(request.match_info().get("account")?).ok()
}
