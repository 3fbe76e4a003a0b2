//! Commands that move money.

use std::collections::BTreeMap;

use daybook_tests::model::calendar::ZONES;
use daybook_tests::model::entries_of;
use daybook_tests::model::request::{
    Bounds, Capture, Command, Condition, Effective, Entry, Lines, NewTransaction, Pairs, Part,
    Party, Posting, Reverse, Side,
};

use super::{RECENT, Script};

const DAY: i64 = 86_400_000_000;

impl Script {
    pub(super) fn account(&mut self) -> String {
        if self.random.once_in(300) {
            return "nobody".to_owned();
        }
        // The first accounts are those that everybody uses.
        let busy = self.accounts.len().min(9);
        let reach = if self.random.once_in(5) {
            self.accounts.len()
        } else {
            busy
        };
        self.accounts[self.random.index(reach)].clone()
    }

    pub(super) fn asset(&mut self) -> String {
        match self.random.below(200) {
            0 => "NOSUCH".to_owned(),
            1..=20 => self.random.pick(&self.assets.clone()).clone(),
            _ => "USD".to_owned(),
        }
    }

    fn amount(&mut self) -> i128 {
        match self.random.below(300) {
            0 => 10_i128.pow(20),
            1..=9 => 1,
            10..=50 => i128::from(1 + self.random.below(2_000)),
            _ => i128::from(1 + self.random.below(120)),
        }
    }

    pub(super) fn pairs(&mut self) -> Option<Pairs> {
        match self.random.below(6) {
            0 => Some(Pairs::new()),
            1 => {
                let names = ["channel", "order", "žluť \"q\""];
                let name = (*self.random.pick(&names)).to_owned();
                let value = self.random.below(9).to_string();
                Some(Pairs::from([(name, value)]))
            }
            _ => None,
        }
    }

    fn effective(&mut self) -> Option<Effective> {
        let days = i64::try_from(self.random.below(520)).unwrap_or(0);
        let then = self.now + 20 * DAY - days * DAY;
        match self.random.below(16) {
            0 | 1 => Some(Effective::Day(ZONES[0].day_of(then))),
            2 => Some(Effective::Instant(then + days * 1_234_567)),
            _ => None,
        }
    }

    fn reference(&mut self) -> Option<String> {
        match self.random.below(24) {
            0..=3 => {
                let reference = format!("order-{}", self.random.below(1_000_000));
                self.references.push(reference.clone());
                Some(reference)
            }
            4 => self.recent(200, |script| &script.references).cloned(),
            _ => None,
        }
    }

    fn maybe_id(&mut self) -> Option<String> {
        (!self.random.once_in(4)).then(|| self.uuid())
    }

    fn posting(&mut self, debit: Party, credit: Party) -> Posting {
        Posting {
            debit,
            credit,
            amount: self.amount(),
            asset: self.asset(),
        }
    }

    fn simple(&mut self) -> Lines {
        let (debit, credit) = (self.account(), self.account());
        Lines::Postings(vec![self.posting(Party::One(debit), Party::One(credit))])
    }

    fn split(&mut self) -> Lines {
        let shares = 2 + self.random.index(5);
        let shares = (0..shares).map(|_| {
            let weight = match self.random.below(3) {
                0 => i128::from(1 + self.random.below(9)) * 10_000_000,
                1 => 33_333_333,
                _ => i128::from(1 + self.random.below(99_000_000)),
            };
            (self.account(), weight)
        });
        let many = Party::Split(shares.collect());
        let one = Party::One(self.account());
        let posting = if self.random.once_in(2) {
            self.posting(many, one)
        } else {
            self.posting(one, many)
        };
        let mut postings = vec![posting];
        if self.random.once_in(3) {
            let (debit, credit) = (self.account(), self.account());
            postings.push(self.posting(Party::One(debit), Party::One(credit)));
        }
        Lines::Postings(postings)
    }

    fn condition(&mut self) -> Option<Condition> {
        if !self.random.once_in(8) {
            return None;
        }
        let bound = i128::from(self.random.below(2_000)) - 500;
        let bounds = match self.random.below(3) {
            0 => Bounds {
                gte: Some(bound - 2_000),
                ..Bounds::default()
            },
            1 => Bounds {
                gte: Some(-10_000),
                lte: Some(bound + 10_000),
                ..Bounds::default()
            },
            _ => Bounds {
                eq: Some(bound),
                ..Bounds::default()
            },
        };
        let (available, posted) = if self.random.once_in(2) {
            (Some(bounds), None)
        } else {
            (None, Some(bounds))
        };
        Some(Condition { available, posted })
    }

    fn entry(&mut self, side: Side, amount: i128, asset: &str) -> Entry {
        Entry {
            account: self.account(),
            side,
            amount,
            asset: asset.to_owned(),
            description: self.random.once_in(8).then(|| "a part".to_owned()),
            metadata: self.pairs(),
            condition: self.condition(),
        }
    }

    /// A few entries of a few assets, nearly always balanced.
    fn entries(&mut self) -> Lines {
        let mut entries = Vec::new();
        for _ in 0..=self.random.index(3) {
            let (asset, amount) = (self.asset(), self.amount());
            let (one, other) = if self.random.once_in(2) {
                (Side::Debit, Side::Credit)
            } else {
                (Side::Credit, Side::Debit)
            };
            let first = 1 + i128::from(self.random.below(100));
            entries.push(self.entry(one, amount + first, &asset));
            entries.push(self.entry(other, first, &asset));
            let rest = if self.random.once_in(40) { 1 } else { 0 };
            entries.push(self.entry(other, amount + rest, &asset));
        }
        if self.random.once_in(3) {
            let place = self.random.index(entries.len());
            entries.rotate_left(place);
        }
        Lines::Entries(entries)
    }

