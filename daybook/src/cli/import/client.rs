//! The bulk endpoint, asked until it gives a definite answer.
//!
//! A lost connection, a time-out, 429 and 5xx leave open what happened. Repeating the same items
//! with the same keys is always safe, so that is what is done.

use std::time::Duration;

use reqwest::{RequestBuilder, Response, StatusCode, header};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::progress::Progress;
use crate::failure::{Failure, chain};
use crate::import::{Batch, Line};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// One request with its answer; longer than the service lets a request wait.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// For so long the same request is repeated, unless the service says it in a definite answer.
const PATIENCE: Duration = Duration::from_secs(300);
const DELAY_MIN: Duration = Duration::from_millis(100);
const DELAY_MAX: Duration = Duration::from_secs(5);

/// A connection to one ledger of a service.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    ledger: String,
    token: String,
}

/// How many items had which outcome.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    /// Applied now.
    pub(super) applied: u64,
    /// Applied before.
    pub(super) replayed: u64,
    /// Refused by a rule.
    pub(super) rejected: u64,
}

impl Tally {
    fn count(&mut self, status: &str) {
        match status {
            "applied" => self.applied += 1,
            "replayed" => self.replayed += 1,
            _ => self.rejected += 1,
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.applied += other.applied;
        self.replayed += other.replayed;
        self.rejected += other.rejected;
    }

    pub(super) fn all(self) -> u64 {
        self.applied + self.replayed + self.rejected
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            applied,
            replayed,
            rejected,
        } = self;
        write!(
            f,
            "applied {applied}, replayed {replayed}, rejected {rejected}"
        )
    }
}

/// What became of a request's items.
pub(super) struct Outcome {
    /// All items.
    pub(super) items: Tally,
    /// The transactions among them.
    pub(super) transactions: Tally,
    /// The ledger's revision afterwards.
    pub(super) revision: Option<u64>,
    /// What was rejected.
    pub(super) rejections: Vec<Rejection>,
}

/// An item that a rule refused.
pub(super) struct Rejection {
    /// Its line in the file.
    pub(super) line: u64,
    /// The stable code.
    pub(super) code: String,
    /// In words.
    pub(super) detail: String,
}

#[derive(Deserialize)]
struct Answer {
    revision: Option<u64>,
    results: Vec<ItemResult>,
}

#[derive(Deserialize)]
struct ItemResult {
    index: usize,
    status: String,
    code: Option<String>,
    detail: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<FieldError>,
    index: Option<usize>,
}

#[derive(Deserialize)]
struct FieldError {
    pointer: String,
    detail: String,
}

/// What one try gave.
enum Try {
    Definite(Response),
    Again { why: String, wait: Option<Duration> },
}

impl Client {
    /// Does not connect yet.
    pub(super) fn new(url: &str, ledger: &str, token: &str) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .build()?;
        let base = url.trim_end_matches('/').to_owned();
        Ok(Self {
            http,
            base,
            ledger: ledger.to_owned(),
            token: token.to_owned(),
        })
    }

    /// Opens the ledger; one that is open already is as good.
    pub(super) async fn open_ledger(&self) -> Result<(), Failure> {
        let url = format!("{}/v1/ledgers", self.base);
        let body = serde_json::json!({"ledger": self.ledger}).to_string();
        let request = || {
            self.http
                .post(&url)
                .bearer_auth(&self.token)
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.clone())
        };
        let response = until_definite(request, |_| {}).await?;
        match response.status() {
            status if status.is_success() || status == StatusCode::CONFLICT => Ok(()),
            _ => Err(refused("opening the ledger", response, &[]).await),
        }
    }

    /// Sends the items, each on its own, in order.
    pub(super) async fn send(&self, batch: Batch, progress: &Progress) -> Result<Outcome, Failure> {
        let url = format!(
            "{}/v1/ledgers/{}/bulk?mode=independent",
            self.base, self.ledger
        );
        let Batch { lines, body } = batch;
        let body = bytes::Bytes::from(body);
        let request = || {
            self.http
                .post(&url)
                .bearer_auth(&self.token)
                .header(header::CONTENT_TYPE, "application/x-ndjson")
                .body(body.clone())
        };
        loop {
            let say = |why: &str| progress.print(&format!("trying again: {why}"));
            let response = until_definite(request, say).await?;
            if !response.status().is_success() {
                return Err(refused("the request", response, &lines).await);
            }
            // The head of the answer came; if its body is cut off, it is asked for again.
            match response.json::<Answer>().await {
                Ok(answer) => return outcome(answer, &lines),
                Err(error) if error.is_decode() => return Err(error.into()),
                Err(error) => say(&chain(&error)),
            }
        }
    }
}

fn outcome(answer: Answer, lines: &[Line]) -> Result<Outcome, Failure> {
    if answer.results.len() != lines.len() {
        let (results, items) = (answer.results.len(), lines.len());
        let text = format!("the service answered {results} results for {items} items");
        return Err(Failure::new(text));
    }
    let mut outcome = Outcome {
        items: Tally::default(),
        transactions: Tally::default(),
        revision: answer.revision,
        rejections: Vec::new(),
    };
    for result in answer.results {
        let line = lines.get(result.index);
        outcome.items.count(&result.status);
        if line.is_some_and(|line| line.is_transaction) {
            outcome.transactions.count(&result.status);
        }
        if !matches!(&*result.status, "applied" | "replayed") {
            outcome.rejections.push(Rejection {
                line: line.map(|line| line.number).unwrap_or_default(),
                code: result.code.unwrap_or(result.status),
                detail: result.detail.unwrap_or_default(),
            });
        }
    }
    Ok(outcome)
}

