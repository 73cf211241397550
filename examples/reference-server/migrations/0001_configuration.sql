-- Times are milliseconds since 1970, in UTC. AUTOINCREMENT, so that no id ever means another row
-- to a writer that remembers it.

CREATE TABLE projects (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL UNIQUE,
    description TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

-- The present state of a configuration. Every write compares and sets this one row, and so the
-- document can never be of a schema that it was not checked against.
CREATE TABLE configs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Deleting a project that still has configurations is an error, not a cascade.
    project_id    INTEGER NOT NULL REFERENCES projects (id),
    name          TEXT    NOT NULL,
    -- Zero, without a digest: there is a schema, and no document yet.
    version       INTEGER NOT NULL,
    digest        TEXT,
    schema        TEXT,
    schema_digest TEXT,
    updated_at    INTEGER NOT NULL,
    UNIQUE (project_id, name)
) STRICT;

CREATE TABLE versions (
    config_id  INTEGER NOT NULL REFERENCES configs (id) ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    document   TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (config_id, version)
) STRICT;
