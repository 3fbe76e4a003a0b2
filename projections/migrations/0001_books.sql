-- The views of the projection `books`, version 1, and the engine's progress.
--
-- Tables stand in a schema of their version (books_v1); readers use the stable views in schema
-- books. Keys compare byte by byte (COLLATE "C"), as they do in the events.
-- Amounts are numeric in minor units: 10^30 and more is beyond every integer type.

CREATE SCHEMA engine;
CREATE SCHEMA books_v1;
CREATE SCHEMA books;

-- One row per projection, version and partition. The row commits together with the rows it covers:
-- it alone is the progress.
CREATE TABLE engine.checkpoints (
    projection     text COLLATE "C" NOT NULL,
    version        integer          NOT NULL,
    partition      integer          NOT NULL,
    generation     uuid             NOT NULL,
    position       bigint           NOT NULL, -- every event up to here is in the views
    event_position bigint           NOT NULL, -- the last event applied; 0 if none
    event_id       uuid,                      -- its id; NULL if none
    epoch          bigint           NOT NULL, -- fencing token: who took it last may write
    digest         bytea            NOT NULL, -- chained SHA-256 over the events applied
    events         bigint           NOT NULL, -- how many were applied
    updated_at     timestamptz      NOT NULL,
    partitions     integer          NOT NULL, -- of how many; another number is another layout
    PRIMARY KEY (projection, version, partition)
) WITH (fillfactor = 50);

CREATE TABLE books_v1.ledgers (
    ledger           text COLLATE "C" PRIMARY KEY,
    name             text,
    time_zone        text        NOT NULL,
    metadata         jsonb       NOT NULL,
    opened_at        timestamptz NOT NULL,
    revision         bigint      NOT NULL, -- the views reflect this ledger up to here
    last_recorded_at timestamptz NOT NULL,
    accounts         bigint      NOT NULL,
    transactions     bigint      NOT NULL,
    closed_through   date,
    generation       uuid        NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE books_v1.assets (
    ledger   text COLLATE "C" NOT NULL,
    asset    text COLLATE "C" NOT NULL,
    scale    smallint         NOT NULL,
    name     text,
    revision bigint           NOT NULL,
    PRIMARY KEY (ledger, asset)
);

CREATE TABLE books_v1.accounts (
    ledger         text COLLATE "C" NOT NULL,
    account        text COLLATE "C" NOT NULL,
    type           text             NOT NULL,
    normal_balance text             NOT NULL,
    name           text,
    status         text             NOT NULL,
    assets         text[],
    limits         jsonb            NOT NULL,
    metadata       jsonb            NOT NULL,
    opened_at      timestamptz      NOT NULL,
    revision       bigint           NOT NULL,
    PRIMARY KEY (ledger, account)
);

CREATE TABLE books_v1.balances (
    ledger          text COLLATE "C" NOT NULL,
    account         text COLLATE "C" NOT NULL,
    asset           text COLLATE "C" NOT NULL,
    debits          numeric          NOT NULL,
    credits         numeric          NOT NULL,
    pending_debits  numeric          NOT NULL,
    pending_credits numeric          NOT NULL,
    revision        bigint           NOT NULL,
    PRIMARY KEY (ledger, account, asset)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE books_v1.transactions (
    ledger          text COLLATE "C" NOT NULL,
    revision        bigint           NOT NULL,
    id              uuid             NOT NULL,
    status          text             NOT NULL,
    reference       text COLLATE "C",
    code            text COLLATE "C",
    description     text,
    effective_at    timestamptz      NOT NULL, -- the instant it is ordered by
    effective_date  date             NOT NULL, -- the day in the ledger's zone
    effective_given text,                      -- as the client gave it; NULL: recorded_at
    recorded_at     timestamptz      NOT NULL,
    related_to      uuid,
    reverses        uuid,
    reversed_by     uuid,
    captures        uuid,
    reason          text,
    key             text COLLATE "C",
    entries         json             NOT NULL, -- the event's entries, byte for byte
    metadata        jsonb            NOT NULL,
    PRIMARY KEY (ledger, revision),
    UNIQUE (ledger, id)
);
CREATE INDEX transactions_reference ON books_v1.transactions (ledger, reference)
    WHERE reference IS NOT NULL;
CREATE INDEX transactions_key ON books_v1.transactions (ledger, key)
    WHERE key IS NOT NULL;

CREATE TABLE books_v1.entries (
    ledger                text COLLATE "C" NOT NULL,
    account               text COLLATE "C" NOT NULL,
    revision              bigint           NOT NULL,
    entry                 smallint         NOT NULL, -- index in the transaction
    transaction_id        uuid             NOT NULL,
    asset                 text COLLATE "C" NOT NULL,
    direction             text             NOT NULL,
    amount                numeric          NOT NULL,
    debits_after          numeric          NOT NULL, -- running, in recorded order, per entry
    credits_after         numeric          NOT NULL,
    pending_debits_after  numeric          NOT NULL,
    pending_credits_after numeric          NOT NULL,
    effective_at          timestamptz      NOT NULL,
    effective_date        date             NOT NULL,
    recorded_at           timestamptz      NOT NULL,
    description           text,
    metadata              jsonb            NOT NULL,
    PRIMARY KEY (ledger, account, revision, entry)
);

CREATE VIEW books.ledgers AS SELECT * FROM books_v1.ledgers;
CREATE VIEW books.assets AS SELECT * FROM books_v1.assets;
CREATE VIEW books.accounts AS SELECT * FROM books_v1.accounts;
CREATE VIEW books.balances AS SELECT * FROM books_v1.balances;
CREATE VIEW books.transactions AS SELECT * FROM books_v1.transactions;
CREATE VIEW books.entries AS SELECT * FROM books_v1.entries;
