-- Registries: namespaces under a subscription, with credentials and collection runs; what namespaces store and send.

CREATE TABLE registries (
    -- The account whose name is the registry's.
    namespace_id BIGINT PRIMARY KEY REFERENCES accounts (id),
    -- The account whose subscription it is under.
    owner_id BIGINT NOT NULL REFERENCES accounts (id),
    region TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    -- When the last of the tokens for pushing expires that were given so far.
    write_tokens_until BIGINT NOT NULL
);
CREATE INDEX registries_owner ON registries (owner_id, namespace_id);

CREATE TABLE subscriptions (
    owner_id BIGINT PRIMARY KEY REFERENCES accounts (id),
    tier TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Credentials for one registry, and access tokens that were made with another one: each dies with what it is for.
ALTER TABLE access_tokens ADD COLUMN registry_id BIGINT REFERENCES registries (namespace_id) ON DELETE CASCADE;
ALTER TABLE access_tokens ADD COLUMN made_with BIGINT REFERENCES access_tokens (id) ON DELETE CASCADE;
CREATE INDEX access_tokens_registry ON access_tokens (registry_id);
CREATE INDEX access_tokens_made_with ON access_tokens (made_with, scope) WHERE made_with IS NOT NULL;
CREATE INDEX access_tokens_expiry ON access_tokens (expires_at) WHERE registry_id IS NOT NULL;

-- Which blobs a namespace has, however many of its repositories have them.
CREATE TABLE namespace_blobs (
    namespace_id BIGINT NOT NULL,
    blob_id BIGINT NOT NULL,
    PRIMARY KEY (namespace_id, blob_id)
);
ALTER TABLE blob_links ADD COLUMN namespace_id BIGINT NOT NULL DEFAULT 0;
UPDATE blob_links SET namespace_id = (SELECT r.namespace_id FROM repositories r WHERE r.id = repository_id);
-- A program that does not know of it shall fail.
ALTER TABLE blob_links ALTER COLUMN namespace_id DROP DEFAULT;
DROP INDEX blob_links_blob;
CREATE INDEX blob_links_blob_namespace ON blob_links (blob_id, namespace_id, repository_id);
INSERT INTO namespace_blobs (namespace_id, blob_id) SELECT DISTINCT namespace_id, blob_id FROM blob_links;
DELETE FROM usage_changes WHERE kind = 'linked_bytes';
DELETE FROM usage_totals WHERE kind = 'linked_bytes';
INSERT INTO usage_totals (namespace_id, kind, amount)
    SELECT n.namespace_id, 'stored_bytes', CAST(sum(b.size_bytes) AS BIGINT) FROM namespace_blobs n JOIN blobs b ON b.id = n.blob_id
    GROUP BY n.namespace_id;

-- Bytes that were pulled from a namespace in a month, by when that began.
CREATE TABLE traffic (
    namespace_id BIGINT NOT NULL,
    month_at BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (namespace_id, month_at)
);

CREATE TABLE collection_runs (
    uuid BYTEA PRIMARY KEY,
    namespace_id BIGINT NOT NULL REFERENCES registries (namespace_id) ON DELETE CASCADE,
    kind TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    waits_until BIGINT NOT NULL,
    -- Nobody gets a token for pushing before, unless the run is over; so a crash cannot leave it so.
    read_only_until BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    blobs_deleted BIGINT NOT NULL,
    freed_bytes BIGINT NOT NULL,
    is_over BIGINT NOT NULL
);
CREATE UNIQUE INDEX collection_runs_active ON collection_runs (namespace_id) WHERE is_over = 0;
CREATE INDEX collection_runs_namespace ON collection_runs (namespace_id, created_at, uuid);
-- Whose run has made it: its counts are those of the objects that were deleted.
ALTER TABLE tombstones ADD COLUMN run_uuid BYTEA;
CREATE INDEX tombstones_run ON tombstones (run_uuid, due_at) WHERE run_uuid IS NOT NULL;

-- What a run looks through.
CREATE INDEX repositories_namespace_id ON repositories (namespace_id, id);
CREATE INDEX manifests_deleted ON manifests (repository_id, id) WHERE deleted_at IS NOT NULL;
-- The newest images first.
CREATE INDEX images_pushed ON images (repository_id, pushed_at, digest);
-- What is being uploaded counts, too.
CREATE INDEX uploads_namespace ON uploads (namespace_id);
