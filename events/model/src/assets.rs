//! Assets: ISO 4217 is built in, others are registered per ledger.
//!
//! Source of codes and scales: ISO 4217 list one (active currencies and funds, as of 2026), without
//! the entries that have no minor unit (metals, SDR, testing).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::AssetCode;
use crate::invalid::Invalid;

/// How many decimal digits an asset's minor unit lies below its unit: 2 for USD, 0 for JPY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Scale(u8);

/// The largest scale; 10^30 minor units are still one whole unit at scale 30.
pub const SCALE_MAX: u8 = 30;

impl Scale {
    /// Checks the bound.
    pub fn try_new(digits: u8) -> Result<Self, Invalid> {
        if digits > SCALE_MAX {
            return Err(Invalid::new("scale", "must be 0 to 30"));
        }
        Ok(Self(digits))
    }

    /// Decimal digits.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Scale {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Digits;
        impl serde::de::Visitor<'_> for Digits {
            type Value = Scale;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number, 0 to {SCALE_MAX}")
            }
            fn visit_u64<E: serde::de::Error>(self, digits: u64) -> Result<Scale, E> {
                let digits = u8::try_from(digits).unwrap_or(u8::MAX);
                Scale::try_new(digits).map_err(E::custom)
            }
            fn visit_i64<E: serde::de::Error>(self, digits: i64) -> Result<Scale, E> {
                self.visit_u64(u64::try_from(digits).unwrap_or(u64::MAX))
            }
        }
        d.deserialize_u8(Digits)
    }
}

/// The scale of an ISO 4217 currency, or `None` for any other code.
pub fn iso_scale(asset: &AssetCode) -> Option<Scale> {
    let code = asset.as_str();
    let index = ISO_4217
        .binary_search_by_key(&code, |(known, _)| known)
        .ok()?;
    ISO_4217.get(index).map(|(_, digits)| Scale(*digits))
}

/// Every built-in currency with its scale, in code order.
#[rustfmt::skip]
pub const ISO_4217: &[(&str, u8)] = &[
    ("AED", 2), ("AFN", 2), ("ALL", 2), ("AMD", 2), ("AOA", 2), ("ARS", 2), ("AUD", 2),
    ("AWG", 2), ("AZN", 2), ("BAM", 2), ("BBD", 2), ("BDT", 2), ("BGN", 2), ("BHD", 3),
    ("BIF", 0), ("BMD", 2), ("BND", 2), ("BOB", 2), ("BOV", 2), ("BRL", 2), ("BSD", 2),
    ("BTN", 2), ("BWP", 2), ("BYN", 2), ("BZD", 2), ("CAD", 2), ("CDF", 2), ("CHE", 2),
    ("CHF", 2), ("CHW", 2), ("CLF", 4), ("CLP", 0), ("CNY", 2), ("COP", 2), ("COU", 2),
    ("CRC", 2), ("CUP", 2), ("CVE", 2), ("CZK", 2), ("DJF", 0), ("DKK", 2), ("DOP", 2),
    ("DZD", 2), ("EGP", 2), ("ERN", 2), ("ETB", 2), ("EUR", 2), ("FJD", 2), ("FKP", 2),
    ("GBP", 2), ("GEL", 2), ("GHS", 2), ("GIP", 2), ("GMD", 2), ("GNF", 0), ("GTQ", 2),
    ("GYD", 2), ("HKD", 2), ("HNL", 2), ("HTG", 2), ("HUF", 2), ("IDR", 2), ("ILS", 2),
    ("INR", 2), ("IQD", 3), ("IRR", 2), ("ISK", 0), ("JMD", 2), ("JOD", 3), ("JPY", 0),
    ("KES", 2), ("KGS", 2), ("KHR", 2), ("KMF", 0), ("KPW", 2), ("KRW", 0), ("KWD", 3),
    ("KYD", 2), ("KZT", 2), ("LAK", 2), ("LBP", 2), ("LKR", 2), ("LRD", 2), ("LSL", 2),
    ("LYD", 3), ("MAD", 2), ("MDL", 2), ("MGA", 2), ("MKD", 2), ("MMK", 2), ("MNT", 2),
    ("MOP", 2), ("MRU", 2), ("MUR", 2), ("MVR", 2), ("MWK", 2), ("MXN", 2), ("MXV", 2),
    ("MYR", 2), ("MZN", 2), ("NAD", 2), ("NGN", 2), ("NIO", 2), ("NOK", 2), ("NPR", 2),
    ("NZD", 2), ("OMR", 3), ("PAB", 2), ("PEN", 2), ("PGK", 2), ("PHP", 2), ("PKR", 2),
    ("PLN", 2), ("PYG", 0), ("QAR", 2), ("RON", 2), ("RSD", 2), ("RUB", 2), ("RWF", 0),
    ("SAR", 2), ("SBD", 2), ("SCR", 2), ("SDG", 2), ("SEK", 2), ("SGD", 2), ("SHP", 2),
    ("SLE", 2), ("SOS", 2), ("SRD", 2), ("SSP", 2), ("STN", 2), ("SVC", 2), ("SYP", 2),
    ("SZL", 2), ("THB", 2), ("TJS", 2), ("TMT", 2), ("TND", 3), ("TOP", 2), ("TRY", 2),
    ("TTD", 2), ("TWD", 2), ("TZS", 2), ("UAH", 2), ("UGX", 0), ("USD", 2), ("USN", 2),
    ("UYI", 0), ("UYU", 2), ("UYW", 4), ("UZS", 2), ("VED", 2), ("VES", 2), ("VND", 0),
    ("VUV", 0), ("WST", 2), ("XAD", 2), ("XAF", 0), ("XCD", 2), ("XCG", 2), ("XOF", 0),
    ("XPF", 0), ("YER", 2), ("ZAR", 2), ("ZMW", 2), ("ZWG", 2),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_code_parses() {
        assert!(ISO_4217.is_sorted_by(|a, b| a.0 < b.0));
        for (code, digits) in ISO_4217 {
            let asset = AssetCode::parse(code).unwrap();
            assert_eq!(iso_scale(&asset).map(Scale::get), Some(*digits));
        }
    }

    #[test]
    fn known_scales_are_right_and_others_unknown() {
        let scale = |code| iso_scale(&AssetCode::parse(code).unwrap()).map(Scale::get);
        assert_eq!(scale("USD"), Some(2));
        assert_eq!(scale("JPY"), Some(0));
        assert_eq!(scale("KWD"), Some(3));
        assert_eq!(scale("CLF"), Some(4));
        assert_eq!(scale("POINTS"), None);
    }
}
