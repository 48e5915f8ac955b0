-- One transfer between two different accounts, each as likely as any other; for pgbench.
\set debit random(1, :accounts)
\set credit 1 + (:debit + random(0, :accounts - 2)) % :accounts
\set amount random(1, 1000)
SELECT transfer(gen_random_uuid()::text, 'acc_' || lpad(:debit, 8, '0'), 'acc_' || lpad(:credit, 8, '0'), :amount);