/// Repeats the request until the answer says what happened, or patience ends.
async fn until_definite(
    request: impl Fn() -> RequestBuilder,
    say: impl Fn(&str),
) -> Result<Response, Failure> {
    let deadline = Instant::now() + PATIENCE;
    let mut delay = DELAY_MIN;
    let mut said = false;
    loop {
        match attempt(request()).await {
            Try::Definite(response) => return Ok(response),
            Try::Again { why, .. } if Instant::now() + delay > deadline => {
                let patience_s = PATIENCE.as_secs();
                return Err(Failure::new(format!("gave up after {patience_s} s: {why}")));
            }
            Try::Again { why, wait } => {
                if !said {
                    say(&why);
                    said = true;
                }
                sleep(wait.unwrap_or(delay)).await;
                delay = (delay * 2).min(DELAY_MAX);
            }
        }
    }
}

async fn attempt(request: RequestBuilder) -> Try {
    match request.send().await {
        Ok(response) => {
            let status = response.status();
            if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
                let wait = retry_after(&response);
                Try::Again {
                    why: format!("the service answered {status}"),
                    wait,
                }
            } else {
                Try::Definite(response)
            }
        }
        Err(error) => Try::Again {
            why: chain(&error),
            wait: None,
        },
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(text.parse().ok()?).min(DELAY_MAX))
}

/// A definite no to the whole request, in one line that names the line of the file it is about.
async fn refused(what: &str, response: Response, lines: &[Line]) -> Failure {
    let status = response.status();
    match response.json::<Problem>().await {
        Ok(problem) => Failure::new(format!("{what} was refused: {}", words(problem, lines))),
        Err(_not_a_problem) => Failure::new(format!("{what} was refused: {status}")),
    }
}

fn words(problem: Problem, lines: &[Line]) -> String {
    let line = |index: usize| {
        lines
            .get(index)
            .map(|line| format!("line {}: ", line.number))
    };
    let mut text = problem.index.and_then(line).unwrap_or_default();
    text.push_str(&problem.code);
    match (problem.errors.first(), problem.detail) {
        (Some(error), _) => {
            // A pointer into the request: the item's index, then the place in the item.
            let (index, place) = split_pointer(&error.pointer);
            let line = index.and_then(line).unwrap_or_default();
            text.push_str(&format!(", {line}{place}: {}", error.detail));
        }
        (None, Some(detail)) => text.push_str(&format!(": {detail}")),
        (None, None) => {}
    }
    text
}

fn split_pointer(pointer: &str) -> (Option<usize>, &str) {
    let rest = pointer.strip_prefix('/').unwrap_or(pointer);
    let (first, place) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match first.parse() {
        Ok(index) => (Some(index), place),
        Err(_not_an_index) => (None, pointer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64, is_transaction: bool) -> Line {
        Line {
            number,
            is_transaction,
        }
    }

    #[test]
    fn results_are_counted_and_rejections_kept() {
        let answer = r#"{"revision": 7, "results": [
            {"index": 0, "status": "applied", "id": "x", "revision": 6},
            {"index": 1, "status": "rejected", "code": "unbalanced", "detail": "no"},
            {"index": 2, "status": "replayed", "id": "y", "revision": 3}]}"#;
        let answer: Answer = serde_json::from_str(answer).unwrap();
        let lines = [line(5, false), line(6, true), line(9, true)];
        let outcome = outcome(answer, &lines).unwrap();
        let items = "applied 1, replayed 1, rejected 1";
        let transactions = "applied 0, replayed 1, rejected 1";
        assert_eq!(outcome.items.to_string(), items);
        assert_eq!(outcome.transactions.to_string(), transactions);
        assert_eq!(outcome.revision, Some(7));
        assert_eq!(outcome.rejections.len(), 1);
        assert_eq!(
            (outcome.rejections[0].line, &*outcome.rejections[0].code),
            (6, "unbalanced")
        );
    }

    #[test]
    fn an_answer_for_another_number_of_items_is_refused() {
        let answer = Answer {
            revision: None,
            results: Vec::new(),
        };
        assert!(outcome(answer, &[line(1, true)]).is_err());
    }

    #[test]
    fn a_refused_request_names_the_line_of_the_file() {
        let problem = r#"{"code": "validation", "detail": "many", "errors": [
            {"pointer": "/1/data/entries", "detail": "too few"}]}"#;
        let problem: Problem = serde_json::from_str(problem).unwrap();
        assert_eq!(
            words(problem, &[line(7, true), line(8, true)]),
            "validation, line 8: /data/entries: too few"
        );
        let problem: Problem =
            serde_json::from_str(r#"{"code": "forbidden", "detail": "no"}"#).unwrap();
        assert_eq!(
            words(problem, &[line(7, true), line(8, true)]),
            "forbidden: no"
        );
    }
}
