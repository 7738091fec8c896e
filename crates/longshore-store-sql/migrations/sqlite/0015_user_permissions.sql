-- What users may do in namespaces and repositories that are not their own, beside their roles and teams; repositories that
-- are shared with accounts.

CREATE TABLE namespace_users (
    namespace_id INTEGER NOT NULL REFERENCES accounts (id),
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    permission TEXT NOT NULL CHECK (permission IN ('read', 'write', 'admin')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (namespace_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX namespace_users_user ON namespace_users (user_id, namespace_id);

CREATE TABLE repository_users (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    permission TEXT NOT NULL CHECK (permission IN ('read', 'write', 'admin')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (repository_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_users_user ON repository_users (user_id, repository_id);

CREATE TABLE repository_shares (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    -- A user, or an organization for all its members.
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    -- Absent for ever.
    expires_at INTEGER,
    description TEXT NOT NULL,
    created_by INTEGER REFERENCES accounts (id),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (repository_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_shares_account ON repository_shares (account_id, repository_id);

-- The namespaces whose repositories a user pulls by role or permission.
CREATE VIEW user_namespaces (user_id, namespace_id) AS
    SELECT m.user_id, m.organization_id FROM organization_members m
        LEFT JOIN organization_settings s ON s.organization_id = m.organization_id
        WHERE m.role <> 'member' OR coalesce(s.members_pull, 1) = 1
    UNION ALL SELECT n.user_id, n.namespace_id FROM namespace_users n;

-- The repositories that a user pulls by team or permission.
CREATE VIEW user_repositories (user_id, repository_id) AS
    SELECT e.user_id, p.repository_id FROM team_members e JOIN team_permissions p ON p.team_id = e.team_id
    UNION ALL SELECT u.user_id, u.repository_id FROM repository_users u;
