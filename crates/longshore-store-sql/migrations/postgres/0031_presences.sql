-- Sessions whose owner has shown to be there, with the password, after signing in.

CREATE TABLE presences (
    session BYTEA NOT NULL PRIMARY KEY,
    proven_at BIGINT NOT NULL
);
CREATE INDEX presences_proven ON presences (proven_at);
