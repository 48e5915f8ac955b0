-- What the store itself keeps in a context's file.

-- Where the file stands in the journal, and how many transactions of rows alone it has seen. One row.
CREATE TABLE store_cursor (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    context TEXT NOT NULL,
    journal BLOB NOT NULL,
    position INTEGER NOT NULL,
    hash BLOB NOT NULL,
    rows_transactions INTEGER NOT NULL
) STRICT;

-- Keys of commands that never touch the books, with the first answers.
CREATE TABLE store_keys (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    command TEXT NOT NULL,
    fields BLOB NOT NULL,
    answer BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX store_keys_at ON store_keys (at);

-- Who did what, when, from where: commands that never touch the books. The journal's records say it of the others.
CREATE TABLE store_audit (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    at INTEGER NOT NULL,
    command TEXT NOT NULL,
    fields BLOB NOT NULL,
    api_key BLOB,
    address TEXT,
    request TEXT NOT NULL
) STRICT;

-- Facts for others, in the order they were committed.
CREATE TABLE store_outbox (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    stream TEXT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    payload BLOB NOT NULL,
    request TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE store_sequences (
    tenant TEXT NOT NULL,
    stream TEXT NOT NULL,
    key TEXT NOT NULL,
    newest INTEGER NOT NULL,
    PRIMARY KEY (tenant, stream, key)
) STRICT, WITHOUT ROWID;

-- Work for later. `due` is null once there is nothing more to do.
CREATE TABLE store_jobs (
    id BLOB PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL,
    priority INTEGER NOT NULL,
    due INTEGER,
    status TEXT NOT NULL CHECK (status IN ('waiting', 'done', 'failed', 'cancelled')),
    attempts INTEGER NOT NULL,
    payload BLOB NOT NULL,
    result BLOB,
    last_error TEXT,
    created INTEGER NOT NULL,
    finished INTEGER,
    request TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX store_jobs_due ON store_jobs (due) WHERE due IS NOT NULL;
CREATE INDEX store_jobs_urgent ON store_jobs (priority DESC, due, id) WHERE due IS NOT NULL;
CREATE INDEX store_jobs_tenant ON store_jobs (tenant, kind, id);

-- Next numbers that are handed out in blocks.
CREATE TABLE store_numbers (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    next INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
