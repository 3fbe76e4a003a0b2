//! Values that the wire takes in more than one form, or in one form only where serde takes more.

use std::fmt;

use daybook_domain::Ratio;
use daybook_events::ids::TransactionId;
use daybook_events::money::{AccountType, Amount, Minor, Side};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest whole number that every JSON reader keeps exactly: 2^53 − 1.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// An amount: a string of minor units, or a whole JSON number up to 2^53 − 1. Canonical as string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct WireAmount(pub(crate) Amount);

/// A bound of a limit: like [`WireAmount`], but zero and negative are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct WireMinor(pub(crate) Minor);

impl<'de> Deserialize<'de> for WireAmount {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Number {
            expecting: "a string of decimal digits or a whole number, in minor units",
            parse: |text| Amount::parse(text).map_err(|invalid| invalid.to_string()),
            number: |number| Amount::new(number).map_err(|invalid| invalid.to_string()),
        })
        .map(Self)
    }
}

impl<'de> Deserialize<'de> for WireMinor {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Number {
            expecting: "a string of digits with an optional -, or a whole number, in minor units",
            parse: |text| Minor::parse(text).map_err(|invalid| invalid.to_string()),
            number: |number| {
                Minor::try_new(number).ok_or_else(|| "must be within ±10^36".to_owned())
            },
        })
        .map(Self)
    }
}

/// A ratio of a split: a string, or a whole JSON number. Canonical in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WireRatio(pub(crate) Ratio);

impl Serialize for WireRatio {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(self.0.millionths())
    }
}

impl<'de> Deserialize<'de> for WireRatio {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Number {
            expecting: "a string such as 90 or 33.3, or a whole number",
            parse: |text| Ratio::parse(text).map_err(|invalid| invalid.to_string()),
            number: |number| {
                Ratio::parse(&number.to_string()).map_err(|invalid| invalid.to_string())
            },
        })
        .map(Self)
    }
}

struct Number<T> {
    expecting: &'static str,
    parse: fn(&str) -> Result<T, String>,
    number: fn(i128) -> Result<T, String>,
}

impl<T> Visitor<'_> for Number<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        if number > NUMBER_MAX {
            return Err(E::custom(
                "a JSON number beyond 2^53−1 is not exact everywhere; send a string of digits",
            ));
        }
        (self.number)(i128::from(number)).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        if number.unsigned_abs() > NUMBER_MAX {
            return Err(E::custom(
                "a JSON number beyond 2^53−1 is not exact everywhere; send a string of digits",
            ));
        }
        (self.number)(i128::from(number)).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        Err(E::invalid_type(Unexpected::Float(number), &self))
    }
}

/// A field that is one of a few words. Serde's own enums also take `{"word": null}`.
pub(crate) trait Word: Sized + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

impl Word for Side {
    const WORDS: &'static [(&'static str, Self)] =
        &[("debit", Self::Debit), ("credit", Self::Credit)];
}

impl Word for AccountType {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("asset", Self::Asset),
        ("liability", Self::Liability),
        ("equity", Self::Equity),
        ("income", Self::Income),
        ("expense", Self::Expense),
    ];
}

/// The status that a new transaction may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NewStatus {
    Posted,
    Pending,
}

impl Word for NewStatus {
    const WORDS: &'static [(&'static str, Self)] =
        &[("posted", Self::Posted), ("pending", Self::Pending)];
}

struct Words<T>(std::marker::PhantomData<T>);

impl<T: Word + Copy> Visitor<'_> for Words<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of")?;
        for (word, _) in T::WORDS {
            write!(f, " {word}")?;
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::WORDS
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

pub(crate) fn word<'de, D: Deserializer<'de>, T: Word + Copy>(d: D) -> Result<T, D::Error> {
    d.deserialize_str(Words(std::marker::PhantomData))
}

pub(crate) fn optional_word<'de, D: Deserializer<'de>, T: Word + Copy>(
    d: D,
) -> Result<Option<T>, D::Error> {
    struct Wrapped<T>(T);
    impl<'de, T: Word + Copy> Deserialize<'de> for Wrapped<T> {
        fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
            word(d).map(Self)
        }
    }
    Ok(Option::<Wrapped<T>>::deserialize(d)?.map(|wrapped| wrapped.0))
}

/// A transaction's id in its hyphenated form only; the uuid crate itself also reads others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct WireId(pub(crate) TransactionId);

impl<'de> Deserialize<'de> for WireId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = WireId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string holding a UUID")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<WireId, E> {
                TransactionId::parse(text).map(WireId).map_err(E::custom)
            }
        }
        d.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_a_string_or_an_exact_whole_number() {
        let read = |text: &str| serde_json::from_str::<WireAmount>(text).map(|a| a.0.get());
        assert_eq!(read("\"1050\"").unwrap(), 1050);
        assert_eq!(read("1050").unwrap(), 1050);
        assert_eq!(read("9007199254740991").unwrap(), 9_007_199_254_740_991);
        for wrong in [
            "9007199254740992",
            "1.0",
            "1e3",
            "-1",
            "0",
            "-0",
            "\"0\"",
            "\"007\"",
            "\"1e3\"",
            "\"1.5\"",
            "\"+1\"",
            "\"-1\"",
            "\"\"",
            "\" 1\"",
            "null",
            "true",
            "[]",
            "{}",
            "10000000000000000000000000000000",
            "\"10000000000000000000000000000000\"",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_refusal_speaks_of_what_was_sent_in_the_terms_of_the_wire() {
        fn refusal<T: serde::de::DeserializeOwned>(text: &str) -> String {
            match serde_json::from_str::<T>(text) {
                Ok(_) => panic!("{text} is taken"),
                Err(error) => error.to_string(),
            }
        }
        for text in ["\"-0\"", "\"00\"", "\"-01\""] {
            let said = refusal::<WireMinor>(text);
            assert!(said.contains("zero itself is 0, without a sign"), "{said}");
        }
        for text in ["31", "300", "-1", "1.5", "\"2\""] {
            let said = refusal::<daybook_events::assets::Scale>(text);
            assert!(said.contains("0 to 30"), "{text}: {said}");
        }
        let said = refusal::<daybook_events::ids::Description>("\"\"");
        assert!(
            said.starts_with("invalid description or reason: "),
            "{said}"
        );
    }

    #[test]
    fn a_ratio_is_a_string_or_a_whole_number() {
        let read = |text: &str| serde_json::from_str::<WireRatio>(text).map(|r| r.0.millionths());
        for text in ["90", "\"90\"", "\"90.0\""] {
            assert_eq!(read(text).unwrap(), 90_000_000, "{text}");
        }
        assert_eq!(read("\"33.3\"").unwrap(), 33_300_000);
        for wrong in [
            "0",
            "\"0\"",
            "-1",
            "33.3",
            "1e3",
            "\"1e3\"",
            "\"+1\"",
            "\"0.0000001\"",
            "null",
            "[]",
            "{}",
            "1000000000",
            "\"\"",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_word_is_a_string_and_nothing_else() {
        #[derive(Deserialize)]
        struct One {
            #[serde(deserialize_with = "word")]
            side: Side,
        }
        let read = |text: &str| serde_json::from_str::<One>(text).map(|one| one.side);
        assert_eq!(read(r#"{"side":"debit"}"#).unwrap(), Side::Debit);
        assert!(read(r#"{"side":{"debit":null}}"#).is_err());
        assert!(read(r#"{"side":"Debit"}"#).is_err());
    }
}
