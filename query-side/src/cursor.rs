//! Opaque keyset cursors: where a walk stopped, and which walk it was.
//!
//! A cursor pins the first page's revision, so that rows added later do not show in the walk, and
//! the store's generation, because a revision of another life means another thing. It is no secret
//! and gives no rights: the route's permission is checked on every page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use daybook_events::Invalid;
use daybook_events::ids::{GenerationId, Revision};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest key is an account id of 255 bytes; with the rest, in base64, it is well below.
const CURSOR_BYTES_MAX: usize = 1024;

/// Which query a cursor belongs to: the route and everything that decides what it lists.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk(u64);

impl Walk {
    /// The walk of a route with its filters, the path's parameters and the order among them.
    pub(crate) fn new(route: &str, filters: &impl Serialize) -> Self {
        // Filters are strings, numbers and lists of them: they always become JSON.
        let text = serde_json::to_string(filters).unwrap_or_default();
        Self(fnv(fnv(FNV_START, route.as_bytes()), text.as_bytes()))
    }
}

/// Where a walk stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor<K> {
    /// The revision that the walk is pinned to; none where the list spans ledgers.
    pub(crate) pin: Option<Pin>,
    /// The last row's key.
    pub(crate) last: K,
}

/// The moment that a walk is pinned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pin {
    /// The store's generation.
    #[serde(rename = "g")]
    pub(crate) generation: GenerationId,
    /// The first page's revision.
    #[serde(rename = "r")]
    pub(crate) revision: Revision,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    w: u64,
    p: Option<Pin>,
    k: String,
    c: u64,
}

impl<K: Serialize + DeserializeOwned> Cursor<K> {
    /// The cursor as text.
    pub(crate) fn write(&self, walk: Walk) -> String {
        let key = serde_json::to_string(&self.last).unwrap_or_default();
        let wire = Wire {
            w: walk.0,
            c: check(walk, self.pin, &key),
            p: self.pin,
            k: key,
        };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&wire).unwrap_or_default())
    }

    /// Reads a cursor that [`Self::write`] made for the same walk.
    pub(crate) fn read(walk: Walk, text: &str) -> Result<Self, Invalid> {
        let refuse = |why: &str| Invalid::new("cursor", why);
        let broken = "it is not one that this service made; start again without it";
        if text.len() > CURSOR_BYTES_MAX {
            return Err(refuse(broken));
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|error| {
            tracing::debug!(%error, "cursor is not base64url");
            refuse(broken)
        })?;
        let wire: Wire = serde_json::from_slice(&bytes).map_err(|error| {
            tracing::debug!(%error, "cursor is not ours");
            refuse(broken)
        })?;
        if wire.w != walk.0 {
            return Err(refuse(
                "it belongs to another query; repeat the first page's path and parameters",
            ));
        }
        let beyond = |pin: Pin| i64::try_from(pin.revision.get()).is_err();
        if wire.c != check(walk, wire.p, &wire.k) || wire.p.is_some_and(beyond) {
            return Err(refuse(broken));
        }
        let last = serde_json::from_str(&wire.k).map_err(|error| {
            tracing::debug!(%error, "cursor's key is not ours");
            refuse(broken)
        })?;
        Ok(Self { pin: wire.p, last })
    }
}

/// Finds slips and idle changes. It is no signature, and needs to be none: see the module.
fn check(walk: Walk, pin: Option<Pin>, key: &str) -> u64 {
    let mut hash = fnv(FNV_START, &walk.0.to_be_bytes());
    if let Some(Pin {
        generation,
        revision,
    }) = pin
    {
        hash = fnv(hash, generation.uuid().as_bytes());
        hash = fnv(hash, &revision.get().to_be_bytes());
    }
    fnv(hash, key.as_bytes())
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a (64 bit): the same in every process, so that any query node takes any node's cursor.
fn fnv(start: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    // A byte that no text holds parts one field from the next.
    step(bytes.iter().fold(start, step), &0xff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn walk() -> Walk {
        Walk::new("transactions", &("acme", ["a"], "desc"))
    }

    fn cursor() -> Cursor<u64> {
        let pin = Pin {
            generation: GenerationId::new(Uuid::from_u128(7)),
            revision: Revision::new(42),
        };
        Cursor {
            pin: Some(pin),
            last: 17,
        }
    }

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        assert_eq!(
            Cursor::read(walk(), &cursor().write(walk())).unwrap(),
            cursor()
        );
        let unpinned = Cursor {
            pin: None,
            last: "a:b".to_owned(),
        };
        assert_eq!(
            Cursor::read(walk(), &unpinned.write(walk())).unwrap(),
            unpinned
        );
    }

    #[test]
    fn a_cursor_of_another_walk_is_refused() {
        let text = cursor().write(walk());
        for other in [
            Walk::new("accounts", &("acme", ["a"], "desc")),
            Walk::new("transactions", &("other", ["a"], "desc")),
            Walk::new("transactions", &("acme", ["b"], "desc")),
        ] {
            assert!(Cursor::<u64>::read(other, &text).is_err());
        }
    }

    #[test]
    fn every_changed_character_and_every_cut_is_refused() {
        let text = cursor().write(walk());
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            if changed != text {
                assert_ne!(
                    Cursor::<u64>::read(walk(), &changed).ok(),
                    Some(cursor()),
                    "changed at {at}"
                );
            }
            assert!(Cursor::<u64>::read(walk(), &text[..at]).is_err());
        }
        for hostile in ["", "!", "null", &"A".repeat(1 << 16), "e30", "bnVsbA", "\0"] {
            assert!(Cursor::<u64>::read(walk(), hostile).is_err(), "{hostile:?}");
        }
    }
}
