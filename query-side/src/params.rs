//! What a read may be asked, and the reading of it: parameters are checked here, once.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use actix_web::HttpRequest;
use daybook_events::Invalid;
use daybook_events::ids::Revision;
use daybook_platform::http::Query;
use daybook_platform::problem::{FieldError, Problem};
use serde::Serialize;

/// Rows of a page unless asked otherwise.
const LIMIT_DEFAULT: u16 = 100;
/// The most rows of a page.
const LIMIT_MAX: u16 = 1000;
/// The most values one filter may repeat, so that a statement stays small.
const VALUES_MAX: usize = 100;
/// How long a read waits for `min_revision` unless asked otherwise.
const WAIT_DEFAULT_MS: u64 = 2_000;
/// The longest wait.
const WAIT_MAX_MS: u64 = 30_000;

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// The smallest key first.
    Asc,
    /// The largest key first.
    Desc,
}

impl Order {
    /// For `ORDER BY`.
    pub(crate) const fn sql(self) -> &'static str {
        match self {
            Self::Asc => "ASC",
            Self::Desc => "DESC",
        }
    }

    /// The comparison that a key beyond another fulfils.
    pub(crate) const fn beyond(self) -> &'static str {
        match self {
            Self::Asc => ">",
            Self::Desc => "<",
        }
    }
}

/// How fresh an answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// The revision that the view must have reached.
    pub(crate) min_revision: Option<Revision>,
    /// How long to wait for it.
    pub(crate) wait: Duration,
}

impl Freshness {
    /// From `Min-Ledger-Revision`, `min_revision` and `wait_ms`. Header and parameter both: the
    /// larger one, which fulfils both.
    pub(crate) fn take(query: &mut Query, request: &HttpRequest) -> Result<Self, Problem> {
        const HEADER: &str = "Min-Ledger-Revision";
        let header = match request.headers().get(HEADER) {
            None => None,
            Some(value) => {
                let text = value.to_str().unwrap_or("?");
                Some(revision(text).map_err(|error| bad(HEADER, &error))?)
            }
        };
        let parameter = parsed(query, "min_revision", revision)?;
        let wait = parsed(query, "wait_ms", wait_ms)?.unwrap_or(WAIT_DEFAULT_MS);
        Ok(Self {
            min_revision: header.max(parameter),
            wait: Duration::from_millis(wait),
        })
    }

    /// The same with another lower bound beside it.
    pub(crate) fn at_least(self, revision: Option<Revision>) -> Self {
        Self {
            min_revision: self.min_revision.max(revision),
            wait: self.wait,
        }
    }
}

/// What every list may be asked.
#[derive(Debug, Clone)]
pub(crate) struct ListParams {
    /// Rows of a page.
    pub(crate) limit: u16,
    /// Which end comes first.
    pub(crate) order: Order,
    /// Where to go on.
    pub(crate) cursor: Option<String>,
}

impl ListParams {
    /// Takes them out of the query.
    pub(crate) fn take(query: &mut Query, default: Order) -> Result<Self, Problem> {
        let asked = query.one("limit")?;
        let order = parsed(query, "order", order)?.unwrap_or(default);
        Self::new(asked.as_deref(), order, query.one("cursor")?)
    }

    /// From what was taken out already.
    pub(crate) fn new(
        asked: Option<&str>,
        order: Order,
        cursor: Option<String>,
    ) -> Result<Self, Problem> {
        let limit = match asked {
            None => LIMIT_DEFAULT,
            Some(text) => limit(text).map_err(|error| bad("limit", &error))?,
        };
        Ok(Self {
            limit,
            order,
            cursor,
        })
    }
}

/// One value of a parameter.
pub(crate) fn parsed<T, E: fmt::Display>(
    query: &mut Query,
    name: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Problem> {
    let Some(text) = query.one(name)? else {
        return Ok(None);
    };
    parse(&text).map(Some).map_err(|error| bad(name, &error))
}

/// All values of a parameter that may be repeated: any of them matches.
pub(crate) fn parsed_many<T, E: fmt::Display>(
    query: &mut Query,
    name: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, Problem> {
    let texts = query.many(name);
    if texts.len() > VALUES_MAX {
        return Err(bad(name, &"at most 100 values"));
    }
    texts
        .iter()
        .map(|text| parse(text).map_err(|error| bad(name, &error)))
        .collect()
}

/// `metadata[key]=value`: the values by key.
pub(crate) fn metadata(query: &mut Query) -> Result<BTreeMap<String, Vec<String>>, Problem> {
    let pairs = query.keyed("metadata");
    if pairs.len() > VALUES_MAX {
        return Err(bad("metadata", &"at most 100 values"));
    }
    let mut by_key = BTreeMap::<String, Vec<String>>::new();
    for (key, value) in pairs {
        // Postgres' text holds no NUL, and no metadata does.
        if key.contains('\0') || value.contains('\0') {
            return Err(bad("metadata", &"keys and values must not contain NUL"));
        }
        by_key.entry(key).or_default().push(value);
    }
    Ok(by_key)
}

/// One of the given words.
pub(crate) fn one_of(words: &'static [&'static str]) -> impl Fn(&str) -> Result<String, Invalid> {
    move |text| {
        if words.contains(&text) {
            return Ok(text.to_owned());
        }
        Err(Invalid::new(
            "value",
            format!("expected one of {}", words.join(", ")),
        ))
    }
}

/// A refusal of one parameter or header.
pub(crate) fn bad(name: &str, why: &dyn fmt::Display) -> Problem {
    Problem::validation(format!("{name}: {why}")).with_errors(vec![FieldError {
        pointer: name.to_owned(),
        detail: why.to_string(),
    }])
}

/// A revision: digits alone, within Postgres' `bigint`.
pub(crate) fn revision(text: &str) -> Result<Revision, Invalid> {
    let refuse = || Invalid::new("revision", "expected a whole number such as 42");
    if text.is_empty() || text.len() > 19 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(refuse());
    }
    let number: i64 = text
        .parse()
        .map_err(|error: std::num::ParseIntError| Invalid::new("revision", error.to_string()))?;
    Ok(Revision::from_i64(number))
}

fn wait_ms(text: &str) -> Result<u64, Invalid> {
    match text.parse::<u64>() {
        Ok(number) if number <= WAIT_MAX_MS && !text.starts_with('+') => Ok(number),
        _ => Err(Invalid::new("wait", "expected 0 to 30000 milliseconds")),
    }
}

fn limit(text: &str) -> Result<u16, Invalid> {
    match text.parse::<u16>() {
        Ok(number) if (1..=LIMIT_MAX).contains(&number) && !text.starts_with('+') => Ok(number),
        _ => Err(Invalid::new("limit", "expected 1 to 1000")),
    }
}

fn order(text: &str) -> Result<Order, Invalid> {
    match text {
        "asc" => Ok(Order::Asc),
        "desc" => Ok(Order::Desc),
        _ => Err(Invalid::new("order", "expected asc or desc")),
    }
}
