//! What an import sends: the lines of a file, checked, each with a key of its own.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use serde_json::value::RawValue;

/// A line longer than this is not sent: the service would refuse it.
const LINE_BYTES_MAX: usize = 256 << 10;
/// What the service takes as a key.
const KEY_BYTES_MAX: usize = 255;
/// What some programs put in front of UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One line of the file as an item of a bulk request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it stands in the file, from 1 on.
    pub line: u64,
    /// Whether it is a transaction; else it is another action of the bulk endpoint.
    pub is_transaction: bool,
    /// The item as one line of JSON.
    pub json: String,
}

/// A line that cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The file could not be read.
    #[error("line {line} cannot be read")]
    Read {
        /// Which line.
        line: u64,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is not one item.
    #[error("line {line} is not a JSON object")]
    Json {
        /// Which line.
        line: u64,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// It is not text.
    #[error("line {line} is not UTF-8")]
    Utf8 {
        /// Which line.
        line: u64,
        /// Where in it.
        #[source]
        source: std::str::Utf8Error,
    },
    /// It is too long.
    #[error("line {line} is longer than {LINE_BYTES_MAX} bytes")]
    TooLong {
        /// Which line.
        line: u64,
    },
    /// The key made from it is not one.
    #[error("line {line} has no key of its own, and {key:?} cannot be one: choose another --name")]
    Key {
        /// Which line.
        line: u64,
        /// What it would be.
        key: String,
    },
}

/// The items of an NDJSON file, in order. Empty lines are passed over, but counted.
pub struct Items<R> {
    input: R,
    name: String,
    line: u64,
    bytes: u64,
}

impl<R: BufRead> Items<R> {
    /// Reads from here; `name` makes the keys of lines that have none.
    pub fn new(input: R, name: impl Into<String>) -> Self {
        Self {
            input,
            name: name.into(),
            line: 0,
            bytes: 0,
        }
    }

    /// How many bytes were read.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next item, or `None` at the end.
    pub fn next_item(&mut self) -> Result<Option<Item>, LineError> {
        loop {
            let mut text = Vec::new();
            let line = self.line + 1;
            let mut limited = self.input.by_ref().take(limit());
            let read = limited.read_until(b'\n', &mut text);
            if read.map_err(|source| LineError::Read { line, source })? == 0 {
                return Ok(None);
            }
            self.line = line;
            self.bytes += u64::try_from(text.len()).unwrap_or(u64::MAX);
            if text.len() > LINE_BYTES_MAX {
                return Err(LineError::TooLong { line });
            }
            let mark = if line == 1 { BYTE_ORDER_MARK } else { b"" };
            let text = text.strip_prefix(mark).unwrap_or(&text).trim_ascii();
            if !text.is_empty() {
                return item(line, text, &self.name).map(Some);
            }
        }
    }
}

fn limit() -> u64 {
    u64::try_from(LINE_BYTES_MAX)
        .unwrap_or(u64::MAX)
        .saturating_add(1)
}

/// An item with a key: its own, or one made from the name of the import and the line's number, so
/// that sending the same file again repeats the same keys.
fn item(line: u64, text: &[u8], name: &str) -> Result<Item, LineError> {
    let text = std::str::from_utf8(text).map_err(|source| LineError::Utf8 { line, source })?;
    // What a line says is passed on as it stands: amounts keep their digits, and a field that is
    // there twice is for the service to refuse.
    let fields: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|source| LineError::Json { line, source })?;
    let has_action = fields.contains_key("action");
    let is_transaction = !has_action || names_transaction(&fields);
    let repeatable = if has_action {
        fields.contains_key("idempotency_key") || has_id(&fields)
    } else {
        fields.contains_key("id")
    };
    if repeatable {
        return Ok(Item {
            line,
            is_transaction,
            json: text.to_owned(),
        });
    }
    let key = format!("{name}#{line}");
    check_key(line, &key)?;
    let json = match text.strip_prefix('{') {
        Some(rest) if has_action => format!(r#"{{"idempotency_key":"{key}",{rest}"#),
        _ => format!(r#"{{"action":"transaction","idempotency_key":"{key}","data":{text}}}"#),
    };
    Ok(Item {
        line,
        is_transaction,
        json,
    })
}

/// Whether a transaction names its own id. Other actions have no id that makes a repetition safe.
fn has_id(fields: &BTreeMap<String, &RawValue>) -> bool {
    let data = fields.get("data").map_or("", |data| data.get());
    let data: Option<BTreeMap<String, &RawValue>> = serde_json::from_str(data).ok();
    names_transaction(fields) && data.is_some_and(|data| data.contains_key("id"))
}

fn names_transaction(fields: &BTreeMap<String, &RawValue>) -> bool {
    fields
        .get("action")
        .is_some_and(|it| it.get() == r#""transaction""#)
}

fn check_key(line: u64, key: &str) -> Result<(), LineError> {
    let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    if key.len() <= KEY_BYTES_MAX && key.chars().all(plain) {
        Ok(())
    } else {
        Err(LineError::Key {
            line,
            key: key.to_owned(),
        })
    }
}

/// A line that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Where it stands in the file, from 1 on.
    pub number: u64,
    /// Whether it is a transaction.
    pub is_transaction: bool,
}

/// A part of the file that is sent as one request.
#[derive(Debug, Default)]
pub struct Batch {
    /// Where each item stands in the file, by index of the request.
    pub lines: Vec<Line>,
    /// The request's body: NDJSON.
    pub body: String,
}

impl Batch {
    /// Whether another item of this size still fits.
    pub fn has_room(&self, item: &Item, items_max: usize, bytes_max: usize) -> bool {
        self.lines.is_empty()
            || (self.lines.len() < items_max && self.body.len() + item.json.len() < bytes_max)
    }

    /// Adds an item.
    pub fn push(&mut self, item: &Item) {
        self.lines.push(Line {
            number: item.line,
            is_transaction: item.is_transaction,
        });
        self.body.push_str(&item.json);
        self.body.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Item>, LineError> {
        let mut items = Items::new(text.as_bytes(), "file");
        let mut all = Vec::new();
        while let Some(item) = items.next_item()? {
            all.push(item);
        }
        Ok(all)
    }

    fn only(text: &str) -> String {
        all(text).unwrap().remove(0).json
    }

    #[test]
    fn an_item_with_a_key_or_an_id_is_sent_as_it_is() {
        for text in [
            r#"{"id":"1","entries":[]}"#,
            r#"{"action":"account","data":{},"idempotency_key":"k"}"#,
            r#"{"action":"transaction","data":{"id":"1"}}"#,
        ] {
            assert_eq!(only(text), text);
        }
    }

    #[test]
    fn an_item_without_a_key_gets_one_of_its_line() {
        assert_eq!(
            only(r#"{"entries":[1]}"#),
            r##"{"action":"transaction","idempotency_key":"file#1","data":{"entries":[1]}}"##
        );
        assert_eq!(
            only(r#"{"action":"account","data":{"id":"x"}}"#),
            r##"{"idempotency_key":"file#1","action":"account","data":{"id":"x"}}"##
        );
    }

    #[test]
    fn a_field_that_is_there_twice_is_left_for_the_service_to_refuse() {
        let twice = r#"{"id":"1","id":"2"}"#;
        assert_eq!(only(twice), twice);
    }

    #[test]
    fn amounts_are_passed_on_as_they_stand() {
        assert!(only(r#"{"id":"1","amount":1.50}"#).contains("1.50"));
        assert!(
            only(r#"{"id":"1","amount":99999999999999999999}"#).contains("99999999999999999999")
        );
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_at_the_start_alone() {
        assert_eq!(only("\u{feff}{\"id\":\"1\"}"), "{\"id\":\"1\"}");
        assert_eq!(all("\u{feff}\n{\"id\":\"1\"}").unwrap()[0].line, 2);
        assert!(all("{\"id\":\"1\"}\n\u{feff}{\"id\":\"2\"}").is_err());
    }

    #[test]
    fn empty_lines_are_counted_and_passed_over() {
        let items = all("\n{\"id\":\"1\"}\r\n\n{\"id\":\"2\"}").unwrap();
        assert_eq!(
            items.iter().map(|item| item.line).collect::<Vec<_>>(),
            [2, 4]
        );
    }

    #[test]
    fn a_line_that_is_not_json_is_named() {
        let refused = all("{\"id\":\"1\"}\n{\"id\":\n").unwrap_err();
        assert!(
            refused.to_string().starts_with("line 2 is not"),
            "{refused}"
        );
        assert!(all("[1]").is_err());
        assert!(matches!(
            all("{\"a\":\"\u{0}\"}"),
            Err(LineError::Json { line: 1, .. })
        ));
    }

    #[test]
    fn a_name_that_makes_no_key_is_refused() {
        let mut items = Items::new(&b"{\"entries\":[]}"[..], "n\u{e4}me");
        assert!(matches!(
            items.next_item(),
            Err(LineError::Key { line: 1, .. })
        ));
    }

    #[test]
    fn a_line_over_the_limit_is_refused() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(LINE_BYTES_MAX));
        assert!(matches!(all(&long), Err(LineError::TooLong { line: 1 })));
    }

    #[test]
    fn a_batch_has_bounds_but_takes_one_item_always() {
        let item = Item {
            line: 1,
            is_transaction: true,
            json: "x".repeat(100),
        };
        let mut batch = Batch::default();
        assert!(batch.has_room(&item, 2, 10));
        batch.push(&item);
        assert!(!batch.has_room(&item, 2, 10) && batch.has_room(&item, 2, 1_000));
        batch.push(&item);
        assert!(!batch.has_room(&item, 2, 1_000));
    }
}
