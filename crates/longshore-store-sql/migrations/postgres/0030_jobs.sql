-- Long work that somebody asked for, with its progress.

CREATE TABLE jobs (
    uuid BYTEA NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    -- Name of who asked for it, as it was then.
    wanted_by TEXT COLLATE "C" NOT NULL,
    -- How much is done of how much, of what, and how it stands in words.
    done BIGINT NOT NULL,
    total BIGINT,
    unit TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    -- Whether it is to end as soon as it can.
    is_cancelled BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    -- What came of it, a JSON object.
    result TEXT COLLATE "C",
    error TEXT COLLATE "C"
);
CREATE INDEX jobs_newest ON jobs (created_at, uuid);
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
