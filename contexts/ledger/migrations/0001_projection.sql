-- Which entries have which label: a keyed hash of book, field and value, never the text. Rows come in the order of the
-- journal, hashes in none; so they are cut into generations, of which only the newest is written and fits in memory.
CREATE TABLE projection_labels (
    generation INTEGER NOT NULL,
    label INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (generation, label, position)
) STRICT, WITHOUT ROWID;

-- The first position that a generation covers; it ends where the next one starts.
CREATE TABLE projection_generations (
    generation INTEGER PRIMARY KEY,
    first INTEGER NOT NULL
) STRICT;

-- How far the journal was read, and which journal.
CREATE TABLE projection_place (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    journal BLOB NOT NULL,
    position INTEGER NOT NULL,
    frame_hash BLOB NOT NULL,
    frame INTEGER NOT NULL,
    records INTEGER NOT NULL,
    labels INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    generation_labels INTEGER NOT NULL
) STRICT;
