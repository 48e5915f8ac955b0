-- The books: every row of a book is written under the lock of its row in head, so that nothing else needs a lock.
-- What is looked up by a list (ids, paths, hashes) has an index that begins with it: an index that begins with the
-- book invites a plan that reads the whole book.
-- record holds what happened, byte for byte as a journal holds it; all other tables follow from it.

-- Keys the hashes of callers' names. One row.
CREATE TABLE identity (one boolean PRIMARY KEY CHECK (one), journal uuid NOT NULL, secret uuid NOT NULL);

CREATE SEQUENCE book_no AS int MINVALUE 0 START 0;
CREATE SEQUENCE account_no MINVALUE 0 START 0 MAXVALUE 4294901760;

-- seq: the book's newest record; recorded_at: its time, in microseconds since 1970.
CREATE TABLE head (
    book int PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL UNIQUE,
    seq bigint NOT NULL,
    partyless bigint NOT NULL,
    recorded_at bigint NOT NULL
) WITH (fillfactor = 20);

CREATE TABLE asset (
    book int, no int, code text COLLATE "C" NOT NULL, scale smallint NOT NULL,
    PRIMARY KEY (book, no)
);

-- seq: the record that says the whole of it.
CREATE TABLE pattern (
    book int, no int, seq bigint NOT NULL, pattern text COLLATE "C" NOT NULL, opened bigint NOT NULL,
    PRIMARY KEY (book, no)
) WITH (fillfactor = 60);

-- id is NULL where a record is not found by its id: a command that no caller named, about an account, asset or pattern.
CREATE TABLE record (
    book int, seq bigint, id uuid, kind smallint NOT NULL, recorded_at bigint NOT NULL,
    reference text COLLATE "C", party text COLLATE "C", bytes bytea NOT NULL,
    PRIMARY KEY (book, seq),
    UNIQUE (id, book)
);

-- NULL counters are 0: most balances have nothing pending.
CREATE TABLE posting (
    book int, seq bigint, n smallint, account bigint NOT NULL, asset int NOT NULL, direction smallint NOT NULL,
    amount numeric NOT NULL, debits numeric NOT NULL, credits numeric NOT NULL,
    debits_pending numeric, credits_pending numeric,
    PRIMARY KEY (book, seq, n)
);
CREATE INDEX posting_history ON posting (account, asset, seq);

-- newest: the record where its settings stand. frozen: 1 debits, 2 credits, 3 both.
CREATE TABLE account (
    no bigint PRIMARY KEY, book int NOT NULL, id uuid NOT NULL, path text COLLATE "C" NOT NULL, type smallint NOT NULL,
    frozen smallint NOT NULL, closed boolean NOT NULL, version bigint NOT NULL, open_holds bigint NOT NULL,
    allowed int[], newest bigint NOT NULL,
    UNIQUE (path, book),
    UNIQUE (id, book)
) WITH (fillfactor = 80);

CREATE TABLE balance (
    account bigint, asset int,
    debits numeric NOT NULL, credits numeric NOT NULL,
    debits_pending numeric NOT NULL, credits_pending numeric NOT NULL,
    last_seq bigint NOT NULL, floor numeric, ceiling numeric,
    PRIMARY KEY (account, asset)
) WITH (fillfactor = 60);

-- Open holds: placed and newest are the first and the newest record about each.
CREATE TABLE hold (
    book int, id uuid, expires_at bigint, placed bigint NOT NULL, newest bigint NOT NULL,
    PRIMARY KEY (id, book)
);
CREATE INDEX hold_due ON hold (book, expires_at, id) WHERE expires_at IS NOT NULL;

-- The newest record about an entry that was reversed, or a hold that was moved.
CREATE TABLE newest (book int, id uuid, seq bigint NOT NULL, PRIMARY KEY (book, id)) WITH (fillfactor = 80);

-- Idempotency keys and refs, as 128-bit hashes; kept for ever.
CREATE TABLE key (book int, hash uuid, seq bigint NOT NULL, PRIMARY KEY (hash, book));

CREATE TABLE party (
    book int, party text COLLATE "C", count bigint NOT NULL,
    PRIMARY KEY (party, book)
) WITH (fillfactor = 60);
