-- Retention: which tags of a repository are deleted, and which were and why.

CREATE TABLE retention_policies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    -- JSON.
    rules TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL
) STRICT;
CREATE INDEX retention_policies_repository ON retention_policies (repository_id, id);
CREATE INDEX retention_policies_due ON retention_policies (due_at, id);

CREATE TABLE retention_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    -- The policy may be gone.
    policy_id INTEGER NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    -- JSON: the rule that did not keep it.
    rule TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX retention_log_repository ON retention_log (repository_id, id);
CREATE INDEX retention_log_at ON retention_log (at);
