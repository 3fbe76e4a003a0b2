//! An event's metadata: who, why, and which request.
//!
//! It is stored in two fragments, each a run of JSON members without braces: what belongs to one
//! event alone (`key`, `request`, `more`) and what the events of a command, often of a whole unit,
//! share (`by`, `request_id`, `trace`). [`splice`] joins them into the one object that readers see
//! and hashes cover; the join is always the same bytes (D12).

use serde::{Deserialize, Serialize};

use crate::ids::IdempotencyKey;
use crate::invalid::Invalid;

/// The first 16 bytes of the SHA-256 over a request's canonical form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestHash([u8; 16]);

impl RequestHash {
    /// Wraps the bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl std::fmt::Display for RequestHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for RequestHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Serialize for RequestHash {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RequestHash {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        // Lower case alone, as written; `from_str_radix` would also take a sign.
        let digits = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(digits) {
            return Err(serde::de::Error::custom("expected 32 hexadecimal digits"));
        }
        let number = u128::from_str_radix(&text, 16).map_err(serde::de::Error::custom)?;
        Ok(Self(number.to_be_bytes()))
    }
}

/// Who issued a command: the token's issuer and subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The token's `iss`.
    pub iss: String,
    /// The token's `sub`.
    pub sub: String,
}

/// The part of the metadata that belongs to one event alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnMeta {
    /// The idempotency key, if the command had one.
    pub key: Option<IdempotencyKey>,
    /// The request's hash; present with a key or a client-made id.
    pub request: Option<RequestHash>,
    /// Whether the command has further events after this one.
    pub more: bool,
}

/// The part of the metadata that a command's events share.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SharedMeta {
    /// Who issued the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// The HTTP request's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The request's W3C `traceparent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

impl OwnMeta {
    /// Appends the fragment, for example `"key":"a","request":"…","more":1`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut separator: &[u8] = b"";
        if let Some(key) = &self.key {
            out.extend_from_slice(b"\"key\":");
            write_json_string(out, key.as_str());
            separator = b",";
        }
        if let Some(request) = &self.request {
            out.extend_from_slice(separator);
            out.extend_from_slice(b"\"request\":\"");
            out.extend_from_slice(request.to_string().as_bytes());
            out.push(b'"');
            separator = b",";
        }
        if self.more {
            out.extend_from_slice(separator);
            out.extend_from_slice(b"\"more\":1");
        }
    }
}

impl SharedMeta {
    /// The fragment, for example `"by":{"iss":"…","sub":"…"},"request_id":"…"`.
    pub fn fragment(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).unwrap_or_else(|_| b"{}".to_vec());
        json.get(1..json.len().saturating_sub(1))
            .unwrap_or_default()
            .to_vec()
    }
}

fn write_json_string(out: &mut Vec<u8>, text: &str) {
    // Writing a string into memory cannot fail.
    if serde_json::to_writer(&mut *out, text).is_err() {
        out.extend_from_slice(b"\"\"");
    }
}

/// Joins the two fragments into the metadata object as readers see it.
pub fn splice(own: &[u8], shared: &[u8], out: &mut Vec<u8>) {
    out.push(b'{');
    out.extend_from_slice(own);
    if !own.is_empty() && !shared.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(shared);
    out.push(b'}');
}

/// The metadata of an event, as read back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// The idempotency key, if the command had one.
    pub key: Option<IdempotencyKey>,
    /// The request's hash; present with a key or a client-made id.
    pub request: Option<RequestHash>,
    /// 1 on every event of a command but its last.
    #[serde(default)]
    more: u8,
    /// Who issued the command.
    pub by: Option<Actor>,
    /// The HTTP request's id.
    pub request_id: Option<String>,
    /// The request's W3C `traceparent`.
    pub trace: Option<String>,
}

impl Meta {
    /// Parses stored metadata.
    pub fn parse(bytes: &[u8]) -> Result<Self, Invalid> {
        serde_json::from_slice(bytes)
            .map_err(|error| Invalid::new("event metadata", error.to_string()))
    }

    /// Whether the command has further events after this one.
    pub const fn more(&self) -> bool {
        self.more != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_join_into_what_was_put_in() {
        let own = OwnMeta {
            key: Some(IdempotencyKey::parse("a \"quoted\" key").unwrap()),
            request: Some(RequestHash::new([7; 16])),
            more: true,
        };
        let shared = SharedMeta {
            by: Some(Actor {
                iss: "daybook".into(),
                sub: "ops\n".into(),
            }),
            request_id: Some("r1".into()),
            trace: None,
        };
        for (own, shared) in [
            (own.clone(), shared.clone()),
            (OwnMeta::default(), shared),
            (own, SharedMeta::default()),
            (OwnMeta::default(), SharedMeta::default()),
        ] {
            let mut fragment = Vec::new();
            own.write(&mut fragment);
            let mut bytes = Vec::new();
            splice(&fragment, &shared.fragment(), &mut bytes);
            let meta = Meta::parse(&bytes).unwrap();
            assert_eq!(meta.key, own.key);
            assert_eq!(meta.request, own.request);
            assert_eq!(meta.more(), own.more);
            assert_eq!(meta.by, shared.by);
            assert_eq!(meta.request_id, shared.request_id);
        }
    }
}
