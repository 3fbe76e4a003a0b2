//! Keyset pages: how a list goes on where the page before it ended.

use actix_web::{HttpRequest, HttpResponse};
use daybook_events::ids::LedgerId;
use daybook_platform::http::Query;
use daybook_platform::problem::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Begun, begin_at};
use crate::answer::{self, Source};
use crate::cursor::{Cursor, Pin, Walk};
use crate::params::{Freshness, ListParams, bad};
use crate::read_model::accounts::Stretch;
use crate::read_model::rows::Rows;
use crate::read_model::{Mark, Snapshot, ViewError, within_read_time};
use crate::service::QueryService;
use crate::views::Page;

/// A list of one ledger as it was asked for.
pub(super) struct Asked<K> {
    walk: Walk,
    params: ListParams,
    cursor: Option<Cursor<K>>,
    freshness: Freshness,
}

/// How the page begins.
pub(super) enum Opened<K> {
    /// Read this stretch.
    Read(Snapshot, Mark, Stretch<K>),
    /// The caller has this answer already.
    Done(HttpResponse),
}

impl<K: Serialize + DeserializeOwned + Clone> Asked<K> {
    /// Checks the cursor against the walk that this request is a page of, and that no parameter is
    /// left over.
    pub(super) fn new(
        query: Query,
        walk: Walk,
        params: ListParams,
        freshness: Freshness,
    ) -> Result<Self, Problem> {
        query.finish()?;
        let cursor = read_cursor(walk, &params)?;
        Ok(Self {
            walk,
            params,
            cursor,
            freshness,
        })
    }

    /// Takes the snapshot that the page is read from, at least as new as the walk's first page. The
    /// mark is the one that the page shows: the first page's.
    pub(super) async fn open(
        &self,
        service: &QueryService,
        request: &HttpRequest,
        ledger: &LedgerId,
    ) -> Result<Opened<K>, Problem> {
        let pin = self.cursor.as_ref().and_then(|cursor| cursor.pin);
        let freshness = self.freshness.at_least(pin.map(|pin| pin.revision));
        let pinned = pin.map(|pin| pin.revision);
        let (snapshot, mark) = match begin_at(service, request, ledger, freshness, pinned).await? {
            Begun::Read(snapshot, mark) => (snapshot, mark),
            Begun::Done(answer) => return Ok(Opened::Done(answer)),
        };
        if pin.is_some_and(|pin| pin.generation != mark.generation) {
            let why = "it is from an earlier life of the event store; start again without it";
            return Err(bad("cursor", &why));
        }
        let stretch = Stretch {
            pinned: mark.revision,
            after: self.cursor.as_ref().map(|cursor| cursor.last.clone()),
            order: self.params.order,
            // One more than asked tells whether there is a next page.
            limit: i64::from(self.params.limit) + 1,
        };
        Ok(Opened::Read(snapshot, mark, stretch))
    }

    /// The page from the rows of the stretch, of which one more than asked was read.
    pub(super) fn answer<T: Serialize>(
        &self,
        mark: Mark,
        rows: impl Into<Rows<T>>,
        key: impl Fn(&T) -> K,
    ) -> HttpResponse {
        let pin = Pin {
            generation: mark.generation,
            revision: mark.revision,
        };
        let page = page(self.walk, &self.params, Some(pin), rows, key);
        answer::json(Source::Views, mark, &page)
    }
}

/// Reads within the bound and gives the snapshot's connection back.
pub(super) async fn read<T>(
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
