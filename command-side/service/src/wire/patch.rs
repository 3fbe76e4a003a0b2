//! Merge patches (RFC 7396): a member that is absent stays, `null` deletes, a value sets.

use std::collections::BTreeMap;
use std::fmt;

use daybook_domain::{LimitPatch, LimitsPatch, Patch};
use daybook_events::event::LimitedAsset;
use daybook_events::event::account::ASSETS_MAX;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::amount::WireMinor;
use super::json::Object;

/// A member of a patch. A request's hash covers a `null`, and leaves out what is absent; so every
/// field of this type is skipped where it is absent.
#[derive(Debug)]
pub(crate) struct Member<T>(Patch<T>);

impl<T> Default for Member<T> {
    fn default() -> Self {
        Self(Patch::Keep)
    }
}

impl<T> Member<T> {
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self.0, Patch::Keep)
    }

    pub(crate) fn into_patch(self) -> Patch<T> {
        self.0
    }

    pub(crate) fn map<U>(self, to: impl FnOnce(T) -> U) -> Patch<U> {
        match self.0 {
            Patch::Keep => Patch::Keep,
            Patch::Remove => Patch::Remove,
            Patch::Set(value) => Patch::Set(to(value)),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = Option::<T>::deserialize(d)?;
        Ok(Self(value.map_or(Patch::Remove, Patch::Set)))
    }
}

impl<T: Serialize> Serialize for Member<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Patch::Keep | Patch::Remove => s.serialize_none(),
            Patch::Set(value) => value.serialize(s),
        }
    }
}

/// Something for each of some assets, and for `*`.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct ByAsset<T>(pub(crate) BTreeMap<LimitedAsset, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByAsset<T> {
    /// Refuses an asset that stands twice.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Assets<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Assets<T> {
            type Value = BTreeMap<LimitedAsset, T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of limits by asset code or *")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                use serde::de::Error as _;
                let mut limits = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    let asset = LimitedAsset::parse(&key).map_err(A::Error::custom)?;
                    if limits.insert(asset, map.next_value()?).is_some() {
                        return Err(A::Error::custom("an asset stands twice"));
                    }
                    if limits.len() > ASSETS_MAX {
                        return Err(A::Error::custom("more than 100 assets"));
                    }
                }
                Ok(limits)
            }
        }
        d.deserialize_map(Assets(std::marker::PhantomData))
            .map(Self)
    }
}

/// The limits of an account, as a patch of them.
pub(crate) type WireLimitsPatch = ByAsset<Member<Object<WireLimitPatch>>>;

/// The bounds of one balance, as a patch of them.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WireLimitPatch {
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    max_balance: Member<WireMinor>,
    #[serde(default, skip_serializing_if = "Member::is_absent")]
    min_available: Member<WireMinor>,
}

impl WireLimitsPatch {
    pub(crate) fn into_patch(self) -> LimitsPatch {
        let assets = self.0.into_iter();
        let assets = assets.map(|(asset, limit)| {
            let limit = limit.map(|Object(limit)| LimitPatch {
                min_available: limit.min_available.map(|minor| minor.0),
                max_balance: limit.max_balance.map(|minor| minor.0),
            });
            (asset, limit)
        });
        LimitsPatch(assets.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Serialize)]
    struct Body {
        #[serde(default, skip_serializing_if = "Member::is_absent")]
        limits: Member<WireLimitsPatch>,
    }

    #[test]
    fn absent_null_and_a_value_are_three_things_on_every_level() {
        for text in [
            "{}",
            r#"{"limits":null}"#,
            r#"{"limits":{}}"#,
            r#"{"limits":{"USD":null}}"#,
            r#"{"limits":{"*":{},"USD":{"min_available":null}}}"#,
            r#"{"limits":{"USD":{"max_balance":"5","min_available":null}}}"#,
        ] {
            let body: Body = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&body).unwrap(), text);
        }
    }

    #[test]
    fn a_patch_of_limits_says_what_stays_goes_and_changes() {
        let text = r#"{"limits":{"EUR":null,"USD":{"min_available":-5,"max_balance":null}}}"#;
        let body: Body = serde_json::from_str(text).unwrap();
        let Patch::Set(LimitsPatch(limits)) = body.limits.map(ByAsset::into_patch) else {
            panic!("it is set");
        };
        let of = |asset: &str| limits[&LimitedAsset::parse(asset).unwrap()];
        assert_eq!(of("EUR"), Patch::Remove);
        let Patch::Set(usd) = of("USD") else {
            panic!("it is set");
        };
        assert!(matches!(usd.min_available, Patch::Set(minor) if minor.get() == -5));
        assert_eq!(usd.max_balance, Patch::Remove);
    }
}
