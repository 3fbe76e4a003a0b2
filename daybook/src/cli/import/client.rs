//! The bulk endpoint, asked until it gives a definite answer.
//!
//! A lost connection, a time-out, 429 and 5xx leave open what happened. Repeating the same items
//! with the same keys is always safe, so that is what is done.

use std::cell::Cell;
use std::time::Duration;

use daybook_platform::config::redact_url;
use reqwest::{RequestBuilder, Response, StatusCode, header};
use tokio::time::{Instant, sleep};

use super::answer::{Answer, Outcome, outcome, refused};
use super::progress::Progress;
use crate::failure::{Failure, chain};
use crate::import::Batch;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// One request with its answer; longer than the service lets a request wait.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a service that was never reached is looked for: most likely the address is wrong.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
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
    /// Whether a connection was ever made.
    reached: Cell<bool>,
}

/// What one try gave.
enum Try {
    Definite(Response),
    Again {
        why: String,
        wait: Option<Duration>,
        reached: bool,
    },
    Never(Failure),
}

impl Client {
    /// Does not connect yet.
    pub(super) fn new(url: &str, ledger: &str, token: &str) -> Result<Self, Failure> {
        check_url(url)?;
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
            reached: Cell::new(false),
        })
    }

    /// Opens the ledger; one that is open already is as good.
    pub(super) async fn open_ledger(&self, progress: &Progress) -> Result<(), Failure> {
        let url = format!("{}/v1/ledgers", self.base);
        let body = serde_json::json!({"ledger": self.ledger}).to_string();
        let request = || {
            self.http
                .post(&url)
                .bearer_auth(&self.token)
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.clone())
        };
        let response = self.until_definite(request, progress).await?;
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
            let response = self.until_definite(request, progress).await?;
            if !response.status().is_success() {
                return Err(refused("the request", response, &lines).await);
            }
            // The head of the answer came; if its body is cut off, it is asked for again.
            match response.json::<Answer>().await {
                Ok(answer) => return outcome(answer, &lines),
                Err(error) if error.is_decode() => return Err(error.into()),
                Err(error) => say_again(progress, &chain(&error)),
            }
        }
    }

    /// Repeats the request until the answer says what happened, or patience ends.
    async fn until_definite(
        &self,
        request: impl Fn() -> RequestBuilder,
        progress: &Progress,
    ) -> Result<Response, Failure> {
        let begun = Instant::now();
        let mut delay = DELAY_MIN;
        let mut said = None;
        loop {
            let (why, wait) = match attempt(request()).await {
                Try::Definite(response) => {
                    self.reached.set(true);
                    return Ok(response);
                }
                Try::Never(failure) => return Err(failure),
                Try::Again { why, wait, reached } => {
                    self.reached.set(self.reached.get() || reached);
                    (why, wait)
                }
            };
            let (patience, what) = if self.reached.get() {
                (PATIENCE, "gave up")
            } else {
                (CONNECT_PATIENCE, "the service cannot be reached, gave up")
            };
            if begun.elapsed() + delay > patience {
                let patience_s = patience.as_secs();
                return Err(Failure::new(format!("{what} after {patience_s} s: {why}")));
            }
            if said.as_ref() != Some(&why) {
                say_again(progress, &why);
                said = Some(why);
            }
            sleep(wait.unwrap_or(delay)).await;
            delay = (delay * 2).min(DELAY_MAX);
        }
    }
}

fn say_again(progress: &Progress, why: &str) {
    progress.print(&format!("trying again: {why}"));
}

/// What can never be the address of a service is told at once.
fn check_url(url: &str) -> Result<(), Failure> {
    let shown = redact_url(url);
    let not_usable = |why: &str| Failure::new(format!("--url {shown:?} is not usable: {why}"));
    let parsed = reqwest::Url::parse(url).map_err(|error| not_usable(&error.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(not_usable("it does not begin with http:// or https://"));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(not_usable("it has more than a host, a port and a path"));
    }
    Ok(())
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
                    reached: true,
                }
            } else {
                Try::Definite(response)
            }
        }
        Err(error) if error.is_builder() || error.is_redirect() => Try::Never(error.into()),
        Err(error) => Try::Again {
            why: chain(&error),
            wait: None,
            reached: !error.is_connect(),
        },
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(text.parse().ok()?).min(DELAY_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused_at_once() {
        for wrong in [
            "",
            "127.0.0.1:7400",
            "localhost:7400",
            "http://",
            "http://a b",
            "http://h:99999",
            "nats://127.0.0.1:4222",
            "postgres://me:hush@db/books",
            "http://127.0.0.1:7400?x=1",
        ] {
            let refused = Client::new(wrong, "shop", "t").err().unwrap().to_string();
            assert!(
                refused.contains("--url") && !refused.contains("hush"),
                "{refused}"
            );
        }
        for good in ["http://127.0.0.1:7400", "https://books.example/daybook/"] {
            assert!(Client::new(good, "shop", "t").is_ok(), "{good}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_was_never_reached_is_given_up_soon() {
        // Nothing listens on port 1.
        let client = Client::new("http://127.0.0.1:1", "shop", "t").unwrap();
        let begun = Instant::now();
        let failed = client.open_ledger(&Progress::new(None)).await.unwrap_err();
        assert!(
            begun.elapsed() < CONNECT_PATIENCE * 2,
            "{:?}",
            begun.elapsed()
        );
        let failed = failed.to_string();
        assert!(
            failed.contains("cannot be reached") && failed.contains("10 s"),
            "{failed}"
        );

        client.reached.set(true);
        let begun = Instant::now();
        let failed = client.open_ledger(&Progress::new(None)).await.unwrap_err();
        assert!(
            begun.elapsed() > CONNECT_PATIENCE * 2,
            "{:?}",
            begun.elapsed()
        );
        assert!(
            failed.to_string().starts_with("gave up after 300 s"),
            "{failed}"
        );
    }
}
