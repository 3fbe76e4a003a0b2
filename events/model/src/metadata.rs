//! Client-made metadata: string pairs within bounds.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::invalid::Invalid;

/// The most pairs one object may carry.
pub const PAIRS_MAX: usize = 50;
/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 64;
/// The longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 1024;

/// At most [`PAIRS_MAX`] string pairs, kept in key order. Keys are 1 to 64 bytes, values at most
/// 1 KiB, neither holds NUL; the key `sealed` is reserved for encrypted values.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Metadata(BTreeMap<String, String>);

impl Metadata {
    /// Checks the bounds.
    pub fn try_new(pairs: BTreeMap<String, String>) -> Result<Self, Invalid> {
        if pairs.len() > PAIRS_MAX {
            return Err(Invalid::new("metadata", "more than 50 pairs"));
        }
        for (key, value) in &pairs {
            check_pair(key, value)?;
        }
        Ok(Self(pairs))
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

fn check_pair(key: &str, value: &str) -> Result<(), Invalid> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(Invalid::new("metadata", "a key must have 1 to 64 bytes"));
    }
    if key == "sealed" {
        return Err(Invalid::new(
            "metadata",
            "the key sealed is reserved for encrypted values",
        ));
    }
    if value.len() > VALUE_BYTES_MAX {
        return Err(Invalid::new(
            "metadata",
            format!("the value of {key:?} is longer than 1 KiB"),
        ));
    }
    if key.contains('\0') || value.contains('\0') {
        return Err(Invalid::new(
            "metadata",
            "keys and values must not contain NUL",
        ));
    }
    Ok(())
}

/// A merge patch of pairs (RFC 7396): a value sets, `null` deletes. At most [`PAIRS_MAX`] keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct MetadataPatch(BTreeMap<String, Option<String>>);

impl MetadataPatch {
    /// Checks the bounds.
    pub fn try_new(pairs: BTreeMap<String, Option<String>>) -> Result<Self, Invalid> {
        if pairs.len() > PAIRS_MAX {
            return Err(Invalid::new("metadata", "more than 50 pairs"));
        }
        for (key, value) in &pairs {
            check_pair(key, value.as_deref().unwrap_or_default())?;
        }
        Ok(Self(pairs))
    }

    /// The pairs after the patch.
    ///
    /// # Errors
    /// They would be more than [`PAIRS_MAX`].
    pub fn apply(&self, before: &Metadata) -> Result<Metadata, Invalid> {
        let mut pairs = before.0.clone();
        for (key, value) in &self.0 {
            match value {
                Some(value) => pairs.insert(key.clone(), value.clone()),
                None => pairs.remove(key),
            };
        }
        Metadata::try_new(pairs)
    }
}

impl<'de> Deserialize<'de> for MetadataPatch {
    /// Refuses duplicate keys as well as everything out of bounds, as soon as it is seen.
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> serde::de::Visitor<'de> for Pairs {
            type Value = MetadataPatch;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object whose values are strings or null")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<MetadataPatch, A::Error> {
                use serde::de::Error as _;
                let mut pairs = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, Option<String>>()? {
                    check_pair(&key, value.as_deref().unwrap_or_default())
                        .map_err(A::Error::custom)?;
                    if pairs.len() >= PAIRS_MAX {
                        return Err(A::Error::custom("invalid metadata: more than 50 pairs"));
                    }
                    if pairs.insert(key, value).is_some() {
                        return Err(A::Error::custom("invalid metadata: a key stands twice"));
                    }
                }
                Ok(MetadataPatch(pairs))
            }
        }
        d.deserialize_map(Pairs)
    }
}

impl<'de> Deserialize<'de> for Metadata {
    /// Refuses duplicate keys as well as everything out of bounds, as soon as it is seen.
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> serde::de::Visitor<'de> for Pairs {
            type Value = Metadata;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object whose values are strings")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Metadata, A::Error> {
                use serde::de::Error as _;
                let mut pairs = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, String>()? {
                    check_pair(&key, &value).map_err(A::Error::custom)?;
                    if pairs.len() >= PAIRS_MAX {
                        return Err(A::Error::custom("invalid metadata: more than 50 pairs"));
                    }
                    if pairs.insert(key, value).is_some() {
                        return Err(A::Error::custom("invalid metadata: a key stands twice"));
                    }
                }
                Ok(Metadata(pairs))
            }
        }
        d.deserialize_map(Pairs)
    }
}
