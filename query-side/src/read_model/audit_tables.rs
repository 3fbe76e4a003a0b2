//! The tables as the audit walks them: one cursor each, every value as text, in key order. Each
//! `FETCH` takes [`super::audit::FETCH`] rows.

/// A table as the audit walks it.
#[derive(Debug)]
pub(crate) struct Table {
    pub(super) declare: &'static str,
    pub(super) fetch: &'static str,
    /// The cells' names.
    pub(crate) columns: &'static [&'static str],
    pub(super) json: &'static [&'static str],
}

/// Registered assets by code.
pub(crate) static ASSETS: Table = Table {
    declare: "DECLARE audit_assets NO SCROLL CURSOR FOR \
              SELECT 0::bigint AS key_revision, 0::bigint AS key_entry, asset AS key_first, \
                     '' AS key_second, NULL::text AS aside, scale::text, name, revision::text \
              FROM books.assets WHERE ledger = $1 ORDER BY asset",
    fetch: "FETCH FORWARD 1000 FROM audit_assets",
    columns: &["scale", "name", "revision"],
    json: &[],
};

/// Accounts by id.
pub(crate) static ACCOUNTS: Table = Table {
    declare: "DECLARE audit_accounts NO SCROLL CURSOR FOR \
              SELECT 0::bigint AS key_revision, 0::bigint AS key_entry, account AS key_first, \
                     '' AS key_second, NULL::text AS aside, type, normal_balance, name, status, \
                     to_json(assets)::text AS assets, limits::text, metadata::text, \
                     to_char(opened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') \
                         AS opened_at, \
                     revision::text \
              FROM books.accounts WHERE ledger = $1 ORDER BY account",
    fetch: "FETCH FORWARD 1000 FROM audit_accounts",
    columns: &[
        "type",
        "normal_balance",
        "name",
        "status",
        "assets",
        "limits",
        "metadata",
        "opened_at",
        "revision",
    ],
    json: &["assets", "limits", "metadata"],
};

/// Balances by account and asset.
pub(crate) static BALANCES: Table = Table {
    declare: "DECLARE audit_balances NO SCROLL CURSOR FOR \
              SELECT 0::bigint AS key_revision, 0::bigint AS key_entry, account AS key_first, \
                     asset AS key_second, NULL::text AS aside, debits::text, credits::text, \
                     pending_debits::text, pending_credits::text, revision::text \
              FROM books.balances WHERE ledger = $1 ORDER BY account, asset",
    fetch: "FETCH FORWARD 1000 FROM audit_balances",
    columns: &[
        "debits",
        "credits",
        "pending_debits",
        "pending_credits",
        "revision",
    ],
    json: &[],
};

/// Transactions by revision.
pub(crate) static TRANSACTIONS: Table = Table {
    declare: "DECLARE audit_transactions NO SCROLL CURSOR FOR \
              SELECT revision AS key_revision, 0::bigint AS key_entry, '' AS key_first, \
                     '' AS key_second, reversed_by::text AS aside, id::text, status, reference, \
                     code, description, \
                     to_char(effective_at AT TIME ZONE 'UTC', \
                             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS effective_at, \
                     to_char(effective_date, 'YYYY-MM-DD') AS effective_date, effective_given, \
                     to_char(recorded_at AT TIME ZONE 'UTC', \
                             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS recorded_at, \
                     related_to::text, reverses::text, captures::text, reason, key, \
                     entries::text, metadata::text \
              FROM books.transactions WHERE ledger = $1 ORDER BY revision",
    fetch: "FETCH FORWARD 1000 FROM audit_transactions",
    columns: &[
        "id",
        "status",
        "reference",
        "code",
        "description",
        "effective_at",
        "effective_date",
        "effective_given",
        "recorded_at",
        "related_to",
        "reverses",
        "captures",
        "reason",
        "key",
        "entries",
        "metadata",
    ],
    json: &["entries", "metadata"],
};

/// Entries in recorded order. The primary key begins with the account: Postgres sorts them once.
pub(crate) static ENTRIES: Table = Table {
    declare: "DECLARE audit_entries NO SCROLL CURSOR FOR \
              SELECT revision AS key_revision, entry::bigint AS key_entry, account AS key_first, \
                     '' AS key_second, NULL::text AS aside, transaction_id::text, asset, \
                     direction, amount::text, debits_after::text, credits_after::text, \
                     pending_debits_after::text, pending_credits_after::text, \
                     to_char(effective_at AT TIME ZONE 'UTC', \
                             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS effective_at, \
                     to_char(effective_date, 'YYYY-MM-DD') AS effective_date, \
                     to_char(recorded_at AT TIME ZONE 'UTC', \
                             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS recorded_at, \
                     description, metadata::text \
              FROM books.entries WHERE ledger = $1 ORDER BY revision, entry, account",
    fetch: "FETCH FORWARD 1000 FROM audit_entries",
    columns: &[
        "transaction_id",
        "asset",
        "direction",
        "amount",
        "debits_after",
        "credits_after",
        "pending_debits_after",
        "pending_credits_after",
        "effective_at",
        "effective_date",
        "recorded_at",
        "description",
        "metadata",
    ],
    json: &["metadata"],
};
