//! The examples of `docs/accounting.md` are true: its requests are sent to a fresh service in the
//! order of the page, and every answer holds what the page shows of it.
#![expect(
    clippy::panic,
    reason = "a page that is not written as it must be ends with its line"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use daybook_events::event::EventType;
use daybook_events::time::Timestamp;
use daybook_platform::clock::Clock;
use daybook_tests::client::sent;
use daybook_tests::{Answer, Client, History, Service};
use reqwest::Method;
use serde_json::Value;

/// Stands for any value.
const ANY: &str = "…";

/// A request of the page, and the answer that is shown for it.
#[derive(Debug)]
struct Example {
    line: usize,
    pause: Duration,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    status: u16,
    shown_headers: Vec<(String, String)>,
    shown: Value,
}

/// The names that the page gave to values, as `<name>`.
type Names = BTreeMap<String, String>;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The fenced `http` blocks with the line they begin at.
fn blocks(page: &str) -> Vec<(usize, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, fence)) = lines.by_ref().find(|(_, line)| line.starts_with("```")) {
        assert_eq!(fence, "```http", "line {}: only http is run", number + 1);
        let block = lines.by_ref().map(|(_, line)| line);
        let block = block.take_while(|line| *line != "```").collect();
        blocks.push((number + 1, block));
    }
    blocks
}

/// The first line, the headers and the body of a block.
fn parts<'a>(block: &[&'a str]) -> (&'a str, Vec<(String, String)>, String) {
    let (head, body) = match block.iter().position(|line| line.is_empty()) {
        Some(place) => (&block[..place], block[place + 1..].join("\n")),
        None => (block, String::new()),
    };
    let headers = head[1..].iter().map(|line| {
        let (name, value) = line.split_once(": ").expect("a header is `name: value`");
        (name.to_owned(), value.to_owned())
    });
    (head[0], headers.collect(), body)
}

/// `# 3 seconds later` before a request.
fn pause(block: &mut Vec<&str>) -> Duration {
    let Some(comment) = block[0].strip_prefix("# ") else {
        return Duration::ZERO;
    };
    let seconds = comment.strip_suffix(" seconds later").expect(comment);
    let pause = Duration::from_secs(seconds.parse().expect(comment));
    block.remove(0);
    pause
}

fn examples(page: &str) -> Vec<Example> {
    let blocks = blocks(page);
    let (pairs, rest) = blocks.as_chunks::<2>();
    assert!(rest.is_empty(), "the last request has an answer");
    let examples = pairs.iter().map(|[(line, request), (_, answer)]| {
        let mut request = request.clone();
        let pause = pause(&mut request);
        let (first, headers, body) = parts(&request);
        let (method, path) = first.split_once(' ').expect("a method and a path");
        let (status, shown_headers, shown) = parts(answer);
        let status = status.strip_prefix("HTTP/1.1 ");
        let status = status.unwrap_or_else(|| panic!("line {line}: an answer follows"));
        let shown = serde_json::from_str(&shown);
        Example {
            line: *line,
            pause,
            method: method.parse().expect("a method"),
            path: path.to_owned(),
            headers,
            body,
            status: status.parse().expect("a status"),
            shown_headers,
            shown: shown.unwrap_or_else(|error| panic!("the answer to line {line}: {error}")),
        }
    });
    examples.collect()
}

/// The text with the values of its names, which begin to stand for one where they say when.
fn filled(text: &str, names: &mut Names) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        let (name, after) = after.split_once('>').expect("a name ends with >");
        let value = names
            .entry(name.to_owned())
            .or_insert_with(|| instant(name).unwrap_or_else(|| panic!("<{name}> is not known")));
        filled.push_str(before);
        filled.push_str(value);
        rest = after;
    }
    filled + rest
}

/// `in 2 seconds`, as the instant that it is.
fn instant(name: &str) -> Option<String> {
    let seconds = name.strip_prefix("in ")?.strip_suffix(" seconds")?;
    let seconds: i64 = seconds.parse().ok()?;
    let micros = Clock::system().now_micros() + seconds * 1_000_000;
    Timestamp::try_from_micros(micros).map(|at| at.to_string())
}

/// Where `found` is not what is `shown`. Objects may hold more, arrays may not; a name that is met
/// for the first time takes its value.
fn difference(shown: &Value, found: &Value, path: &str, names: &mut Names) -> Option<String> {
    match (shown, found) {
        (Value::Object(shown), Value::Object(found)) => shown.iter().find_map(|(key, shown)| {
            let path = format!("{path}/{key}");
            match found.get(key) {
                Some(found) => difference(shown, found, &path, names),
                None => Some(format!("{path} is missing")),
            }
        }),
        (Value::Array(shown), Value::Array(found)) if shown.len() == found.len() => {
            let mut items = shown.iter().zip(found).enumerate();
            items.find_map(|(index, (shown, found))| {
                difference(shown, found, &format!("{path}/{index}"), names)
            })
        }
        (Value::String(shown), _) if shown == ANY => None,
        (Value::String(text), Value::String(found)) if text.starts_with('<') => {
            let name = text.trim_matches(['<', '>']).to_owned();
            let known = names.entry(name).or_insert_with(|| found.clone());
            (known != found).then(|| format!("{path} is {found}, not {text}, which is {known}"))
        }
        _ => (shown != found).then(|| format!("{path} is {found}, not {shown}")),
    }
}

