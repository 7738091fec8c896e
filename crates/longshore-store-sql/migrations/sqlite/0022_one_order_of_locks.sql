-- Garbage collection reads a review first and takes it away last, unless somebody has asked again meanwhile.
ALTER TABLE reviews ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
