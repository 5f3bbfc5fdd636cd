CREATE TABLE workspaces (
  id TEXT PRIMARY KEY,
  document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Times are in microseconds since 1970.
CREATE TABLE users (
  team_id TEXT NOT NULL,
  id TEXT NOT NULL,
  revision INTEGER NOT NULL, -- counts the writes
  version INTEGER NOT NULL,
  fingerprint INTEGER NOT NULL,
  written INTEGER NOT NULL,
  expire_at INTEGER, -- of removed users
  profile_order INTEGER, -- of users whose profile full syncs ask for
  email_key TEXT, -- of users with an e-mail address
  document TEXT NOT NULL, -- without the parts, which are two thirds of it and which lists do not need
  parts TEXT NOT NULL,
  PRIMARY KEY (team_id, id)
) STRICT;
CREATE INDEX users_by_email ON users (team_id, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX users_by_fingerprint ON users (team_id, fingerprint);
CREATE INDEX users_by_expiry ON users (expire_at) WHERE expire_at IS NOT NULL;
CREATE INDEX users_by_profile ON users (team_id, profile_order) WHERE profile_order IS NOT NULL;

-- Who is in which list, in each order. See lists.go.
CREATE TABLE by_name (
  team_id TEXT NOT NULL,
  list TEXT NOT NULL,
  sort_name TEXT NOT NULL,
  id TEXT NOT NULL,
  PRIMARY KEY (team_id, list, sort_name, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE by_change (
  team_id TEXT NOT NULL,
  list TEXT NOT NULL,
  version INTEGER NOT NULL,
  id TEXT NOT NULL,
  PRIMARY KEY (team_id, list, version, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE by_updated (
  team_id TEXT NOT NULL,
  list TEXT NOT NULL,
  updated INTEGER NOT NULL,
  id TEXT NOT NULL,
  PRIMARY KEY (team_id, list, updated, id)
) STRICT, WITHOUT ROWID;

-- The history.
CREATE TABLE changes (
  team_id TEXT NOT NULL,
  id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  type TEXT NOT NULL,
  written_at INTEGER NOT NULL, -- no two of a workspace are the same
  expire_at INTEGER NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (team_id, id)
) STRICT;
CREATE INDEX changes_by_time ON changes (team_id, written_at, id);
CREATE INDEX changes_by_user ON changes (team_id, user_id, written_at, id);
CREATE INDEX changes_by_type ON changes (team_id, type, written_at, id);
CREATE INDEX changes_by_expiry ON changes (expire_at);

CREATE TABLE emoji (
  team_id TEXT PRIMARY KEY,
  document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE team_profiles (
  team_id TEXT PRIMARY KEY,
  document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Those of the API, by the hex of their SHA-256.
CREATE TABLE tokens (
  hash TEXT PRIMARY KEY,
  document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE syncs (
  team_id TEXT NOT NULL,
  id TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (team_id, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE sync_pages (
  team_id TEXT NOT NULL,
  sync_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (team_id, sync_id, number)
) STRICT;
CREATE TABLE leases (
  team_id TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
