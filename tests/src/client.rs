//! A client of Daybook's HTTP interface: it knows the headers, and nothing of Daybook's code.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// No single request of a test may take longer.
const REQUEST_BOUND: Duration = Duration::from_secs(60);

/// Speaks to one service with one token.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Client {
    /// For the service at `base` (`http://127.0.0.1:7400`).
    ///
    /// # Panics
    /// When the client cannot be made.
    pub fn new(base: impl Into<String>, token: Option<String>) -> Self {
        let http = reqwest::Client::builder()
            .timeout(REQUEST_BOUND)
            .no_proxy()
            .build()
            .expect("a plain client can be made");
        Self {
            http,
            base: base.into(),
            token,
        }
    }

    /// The same service, another token (or none).
    #[must_use]
    pub fn with_token(&self, token: Option<String>) -> Self {
        Self {
            token,
            ..self.clone()
        }
    }

    /// The same token, another address.
    #[must_use]
    pub fn at(&self, base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            ..self.clone()
        }
    }

    /// A request to be completed with headers and a body.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// `GET`.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn get(&self, path: &str) -> Answer {
        sent(self.request(Method::GET, path)).await
    }

    /// `GET` of a view that has reached `revision`.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn get_at(&self, path: &str, revision: u64) -> Answer {
        let request = self.request(Method::GET, path);
        sent(request.header("Min-Ledger-Revision", revision)).await
    }

    /// `POST` of a JSON body, with a key.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        sent(self.post_request(path, key, body)).await
    }

    /// The request of [`Client::post`].
    pub fn post_request(&self, path: &str, key: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path)
            .header("Idempotency-Key", key)
            .json(body)
    }

    /// Opens a ledger, if it is not there yet.
    ///
    /// # Panics
    /// When the service refuses.
    pub async fn open_ledger(&self, ledger: &str) {
        let body = serde_json::json!({"ledger": ledger});
        let key = format!("open-ledger-{ledger}");
        self.post("/v1/ledgers", &key, &body).await.expect(201);
    }

    /// Opens accounts, given as pairs of id and type.
    ///
    /// # Panics
    /// When the service refuses.
    pub async fn open_accounts(&self, ledger: &str, accounts: &[(&str, &str)]) {
        for (account, account_type) in accounts {
            let body = serde_json::json!({"account": account, "type": account_type});
            let path = format!("/v1/ledgers/{ledger}/accounts");
            let key = format!("open-account-{account}");
            self.post(&path, &key, &body).await.expect(201);
        }
    }
}

/// Sends a request and reads the whole answer.
///
/// # Errors
/// When the connection breaks before the answer is whole.
pub async fn try_send(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.bytes().await?,
    })
}

/// Sends a request and reads the whole answer.
///
/// # Panics
/// When the connection breaks before the answer is whole.
pub async fn sent(request: RequestBuilder) -> Answer {
    try_send(request).await.expect("the service answers")
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is something else.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {self}"))
    }

    /// A header, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The `Ledger-Revision`.
    ///
    /// # Panics
    /// When it is missing.
    pub fn revision(&self) -> u64 {
        self.header("Ledger-Revision")
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("no Ledger-Revision: {self}"))
    }

    /// The problem's code; empty if the body is no problem.
    pub fn code(&self) -> String {
        serde_json::from_slice::<Value>(&self.body)
            .ok()
            .and_then(|body| Some(body.get("code")?.as_str()?.to_owned()))
            .unwrap_or_default()
    }

    /// The answer itself, when it has this status.
    ///
    /// # Panics
    /// When it has another one.
    #[must_use = "an answer says more than its status"]
    pub fn checked(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Checks the status and gives the body.
    ///
    /// # Panics
    /// When the status is another one.
    pub fn expect(self, status: u16) -> Value {
        self.checked(status).json()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}
