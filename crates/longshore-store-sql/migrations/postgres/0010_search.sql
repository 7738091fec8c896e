-- What repositories are found by: the words of their names, each by its beginning.

CREATE TABLE repository_words (
    word TEXT COLLATE "C" NOT NULL,
    repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    PRIMARY KEY (word, repository_id)
);
CREATE INDEX repository_words_repository ON repository_words (repository_id);
INSERT INTO repository_words (word, repository_id)
    SELECT substr(r.name, 1, position('/' IN r.name) - 1), r.id FROM repositories r
    UNION SELECT substr(r.name, position('/' IN r.name) + 1), r.id FROM repositories r;
