-- What lists of images and tags are filtered by.

-- The images that a current tag reaches through an index, or through an index of indexes; of those at most the nearest
-- 1000 are looked at, so that nobody can make a list of images expensive by what they push.
CREATE VIEW parts_of_tagged (manifest_id) AS
    SELECT c.child_id FROM manifest_children c JOIN images p ON p.manifest_id = c.parent_id
    WHERE p.is_tagged = 1 OR EXISTS (
        SELECT 1 FROM (
            WITH RECURSIVE above (id) AS (
                SELECT g.parent_id FROM manifest_children g WHERE g.child_id = p.manifest_id
                UNION SELECT g.parent_id FROM above JOIN manifest_children g ON g.child_id = above.id)
            SELECT id FROM above LIMIT 1000) AS near
        JOIN images t ON t.manifest_id = near.id WHERE t.is_tagged = 1);

-- What the images behind a manifest run on: its own platform, or those of an index's parts.
CREATE VIEW manifest_platforms (manifest_id, os, architecture) AS
    SELECT m.id, coalesce(m.platform_os, 'unknown'), coalesce(m.platform_architecture, 'unknown') FROM manifests m
        WHERE m.kind <> 'index'
    UNION ALL SELECT c.parent_id, coalesce(m.platform_os, 'unknown'), coalesce(m.platform_architecture, 'unknown')
        FROM manifest_children c JOIN manifests m ON m.id = c.child_id WHERE m.deleted_at IS NULL;
