-- Registries: namespaces under a subscription, with credentials and collection runs; what namespaces store and send.

CREATE TABLE registries (
    -- The account whose name is the registry's.
    namespace_id INTEGER PRIMARY KEY REFERENCES accounts (id),
    -- The account whose subscription it is under.
    owner_id INTEGER NOT NULL REFERENCES accounts (id),
    region TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- When the last of the tokens for pushing expires that were given so far.
    write_tokens_until INTEGER NOT NULL
) STRICT;
CREATE INDEX registries_owner ON registries (owner_id, namespace_id);

CREATE TABLE subscriptions (
    owner_id INTEGER PRIMARY KEY REFERENCES accounts (id),
    tier TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Credentials for one registry, and access tokens that were made with another one: each dies with what it is for.
ALTER TABLE access_tokens ADD COLUMN registry_id INTEGER REFERENCES registries (namespace_id) ON DELETE CASCADE;
ALTER TABLE access_tokens ADD COLUMN made_with INTEGER REFERENCES access_tokens (id) ON DELETE CASCADE;
CREATE INDEX access_tokens_registry ON access_tokens (registry_id);
CREATE INDEX access_tokens_made_with ON access_tokens (made_with, scope) WHERE made_with IS NOT NULL;
CREATE INDEX access_tokens_expiry ON access_tokens (expires_at) WHERE registry_id IS NOT NULL;

-- Which blobs a namespace has, however many of its repositories have them.
CREATE TABLE namespace_blobs (
    namespace_id INTEGER NOT NULL,
    blob_id INTEGER NOT NULL,
    PRIMARY KEY (namespace_id, blob_id)
) STRICT, WITHOUT ROWID;
ALTER TABLE blob_links ADD COLUMN namespace_id INTEGER NOT NULL DEFAULT 0;
UPDATE blob_links SET namespace_id = (SELECT r.namespace_id FROM repositories r WHERE r.id = repository_id);
DROP INDEX blob_links_blob;
CREATE INDEX blob_links_blob_namespace ON blob_links (blob_id, namespace_id, repository_id);
INSERT INTO namespace_blobs (namespace_id, blob_id) SELECT DISTINCT namespace_id, blob_id FROM blob_links;
DELETE FROM usage_changes WHERE kind = 'linked_bytes';
DELETE FROM usage_totals WHERE kind = 'linked_bytes';
INSERT INTO usage_totals (namespace_id, kind, amount)
    SELECT n.namespace_id, 'stored_bytes', sum(b.size_bytes) FROM namespace_blobs n JOIN blobs b ON b.id = n.blob_id
    GROUP BY n.namespace_id;

-- Bytes that were pulled from a namespace in a month, by when that began.
CREATE TABLE traffic (
    namespace_id INTEGER NOT NULL,
    month_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (namespace_id, month_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE collection_runs (
    uuid BLOB PRIMARY KEY,
    namespace_id INTEGER NOT NULL REFERENCES registries (namespace_id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    waits_until INTEGER NOT NULL,
    -- Nobody gets a token for pushing before, unless the run is over; so a crash cannot leave it so.
    read_only_until INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    blobs_deleted INTEGER NOT NULL,
    freed_bytes INTEGER NOT NULL,
    is_over INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX collection_runs_active ON collection_runs (namespace_id) WHERE is_over = 0;
CREATE INDEX collection_runs_namespace ON collection_runs (namespace_id, created_at, uuid);
-- Whose run has made it: its counts are those of the objects that were deleted.
ALTER TABLE tombstones ADD COLUMN run_uuid BLOB;
CREATE INDEX tombstones_run ON tombstones (run_uuid, due_at) WHERE run_uuid IS NOT NULL;

-- What a run looks through.
CREATE INDEX repositories_namespace_id ON repositories (namespace_id, id);
CREATE INDEX manifests_deleted ON manifests (repository_id, id) WHERE deleted_at IS NOT NULL;
-- The newest images first.
CREATE INDEX images_pushed ON images (repository_id, pushed_at, digest);
-- What is being uploaded counts, too.
CREATE INDEX uploads_namespace ON uploads (namespace_id);
