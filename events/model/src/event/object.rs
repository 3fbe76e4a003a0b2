//! Readers for what stands inside an event's `data`. What serde derives is more generous than what
//! is ever written: it takes an array of the members in order for an object, the last of two equal
//! keys of a map, and a value that stands twice in a set. One value has one text here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};

use super::account::ASSETS_MAX;
use crate::ids::AssetCode;
use crate::money::Minor;

/// Reads a `T` from an object and from nothing else.
struct Object<T>(T);

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
        d.deserialize_map(Members(PhantomData)).map(Self)
    }
}

/// An object.
pub(super) fn one<'de, T, D>(d: D) -> Result<T, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Object::deserialize(d).map(|Object(value)| value)
}

/// An object, where the member may be absent.
pub(super) fn optional<'de, T, D>(d: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<Object<T>>::deserialize(d).map(|found| found.map(|Object(value)| value))
}

/// An array of objects.
pub(super) fn each<'de, T, D>(d: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Items<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of objects")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(Object(item)) = items.next_element()? {
                all.push(item);
            }
            Ok(all)
        }
    }
    d.deserialize_seq(Items(PhantomData))
}

/// Objects by asset, each asset once.
pub(super) fn by_asset<'de, T, D>(d: D) -> Result<BTreeMap<AssetCode, T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct ByAsset<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for ByAsset<T> {
        type Value = BTreeMap<AssetCode, T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of objects by asset code")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut all = BTreeMap::new();
            while let Some((asset, Object(value))) = map.next_entry::<AssetCode, Object<T>>()? {
                if let Some(_twice) = all.insert(asset, value) {
                    return Err(A::Error::custom("an asset stands twice"));
                }
            }
            Ok(all)
        }
    }
    d.deserialize_map(ByAsset(PhantomData))
}

/// The assets that an account is restricted to, each once, where it is restricted.
pub(super) fn assets<'de, D>(d: D) -> Result<Option<BTreeSet<AssetCode>>, D::Error>
where
    D: Deserializer<'de>,
{
    let Some(given) = Option::<Vec<AssetCode>>::deserialize(d)? else {
        return Ok(None);
    };
    if given.len() > ASSETS_MAX {
        return Err(D::Error::custom("more than 100 assets"));
    }
    let count = given.len();
    let assets: BTreeSet<_> = given.into_iter().collect();
    if assets.len() != count {
        return Err(D::Error::custom("an asset stands twice"));
    }
    Ok(Some(assets))
}

/// A sum that only ever grows from zero.
pub(super) fn not_negative<'de, D: Deserializer<'de>>(d: D) -> Result<Minor, D::Error> {
    let sum = Minor::deserialize(d)?;
    if sum < Minor::ZERO {
        return Err(D::Error::custom("a turnover must not be negative"));
    }
    Ok(sum)
}
