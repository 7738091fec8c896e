-- What lists of tags, images and repositories are sorted by beside names, digests and pushes. Tags without a version key get one
-- while the server runs.

-- To the hour; 0 for never.
ALTER TABLE tags ADD COLUMN pulled_at INTEGER NOT NULL DEFAULT 0;
-- Of what the tag points at.
ALTER TABLE tags ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tags ADD COLUMN version_key TEXT NOT NULL DEFAULT '';
UPDATE tags SET size_bytes = (SELECT m.total_size_bytes FROM manifests m WHERE m.id = manifest_id),
    pulled_at = coalesce((SELECT p.last_pulled_at FROM tag_pulls p
        WHERE p.repository_id = tags.repository_id AND p.name = tags.name), 0);
CREATE INDEX tags_pulled ON tags (repository_id, pulled_at, name);
CREATE INDEX tags_size ON tags (repository_id, size_bytes, name);
CREATE INDEX tags_version ON tags (repository_id, version_key, name);
CREATE INDEX tags_without_version ON tags (repository_id, name) WHERE version_key = '';

ALTER TABLE images ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE images SET size_bytes = (SELECT m.total_size_bytes FROM manifests m WHERE m.id = manifest_id);
CREATE INDEX images_size ON images (repository_id, size_bytes, digest);

-- Bytes of the blobs that a repository has, each once, with those that can still be brought back.
ALTER TABLE repository_totals ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repository_changes ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE repository_totals SET stored_bytes = coalesce((
    SELECT sum(b.size_bytes) FROM blob_links l JOIN blobs b ON b.id = l.blob_id
    WHERE l.repository_id = repository_totals.repository_id), 0);
CREATE INDEX repository_totals_stored ON repository_totals (namespace_id, stored_bytes, repository_id);
