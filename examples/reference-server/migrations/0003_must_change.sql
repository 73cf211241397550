-- Who signed in with a password that is known from a breach has no rights until they have chosen another.
ALTER TABLE users ADD COLUMN must_change INTEGER NOT NULL DEFAULT 0;
