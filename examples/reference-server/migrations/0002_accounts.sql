-- Whose data it is. Projects and accounts belong to exactly one.
CREATE TABLE tenants (
    id         TEXT    NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT;

INSERT INTO tenants (id, created_at) VALUES ('default', 0);

CREATE TABLE users (
    id            TEXT    NOT NULL PRIMARY KEY,
    tenant        TEXT    NOT NULL REFERENCES tenants (id),
    -- As it was given, and as it is compared.
    email         TEXT    NOT NULL,
    email_key     TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    -- Names of roles, with spaces between them.
    roles         TEXT    NOT NULL,
    disabled_at   INTEGER,
    created_at    INTEGER NOT NULL,
    last_login_at INTEGER,
    UNIQUE (tenant, email_key)
) STRICT;

CREATE TABLE audit (
    -- A UUID of version 7: the order of the ids is that of the events.
    id         TEXT    NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    event      TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    severity   TEXT    NOT NULL,
    tenant     TEXT,
    actor_kind TEXT,
    actor_id   TEXT,
    subject    TEXT,
    session_id TEXT,
    client_id  TEXT,
    key_id     TEXT,
    reason     TEXT,
    method     TEXT,
    count      INTEGER,
    ip         TEXT,
    user_agent TEXT,
    request_id TEXT
) STRICT;

CREATE INDEX audit_tenant ON audit (tenant, id);
CREATE INDEX audit_at ON audit (at);

-- Names of projects are unique within a tenant from now on. SQLite cannot change a constraint, so the tables are made anew, and
-- those that refer to others are dropped first. What there was belongs to the tenant `default`.
CREATE TABLE new_projects (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant      TEXT    NOT NULL REFERENCES tenants (id),
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (tenant, name)
) STRICT;

CREATE TABLE new_configs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Deleting a project that still has configurations is an error, not a cascade.
    project_id    INTEGER NOT NULL REFERENCES new_projects (id),
    name          TEXT    NOT NULL,
    -- Zero, without a digest: there is a schema, and no document yet.
    version       INTEGER NOT NULL,
    digest        TEXT,
    schema        TEXT,
    schema_digest TEXT,
    updated_at    INTEGER NOT NULL,
    UNIQUE (project_id, name)
) STRICT;

CREATE TABLE new_versions (
    config_id  INTEGER NOT NULL REFERENCES new_configs (id) ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    document   TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (config_id, version)
) STRICT;

INSERT INTO new_projects (id, tenant, name, description, created_at)
    SELECT id, 'default', name, description, created_at FROM projects;
INSERT INTO new_configs (id, project_id, name, version, digest, schema, schema_digest, updated_at)
    SELECT id, project_id, name, version, digest, schema, schema_digest, updated_at FROM configs;
INSERT INTO new_versions (config_id, version, document, digest, created_at)
    SELECT config_id, version, document, digest, created_at FROM versions;

-- So that no id ever means another row, also not that of one that was deleted before.
INSERT INTO new_projects (id, tenant, name, description, created_at)
    SELECT seq + 1, 'default', '', '', 0 FROM sqlite_sequence WHERE name = 'projects';
DELETE FROM new_projects WHERE name = '';
INSERT INTO new_configs (id, project_id, name, version, updated_at)
    SELECT seq + 1, (SELECT min(id) FROM new_projects), '', 0, 0 FROM sqlite_sequence
    WHERE name = 'configs' AND EXISTS (SELECT 1 FROM new_projects);
DELETE FROM new_configs WHERE name = '';

DROP TABLE versions;
DROP TABLE configs;
DROP TABLE projects;
ALTER TABLE new_projects RENAME TO projects;
ALTER TABLE new_configs RENAME TO configs;
ALTER TABLE new_versions RENAME TO versions;
