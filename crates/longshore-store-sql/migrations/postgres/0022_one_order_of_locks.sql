-- Garbage collection reads a review first and takes it away last, unless somebody has asked again meanwhile.
ALTER TABLE reviews ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
-- The texts of a list, by the name that SQLite has for it.
CREATE FUNCTION json_each(list TEXT) RETURNS TABLE (value TEXT) LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT * FROM pg_catalog.json_array_elements_text(list::pg_catalog.json)';
