//! Transactions.

use actix_web::{HttpRequest, HttpResponse};
use daybook_events::event::TransactionStatus;
use daybook_events::ids::{
    AccountId, Code, IdempotencyKey, LedgerId, Reference, Revision, TransactionId,
};
use daybook_events::time::Effective;
use daybook_platform::http::Query;
use daybook_platform::problem::Problem;

use super::Service;
use super::page::{self, List};
use crate::errors;
use crate::params::{Order, metadata, one_of, parsed, parsed_many};
use crate::read_model::accounts::Stretch;
use crate::read_model::rows::Rows;
use crate::read_model::transactions::TransactionFilter;
use crate::read_model::{Snapshot, ViewError};
use crate::views::Transaction;

const STATUSES: &[&str] = &[
    TransactionStatus::Posted.as_str(),
    TransactionStatus::Pending.as_str(),
    TransactionStatus::Voided.as_str(),
    TransactionStatus::Expired.as_str(),
];

/// Transactions, holds among them, newest revision first.
///
/// A walk shows all of them as they were at the revision of its first page.
#[utoipa::path(get, path = "/v1/ledgers/{ledger}/transactions", tag = "queries",
    operation_id = "list_transactions",
    params(
        ("ledger" = String, Path, description = "The ledger"),
        ("account" = Option<Vec<String>>, Query, description = "With an entry of the account"),
        ("reference" = Option<Vec<String>>, Query,
            description = "The client's reference; of a capture or reversal its own"),
        ("idempotency_key" = Option<Vec<String>>, Query,
            description = "The key of the command that recorded it"),
        ("status" = Option<Vec<String>>, Query,
            description = "`posted`, and of holds `pending`, `posted` (captured), `voided`, \
                `expired`"),
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
    page::list::<TransactionFilter>(&service, &request).await
}

impl List for TransactionFilter {
    const NAME: &'static str = "transactions";
    const ORDER: Order = Order::Desc;
    type Key = Revision;
    type Row = Transaction;

    fn take(_request: &HttpRequest, query: &mut Query) -> Result<Self, Problem> {
        Ok(Self {
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

    async fn rows(
        &self,
        snapshot: &mut Snapshot,
        ledger: &LedgerId,
        stretch: &Stretch<Revision>,
    ) -> Result<Option<Rows<Transaction>>, ViewError> {
        snapshot.transactions(ledger, self, stretch).await.map(Some)
    }

    fn key(row: &Transaction) -> Revision {
        row.revision
    }
}

/// One transaction, posted or hold.
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
    let text = request.match_info().get("id").unwrap_or_default();
    let id = TransactionId::parse(text).ok();
    let not_found = errors::transaction_not_found;
    page::one(
        &service,
        &request,
        not_found,
        async |snapshot, ledger, at| {
            match id {
                Some(id) => snapshot.transaction(ledger, id, at).await,
                // What is no transaction's id is no transaction.
                None => Ok(None),
            }
        },
    )
    .await
}
