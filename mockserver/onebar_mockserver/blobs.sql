-- Version 1. One row for each blob; the bytes are in a file of its name.
CREATE TABLE blobs (
    id TEXT PRIMARY KEY,
    owner INTEGER NOT NULL,
    length INTEGER NOT NULL,
    durable INTEGER NOT NULL,
    expected INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_by_owner ON blobs (owner, length, durable);
CREATE INDEX blobs_by_age ON blobs (expires_ms);

-- Which devices have fetched it: an acknowledgement that comes twice counts once.
CREATE TABLE downloads (
    id TEXT NOT NULL,
    device INTEGER NOT NULL,
    PRIMARY KEY (id, device)
) STRICT, WITHOUT ROWID;
