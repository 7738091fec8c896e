-- Long work that somebody asked for, with its progress.

CREATE TABLE jobs (
    uuid BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    -- Name of who asked for it, as it was then.
    wanted_by TEXT NOT NULL,
    -- How much is done of how much, of what, and how it stands in words.
    done INTEGER NOT NULL,
    total INTEGER,
    unit TEXT NOT NULL,
    text TEXT NOT NULL,
    -- Whether it is to end as soon as it can.
    is_cancelled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    -- What came of it, a JSON object.
    result TEXT,
    error TEXT
) STRICT;
CREATE INDEX jobs_newest ON jobs (created_at, uuid);
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
