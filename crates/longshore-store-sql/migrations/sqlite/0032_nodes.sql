-- Nodes with their signs of life; pulls and pushes by day; what the store held at the end of each day; images by digest alone.

CREATE TABLE nodes (
    id BLOB NOT NULL PRIMARY KEY,
    -- Name of its machine.
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;

ALTER TABLE usage_days ADD COLUMN pulls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage_days ADD COLUMN pushes INTEGER NOT NULL DEFAULT 0;

CREATE TABLE store_days (
    day_at INTEGER NOT NULL PRIMARY KEY,
    stored_bytes INTEGER NOT NULL
) STRICT;

CREATE INDEX images_by_digest ON images (digest);
