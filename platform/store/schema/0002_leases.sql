-- Who runs a job: a number that every claim raises, so that a process which was away too long cannot end it any more.
-- A file has one process, which claims nothing; a database has many.
ALTER TABLE store_jobs ADD COLUMN lease INTEGER NOT NULL DEFAULT 0;
ALTER TABLE store_jobs ADD COLUMN leased_until INTEGER;
