//! Strict JSON: what serde refuses, told with a pointer to where it stands.

use std::fmt;
use std::marker::PhantomData;

use daybook_events::Invalid;
use daybook_platform::problem::FieldError;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A JSON object. Serde's derived types also read arrays, field by field: not on this wire.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        d.deserialize_map(Members(PhantomData)).map(Object)
    }
}

/// Reads one JSON object; see [`read`].
pub(crate) fn read_object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, FieldError> {
    read::<Object<T>>(text).map(|object| object.0)
}

/// Levels of arrays and objects that a body may nest. No route's shape has more than six.
const DEPTH_MAX: usize = 32;

/// Reads one JSON value that must fill `text` but for white space.
///
/// Depth is bounded first: a body that nests deeper is read only up to there, so that nothing ever
/// takes memory by its depth. Where its shape is wrong before that, this is what it is told.
pub(crate) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, FieldError> {
    let Some(end) = too_deep(text) else {
        return serde_json::from_str(text).map_err(|error| explain(text, &error));
    };
    let bounded = text.get(..end).unwrap_or_default();
    match serde_json::from_str::<T>(bounded) {
        Err(error) if !error.is_eof() => Err(explain(bounded, &error)),
        Ok(_) | Err(_) => Err(FieldError {
            pointer: String::new(),
            detail: format!("the body is nested deeper than {DEPTH_MAX} levels"),
        }),
    }
}

/// The offset after the first bracket that opens a level too many.
fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b'[' | b'{' if depth == DEPTH_MAX => return Some(at),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The body as text, or where its UTF-8 breaks.
pub(crate) fn utf8(body: &[u8]) -> Result<&str, FieldError> {
    std::str::from_utf8(body).map_err(|error| FieldError {
        pointer: String::new(),
        detail: format!("the body is not UTF-8 from byte {} on", error.valid_up_to()),
    })
}

/// What is wrong at a place that was read, but does not fit.
pub(crate) fn at(pointer: &str, invalid: &Invalid) -> FieldError {
    FieldError {
        pointer: pointer.to_owned(),
        detail: invalid.to_string(),
    }
}

/// What serde_json found, with the pointer of the place it had reached.
fn explain(text: &str, error: &serde_json::Error) -> FieldError {
    let offset = offset_of(text, error.line(), error.column());
    let mut detail = error.to_string();
    // The pointer says where; serde_json's own suffix would say it again, in other terms.
    if let Some(cut) = detail.rfind(" at line ") {
        detail.truncate(cut);
    }
    let mut frames = frames_at(text, offset);
    if is_about_its_last_bracket(text, offset, &detail) {
        frames.pop();
    }
    if detail.starts_with("missing field")
        && let Some(Frame::Object(key)) = frames.innermost()
    {
        // It is the object that lacks the field, not the member that was read last.
        *key = None;
    }
    FieldError {
        pointer: render(&frames.first),
        detail,
    }
}

/// Whether the value that is refused is the array or object whose bracket was just read. serde_json
/// reads the opening one in some cases and stops before it in others; of an empty value it may have
/// read the closing one as well.
fn is_about_its_last_bracket(text: &str, offset: usize, detail: &str) -> bool {
    let (opening, closing) = match detail {
        detail if detail.starts_with("invalid type: sequence") => ('[', ']'),
        detail if detail.starts_with("invalid type: map") => ('{', '}'),
        _ => return false,
    };
    let (before, after) = text.split_at_checked(offset).unwrap_or((text, ""));
    let opened = before.ends_with(opening) && !after.trim_start().starts_with(opening);
    opened || before.ends_with(closing)
}

/// The byte offset of serde_json's line and column (both count from 1; the column counts bytes).
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let mut start = 0;
    for _ in 1..line {
        match text.as_bytes()[start..]
            .iter()
            .position(|byte| *byte == b'\n')
        {
            Some(at) => start += at + 1,
            None => break,
        }
    }
    (start + column).min(text.len())
}

enum Frame {
    /// In an object; the current key once it was read.
    Object(Option<String>),
    /// In an array, at this index.
    Array(usize),
}

/// The way into nested values: its first steps, and how many come after them.
#[derive(Default)]
struct Frames {
    first: Vec<Frame>,
    deeper: usize,
}

impl Frames {
    fn push(&mut self, frame: Frame) {
        if self.first.len() < STEPS_MAX {
            self.first.push(frame);
        } else {
            self.deeper += 1;
        }
    }

    fn pop(&mut self) {
        match self.deeper.checked_sub(1) {
            Some(deeper) => self.deeper = deeper,
            None => drop(self.first.pop()),
        }
    }

    /// The innermost frame, if it is one that is kept.
    fn innermost(&mut self) -> Option<&mut Frame> {
        self.first.last_mut().filter(|_| self.deeper == 0)
    }
}

