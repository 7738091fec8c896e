-- What repositories are for, which of their tags never move, and how lists of them are sorted.

ALTER TABLE repositories ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE repositories ADD COLUMN full_description TEXT NOT NULL DEFAULT '';
ALTER TABLE repositories ADD COLUMN has_immutable_tags INTEGER NOT NULL DEFAULT 0;
-- Regular expressions, a JSON list; an empty one means all tags.
ALTER TABLE repositories ADD COLUMN immutable_tag_rules TEXT NOT NULL DEFAULT '[]';

ALTER TABLE repository_totals ADD COLUMN namespace_id INTEGER NOT NULL DEFAULT 0;
-- The last push; the creation before the first one.
ALTER TABLE repository_totals ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repository_changes ADD COLUMN pushed_at INTEGER NOT NULL DEFAULT 0;
UPDATE repository_totals SET
    namespace_id = (SELECT r.namespace_id FROM repositories r WHERE r.id = repository_id),
    updated_at = (SELECT r.created_at FROM repositories r WHERE r.id = repository_id);
CREATE INDEX repository_totals_updated ON repository_totals (namespace_id, updated_at, repository_id);
CREATE INDEX repository_totals_pulls ON repository_totals (namespace_id, pulls, repository_id);
