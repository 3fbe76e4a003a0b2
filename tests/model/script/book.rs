//! Commands that move no money.

use std::collections::BTreeMap;

use daybook_tests::model::calendar::day;
use daybook_tests::model::request::{
    Command, Limit, LimitPatch, Lines, NewTransaction, OpenAccount, Pairs, PairsPatch, Party,
    Patch, PatchAccount, Posting, Side, Turn,
};

use super::{RECENT, Script};

const DAY: i64 = 86_400_000_000;

fn account(id: &str, kind: &'static str) -> OpenAccount {
    OpenAccount {
        account: id.to_owned(),
        kind,
        normal: None,
        name: None,
        assets: None,
        limits: None,
        metadata: None,
    }
}

fn limits(asset: &str, min_available: Option<i128>, max_balance: Option<i128>) -> Limits {
    let limit = Limit {
        min_available,
        max_balance,
    };
    Some(BTreeMap::from([(asset.to_owned(), limit)]))
}

type Limits = Option<BTreeMap<String, Limit>>;

impl Script {
    /// The accounts of every sequence, and what they begin with.
    pub(super) fn founding(&mut self) -> Vec<Command> {
        let accounts = vec![
            account("bank", "asset"),
            OpenAccount {
                limits: limits("*", Some(0), None),
                ..account("users:1", "liability")
            },
            OpenAccount {
                limits: limits("*", Some(0), None),
                ..account("users:2", "liability")
            },
            OpenAccount {
                limits: limits("USD", Some(-500), Some(4_000)),
                ..account("users:3", "liability")
            },
            OpenAccount {
                limits: limits("USD", None, Some(3_000)),
                ..account("merchants:1", "liability")
            },
            account("income:fees", "income"),
            account("fx", "equity"),
            account("costs", "expense"),
            OpenAccount {
                normal: Some(Side::Credit),
                name: Some("Depreciation".to_owned()),
                limits: limits("*", Some(-3_000), Some(3_000)),
                ..account("assets:less", "asset")
            },
            OpenAccount {
                assets: Some(vec!["EUR".to_owned(), "JPY".to_owned()]),
                ..account("users:abroad", "liability")
            },
            OpenAccount {
                metadata: Some(Pairs::from([("tier".to_owned(), "1".to_owned())])),
                limits: limits("USD", Some(0), Some(2_000)),
                ..account("users:4", "liability")
            },
            account("idle:1", "asset"),
            account("idle:2", "liability"),
        ];
        self.accounts = accounts.iter().map(|one| one.account.clone()).collect();
        let mut all: Vec<Command> = accounts.into_iter().map(Command::OpenAccount).collect();
        for user in ["users:1", "users:2", "users:3", "users:4", "merchants:1"] {
            let posting = |asset: &str, amount| Posting {
                debit: Party::One("bank".to_owned()),
                credit: Party::One(user.to_owned()),
                amount,
                asset: asset.to_owned(),
            };
            let postings = vec![posting("USD", 1_500), posting("EUR", 300)];
            all.push(Command::Transaction(NewTransaction {
                lines: Lines::Postings(postings),
                ..NewTransaction::default()
            }));
        }
        all
    }

    pub(super) fn book(&mut self) -> Command {
        match self.random.below(40) {
            0..=11 => self.transaction_pairs(),
            12..=20 => self.patch_account(),
            21..=25 => self.turn(),
            26..=29 => self.open_account(),
            30 | 31 => self.register_asset(),
            32..=34 => self.patch_ledger(),
            _ => self.period(),
        }
    }

    pub(super) fn pairs_patch(&mut self) -> PairsPatch {
        let mut patch = PairsPatch::new();
        if self.random.once_in(30) {
            let many = (0..45).map(|n| (format!("many-{n}"), Some("x".to_owned())));
            patch.extend(many);
            patch.extend((0..2).map(|n| (format!("other-{}-{n}", self.random.below(3)), None)));
        }
        for _ in 0..=self.random.index(3) {
            let name = format!("pair-{}", self.random.below(8));
            let value = self.random.below(100).to_string();
            patch.insert(name, (!self.random.once_in(4)).then_some(value));
        }
        patch
    }

    fn metadata(&mut self) -> Patch<PairsPatch> {
        if self.random.once_in(12) {
            return Patch::Remove;
        }
        Patch::Set(self.pairs_patch())
    }

    fn name(&mut self) -> Patch<String> {
        match self.random.below(3) {
            0 => Patch::Keep,
            1 => Patch::Remove,
            _ => Patch::Set(format!("Name {}", self.random.below(10))),
        }
    }

    pub(super) fn transaction_pairs(&mut self) -> Command {
        let transaction = if self.random.once_in(2) {
            self.target().0
        } else {
            let posted = self.recent(RECENT, |script| &script.posted).cloned();
            posted.unwrap_or_else(|| self.uuid())
        };
        Command::TransactionPairs {
            transaction,
            metadata: self.pairs_patch(),
        }
    }

