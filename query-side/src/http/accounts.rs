//! Accounts, their balances and entries.

use actix_web::{HttpRequest, HttpResponse};
use daybook_events::ids::{AccountId, Revision};
use daybook_events::problems;
use daybook_platform::http::Query;
use daybook_platform::problem::Problem;

use super::page::{Asked, Opened, read};
use super::{Begun, Service, begin, ledger_of};
use crate::answer::{self, Source};
use crate::cursor::Walk;
use crate::errors;
use crate::params::{Freshness, ListParams, Order, bad, metadata, one_of, parsed_many};
use crate::read_model::accounts::AccountFilter;
use crate::read_model::entries::EntryKey;
use crate::views::{Account, AccountBalances, AccountEntry};

const TYPES: &[&str] = &["asset", "liability", "equity", "income", "expense"];
const STATUSES: &[&str] = &["open", "frozen", "closed"];

/// Accounts by id, with their balances.
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
    let ledger = ledger_of(&request)?;
    let mut query = Query::parse(&request)?;
    let freshness = Freshness::take(&mut query, &request)?;
    let params = ListParams::take(&mut query, Order::Asc)?;
    let filter = AccountFilter {
        prefix: parsed_many(&mut query, "prefix", AccountId::parse)?,
        account_type: parsed_many(&mut query, "type", one_of(TYPES))?,
        status: parsed_many(&mut query, "status", one_of(STATUSES))?,
        metadata: metadata(&mut query)?,
    };
    let walk = Walk::new("accounts", &(&ledger, params.order, &filter));
    let asked = Asked::<String>::new(query, walk, params, freshness)?;
    let (snapshot, mark, stretch) = match asked.open(&service, &request, &ledger).await? {
        Opened::Read(snapshot, mark, stretch) => (snapshot, mark, stretch),
        Opened::Done(answer) => return Ok(answer),
    };
    let rows = read(snapshot, async |snapshot| {
        snapshot.accounts(&ledger, &filter, &stretch).await
    })
    .await?;
    Ok(asked.answer(mark, rows, |row: &Account| row.account.as_str().to_owned()))
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
    match find(&service, &request).await? {
        Found::Account(mark, account) => Ok(answer::json(Source::Views, mark, &account)),
        Found::Done(answer) => Ok(answer),
    }
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
    match find(&service, &request).await? {
        Found::Account(mark, account) => {
            let balances = AccountBalances {
                account: account.account,
                balances: account.balances,
                revision: mark.revision,
            };
            Ok(answer::json(Source::Views, mark, &balances))
        }
        Found::Done(answer) => Ok(answer),
    }
}

/// An account's entries in recorded order, each with the balance after it.
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
    let ledger = ledger_of(&request)?;
    let mut query = Query::parse(&request)?;
    let freshness = Freshness::take(&mut query, &request)?;
    let params = ListParams::take(&mut query, Order::Desc)?;
    by_recorded(&mut query)?;
    let account = account_of(&request);
    let walk = Walk::new("entries", &(&ledger, params.order, &account));
    let asked = Asked::<EntryKey>::new(query, walk, params, freshness)?;
    let (snapshot, mark, stretch) = match asked.open(&service, &request, &ledger).await? {
        Opened::Read(snapshot, mark, stretch) => (snapshot, mark, stretch),
        Opened::Done(answer) => return Ok(answer),
    };
    let account = account.ok_or_else(|| not_found(mark.revision))?;
    let rows = read(snapshot, async |snapshot| {
        match snapshot.normal_balance(&ledger, &account).await? {
            Some(normal) => {
                let rows = snapshot
                    .entries(&ledger, &account, normal, &stretch)
                    .await?;
                Ok(Some(rows))
            }
            None => Ok(None),
        }
    })
    .await?;
    let rows = rows.ok_or_else(|| not_found(mark.revision))?;
    Ok(asked.answer(mark, rows, |row: &AccountEntry| EntryKey {
        revision: row.revision,
        entry: row.entry,
    }))
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

enum Found {
    Account(crate::read_model::Mark, Account),
    Done(HttpResponse),
}

async fn find(service: &Service, request: &HttpRequest) -> Result<Found, Problem> {
    let ledger = ledger_of(request)?;
    let mut query = Query::parse(request)?;
    let freshness = Freshness::take(&mut query, request)?;
    query.finish()?;
    let (snapshot, mark) = match begin(service, request, &ledger, freshness).await? {
        Begun::Read(snapshot, mark) => (snapshot, mark),
        Begun::Done(answer) => return Ok(Found::Done(answer)),
    };
    let account = account_of(request).ok_or_else(|| not_found(mark.revision))?;
    let found = read(snapshot, async |snapshot| {
        snapshot.account(&ledger, &account, mark.revision).await
    })
    .await?;
    let found = found.ok_or_else(|| not_found(mark.revision))?;
    Ok(Found::Account(mark, found))
}

/// The account that the path names; what is no account's id is no account.
fn account_of(request: &HttpRequest) -> Option<AccountId> {
    AccountId::parse(request.match_info().get("account")?).ok()
}

fn not_found(at: Revision) -> Problem {
    errors::not_found(problems::ACCOUNT_NOT_FOUND, "account", at)
}
