//! Transactions.

use actix_web::{HttpRequest, HttpResponse};
use daybook_events::ids::{AccountId, Code, IdempotencyKey, Reference, Revision, TransactionId};
use daybook_events::problems;
use daybook_events::time::Effective;
use daybook_platform::http::Query;
use daybook_platform::problem::Problem;

use super::page::{Asked, Opened, read};
use super::{Begun, Service, begin, ledger_of};
use crate::answer::{self, Source};
use crate::cursor::Walk;
use crate::errors;
use crate::params::{Freshness, ListParams, Order, metadata, one_of, parsed, parsed_many};
use crate::read_model::transactions::TransactionFilter;
use crate::views::Transaction;

const STATUSES: &[&str] = &["posted", "pending", "voided", "expired"];

/// Transactions, newest revision first.
#[utoipa::path(get, path = "/v1/ledgers/{ledger}/transactions", tag = "queries",
    operation_id = "list_transactions",
    params(
        ("ledger" = String, Path, description = "The ledger"),
        ("account" = Option<Vec<String>>, Query, description = "With an entry of the account"),
        ("reference" = Option<Vec<String>>, Query, description = "The client's reference"),
        ("idempotency_key" = Option<Vec<String>>, Query, description = "The key it came with"),
        ("status" = Option<Vec<String>>, Query,
            description = "`posted`, `pending`, `voided`, `expired`"),
        ("code" = Option<Vec<String>>, Query, description = "The label"),
        ("effective_from" = Option<String>, Query, description = "A date or time; inclusive"),
        ("effective_to" = Option<String>, Query,
            description = "Includes the day of a date, excludes the instant of a time"),
        ("metadata[key]" = Option<Vec<String>>, Query, description = "Exact value of the key"),
        ("limit" = Option<u16>, Query,
            description = "1 to 1000, default 100; a page of 8 MiB ends early"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("order" = Option<String>, Query, description = "`desc` (default) or `asc`"),
        ("min_revision" = Option<u64>, Query, description = "Wait until the view has reached it"),
        ("wait_ms" = Option<u64>, Query, description = "How long at most; default 2000"),
    ),
    responses(
        (status = 200, description = "A page of transactions",
            body = crate::views::Page<Transaction>),
        (status = 400, description = "`validation`"),
        (status = 404, description = "`ledger_not_found`"),
        (status = 503, description = "`view_behind`"),
    ))]
pub(super) async fn list(service: Service, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let ledger = ledger_of(&request)?;
    let mut query = Query::parse(&request)?;
    let freshness = Freshness::take(&mut query, &request)?;
    let params = ListParams::take(&mut query, Order::Desc)?;
    let filter = filter(&mut query)?;
    let walk = Walk::new("transactions", &(&ledger, params.order, &filter));
    let asked = Asked::<Revision>::new(query, walk, params, freshness)?;
    let (snapshot, mark, stretch) = match asked.open(&service, &request, &ledger).await? {
        Opened::Read(snapshot, mark, stretch) => (snapshot, mark, stretch),
        Opened::Done(answer) => return Ok(answer),
    };
    let rows = read(snapshot, async |snapshot| {
        snapshot.transactions(&ledger, &filter, &stretch).await
    })
    .await?;
    Ok(asked.answer(mark, rows, |row: &Transaction| row.revision))
}

/// One transaction.
#[utoipa::path(get, path = "/v1/ledgers/{ledger}/transactions/{id}", tag = "queries",
    operation_id = "get_transaction",
    params(
        ("ledger" = String, Path, description = "The ledger"),
        ("id" = String, Path, description = "The transaction"),
        ("min_revision" = Option<u64>, Query, description = "Wait until the view has reached it"),
        ("wait_ms" = Option<u64>, Query, description = "How long at most; default 2000"),
    ),
    responses(
        (status = 200, description = "The transaction", body = Transaction),
        (status = 304, description = "Unchanged since `If-None-Match`"),
        (status = 404, description = "`ledger_not_found`, `transaction_not_found`"),
        (status = 503, description = "`view_behind`"),
    ))]
pub(super) async fn one(service: Service, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let ledger = ledger_of(&request)?;
    let mut query = Query::parse(&request)?;
    let freshness = Freshness::take(&mut query, &request)?;
    query.finish()?;
    let (snapshot, mark) = match begin(&service, &request, &ledger, freshness).await? {
        Begun::Read(snapshot, mark) => (snapshot, mark),
        Begun::Done(answer) => return Ok(answer),
    };
    let not_found = || {
        errors::not_found(
            problems::TRANSACTION_NOT_FOUND,
            "transaction",
            mark.revision,
        )
    };
    let text = request.match_info().get("id").unwrap_or_default();
    let id = TransactionId::parse(text).ok().ok_or_else(not_found)?;
    let found = read(snapshot, async |snapshot| {
        snapshot.transaction(&ledger, id).await
    })
    .await?;
    let found = found.ok_or_else(not_found)?;
    Ok(answer::json(Source::Views, mark, &found))
}

fn filter(query: &mut Query) -> Result<TransactionFilter, Problem> {
    Ok(TransactionFilter {
        account: parsed_many(query, "account", AccountId::parse)?,
        reference: parsed_many(query, "reference", Reference::parse)?,
        idempotency_key: parsed_many(query, "idempotency_key", IdempotencyKey::parse)?,
        status: parsed_many(query, "status", one_of(STATUSES))?,
        code: parsed_many(query, "code", Code::parse)?,
        effective_from: parsed(query, "effective_from", Effective::parse)?,
        effective_to: parsed(query, "effective_to", Effective::parse)?,
        metadata: metadata(query)?,
    })
}
