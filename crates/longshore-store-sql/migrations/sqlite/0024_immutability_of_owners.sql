-- Only owners change what an owner decided. Who decided before this is not known.
ALTER TABLE repositories ADD COLUMN immutability_is_owners INTEGER NOT NULL DEFAULT 0;
