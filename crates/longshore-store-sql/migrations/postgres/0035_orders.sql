-- What lists of tags, images and repositories are sorted by beside names, digests and pushes. Tags without a version key get one
-- while the server runs.

-- To the hour; 0 for never.
ALTER TABLE tags ADD COLUMN pulled_at BIGINT NOT NULL DEFAULT 0;
-- Of what the tag points at.
ALTER TABLE tags ADD COLUMN size_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tags ADD COLUMN version_key TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE tags SET size_bytes = (SELECT m.total_size_bytes FROM manifests m WHERE m.id = manifest_id),
    pulled_at = coalesce((SELECT p.last_pulled_at FROM tag_pulls p
        WHERE p.repository_id = tags.repository_id AND p.name = tags.name), 0);
CREATE INDEX tags_pulled ON tags (repository_id, pulled_at, name);
CREATE INDEX tags_size ON tags (repository_id, size_bytes, name);
CREATE INDEX tags_version ON tags (repository_id, version_key, name);
CREATE INDEX tags_without_version ON tags (repository_id, name) WHERE version_key = '';

ALTER TABLE images ADD COLUMN size_bytes BIGINT NOT NULL DEFAULT 0;
UPDATE images SET size_bytes = (SELECT m.total_size_bytes FROM manifests m WHERE m.id = manifest_id);
CREATE INDEX images_size ON images (repository_id, size_bytes, digest);

CREATE INDEX repository_totals_bytes ON repository_totals (namespace_id, bytes, repository_id);
