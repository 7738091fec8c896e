-- Requests and pulls of an account or address, counted over all nodes in windows of time.

CREATE TABLE rate_counts (
    subject TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (subject, began_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX rate_counts_end ON rate_counts (ends_at);
