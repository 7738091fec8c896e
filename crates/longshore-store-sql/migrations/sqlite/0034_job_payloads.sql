-- Jobs that accounts ask for, and what they work on.

-- Number of the account, which may watch and cancel it; nothing for the operator's.
ALTER TABLE jobs ADD COLUMN account_id INTEGER;
-- What is done, a JSON object.
ALTER TABLE jobs ADD COLUMN payload TEXT;
