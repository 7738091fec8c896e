-- What is to be done later, and what of that was given up.

CREATE TABLE work (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT,
    lane TEXT NOT NULL,
    payload TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    holder BLOB,
    held_until INTEGER,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    took_us INTEGER,
    items INTEGER
) STRICT;
-- The same wish twice, while none of them is being done, is one.
CREATE UNIQUE INDEX work_waiting ON work (kind, key) WHERE holder IS NULL;
CREATE INDEX work_running ON work (kind, key) WHERE holder IS NOT NULL;
CREATE INDEX work_lanes ON work (kind, lane, due_at) WHERE holder IS NULL;
CREATE INDEX work_due ON work (kind, due_at) WHERE holder IS NULL;
CREATE INDEX work_held ON work (held_until) WHERE holder IS NOT NULL;

CREATE TABLE dead_work (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT,
    lane TEXT NOT NULL,
    payload TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    died_at INTEGER NOT NULL
) STRICT;
CREATE INDEX dead_work_kind ON dead_work (kind);
CREATE INDEX dead_work_age ON dead_work (died_at);
