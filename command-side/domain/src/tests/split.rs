//! Postings and splits: what they stand for, and that no unit of an amount is ever lost or made.

use daybook_events::money::{AMOUNT_MAX, Amount, Side};
use proptest::prelude::*;

use super::given::{account_id, asset, credit, debit, transfer};
use crate::{Entries, NewEntry, NewPosting, PostingSide, Ratio, Share, expand_postings};

fn ratio(text: &str) -> Ratio {
    Ratio::parse(text).unwrap()
}

fn whole(account: &str) -> PostingSide {
    PostingSide::Account(account_id(account))
}

fn split(shares: &[(&str, &str)]) -> PostingSide {
    let shares = shares.iter().map(|(account, text)| Share {
        account: account_id(account),
        ratio: ratio(text),
    });
    PostingSide::Split(shares.collect())
}

fn posting(debit: PostingSide, credit: PostingSide, amount: i128) -> NewPosting {
    NewPosting {
        debit,
        credit,
        amount: Amount::new(amount).unwrap(),
        asset: asset("USD"),
    }
}

fn expanded(posting: NewPosting) -> Vec<NewEntry> {
    expand_postings(vec![posting]).unwrap()
}

/// The amounts of the credit side.
fn credited(amount: i128, shares: &[(&str, &str)]) -> Vec<(String, i128)> {
    expanded(posting(whole("cash"), split(shares), amount))
        .into_iter()
        .skip(1)
        .map(|entry| (entry.account.to_string(), entry.amount.get()))
        .collect()
}

#[test]
fn postings_become_a_debit_and_a_credit_each_in_order() {
    let simple = |debit, credit, amount| posting(whole(debit), whole(credit), amount);
    let postings = vec![simple("cash", "users:1", 7), simple("fees", "cash", 2)];
    assert_eq!(
        expand_postings(postings.clone()).unwrap(),
        [
            debit("cash", 7),
            credit("users:1", 7),
            debit("fees", 2),
            credit("cash", 2)
        ]
    );
    let one = simple("cash", "users:1", 1);
    for (count, fits) in [(0, false), (1, true), (500, true), (501, false)] {
        let made = Entries::from_postings(vec![one.clone(); count]);
        assert_eq!(made.is_ok(), fits, "{count}");
    }
    let entries = transfer("cash", "users:1", 1);
    assert!(Entries::from_request(Some(entries.clone()), Some(postings.clone())).is_err());
    assert!(Entries::from_request(None, None).is_err());
    assert!(Entries::from_request(Some(entries), None).is_ok());
    assert!(Entries::from_request(None, Some(postings)).is_ok());
}

#[test]
fn either_side_may_be_split_and_the_debit_side_comes_first() {
    let ninety_ten = [("m:1", "90"), ("fees", "10")];
    assert_eq!(
        expanded(posting(whole("cash"), split(&ninety_ten), 1050)),
        [debit("cash", 1050), credit("m:1", 945), credit("fees", 105)]
    );
    assert_eq!(
        expanded(posting(split(&ninety_ten), whole("cash"), 1050)),
        [debit("m:1", 945), debit("fees", 105), credit("cash", 1050)]
    );
    let both = posting(split(&ninety_ten), split(&ninety_ten), 1050);
    let refused = expand_postings(vec![both]).unwrap_err();
    assert_eq!(refused.what, "split");
}

#[test]
fn a_split_has_two_to_999_shares() {
    for (count, fits) in [
        (0, false),
        (1, false),
        (2, true),
        (999, true),
        (1000, false),
    ] {
        let shares = split(&vec![("a", "1"); count]);
        let made = Entries::from_postings(vec![posting(whole("cash"), shares, 5_000)]);
        assert_eq!(made.is_ok(), fits, "{count}");
    }
    // The entries of all postings together are bounded as well.
    let shares = split(&[("a", "1"); 500]);
    let postings = vec![posting(whole("cash"), shares, 5_000); 2];
    let refused = Entries::from_postings(postings).unwrap_err();
    assert_eq!(refused.what, "entries");
}

#[test]
fn the_units_left_over_go_to_the_largest_remainders_and_among_equals_to_the_earlier() {
    type Row<'a> = (i128, &'a [(&'a str, &'a str)], &'a [i128]);
    let rows: [Row<'_>; 6] = [
        (100, &[("a", "1"), ("b", "1"), ("c", "1")], &[34, 33, 33]),
        (101, &[("a", "1"), ("b", "1"), ("c", "1")], &[34, 34, 33]),
        // Exact shares 0.9, 3.3, 5.8: remainders .9, .3, .8.
        (10, &[("a", "9"), ("b", "33"), ("c", "58")], &[1, 3, 6]),
        // Exact shares 2.5 and 2.5: the earlier gets the unit.
        (5, &[("a", "0.5"), ("b", "0.5")], &[3, 2]),
        // Ratios need not add up to anything.
        (1000, &[("a", "33.333333"), ("b", "33.333333")], &[500, 500]),
        (7, &[("a", "0.000001"), ("b", "999999999.999999")], &[7]),
    ];
    for (amount, shares, parts) in rows {
        let amounts: Vec<i128> = credited(amount, shares)
            .into_iter()
            .map(|(_, n)| n)
            .collect();
        assert_eq!(amounts, parts, "{amount} {shares:?}");
    }
}

