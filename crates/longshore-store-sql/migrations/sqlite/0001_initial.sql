-- Times are microseconds since 1970 UTC. Truth values are 0 and 1.

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'organization')),
    -- Stays taken after deletion, so that nobody inherits a namespace.
    name TEXT NOT NULL UNIQUE,
    plan TEXT NOT NULL DEFAULT 'business',
    password_hash TEXT,
    is_active INTEGER NOT NULL DEFAULT 1,
    is_administrator INTEGER NOT NULL DEFAULT 0,
    credential_epoch INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE INDEX accounts_kind_name ON accounts (kind, name);

CREATE TABLE organization_members (
    organization_id INTEGER NOT NULL REFERENCES accounts (id),
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    role TEXT NOT NULL CHECK (role IN ('owner', 'editor', 'member')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (organization_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX organization_members_user ON organization_members (user_id, organization_id);

CREATE TABLE access_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid BLOB NOT NULL UNIQUE,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    label TEXT NOT NULL,
    scope TEXT NOT NULL,
    secret_hash BLOB NOT NULL UNIQUE,
    is_active INTEGER NOT NULL DEFAULT 1,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;
CREATE INDEX access_tokens_account ON access_tokens (account_id, uuid);

CREATE TABLE refresh_tokens (
    secret_hash BLOB PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    access_token_id INTEGER REFERENCES access_tokens (id) ON DELETE CASCADE,
    credential_epoch INTEGER NOT NULL,
    service TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX refresh_tokens_account ON refresh_tokens (account_id);
CREATE INDEX refresh_tokens_access_token ON refresh_tokens (access_token_id);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    private_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;

CREATE TABLE repositories (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace_id INTEGER NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    visibility TEXT NOT NULL CHECK (visibility IN ('private', 'public')),
    created_by INTEGER REFERENCES accounts (id),
    created_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX repositories_live_name ON repositories (name) WHERE deleted_at IS NULL;
CREATE INDEX repositories_namespace ON repositories (namespace_id, name) WHERE deleted_at IS NULL;
CREATE INDEX repositories_public ON repositories (name) WHERE deleted_at IS NULL AND visibility = 'public';

-- Only blobs that exist. Garbage collection moves a row to tombstones before it deletes the bytes.
CREATE TABLE blobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest TEXT NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL,
    store TEXT NOT NULL,
    storage_key BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

-- Through a link a repository sees a blob.
CREATE TABLE blob_links (
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    blob_id INTEGER NOT NULL REFERENCES blobs (id),
    lease_until INTEGER NOT NULL,
    hidden_at INTEGER,
    PRIMARY KEY (repository_id, blob_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_links_blob ON blob_links (blob_id, repository_id);

CREATE TABLE manifests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('image', 'index')),
    artifact_type TEXT,
    subject_digest TEXT,
    platform_os TEXT,
    platform_architecture TEXT,
    platform_variant TEXT,
    size_bytes INTEGER NOT NULL,
    total_size_bytes INTEGER NOT NULL,
    pushed_by INTEGER REFERENCES accounts (id),
    pushed_at INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    deleted_at INTEGER,
    annotations TEXT NOT NULL,
    content BLOB NOT NULL,
    UNIQUE (repository_id, digest)
) STRICT;
CREATE INDEX manifests_subject ON manifests (repository_id, subject_digest, id)
    WHERE subject_digest IS NOT NULL AND deleted_at IS NULL;

-- The foreign key keeps a blob linked, and so stored, as long as a manifest needs it.
CREATE TABLE manifest_blobs (
    manifest_id INTEGER NOT NULL REFERENCES manifests (id),
    repository_id INTEGER NOT NULL,
    blob_id INTEGER NOT NULL,
    PRIMARY KEY (manifest_id, blob_id),
    FOREIGN KEY (repository_id, blob_id) REFERENCES blob_links (repository_id, blob_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_blobs_link ON manifest_blobs (repository_id, blob_id);

CREATE TABLE manifest_children (
    parent_id INTEGER NOT NULL REFERENCES manifests (id),
    child_digest TEXT NOT NULL,
    position INTEGER NOT NULL,
    -- Absent while a sparse index waits for its child.
    child_id INTEGER REFERENCES manifests (id),
    PRIMARY KEY (parent_id, child_digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_children_child ON manifest_children (child_id);
CREATE INDEX manifest_children_waiting ON manifest_children (child_digest) WHERE child_id IS NULL;

CREATE TABLE tags (
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    name TEXT NOT NULL,
    manifest_id INTEGER NOT NULL REFERENCES manifests (id),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    updated_by INTEGER REFERENCES accounts (id),
    PRIMARY KEY (repository_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_manifest ON tags (manifest_id);

-- Intervals: what a tag pointed at, from when until when, and who moved it there and away.
CREATE TABLE tag_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id),
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    from_at INTEGER NOT NULL,
    until_at INTEGER,
    moved_by INTEGER REFERENCES accounts (id),
    ended_by INTEGER REFERENCES accounts (id)
) STRICT;
CREATE INDEX tag_history_tag ON tag_history (repository_id, name, id);
CREATE INDEX tag_history_digest ON tag_history (repository_id, digest);

CREATE TABLE manifest_pulls (
    manifest_id INTEGER PRIMARY KEY REFERENCES manifests (id) ON DELETE CASCADE,
    pulls INTEGER NOT NULL,
    last_pulled_at INTEGER NOT NULL
) STRICT;

CREATE TABLE tag_pulls (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    pulls INTEGER NOT NULL,
    last_pulled_at INTEGER NOT NULL,
    PRIMARY KEY (repository_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE uploads (
    id BLOB PRIMARY KEY,
    repository TEXT NOT NULL,
    namespace_id INTEGER NOT NULL REFERENCES accounts (id),
    started_by INTEGER REFERENCES accounts (id),
    offset_bytes INTEGER NOT NULL,
    algorithm TEXT NOT NULL,
    hash_state BLOB NOT NULL,
    storage_key BLOB NOT NULL,
    store_state BLOB NOT NULL,
    revision INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX uploads_expiry ON uploads (expires_at);

-- Objects that nothing needs any more. The row goes after the object.
CREATE TABLE tombstones (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    storage_key BLOB NOT NULL,
    store_state BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    due_at INTEGER NOT NULL
) STRICT;
CREATE INDEX tombstones_due ON tombstones (due_at, id);

CREATE TABLE reviews (
    kind TEXT NOT NULL CHECK (kind IN ('repository', 'manifest', 'link', 'blob')),
    -- The repository of a link, else 0.
    scope_id INTEGER NOT NULL,
    subject_id INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (kind, scope_id, subject_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX reviews_due ON reviews (due_at);

CREATE TABLE collection_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    uploads_expired INTEGER NOT NULL,
    manifests_collected INTEGER NOT NULL,
    manifests_purged INTEGER NOT NULL,
    links_removed INTEGER NOT NULL,
    blobs_deleted INTEGER NOT NULL,
    freed_bytes INTEGER NOT NULL
) STRICT;

CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder BLOB NOT NULL,
    until INTEGER NOT NULL
) STRICT;

CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER REFERENCES accounts (id),
    actor_id INTEGER REFERENCES accounts (id),
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    data TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX events_account ON events (account_id, id);

-- Events that wait for their number, and the numbers: 1, 2, 3 … per account, without gaps.
CREATE TABLE events_unnumbered (
    event_id INTEGER PRIMARY KEY REFERENCES events (id)
) STRICT;
CREATE TABLE event_numbers (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    number INTEGER NOT NULL,
    event_id INTEGER NOT NULL UNIQUE REFERENCES events (id),
    PRIMARY KEY (account_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace_id INTEGER NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    amount INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX usage_changes_namespace ON usage_changes (namespace_id);
CREATE TABLE usage_totals (
    namespace_id INTEGER NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (namespace_id, kind)
) STRICT, WITHOUT ROWID;
