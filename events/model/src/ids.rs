//! Ids, each with the grammar of the HTTP contract (section 1 of the API).

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::invalid::Invalid;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(CompactString);

        impl $name {
            /// Parses the text; the error says what the grammar is.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                let check: fn(&str) -> Result<(), &'static str> = $check;
                check(text).map_err(|why| Invalid::new($what, why))?;
                Ok(Self(CompactString::new(text)))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::parse(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a string holding a valid ", $what))
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text).map_err(E::custom)
                    }
                }
                d.deserialize_str(Text)
            }
        }
    };
}

text_id!(
    /// A ledger's id: `[a-z0-9][a-z0-9_-]{0,62}`.
    LedgerId,
    "ledger id",
    |text| {
        let ok = (1..=63).contains(&text.len())
            && !text.starts_with(['_', '-'])
            && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if ok { Ok(()) } else { Err("expected [a-z0-9][a-z0-9_-]{0,62}") }
    }
);

text_id!(
    /// An account's id: segments of `[A-Za-z0-9_.-]+` joined by `:`, at most 255 bytes, no segment
    /// is `.` or `..`. The colons make the hierarchy: `users:123:wallet`.
    AccountId,
    "account id",
    |text| {
        if text.len() > 255 {
            return Err("longer than 255 bytes");
        }
        for segment in text.split(':') {
            let ok = !matches!(segment, "" | "." | "..")
                && segment
                    .bytes()
                    .all(|b| matches!(b, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-'));
            if !ok {
                return Err("expected [A-Za-z0-9_.-]+(:[A-Za-z0-9_.-]+)*, no segment . or ..");
            }
        }
        Ok(())
    }
);

text_id!(
    /// An asset's code: `[A-Z][A-Z0-9]{0,15}`.
    AssetCode,
    "asset",
    |text| {
        let ok = (1..=16).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if ok { Ok(()) } else { Err("expected [A-Z][A-Z0-9]{0,15}") }
    }
);

text_id!(
    /// An `Idempotency-Key`: 1 to 255 printable ASCII characters. Surrounding quotes are stripped
    /// by whoever reads the header, not here.
    IdempotencyKey,
    "idempotency key",
    |text| {
        let ok = (1..=255).contains(&text.len()) && text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if ok { Ok(()) } else { Err("expected 1 to 255 printable ASCII characters") }
    }
);

text_id!(
    /// A transaction's reference in the client's own world, unique per ledger for ever: 1 to 255
    /// bytes without control characters.
    Reference,
    "reference",
    |text| bounded(text, 255)
);

text_id!(
    /// A short machine-readable label of a transaction (`sale`, `payout`): 1 to 64 bytes.
    Code,
    "code",
    |text| bounded(text, 64)
);

text_id!(
    /// A name for people: 1 to 255 bytes without control characters.
    Name,
    "name",
    |text| bounded(text, 255)
);

text_id!(
    /// A description or reason for people: 1 to 1,024 bytes without control characters.
    Description,
    "description or reason",
    |text| bounded(text, 1024)
);

fn bounded(text: &str, bytes_max: usize) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("must not be empty");
    }
    if text.len() > bytes_max {
        return Err(match bytes_max {
            64 => "longer than 64 bytes",
            255 => "longer than 255 bytes",
            _ => "longer than 1,024 bytes",
        });
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    Ok(())
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl<'de> Deserialize<'de> for $name {
            /// The hyphenated form alone, as everywhere: one id is one text.
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("a string holding a ", $what))
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text).map_err(E::custom)
                    }
                }
                d.deserialize_str(Text)
            }
        }

        impl $name {
            /// Wraps a UUID.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Parses the hyphenated form, in either case (RFC 9562, section 4).
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                if text.len() != 36 {
                    return Err(Invalid::new($what, "expected a UUID such as 0198c5e2-3f4b-7c52-9d0e-1a2b3c4d5e6f"));
                }
                Uuid::try_parse(text).map(Self).map_err(|error| Invalid::new($what, error.to_string()))
            }

            /// The UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::parse(text)
            }
        }
    };
}

uuid_id!(
    /// A transaction's id; also the id of the event that records it.
    TransactionId,
    "transaction id"
);

uuid_id!(
    /// An event's id, unique within its stream.
    EventId,
    "event id"
);

uuid_id!(
    /// Names one life of an event store's log; renewed when a backup is restored.
    GenerationId,
    "generation id"
);

impl From<TransactionId> for EventId {
    fn from(id: TransactionId) -> Self {
        Self(id.0)
    }
}

impl From<EventId> for TransactionId {
    fn from(id: EventId) -> Self {
        Self(id.0)
    }
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Wraps the number.
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// The number.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The number as Postgres' `bigint`; numbers beyond 2^63−1 cannot occur and saturate.
            pub fn as_i64(self) -> i64 {
                i64::try_from(self.0).unwrap_or(i64::MAX)
            }

            /// The number from Postgres' `bigint`; negative numbers cannot occur and become 0.
            pub fn from_i64(number: i64) -> Self {
                Self(u64::try_from(number).unwrap_or(0))
            }

            /// The number `count` further on.
            #[must_use]
            pub const fn plus(self, count: u64) -> Self {
                Self(self.0.saturating_add(count))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter!(
    /// An event's place in its ledger's stream: 0, 1, 2 … without holes (INV-8).
    Revision
);

counter!(
    /// An event's place in the store's whole order. Begins at 1; 0 means "before the first event".
    /// Follows commit order; other stores may leave holes.
    Position
);