    fn lines(&mut self) -> Lines {
        match self.random.below(10) {
            0..=5 => self.simple(),
            6 | 7 => self.split(),
            _ => self.entries(),
        }
    }

    fn new_transaction(&mut self) -> NewTransaction {
        NewTransaction {
            id: self.maybe_id(),
            reference: self.reference(),
            code: self.random.once_in(6).then(|| "sale".to_owned()),
            description: self.random.once_in(6).then(|| "order paid".to_owned()),
            effective_at: self.effective(),
            pending: None,
            expires_at: None,
            related_to: self.random.once_in(20).then(|| self.uuid()),
            lines: self.lines(),
            metadata: self.pairs(),
        }
    }

    pub(super) fn transaction(&mut self) -> Command {
        let mut new = self.new_transaction();
        new.pending = self.random.once_in(10).then_some(false);
        self.posted.extend(new.id.clone());
        Command::Transaction(new)
    }

    pub(super) fn hold(&mut self) -> Command {
        let mut new = self.new_transaction();
        new.pending = Some(true);
        if !self.random.once_in(3) {
            // Holds are mostly of two entries, and of money that is there.
            let account = (*self.random.pick(&["bank", "fx", "users:1", "users:2"])).to_owned();
            let credit = self.account();
            new.lines = Lines::Postings(vec![Posting {
                debit: Party::One(account),
                credit: Party::One(credit),
                amount: i128::from(20 + self.random.below(100)),
                asset: "USD".to_owned(),
            }]);
        }
        let span = match self.random.below(14) {
            0 | 1 => Some(4_000),
            2 | 3 => Some(1_000_000),
            4 => Some(30_000_000),
            5 => Some(900_000_000),
            6 => Some(30 * DAY),
            7 if self.random.once_in(4) => Some(-1_000_000),
            _ => None,
        };
        new.expires_at = span.map(|span| self.now + span);
        if let Some(id) = &new.id {
            self.holds.push((id.clone(), entries_of(&new.lines)));
        }
        Command::Transaction(new)
    }

    pub(super) fn target(&mut self) -> (String, Vec<Entry>) {
        match self.random.below(60) {
            0 => (self.uuid(), Vec::new()),
            1 => {
                let posted = self.recent(RECENT, |script| &script.posted).cloned();
                (posted.unwrap_or_else(|| self.uuid()), Vec::new())
            }
            number => {
                let reach = if number < 6 { usize::MAX } else { 8 };
                let hold = self.recent(reach, |script| &script.holds).cloned();
                hold.unwrap_or_else(|| (self.uuid(), Vec::new()))
            }
        }
    }

    pub(super) fn capture(&mut self) -> Command {
        let (hold, entries) = self.target();
        let part = match self.random.below(10) {
            0..=2 => Part::Rest,
            3..=6 => Part::Amount(i128::from(1 + self.random.below(80))),
            _ => self.part_of(&entries),
        };
        let capture = Capture {
            hold,
            id: self.maybe_id(),
            part,
            last: match self.random.below(5) {
                0 | 1 => None,
                2 => Some(true),
                _ => Some(false),
            },
            effective_at: self.effective(),
            reference: self.reference(),
            metadata: self.pairs(),
        };
        self.posted.extend(capture.id.clone());
        Command::Capture(capture)
    }

    /// Some of the entries, each a part of itself, balanced more often than not.
    fn part_of(&mut self, entries: &[Entry]) -> Part {
        if entries.is_empty() {
            return Part::Rest;
        }
        let mut largest: BTreeMap<(Side, &str), &Entry> = BTreeMap::new();
        for entry in entries {
            let place = (entry.side, entry.asset.as_str());
            let known = largest.entry(place).or_insert(entry);
            if entry.amount > known.amount {
                *known = entry;
            }
        }
        let mut taken = Vec::new();
        let mut amounts: BTreeMap<&str, i128> = BTreeMap::new();
        for ((_, asset), entry) in largest {
            let roof = u64::try_from(entry.amount).unwrap_or(1_000).min(1_000);
            let amount = amounts
                .entry(asset)
                .or_insert_with(|| 1 + i128::from(self.random.below(roof)));
            taken.push(Entry {
                amount: *amount,
                description: self.random.once_in(4).then(|| "shipped".to_owned()),
                metadata: self.pairs(),
                condition: self.condition(),
                ..entry.clone()
            });
        }
        if self.random.once_in(20) {
            let account = self.account();
            let place = self.random.index(taken.len());
            taken[place].account = account;
        }
        if taken.len() < 2 {
            Part::Rest
        } else {
            Part::Entries(taken)
        }
    }

    pub(super) fn void(&mut self) -> Command {
        let (hold, _) = self.target();
        let reason = self.random.once_in(2).then(|| "gave up".to_owned());
        Command::Void { hold, reason }
    }

    pub(super) fn reverse(&mut self) -> Command {
        let target = match self.random.below(30) {
            0 => self.uuid(),
            1 => self.target().0,
            _ => {
                let posted = self.recent(30, |script| &script.posted).cloned();
                posted.unwrap_or_else(|| self.uuid())
            }
        };
        let reverse = Reverse {
            target,
            id: self.maybe_id(),
            effective_at: self.effective(),
            reference: self.reference(),
            reason: "a mistake".to_owned(),
            metadata: self.pairs(),
        };
        self.posted.extend(reverse.id.clone());
        Command::Reverse(reverse)
    }
}
