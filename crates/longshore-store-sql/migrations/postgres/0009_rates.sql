-- Requests and pulls of an account or address, counted over all nodes in windows of time.

CREATE TABLE rate_counts (
    subject TEXT COLLATE "C" NOT NULL,
    began_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (subject, began_at)
);
CREATE INDEX rate_counts_end ON rate_counts (ends_at);