#[test]
fn a_part_of_nothing_is_left_out_and_an_account_may_stand_twice() {
    let one_unit = credited(1, &[("a", "1"), ("b", "2"), ("c", "1")]);
    assert_eq!(one_unit, [("b".to_owned(), 1)]);
    let twice = credited(4, &[("a", "1"), ("b", "2"), ("a", "1")]);
    let expected = [("a", 1), ("b", 2), ("a", 1)].map(|(id, n)| (id.to_owned(), n));
    assert_eq!(twice, expected);
}

#[test]
fn the_largest_amount_is_split_exactly_by_the_most_unequal_ratios() {
    let extreme = [("a", "0.000001"), ("b", "999999999.999999")];
    // 10^30 / 10^15 = 10^15 to the smallest weight there is.
    let parts = credited(AMOUNT_MAX, &extreme);
    assert_eq!(parts[0].1, 10_i128.pow(15));
    assert_eq!(parts[1].1, AMOUNT_MAX - 10_i128.pow(15));
    // 998 of the largest weight and one of the smallest.
    let mut shares = vec![("b", "999999999.999999"); 998];
    shares.push(("a", "0.000001"));
    let parts = credited(AMOUNT_MAX, &shares);
    assert_eq!(parts.iter().map(|(_, n)| n).sum::<i128>(), AMOUNT_MAX);
    let total = 998 * (10_i128.pow(15) - 1) + 1;
    assert_eq!(parts[998].1, AMOUNT_MAX / total);
}

#[test]
fn a_ratio_is_a_plain_decimal_above_zero() {
    for (text, millionths) in [
        ("90", 90_000_000),
        ("33.3", 33_300_000),
        ("0.5", 500_000),
        ("0.000001", 1),
        ("1.0", 1_000_000),
        ("999999999.999999", 999_999_999_999_999),
    ] {
        assert_eq!(ratio(text).millionths(), millionths, "{text}");
    }
    for text in [
        "",
        ".",
        "0",
        "0.0",
        "0.000000",
        "00",
        "01",
        "00.5",
        "+1",
        "-1",
        " 1",
        "1 ",
        "1.",
        ".5",
        "1.2.3",
        "1e3",
        "1E3",
        "1,5",
        "1_0",
        "0x1",
        "inf",
        "NaN",
        "½",
        "٣",
        "1234567890",
        "0.0000001",
        "1.1234567",
    ] {
        assert_eq!(
            Ratio::parse(text).map_err(|error| error.what),
            Err("ratio"),
            "{text:?}"
        );
    }
}

/// Weights of every size, as text.
fn ratios() -> impl Strategy<Value = Vec<String>> {
    let one = (0..1_000_000_000_u64, 0..1_000_000_u64)
        .prop_map(|(whole, millionths)| format!("{whole}.{millionths:06}"));
    let small = (1..5_u64).prop_map(|whole| whole.to_string());
    let extreme = prop_oneof![
        Just("0.000001".to_owned()),
        Just("999999999.999999".to_owned())
    ];
    let ratio = prop_oneof![one, small, extreme]
        .prop_filter("above zero", |text| Ratio::parse(text).is_ok());
    prop::collection::vec(ratio, 2..40)
}

fn amounts() -> impl Strategy<Value = i128> {
    prop_oneof![
        1..200_i128,
        1..=AMOUNT_MAX,
        Just(AMOUNT_MAX),
        (0..1000_i128).prop_map(|less| AMOUNT_MAX - less),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_parts_add_up_and_each_is_within_a_unit_of_its_exact_share(
        amount in amounts(),
        texts in ratios(),
    ) {
        let ids: Vec<String> = (0..texts.len()).map(|place| format!("a:{place}")).collect();
        let shares: Vec<(&str, &str)> = ids
            .iter()
            .zip(&texts)
            .map(|(id, text)| (id.as_str(), text.as_str()))
            .collect();
        let entries = expanded(posting(whole("cash"), split(&shares), amount));
        prop_assert_eq!(entries[0].direction, Side::Debit);
        let parts = &entries[1..];
        let sum: i128 = parts.iter().map(|entry| entry.amount.get()).sum();
        prop_assert_eq!(sum, amount);

        // The parts stand in the order of their shares, those of nothing left out.
        let mut found = parts.iter().peekable();
        let part_of = |id: &String| {
            found
                .next_if(|entry| entry.account.as_str() == id)
                .map_or(0, |entry| entry.amount.get())
        };
        let by_share: Vec<i128> = ids.iter().map(part_of).collect();
        prop_assert!(found.next().is_none(), "a part stands out of order");

        // |part − amount × weight / total| < 1, in whole numbers: exact in i128 after taking out
        // what divides evenly.
        let weights: Vec<i128> = texts.iter().map(|text| ratio(text).millionths().into()).collect();
        let total: i128 = weights.iter().sum();
        let mut remainders = Vec::new();
        for (part, weight) in by_share.iter().zip(&weights) {
            let even = amount / total * weight;
            let rest = amount % total * weight;
            let off = (part - even) * total - rest;
            prop_assert!(off.abs() < total, "{part} of {amount} by {weight}/{total}");
            // Positive where rounded up.
            remainders.push((rest % total, off > 0));
        }
        // Who is rounded up has no smaller remainder than who is not; of equals the earlier is.
        for (place, (remainder, up)) in remainders.iter().enumerate() {
            for (later, later_up) in &remainders[place + 1..] {
                prop_assert!(!(*later_up && !up && remainder >= later));
                prop_assert!(!(*up && !later_up && remainder < later));
            }
        }
    }
}
