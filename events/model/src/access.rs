//! Who may what (section 7 of the API), as data.

use std::fmt;

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// The unit of authorization.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission {
            $($(#[$doc])* $name),+
        }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name used in documents and messages.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }
        }
    };
}

permissions! {
    /// Post, hold, capture, void.
    TransactionsWrite = "transactions:write",
    /// Reverse a posted transaction.
    TransactionsReverse = "transactions:reverse",
    /// Open, patch, limit, freeze and close accounts.
    AccountsManage = "accounts:manage",
    /// Close and reopen periods.
    PeriodsManage = "periods:manage",
    /// Create and patch ledgers, register assets.
    LedgersManage = "ledgers:manage",
    /// Read accounts, balances, entries and transactions.
    BooksRead = "books:read",
    /// Read reports.
    ReportsRead = "reports:read",
    /// Export.
    Export = "export",
    /// Read events, state, checkpoints and proofs.
    EventsRead = "events:read",
    /// Rebuild and switch projections.
    ProjectionsManage = "projections:manage",
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

use Permission::{
    AccountsManage, BooksRead, EventsRead, Export, LedgersManage, PeriodsManage, ProjectionsManage,
    ReportsRead, TransactionsReverse, TransactionsWrite,
};

/// Every role with its permissions.
pub const ROLES: &[(&str, &[Permission])] = &[
    ("client", &[TransactionsWrite, BooksRead]),
    (
        "operator",
        &[
            TransactionsWrite,
            TransactionsReverse,
            AccountsManage,
            BooksRead,
        ],
    ),
    (
        "controller",
        &[
            TransactionsReverse,
            PeriodsManage,
            BooksRead,
            ReportsRead,
            Export,
        ],
    ),
    ("reader", &[BooksRead]),
    ("auditor", &[BooksRead, ReportsRead, Export, EventsRead]),
    ("analyst", &[BooksRead, ReportsRead, Export]),
    ("admin", &[LedgersManage, ProjectionsManage]),
];

/// The permissions of a role, or `None` if there is no such role.
pub fn role(name: &str) -> Option<&'static [Permission]> {
    ROLES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, permissions)| *permissions)
}

/// A grant's ledger pattern: a ledger id, or a prefix followed by `*`.
pub fn covers(pattern: &str, ledger: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => ledger.starts_with(prefix),
        None => pattern == ledger,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_cannot_post_money_and_every_permission_has_a_role() {
        assert!(!role("admin").unwrap().contains(&TransactionsWrite));
        for permission in Permission::ALL {
            assert!(
                ROLES.iter().any(|(_, has)| has.contains(permission)),
                "{permission}"
            );
        }
        assert_eq!(role("root"), None);
    }

    #[test]
    fn a_pattern_covers_by_name_or_prefix() {
        assert!(covers("acme", "acme") && covers("shop-*", "shop-1") && covers("*", "x"));
        assert!(!covers("acme", "acme2") && !covers("shop-*", "shop"));
    }
}
