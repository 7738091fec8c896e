-- What nodes share: the authority epoch, failed sign-ins, and objects that no record names.

-- One row. Counts the changes to who may do what; each node watches it.
CREATE TABLE authority (
    epoch BIGINT NOT NULL
);
INSERT INTO authority (epoch) VALUES (1);

-- Failed sign-ins of an account, an address, or both, in the window that began then.
CREATE TABLE sign_in_failures (
    subject TEXT COLLATE "C" PRIMARY KEY,
    failures BIGINT NOT NULL,
    began_at BIGINT NOT NULL
);
CREATE INDEX sign_in_failures_began ON sign_in_failures (began_at);

-- Objects that the store has and no record names. They are deleted some time after they were found.
CREATE TABLE stray_objects (
    storage_key BYTEA PRIMARY KEY,
    size_bytes BIGINT NOT NULL,
    found_at BIGINT NOT NULL
);
CREATE INDEX stray_objects_found ON stray_objects (found_at);

-- Whether a record names an object is asked by its key.
CREATE INDEX uploads_object ON uploads (storage_key);
CREATE INDEX uploads_created ON uploads (created_at);
CREATE INDEX tombstones_object ON tombstones (storage_key);

-- A tag that is moved a hundred thousand times has as much history, but one current interval.
CREATE UNIQUE INDEX tag_history_current ON tag_history (repository_id, name) WHERE until_at IS NULL;
-- A deleted repository is taken apart from its newest manifest on.
CREATE INDEX manifests_repository ON manifests (repository_id, id);
-- In the order in which they are listed.
DROP INDEX tags_manifest;
CREATE INDEX tags_manifest_name ON tags (manifest_id, name);
