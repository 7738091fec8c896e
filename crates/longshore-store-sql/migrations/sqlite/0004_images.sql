-- What lists of images and tags sort, filter and count by.

-- Images that are visible: manifests that are not deleted.
CREATE TABLE images (
    manifest_id INTEGER PRIMARY KEY REFERENCES manifests (id) ON DELETE CASCADE,
    repository_id INTEGER NOT NULL,
    digest TEXT NOT NULL,
    -- How many tags point at it now.
    tags INTEGER NOT NULL,
    is_tagged INTEGER NOT NULL GENERATED ALWAYS AS (CASE WHEN tags > 0 THEN 1 ELSE 0 END) STORED,
    pushed_at INTEGER NOT NULL,
    pulled_at INTEGER,
    -- The later of both.
    active_at INTEGER NOT NULL
) STRICT;
CREATE INDEX images_activity ON images (repository_id, active_at, digest);
CREATE INDEX images_digest ON images (repository_id, digest, active_at);
CREATE INDEX images_tagged_activity ON images (repository_id, is_tagged, active_at, digest);
CREATE INDEX images_tagged_digest ON images (repository_id, is_tagged, digest, active_at);
INSERT INTO images (manifest_id, repository_id, digest, tags, pushed_at, pulled_at, active_at)
    SELECT m.id, m.repository_id, m.digest, (SELECT count(*) FROM tags t WHERE t.manifest_id = m.id), m.pushed_at,
        p.last_pulled_at, CASE WHEN p.last_pulled_at > m.pushed_at THEN p.last_pulled_at ELSE m.pushed_at END
    FROM manifests m LEFT JOIN manifest_pulls p ON p.manifest_id = m.id WHERE m.deleted_at IS NULL;

-- Counts per repository: totals, and the changes that are not in them yet.
CREATE TABLE repository_totals (
    repository_id INTEGER PRIMARY KEY REFERENCES repositories (id) ON DELETE CASCADE,
    tags INTEGER NOT NULL,
    images INTEGER NOT NULL,
    pulls INTEGER NOT NULL
) STRICT;
CREATE TABLE repository_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL,
    tags INTEGER NOT NULL,
    images INTEGER NOT NULL,
    pulls INTEGER NOT NULL
) STRICT;
CREATE INDEX repository_changes_repository ON repository_changes (repository_id);
INSERT INTO repository_totals (repository_id, tags, images, pulls)
    SELECT r.id, (SELECT count(*) FROM tags t WHERE t.repository_id = r.id),
        (SELECT count(*) FROM manifests m WHERE m.repository_id = r.id AND m.deleted_at IS NULL),
        (SELECT coalesce(sum(p.pulls), 0) FROM manifests m JOIN manifest_pulls p ON p.manifest_id = m.id
         WHERE m.repository_id = r.id)
    FROM repositories r;

-- The newest tags first.
CREATE INDEX tags_updated ON tags (repository_id, updated_at, name);
-- The tags that an image has had, by name.
DROP INDEX tag_history_digest;
CREATE INDEX tag_history_digest_name ON tag_history (repository_id, digest, name);
