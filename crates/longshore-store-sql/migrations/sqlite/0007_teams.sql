-- Teams of organizations, and what they may do in repositories.

CREATE TABLE teams (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid BLOB NOT NULL UNIQUE,
    organization_id INTEGER NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (organization_id, name)
) STRICT;

CREATE TABLE team_members (
    team_id INTEGER NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES accounts (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (team_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX team_members_user ON team_members (user_id, team_id);

CREATE TABLE team_permissions (
    team_id INTEGER NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    permission TEXT NOT NULL CHECK (permission IN ('read', 'write', 'admin')),
    PRIMARY KEY (team_id, repository_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX team_permissions_repository ON team_permissions (repository_id, team_id);

-- Whether members pull from all repositories of the organization, or only from those of their teams.
ALTER TABLE organization_settings ADD COLUMN members_pull INTEGER NOT NULL DEFAULT 1;
