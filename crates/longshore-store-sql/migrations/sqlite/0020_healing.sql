-- Blobs whose bytes were found missing or changed; a push of them heals.
ALTER TABLE blobs ADD COLUMN damaged_at INTEGER;

-- What clients are told that did not hear of the end of their upload, for a while.
CREATE TABLE finished_uploads (
    id BLOB PRIMARY KEY,
    repository TEXT NOT NULL,
    started_by INTEGER,
    digest TEXT NOT NULL,
    finished_at INTEGER NOT NULL
) STRICT;
CREATE INDEX finished_uploads_age ON finished_uploads (finished_at);

-- How many uploads an account has open.
CREATE INDEX uploads_starter ON uploads (started_by);