impl Example {
    async fn send(&self, client: &Client, names: &mut Names, revision: u64) -> Answer {
        tokio::time::sleep(self.pause).await;
        let path = filled(&self.path, names);
        let mut request = client.request(self.method.clone(), &path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if self.method == Method::GET {
            request = request.header("Min-Ledger-Revision", revision);
        } else {
            let body = filled(&self.body, names);
            let _: Value = serde_json::from_str(&body).expect("a body is JSON");
            request = request
                .header("Content-Type", "application/json")
                .body(body);
        }
        sent(request).await
    }

    fn check(&self, answer: &Answer, names: &mut Names) {
        let Self { line, path, .. } = self;
        let asked = format!("line {line}: {} {path}", self.method);
        assert_eq!(answer.status, self.status, "{asked}\n{answer}");
        for (name, value) in &self.shown_headers {
            assert_eq!(answer.header(name), Some(&value[..]), "{asked}: {name}");
        }
        let difference = difference(&self.shown, &answer.json(), "", names);
        assert_eq!(difference, None, "{asked}\n{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_accounting_page_are_true() {
    let page = docs().join("accounting.md");
    let examples = examples(&std::fs::read_to_string(page).unwrap());
    assert!(
        examples.len() > 50,
        "the page has {} examples",
        examples.len()
    );
    let service = Service::start_fresh();
    let client = service.client();
    let (mut names, mut revision) = (Names::new(), 0);
    for example in &examples {
        let answer = example.send(&client, &mut names, revision).await;
        example.check(&answer, &mut names);
        revision = revision.max(answer.revision());
    }
    follows_its_schemas(&History::read(&client, "kiosk").await);
    let (same, report) = service.audit();
    assert!(same, "{report}");
}

/// What the service wrote is what `docs/events.md` promises to whoever reads it.
fn follows_its_schemas(history: &History) {
    let mut compiler = boon::Compiler::new();
    compiler.enable_format_assertions();
    let mut schemas = boon::Schemas::new();
    let mut seen = BTreeSet::new();
    for event in &history.events {
        let kind = event["type"].as_str().unwrap();
        let shape = format!("{kind}.v{}.json", event["version"]);
        for (file, value) in [("event.json", event), (&shape[..], &event["data"])] {
            let path = docs().join("schemas").join(file);
            let schema = compiler.compile(path.to_str().unwrap(), &mut schemas);
            let valid = schemas.validate(value, schema.unwrap());
            assert!(valid.is_ok(), "{event}: {}", valid.unwrap_err());
        }
        seen.insert(kind);
    }
    let every: BTreeSet<_> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(
        seen, every,
        "the page has an example of everything that can happen"
    );
}

#[test]
fn an_example_that_is_not_true_is_found() {
    let found: Value =
        serde_json::json!({"id": "x", "of": "x", "n": 1, "list": [{"a": "1", "b": 2}]});
    let mut names = Names::new();
    let mut check = |shown: &str| {
        let shown = serde_json::from_str(shown).unwrap();
        difference(&shown, &found, "", &mut names).unwrap_or_default()
    };
    for same in [
        "{}",
        r#"{"n": 1}"#,
        r#"{"id": "…", "list": [{"a": "1"}]}"#,
        r#"{"id": "<it>", "of": "<it>"}"#,
    ] {
        assert_eq!(check(same), "", "{same}");
    }
    for (other, why) in [
        (r#"{"n": "1"}"#, "/n is 1, not \"1\""),
        (r#"{"n": null}"#, "/n is 1, not null"),
        (r#"{"more": null}"#, "/more is missing"),
        (r#"{"list": []}"#, "/list is"),
        (r#"{"list": [{"a": "2"}]}"#, "/list/0/a is"),
        (r#"{"list": {}}"#, "/list is"),
        (
            r#"{"id": "<it>", "of": "<other>", "n": "<other>"}"#,
            "/n is 1",
        ),
    ] {
        assert!(check(other).contains(why), "{other}: {}", check(other));
    }
    names.insert("it".to_owned(), "y".to_owned());
    let shown = serde_json::json!({"id": "<it>"});
    let difference = difference(&shown, &found, "", &mut names);
    assert_eq!(difference.unwrap(), "/id is x, not <it>, which is y");
}
