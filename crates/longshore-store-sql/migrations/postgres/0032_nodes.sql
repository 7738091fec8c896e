-- Nodes with their signs of life; pulls and pushes by day; what the store held at the end of each day; images by digest alone.

CREATE TABLE nodes (
    id BYTEA NOT NULL PRIMARY KEY,
    -- Name of its machine.
    name TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);

ALTER TABLE usage_days ADD COLUMN pulls BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_days ADD COLUMN pushes BIGINT NOT NULL DEFAULT 0;

CREATE TABLE store_days (
    day_at BIGINT NOT NULL PRIMARY KEY,
    stored_bytes BIGINT NOT NULL
);

CREATE INDEX images_by_digest ON images (digest);
