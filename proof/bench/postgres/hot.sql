-- One transfer between the same two accounts, in either direction; for pgbench.
\set debit random(1, 2)
\set credit 3 - :debit
\set amount random(1, 1000)
SELECT transfer(gen_random_uuid()::text, 'acc_' || lpad(:debit, 8, '0'), 'acc_' || lpad(:credit, 8, '0'), :amount);
