-- Sessions whose owner has shown to be there, with the password, after signing in.

CREATE TABLE presences (
    session BLOB NOT NULL PRIMARY KEY,
    proven_at INTEGER NOT NULL
) STRICT;
CREATE INDEX presences_proven ON presences (proven_at);
