-- What lists of repositories show further, and what namespaces stored and sent day by day.

ALTER TABLE repositories ADD COLUMN category TEXT NOT NULL DEFAULT '';

-- Bytes of images: config and layers, each image by itself.
ALTER TABLE repository_totals ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repository_changes ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE repository_totals SET bytes = coalesce((
    SELECT sum(m.total_size_bytes) FROM manifests m
    WHERE m.repository_id = repository_totals.repository_id AND m.kind = 'image' AND m.deleted_at IS NULL), 0);

CREATE TABLE usage_days (
    namespace_id INTEGER NOT NULL,
    day_at INTEGER NOT NULL,
    -- At the end of the day; absent when nothing changed.
    stored_bytes INTEGER,
    sent_bytes INTEGER NOT NULL,
    PRIMARY KEY (namespace_id, day_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_days_day ON usage_days (day_at);

-- What is stored today, so that reports do not begin with nothing.
INSERT INTO usage_days (namespace_id, day_at, stored_bytes, sent_bytes)
    SELECT namespace_id, (CAST(strftime('%s', 'now') AS INTEGER) / 86400) * 86400000000, CAST(sum(amount) AS BIGINT), 0
    FROM usage_totals WHERE kind IN ('stored_bytes', 'manifest_bytes') GROUP BY namespace_id;
