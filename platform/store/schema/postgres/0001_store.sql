-- What the store itself keeps in a context's schema. As in a file, but that the database draws the numbers, and that
-- the books have no place of their own: they are in the same database. Texts are ordered by their bytes, as in a file.

-- Keys of commands that never touch the books, with the first answers.
CREATE TABLE store_keys (
    tenant TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    command TEXT COLLATE "C" NOT NULL,
    fields BYTEA NOT NULL,
    answer BYTEA NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (tenant, key)
);

CREATE INDEX store_keys_at ON store_keys (at);

-- Who did what, when, from where: commands that never touch the books.
CREATE TABLE store_audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    command TEXT COLLATE "C" NOT NULL,
    fields BYTEA NOT NULL,
    api_key BYTEA,
    address TEXT COLLATE "C",
    request TEXT COLLATE "C" NOT NULL
);

-- Facts for others. Ids are drawn before a commit: they are no order of commits.
CREATE TABLE store_outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    payload BYTEA NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL
);

CREATE TABLE store_sequences (
    tenant TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    newest BIGINT NOT NULL,
    PRIMARY KEY (tenant, stream, key)
);

-- Work for later. `due` is null once there is nothing more to do.
CREATE TABLE store_jobs (
    id BYTEA PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    priority BIGINT NOT NULL,
    due BIGINT,
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('waiting', 'done', 'failed', 'cancelled')),
    attempts BIGINT NOT NULL,
    payload BYTEA NOT NULL,
    result BYTEA,
    last_error TEXT COLLATE "C",
    created BIGINT NOT NULL,
    finished BIGINT,
    request TEXT COLLATE "C" NOT NULL,
    -- Who runs it: a number that every claim raises, so that a process which was away too long cannot end it any more.
    lease BIGINT NOT NULL DEFAULT 0,
    leased_until TIMESTAMPTZ
);

CREATE INDEX store_jobs_due ON store_jobs (due) WHERE due IS NOT NULL;
CREATE INDEX store_jobs_urgent ON store_jobs (priority DESC, due, id) WHERE due IS NOT NULL;
CREATE INDEX store_jobs_tenant ON store_jobs (tenant, kind, id);

-- Next numbers that are handed out in blocks.
CREATE TABLE store_numbers (
    tenant TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    next BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);
