//! Entries and postings, as sent. What [`super::books`] says of the order and the names of fields
//! holds here as well.

use std::fmt;

use daybook_domain::{Comparison, Condition, NewEntry, NewPosting, PostingSide, Share};
use daybook_events::ids::{AccountId, AssetCode, Description};
use daybook_events::metadata::Metadata;
use daybook_events::money::Side;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::amount::{WireAmount, WireMinor, WireRatio, word};
use super::json::Object;

/// One entry of a transaction.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntryBody {
    account: AccountId,
    amount: WireAmount,
    asset: AssetCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<ConditionBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Description>,
    #[serde(deserialize_with = "word")]
    direction: Side,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
}

/// One posting: a debit and a credit of the same amount.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostingBody {
    amount: WireAmount,
    asset: AssetCode,
    credit: SideBody,
    debit: SideBody,
}

/// One side of a posting: an account, or `{"split": [{"account", "ratio"}, …]}`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum SideBody {
    Account(AccountId),
    Split(SplitBody),
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SplitBody {
    split: Vec<Object<ShareBody>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ShareBody {
    account: AccountId,
    ratio: WireRatio,
}

impl<'de> Deserialize<'de> for SideBody {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Side;
        impl<'de> Visitor<'de> for Side {
            type Value = SideBody;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string holding a valid account id, or an object with a split")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SideBody, E> {
                let account = AccountId::parse(text).map_err(E::custom)?;
                Ok(SideBody::Account(account))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SideBody, A::Error> {
                SplitBody::deserialize(MapAccessDeserializer::new(map)).map(SideBody::Split)
            }
        }
        d.deserialize_any(Side)
    }
}

/// A condition of an entry; it has at least one bound.
#[derive(Debug, Serialize)]
struct ConditionBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<ComparisonBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    posted: Option<ComparisonBody>,
}

/// The bounds of one balance; there is at least one.
#[derive(Debug, Serialize)]
struct ComparisonBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    eq: Option<WireMinor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gte: Option<WireMinor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lte: Option<WireMinor>,
}

impl<'de> Deserialize<'de> for ConditionBody {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Members {
            available: Option<ComparisonBody>,
            posted: Option<ComparisonBody>,
        }
        let Object(Members { available, posted }) = Object::deserialize(d)?;
        if available.is_none() && posted.is_none() {
            return Err(D::Error::custom(
                "a condition is about available, posted or both",
            ));
        }
        Ok(Self { available, posted })
    }
}

impl<'de> Deserialize<'de> for ComparisonBody {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Members {
            eq: Option<WireMinor>,
            gte: Option<WireMinor>,
            lte: Option<WireMinor>,
        }
        let Object(Members { eq, gte, lte }) = Object::deserialize(d)?;
        if eq.is_none() && gte.is_none() && lte.is_none() {
            return Err(D::Error::custom("a condition has a bound: gte, lte or eq"));
        }
        Ok(Self { eq, gte, lte })
    }
}

impl EntryBody {
    pub(crate) fn into_entry(self) -> NewEntry {
        NewEntry {
            account: self.account,
            direction: self.direction,
            amount: self.amount.0,
            asset: self.asset,
            description: self.description,
            metadata: self.metadata.unwrap_or_default(),
            condition: self.condition.map(|condition| Condition {
                available: comparison(condition.available),
                posted: comparison(condition.posted),
            }),
        }
    }
}

fn comparison(body: Option<ComparisonBody>) -> Comparison {
    body.map_or_else(Comparison::default, |body| Comparison {
        gte: body.gte.map(|minor| minor.0),
        lte: body.lte.map(|minor| minor.0),
        eq: body.eq.map(|minor| minor.0),
    })
}

impl PostingBody {
    pub(crate) fn into_posting(self) -> NewPosting {
        NewPosting {
            debit: self.debit.into_side(),
            credit: self.credit.into_side(),
            amount: self.amount.0,
            asset: self.asset,
        }
    }
}

impl SideBody {
    fn into_side(self) -> PostingSide {
        match self {
            Self::Account(account) => PostingSide::Account(account),
            Self::Split(SplitBody { split }) => {
                let shares = split.into_iter().map(|Object(share)| Share {
                    account: share.account,
                    ratio: share.ratio.0,
                });
                PostingSide::Split(shares.collect())
            }
        }
    }
}
