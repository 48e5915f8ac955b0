-- The same inserts set by set, and a key each: one statement for :batch transfers between uniform accounts, with the
-- balance after every posting from a window over the batch. What SQL alone can do at best on one connection: the
-- server draws the transfers itself, and no limit is judged. The update reads the locked rows, so that they are locked
-- before it and not after. For pgbench.
WITH asked AS MATERIALIZED (
    SELECT n, gen_random_uuid()::text AS id, gen_random_uuid()::text AS key, debit, amount,
           1 + (debit + floor(random() * (:accounts - 1))::int) % :accounts AS credit
    FROM (
        SELECT n, 1 + floor(random() * :accounts)::int AS debit, 1 + floor(random() * 1000)::bigint AS amount
        FROM generate_series(1, :batch) AS n
    ) AS drawn
), leg AS MATERIALIZED (
    SELECT n, 0 AS side, id, 'acc_' || lpad(debit::text, 8, '0') AS account_id, -amount AS amount FROM asked
    UNION ALL
    SELECT n, 1 AS side, id, 'acc_' || lpad(credit::text, 8, '0') AS account_id, amount FROM asked
), held AS MATERIALIZED (
    SELECT id, balance, version FROM account
    WHERE id IN (SELECT account_id FROM leg) ORDER BY id FOR NO KEY UPDATE
), keys AS (
    INSERT INTO idempotency_key (key, transfer_id) SELECT key, id FROM asked
), transfers AS (
    INSERT INTO transfer (id, debit_account, credit_account, amount)
    SELECT id, 'acc_' || lpad(debit::text, 8, '0'), 'acc_' || lpad(credit::text, 8, '0'), amount FROM asked
), postings AS (
    INSERT INTO posting (transfer_id, account_id, amount, balance_after, version_after)
    SELECT leg.id, leg.account_id, leg.amount,
           held.balance + sum(leg.amount) OVER in_order, held.version + count(*) OVER in_order
    FROM leg JOIN held ON held.id = leg.account_id
    WINDOW in_order AS (PARTITION BY leg.account_id ORDER BY leg.n, leg.side)
    ORDER BY leg.n, leg.side
)
UPDATE account SET balance = held.balance + moved.amount, version = held.version + moved.postings
FROM (SELECT account_id, sum(amount) AS amount, count(*) AS postings FROM leg GROUP BY account_id) AS moved
JOIN held ON held.id = moved.account_id
WHERE account.id = held.id;
