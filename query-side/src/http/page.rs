//! What the reads of the views have in common: one object, and keyset pages, which go on where the
//! page before ended.

use actix_web::{HttpRequest, HttpResponse};
use daybook_events::ids::{LedgerId, Revision};
use daybook_platform::http::Query;
use daybook_platform::problem::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Begun, begin, begin_at, ledger_of};
use crate::answer::{self, Source};
use crate::cursor::{Cursor, Pin, Walk};
use crate::errors;
use crate::params::{Freshness, ListParams, Order, bad};
use crate::read_model::accounts::Stretch;
use crate::read_model::rows::Rows;
use crate::read_model::{Snapshot, ViewError, within_read_time};
use crate::service::QueryService;
use crate::views::Page;

/// What a list of one ledger shows; serialized, it tells the list's walks from those of another.
pub(super) trait List: Serialize + Sized {
    /// The route's name in cursors.
    const NAME: &'static str;
    /// The order unless asked otherwise.
    const ORDER: Order;
    /// What the rows are sorted by.
    type Key: Serialize + DeserializeOwned + Clone;
    /// What the list is of.
    type Row: Serialize;

    /// From the path and the query.
    fn take(request: &HttpRequest, query: &mut Query) -> Result<Self, Problem>;

    /// The rows of the stretch; `None` if what the path names is not there.
    async fn rows(
        &self,
        snapshot: &mut Snapshot,
        ledger: &LedgerId,
        stretch: &Stretch<Self::Key>,
    ) -> Result<Option<Rows<Self::Row>>, ViewError>;

    /// A row's key.
    fn key(row: &Self::Row) -> Self::Key;
}

/// Answers one page of a list of one ledger. Its cursor must be of the walk that this request is a
/// page of; it is read from a snapshot at least as new as the walk's first page, and shows the
/// ledger as it was then.
pub(super) async fn list<L: List>(
    service: &QueryService,
    request: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    let ledger = ledger_of(request)?;
    let mut query = Query::parse(request)?;
    let freshness = Freshness::take(&mut query, request)?;
    let params = ListParams::take(&mut query, L::ORDER)?;
    let list = L::take(request, &mut query)?;
    query.finish()?;
    let walk = Walk::new(L::NAME, &(&ledger, params.order, &list));
    let cursor: Option<Cursor<L::Key>> = read_cursor(walk, &params)?;
    let pin = cursor.as_ref().and_then(|cursor| cursor.pin);
    let pinned = pin.map(|pin| pin.revision);
    let freshness = freshness.at_least(pinned);
    let (snapshot, mark) = match begin_at(service, request, &ledger, freshness, pinned).await? {
        Begun::Read(snapshot, mark) => (snapshot, mark),
        Begun::Done(answer) => return Ok(answer),
    };
    if pin.is_some_and(|pin| pin.generation != mark.generation) {
        let why = "it is from an earlier life of the event store; start again without it";
        return Err(bad("cursor", &why));
    }
    let stretch = Stretch {
        pinned: mark.revision,
        after: cursor.map(|cursor| cursor.last),
        order: params.order,
        // One more than asked tells whether there is a next page.
        limit: i64::from(params.limit) + 1,
    };
    let rows = read(snapshot, async |snapshot| {
        list.rows(snapshot, &ledger, &stretch).await
    })
    .await?;
    // All that a list's path names beside its ledger is an account.
    let rows = rows.ok_or_else(|| errors::account_not_found(mark.revision))?;
    let pin = Pin {
        generation: mark.generation,
        revision: mark.revision,
    };
    let page = page(walk, &params, Some(pin), rows, L::key);
    Ok(answer::json(Source::Views, mark, &page))
}

/// Answers with one object of a ledger.
pub(super) async fn one<T: Serialize>(
    service: &QueryService,
    request: &HttpRequest,
    not_found: fn(Revision) -> Problem,
    find: impl AsyncFnOnce(&mut Snapshot, &LedgerId, Revision) -> Result<Option<T>, ViewError>,
) -> Result<HttpResponse, Problem> {
    let ledger = ledger_of(request)?;
    let mut query = Query::parse(request)?;
    let freshness = Freshness::take(&mut query, request)?;
    query.finish()?;
    let (snapshot, mark) = match begin(service, request, &ledger, freshness).await? {
        Begun::Read(snapshot, mark) => (snapshot, mark),
        Begun::Done(answer) => return Ok(answer),
    };
    let found = read(snapshot, async |snapshot| {
        find(snapshot, &ledger, mark.revision).await
    })
    .await?;
    let found = found.ok_or_else(|| not_found(mark.revision))?;
    Ok(answer::json(Source::Views, mark, &found))
}

/// Reads within the bound and gives the snapshot's connection back.
async fn read<T>(
    mut snapshot: Snapshot,
    read: impl AsyncFnOnce(&mut Snapshot) -> Result<T, ViewError>,
) -> Result<T, Problem> {
    let found = within_read_time(async move {
        let found = read(&mut snapshot).await?;
        snapshot.close().await?;
        Ok(found)
    });
    Ok(found.await?)
}

/// The cursor of a request, checked against its walk.
pub(super) fn read_cursor<K: Serialize + DeserializeOwned>(
    walk: Walk,
    params: &ListParams,
) -> Result<Option<Cursor<K>>, Problem> {
    params
        .cursor
        .as_deref()
        .map(|text| Cursor::read(walk, text).map_err(|error| bad("cursor", &error.why)))
        .transpose()
}

/// The page from rows of which one more than asked was read, or that were cut short.
pub(super) fn page<T, K: Serialize + DeserializeOwned>(
    walk: Walk,
    params: &ListParams,
    pin: Option<Pin>,
    rows: impl Into<Rows<T>>,
    key: impl Fn(&T) -> K,
) -> Page<T> {
    let limit = usize::from(params.limit);
    let Rows { mut rows, cut } = rows.into();
    let has_more = cut || rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| has_more).map(|last| {
        let cursor = Cursor {
            pin,
            last: key(last),
        };
        cursor.write(walk)
    });
    Page {
        data: rows,
        next_cursor,
        has_more,
        revision: pin.map(|pin| pin.revision),
    }
}