    pub(super) fn account_pairs(&mut self) -> Command {
        Command::AccountPairs {
            account: self.account(),
            metadata: self.pairs_patch(),
        }
    }

    fn bound(&mut self, from: i128, span: u64) -> Patch<i128> {
        match self.random.below(5) {
            0 => Patch::Keep,
            1 => Patch::Remove,
            _ => Patch::Set(from + i128::from(self.random.below(span))),
        }
    }

    fn limit_patch(&mut self) -> Patch<LimitPatch> {
        if self.random.once_in(6) {
            return Patch::Remove;
        }
        Patch::Set(LimitPatch {
            min_available: self.bound(-1_000, 1_500),
            max_balance: self.bound(1_000, 5_000),
        })
    }

    fn patch_account(&mut self) -> Command {
        let account = self.account();
        let limits = match self.random.below(8) {
            0..=2 => Patch::Keep,
            3 => Patch::Remove,
            _ => {
                let mut all = BTreeMap::from([(self.asset(), self.limit_patch())]);
                // What is not known cannot be limited, and was not.
                all.retain(|asset, patch| asset != "NOSUCH" || matches!(patch, Patch::Set(_)));
                if self.random.once_in(4) {
                    all.insert("*".to_owned(), self.limit_patch());
                }
                Patch::Set(all)
            }
        };
        let metadata = if self.random.once_in(3) {
            self.metadata()
        } else {
            Patch::Keep
        };
        let name = if limits == Patch::Keep && metadata == Patch::Keep {
            Patch::Set(format!("Name {}", self.random.below(100)))
        } else {
            self.name()
        };
        Command::PatchAccount(PatchAccount {
            account,
            name,
            limits,
            metadata,
            reason: self.random.once_in(2).then(|| "asked for".to_owned()),
        })
    }

    fn turn(&mut self) -> Command {
        let reason = "a case".to_owned();
        let turn = |account: String, to| Command::Turn {
            account,
            to,
            reason: reason.clone(),
        };
        match self.random.below(6) {
            0 => {
                let reach = self.accounts.len();
                let account = self.accounts[self.random.index(reach)].clone();
                turn(account, Turn::Close)
            }
            1 => turn(self.account(), Turn::Unfreeze),
            _ => {
                let account = self.account();
                // Life goes on soon.
                self.later(turn(account.clone(), Turn::Unfreeze));
                turn(account, Turn::Freeze)
            }
        }
    }

    pub(super) fn open_account(&mut self) -> Command {
        let id = match self.random.below(8) {
            0 => self.account(),
            _ => format!("more:{}", self.random.below(100_000)),
        };
        let kinds = ["asset", "liability", "equity", "income", "expense"];
        let kind = *self.random.pick(&kinds);
        let assets = match self.random.below(8) {
            0 => Some(vec!["USD".to_owned(), "EUR".to_owned()]),
            1 => Some(vec![self.asset()]),
            _ => None,
        };
        let new = OpenAccount {
            normal: self.random.once_in(4).then_some(Side::Debit),
            name: self.random.once_in(3).then(|| "One more".to_owned()),
            assets,
            limits: if self.random.once_in(2) {
                limits("*", Some(-200), Some(5_000))
            } else {
                None
            },
            metadata: self.pairs(),
            ..account(&id, kind)
        };
        self.accounts.push(id);
        Command::OpenAccount(new)
    }

    fn register_asset(&mut self) -> Command {
        let asset = match self.random.below(6) {
            0 => "USD".to_owned(),
            _ => format!("PTS{}", self.random.below(20)),
        };
        self.assets.push(asset.clone());
        Command::RegisterAsset {
            asset,
            scale: 3,
            name: self.random.once_in(2).then(|| "Points".to_owned()),
        }
    }

    fn patch_ledger(&mut self) -> Command {
        let metadata = self.metadata();
        let name = self.name();
        Command::PatchLedger { name, metadata }
    }

    fn period(&mut self) -> Command {
        let reason = "end of the month".to_owned();
        let days = i64::try_from(self.random.below(250)).unwrap_or(0);
        if self.random.once_in(8) {
            // Even today, for a while.
            let through = day(self.now - days / 50 * DAY);
            let before = day(self.now - 300 * DAY);
            let reopened = Command::ReopenPeriod {
                through: self.random.once_in(2).then_some(before),
                reason: reason.clone(),
            };
            self.later(reopened);
            return Command::ClosePeriod { through, reason };
        }
        let through = day(self.now - (250 + days) * DAY);
        if self.random.once_in(2) {
            return Command::ClosePeriod { through, reason };
        }
        let through = (!self.random.once_in(3)).then_some(through);
        Command::ReopenPeriod { through, reason }
    }
}
