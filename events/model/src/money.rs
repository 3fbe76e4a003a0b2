//! Money: whole minor units in `i128` with checked arithmetic, carried as decimal strings in JSON.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::invalid::Invalid;

/// The largest amount of one entry, in minor units.
pub const AMOUNT_MAX: i128 = 10_i128.pow(30);

/// The largest absolute value of any balance or turnover, in minor units. Beyond it a command is
/// refused with `overflow`; i128 itself holds about 1.7 × 10^38, so sums of two never wrap.
pub const BALANCE_MAX: i128 = 10_i128.pow(36);

/// The amount of one entry: 1 … 10^30 minor units, never zero, never negative.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Amount(i128);

impl Amount {
    /// An amount from a number of minor units.
    pub fn new(minor_units: i128) -> Result<Self, Invalid> {
        if minor_units < 1 {
            return Err(Invalid::new("amount", "must be at least 1 minor unit"));
        }
        if minor_units > AMOUNT_MAX {
            return Err(Invalid::new("amount", "must be at most 10^30 minor units"));
        }
        Ok(Self(minor_units))
    }

    /// Parses a decimal integer: digits only, no sign, no leading zero, no exponent.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.starts_with('-') {
            return Err(Invalid::new(
                "amount",
                "must be at least 1 minor unit, without a sign",
            ));
        }
        Self::new(parse_digits("amount", text)?)
    }

    /// Minor units.
    pub const fn get(self) -> i128 {
        self.0
    }
}

/// A signed sum of minor units: a balance, a turnover, a limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Minor(i128);

impl Minor {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Wraps a number of minor units if it is within ±[`BALANCE_MAX`].
    pub const fn try_new(minor_units: i128) -> Option<Self> {
        if minor_units.unsigned_abs() > BALANCE_MAX.unsigned_abs() {
            return None;
        }
        Some(Self(minor_units))
    }

    /// Parses a decimal integer with an optional `-`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let what = "number of minor units";
        let (digits, negative) = match text.strip_prefix('-') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        if digits == "0" && !negative {
            return Ok(Self::ZERO);
        }
        if digits.starts_with('0') {
            let why = "must not begin with a zero; zero itself is 0, without a sign";
            return Err(Invalid::new(what, why));
        }
        let magnitude = parse_digits(what, digits)?;
        let signed = if negative {
            magnitude.checked_neg()
        } else {
            Some(magnitude)
        };
        signed
            .and_then(Self::try_new)
            .ok_or_else(|| Invalid::new(what, "must be within ±10^36"))
    }

    /// Minor units.
    pub const fn get(self) -> i128 {
        self.0
    }

    /// The sum, or `None` beyond ±[`BALANCE_MAX`].
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::try_new)
    }

    /// The difference, or `None` beyond ±[`BALANCE_MAX`].
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).and_then(Self::try_new)
    }

    /// Whether it is nothing.
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

impl From<Amount> for Minor {
    fn from(amount: Amount) -> Self {
        Self(amount.0)
    }
}

fn parse_digits(what: &'static str, text: &str) -> Result<i128, Invalid> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Invalid::new(
            what,
            "expected a string of decimal digits, in minor units",
        ));
    }
    if text.starts_with('0') {
        return Err(Invalid::new(
            what,
            "must not be zero and must not begin with a zero",
        ));
    }
    // 39 digits may wrap i128; the bounds are far below.
    if text.len() > 37 {
        return Err(Invalid::new(what, "too large"));
    }
    text.parse()
        .map_err(|error: std::num::ParseIntError| Invalid::new(what, error.to_string()))
}

macro_rules! as_decimal_string {
    ($name:ident, $expecting:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(itoa::Buffer::new().format(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(itoa::Buffer::new().format(self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
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

as_decimal_string!(Amount, "a string of decimal digits, in minor units");
as_decimal_string!(
    Minor,
    "a string of decimal digits with an optional sign, in minor units"
);

/// One of the two sides of double entry; also an account's normal balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The left side.
    Debit,
    /// The right side.
    Credit,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Debit => Self::Credit,
            Self::Credit => Self::Debit,
        }
    }

    /// `debit` or `credit`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debit => "debit",
            Self::Credit => "credit",
        }
    }
}

/// What an account is in the books; decides its default normal balance and its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// What the ledger's owner has.
    Asset,
    /// What the ledger's owner owes.
    Liability,
    /// What belongs to the owners.
    Equity,
    /// What was earned.
    Income,
    /// What was spent.
    Expense,
}

impl AccountType {
    /// Debit for asset and expense, credit otherwise.
    pub const fn normal_balance(self) -> Side {
        match self {
            Self::Asset | Self::Expense => Side::Debit,
            Self::Liability | Self::Equity | Self::Income => Side::Credit,
        }
    }

    /// The name used in JSON and SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Liability => "liability",
            Self::Equity => "equity",
            Self::Income => "income",
            Self::Expense => "expense",
        }
    }
}
