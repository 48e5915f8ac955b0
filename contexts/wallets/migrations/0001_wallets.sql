-- Customers and their wallets. Balances are not here: a wallet is an account of the books, `wallets:{wallet}`.

CREATE TABLE wallets_customers (
    tenant   TEXT    NOT NULL,
    customer TEXT    NOT NULL,      -- opaque: the operator's own, or a number that was drawn
    login    TEXT,
    name     TEXT,
    created  INTEGER NOT NULL,      -- microseconds since 1970, like all times
    changed  INTEGER NOT NULL,
    id       BLOB    NOT NULL CHECK (length(id) = 16),      -- sorts by time
    PRIMARY KEY (tenant, customer)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX wallets_customers_login ON wallets_customers (tenant, login) WHERE login IS NOT NULL;
CREATE UNIQUE INDEX wallets_customers_id ON wallets_customers (tenant, id);

CREATE TABLE wallets_wallets (
    tenant   TEXT    NOT NULL,
    wallet   INTEGER NOT NULL,
    customer TEXT    NOT NULL,
    asset    TEXT    NOT NULL,
    label    TEXT,
    metadata TEXT    NOT NULL,      -- a JSON object of texts
    status   TEXT    NOT NULL CHECK (status IN ('open', 'frozen', 'closed')),
    reason   TEXT,                  -- of the newest change of status
    since    INTEGER NOT NULL,
    created  INTEGER NOT NULL,
    PRIMARY KEY (tenant, wallet)
) STRICT, WITHOUT ROWID;

CREATE INDEX wallets_wallets_customer ON wallets_wallets (tenant, customer, wallet);

-- What may leave a wallet, in minor units. The account's settings change with every row here, so that who read the
-- row long ago notices.
CREATE TABLE wallets_limits (
    tenant  TEXT    NOT NULL,
    wallet  INTEGER NOT NULL,
    day     INTEGER CHECK (day >= 0),
    month   INTEGER CHECK (month >= 0),
    version INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    PRIMARY KEY (tenant, wallet)
) STRICT, WITHOUT ROWID;

-- What left a wallet in a period that a limit looks at: the whole period, whenever the limit was set.
CREATE TABLE wallets_usage (
    tenant TEXT    NOT NULL,
    wallet INTEGER NOT NULL,
    period TEXT    NOT NULL CHECK (period IN ('day', 'month')),
    start  INTEGER NOT NULL,
    used   INTEGER NOT NULL CHECK (used >= 0),
    PRIMARY KEY (tenant, wallet, period, start)
) STRICT, WITHOUT ROWID;

-- Files of payouts, and what became of each line.
CREATE TABLE wallets_payout_batches (
    tenant  TEXT    NOT NULL,
    batch   BLOB    NOT NULL CHECK (length(batch) = 16),
    lines   INTEGER NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (tenant, batch)
) STRICT, WITHOUT ROWID;

CREATE TABLE wallets_payouts (
    tenant    TEXT    NOT NULL,
    batch     BLOB    NOT NULL CHECK (length(batch) = 16),
    line      INTEGER NOT NULL,     -- of the file, from 1
    wallet    TEXT    NOT NULL,     -- as the file has them
    amount    TEXT    NOT NULL,
    reference TEXT    NOT NULL,
    status    TEXT    NOT NULL CHECK (status IN ('waiting', 'done', 'failed')),
    entry     BLOB,
    code      TEXT,                 -- of the problem
    detail    TEXT,
    PRIMARY KEY (tenant, batch, line)
) STRICT, WITHOUT ROWID;
