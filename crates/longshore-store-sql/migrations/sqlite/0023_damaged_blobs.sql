-- How many blobs are damaged is asked all the time, and there are hardly any.
CREATE INDEX blobs_damaged ON blobs (damaged_at) WHERE damaged_at IS NOT NULL;