/// The way to the value that stands at `offset`, found by walking the text up to there. It only looks
/// at structure, so it also works on text that is not JSON further on.
fn frames_at(text: &str, offset: usize) -> Frames {
    let bytes = &text.as_bytes()[..offset];
    let mut frames = Frames::default();
    let mut expects_key = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'{' => {
                frames.push(Frame::Object(None));
                expects_key = true;
            }
            b'[' => {
                frames.push(Frame::Array(0));
                expects_key = false;
            }
            b'}' | b']' => {
                // The closing bracket of the value that the error is about belongs to it.
                if at < bytes.len() {
                    frames.pop();
                }
                expects_key = false;
            }
            b',' => match frames.innermost() {
                Some(Frame::Object(key)) => {
                    *key = None;
                    expects_key = true;
                }
                Some(Frame::Array(index)) => *index += 1,
                None => {}
            },
            b'"' => {
                let start = at;
                at = end_of_string(bytes, at);
                if expects_key && let Some(Frame::Object(key)) = frames.innermost() {
                    *key = Some(member_name(&bytes[start - 1..at]));
                    expects_key = false;
                }
            }
            _ => {}
        }
    }
    frames
}

/// What a quoted name says; as it was sent, if it is not a JSON string.
fn member_name(quoted: &[u8]) -> String {
    serde_json::from_slice(quoted).unwrap_or_else(|_| {
        let text = String::from_utf8_lossy(quoted);
        text.trim_matches('"').to_owned()
    })
}

/// The offset after the quote that ends the string that begins at `at`.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Steps of a pointer; more would only repeat what a hostile body sent.
const STEPS_MAX: usize = 8;
/// Bytes of one step, for the same reason.
const STEP_BYTES_MAX: usize = 64;

/// The JSON pointer (RFC 6901).
fn render(frames: &[Frame]) -> String {
    let mut pointer = String::new();
    for frame in frames.iter().take(STEPS_MAX) {
        match frame {
            Frame::Object(None) => break,
            Frame::Object(Some(key)) => {
                pointer.push('/');
                let mut key = key.replace('~', "~0").replace('/', "~1");
                if key.len() > STEP_BYTES_MAX {
                    key.truncate(key.floor_char_boundary(STEP_BYTES_MAX));
                }
                pointer.push_str(&key);
            }
            Frame::Array(index) => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::transactions::TransactionBody;

    #[test]
    fn an_error_names_the_field_it_is_about() {
        let entry = r#"{"account":"a","direction":"debit","amount":"1","asset":"USD"}"#;
        for (text, pointer) in [
            (
                r#"{"entries":[{"account":"a b"}]}"#.to_owned(),
                "/entries/0/account",
            ),
            (
                format!(r#"{{"entries":[{entry},{{"amount":1.5}}]}}"#),
                "/entries/1/amount",
            ),
            (
                format!(r#"{{"entries":[{entry},{{"amounts":1}}]}}"#),
                "/entries/1/amounts",
            ),
            (r#"{"code":"x","colour":"red"}"#.to_owned(), "/colour"),
            (r#"{"code":"x","code":"y"}"#.to_owned(), "/code"),
            (
                r#"{"metadata":{"a":"1","a":"2"}}"#.to_owned(),
                "/metadata/a",
            ),
            (r#"{"metadata":{"a":[1,2,{"b":"#.to_owned(), "/metadata/a"),
            (r#"{"entries":[{"account":"a"}]}"#.to_owned(), "/entries/0"),
            (r#"{"id":"not-a-uuid"}"#.to_owned(), "/id"),
            (
                r#"{"entries":[{"amount":[]"#.to_owned(),
                "/entries/0/amount",
            ),
            (
                r#"{"entries":[{"amount":{ }"#.to_owned(),
                "/entries/0/amount",
            ),
            ("[1]".to_owned(), ""),
            ("{".to_owned(), ""),
        ] {
            let error = read_object::<TransactionBody>(&text).expect_err(&text);
            assert_eq!(error.pointer, pointer, "{text}: {}", error.detail);
        }
    }

    #[test]
    fn a_pointer_names_members_as_they_are_read_not_as_they_are_escaped() {
        for (name, pointer) in [
            (r"\u00e9", "/metadata/é"),
            (r#"a\"b"#, r#"/metadata/a"b"#),
            (r"a\/b~c", "/metadata/a~1b~0c"),
            (r"\\", r"/metadata/\"),
            (r"\ud800", r"/metadata/\ud800"),
        ] {
            let text = format!(r#"{{"metadata":{{"{name}":1}}}}"#);
            let error = read_object::<TransactionBody>(&text).expect_err(&text);
            assert_eq!(error.pointer, pointer, "{text}: {}", error.detail);
        }
    }

    #[test]
    fn a_pointer_keeps_its_first_steps_however_deep_it_goes() {
        let deep = "[".repeat(1 << 20);
        let mut frames = frames_at(&deep, deep.len());
        assert_eq!((frames.first.len(), frames.deeper), (8, (1 << 20) - 8));
        assert!(frames.innermost().is_none());
        let closed = format!(r#"{}1{},{{"a":"#, "[".repeat(20), "]".repeat(19));
        let frames = frames_at(&closed, closed.len());
        assert_eq!(render(&frames.first), "/1/a");
    }

    #[test]
    fn nothing_is_read_beyond_the_depth_that_any_body_has() {
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!(r#"{{"a\"[":"[[{{{{","b":{open}{close}"#)
        };
        assert_eq!(too_deep(&nested(31)), None);
        assert!(too_deep(&nested(32)).is_some());
        for body in ["[".repeat(1 << 20), r#"{"a":"#.repeat(1 << 18)] {
            let error = read::<serde::de::IgnoredAny>(&body).expect_err("too deep");
            assert!(error.detail.contains("nested deeper"), "{}", error.detail);
        }
    }
}
