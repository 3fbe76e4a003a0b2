//! Postings: the short form of entries, with an amount that one side may split by ratios.

use daybook_events::Invalid;
use daybook_events::event::transaction::ENTRIES_MAX;
use daybook_events::ids::{AccountId, AssetCode};
use daybook_events::metadata::Metadata;
use daybook_events::money::{Amount, Side};

use super::transaction::NewEntry;

/// The fewest shares of a split; one share is no split.
const SHARES_MIN: usize = 2;
/// The most shares of a split: with the entry of the other side they fill a transaction.
const SHARES_MAX: usize = ENTRIES_MAX - 1;

/// The short form of a simple move: a debit and a credit of the same amount, one of the two
/// perhaps split among several accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPosting {
    /// What to debit.
    pub debit: PostingSide,
    /// What to credit.
    pub credit: PostingSide,
    /// Minor units.
    pub amount: Amount,
    /// The asset.
    pub asset: AssetCode,
}

/// One side of a posting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostingSide {
    /// The whole amount.
    Account(AccountId),
    /// Parts that add up to the amount, by largest remainder. The same account may stand twice.
    Split(Vec<Share>),
}

/// One part of a split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Who gets it.
    pub account: AccountId,
    /// Its weight among the split's ratios.
    pub ratio: Ratio,
}

/// A weight in millionths, 1 … 10^15: a decimal of at most nine digits before the point and six
/// after it, above zero. Percentages are weights that happen to add up to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio(u64);

/// The most digits before the point.
const WHOLE_DIGITS_MAX: usize = 9;
/// The most digits after the point; a weight is counted in units of the last.
const FRACTION_DIGITS_MAX: usize = 6;

impl Ratio {
    /// Parses `90`, `33.3` or `0.000001`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = |why: &str| Invalid::new("ratio", why);
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (text, None),
        };
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !fraction.is_none_or(digits) {
            return Err(wrong(
                "expected decimal digits such as 90 or 33.3, no sign, no exponent",
            ));
        }
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(wrong("must not begin with a zero, except as in 0.5"));
        }
        let fraction = fraction.unwrap_or_default();
        if whole.len() > WHOLE_DIGITS_MAX || fraction.len() > FRACTION_DIGITS_MAX {
            return Err(wrong(
                "at most nine digits before the point and six after it",
            ));
        }
        let millionths = format!("{whole}{fraction:0<FRACTION_DIGITS_MAX$}")
            .parse()
            .map_err(|error: std::num::ParseIntError| wrong(&error.to_string()))?;
        if millionths == 0 {
            return Err(wrong("must be above zero"));
        }
        Ok(Self(millionths))
    }

    /// The weight in millionths.
    pub const fn millionths(self) -> u64 {
        self.0
    }
}

impl NewPosting {
    /// Checks the shape of its splits.
    ///
    /// # Errors
    /// Both sides are split, or a split has too few or too many shares.
    pub fn check(&self) -> Result<(), Invalid> {
        let shares = match (&self.debit, &self.credit) {
            (PostingSide::Account(_), PostingSide::Account(_)) => return Ok(()),
            (PostingSide::Split(shares), PostingSide::Account(_))
            | (PostingSide::Account(_), PostingSide::Split(shares)) => shares.len(),
            (PostingSide::Split(_), PostingSide::Split(_)) => {
                let why = "only one side of a posting may be split";
                return Err(Invalid::new("split", why));
            }
        };
        if (SHARES_MIN..=SHARES_MAX).contains(&shares) {
            return Ok(());
        }
        let why = format!("a split has 2 to 999 shares, not {shares}");
        Err(Invalid::new("split", why))
    }
}

/// Expands postings: for each its debit side, then its credit side, the parts of a split in their
/// order.
///
/// # Errors
/// See [`NewPosting::check`].
pub fn expand_postings(postings: Vec<NewPosting>) -> Result<Vec<NewEntry>, Invalid> {
    let mut entries = Vec::with_capacity(postings.len().saturating_mul(2));
    for posting in postings {
        posting.check()?;
        let NewPosting {
            debit,
            credit,
            amount,
            asset,
        } = posting;
        for (direction, side) in [(Side::Debit, debit), (Side::Credit, credit)] {
            for (account, amount) in parts(side, amount) {
                entries.push(NewEntry {
                    account,
                    direction,
                    amount,
                    asset: asset.clone(),
                    description: None,
                    metadata: Metadata::default(),
                    condition: None,
                });
            }
        }
    }
    Ok(entries)
}

/// The accounts of one side with what each gets.
fn parts(side: PostingSide, amount: Amount) -> Vec<(AccountId, Amount)> {
    let shares = match side {
        PostingSide::Account(account) => return vec![(account, amount)],
        PostingSide::Split(shares) => shares,
    };
    let amounts = by_largest_remainder(amount, &shares);
    let parts = shares.into_iter().zip(amounts);
    // A part of zero is no entry.
    parts
        .filter_map(|(share, part)| Some((share.account, Amount::new(part).ok()?)))
        .collect()
}

/// Each share of the amount: its exact share rounded down, and the units that this leaves over one
/// each to the largest remainders, the earlier first among equals.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "a split has shares of weight 1 to 10^15 each, at most 999: the total is 2 to 10^18 \
              and never zero; with amount = q * total + r, the product q * weight is at most the \
              amount of 10^30, and r * weight below 10^18 * 10^15 = 10^33. i128 holds 10^38"
)]
fn by_largest_remainder(amount: Amount, shares: &[Share]) -> Vec<i128> {
    let weight = |share: &Share| i128::from(share.ratio.millionths());
    let total: i128 = shares.iter().map(weight).sum();
    let (quotient, rest) = (amount.get() / total, amount.get() % total);
    let mut parts = Vec::with_capacity(shares.len());
    let mut remainders = Vec::with_capacity(shares.len());
    for (place, share) in shares.iter().enumerate() {
        let scaled = rest * weight(share);
        parts.push(quotient * weight(share) + scaled / total);
        remainders.push((std::cmp::Reverse(scaled % total), place));
    }
    remainders.sort_unstable();
    let mut left = amount.get() - parts.iter().sum::<i128>();
    for (_, place) in remainders {
        if left == 0 {
            break;
        }
        if let Some(part) = parts.get_mut(place) {
            *part += 1;
            left -= 1;
        }
    }
    parts
}
