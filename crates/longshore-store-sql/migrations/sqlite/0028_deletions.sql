-- Deletions that can be undone, and what went with each.

CREATE TABLE deletions (
    id BLOB NOT NULL PRIMARY KEY,
    -- Of what may be collected by now: no references.
    namespace_id INTEGER NOT NULL,
    repository_id INTEGER NOT NULL,
    repository_name TEXT NOT NULL,
    -- 1 when the repository itself was deleted, with all that was in it.
    is_whole INTEGER NOT NULL,
    cause TEXT NOT NULL,
    actor_id INTEGER,
    actor_name TEXT NOT NULL,
    at INTEGER NOT NULL,
    tags INTEGER NOT NULL,
    images INTEGER NOT NULL,
    blobs INTEGER NOT NULL,
    undone_at INTEGER,
    undone_by TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX deletions_repository ON deletions (repository_id, at, id);
CREATE INDEX deletions_namespace ON deletions (namespace_id, at, id);
CREATE INDEX deletions_age ON deletions (at);

CREATE TABLE deletion_items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    deletion_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    subject_id INTEGER NOT NULL
) STRICT;
-- A tag goes once with a deletion.
CREATE UNIQUE INDEX deletion_items_tag ON deletion_items (deletion_id, name) WHERE kind = 'tag';
CREATE INDEX deletion_items_deletion ON deletion_items (deletion_id, kind, id);

-- By which deletion a manifest is gone.
ALTER TABLE manifests ADD COLUMN deletion_id BLOB;
