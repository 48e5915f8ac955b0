-- A ledger in plain SQL as a good PostgreSQL practitioner writes it: text ids, one function a transfer, two row locks
-- in one order, two updates with a version, the transfer and its two postings with the balance after each.
-- It is a baseline for our own ledger on PostgreSQL and nothing else. Keys are for the set-based baseline.

CREATE TABLE account (
    id         text PRIMARY KEY,
    balance    bigint NOT NULL DEFAULT 0,
    floor      bigint,
    version    bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE transfer (
    id             text PRIMARY KEY,
    debit_account  text NOT NULL,
    credit_account text NOT NULL,
    amount         bigint NOT NULL CHECK (amount > 0),
    created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE posting (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transfer_id   text NOT NULL,
    account_id    text NOT NULL,
    amount        bigint NOT NULL,
    balance_after bigint NOT NULL,
    version_after bigint NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX posting_by_account ON posting (account_id, id);

CREATE TABLE idempotency_key (
    key         text PRIMARY KEY,
    transfer_id text NOT NULL
);

CREATE FUNCTION transfer(wanted_id text, debit text, credit text, wanted_amount bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    debit_before  account%ROWTYPE;
    credit_before account%ROWTYPE;
BEGIN
    IF debit < credit THEN
        SELECT * INTO STRICT debit_before FROM account WHERE id = debit FOR NO KEY UPDATE;
        SELECT * INTO STRICT credit_before FROM account WHERE id = credit FOR NO KEY UPDATE;
    ELSE
        SELECT * INTO STRICT credit_before FROM account WHERE id = credit FOR NO KEY UPDATE;
        SELECT * INTO STRICT debit_before FROM account WHERE id = debit FOR NO KEY UPDATE;
    END IF;
    IF debit_before.balance - wanted_amount < debit_before.floor THEN
        RAISE EXCEPTION 'insufficient funds on %', debit;
    END IF;
    UPDATE account SET balance = balance - wanted_amount, version = version + 1
        WHERE id = debit AND version = debit_before.version;
    UPDATE account SET balance = balance + wanted_amount, version = version + 1
        WHERE id = credit AND version = credit_before.version;
    INSERT INTO transfer (id, debit_account, credit_account, amount)
        VALUES (wanted_id, debit, credit, wanted_amount);
    INSERT INTO posting (transfer_id, account_id, amount, balance_after, version_after) VALUES
        (wanted_id, debit, -wanted_amount, debit_before.balance - wanted_amount, debit_before.version + 1),
        (wanted_id, credit, wanted_amount, credit_before.balance + wanted_amount, credit_before.version + 1);
END
$$;
