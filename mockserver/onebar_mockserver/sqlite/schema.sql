-- Version 1. The SQL is plain, so that another engine can take it over.

CREATE TABLE accounts (
    account INTEGER PRIMARY KEY AUTOINCREMENT,
    phone TEXT NOT NULL UNIQUE
) STRICT;

-- A device id is never used twice (R22); registry.py says how. removed: 1 alone, 2 with its whole account.
CREATE TABLE devices (
    device INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL REFERENCES accounts (account),
    identity_key BLOB NOT NULL,
    box_key BLOB NOT NULL,
    key_signature BLOB NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0,
    replaced_by INTEGER
) STRICT;
CREATE INDEX devices_by_account ON devices (account, device);

CREATE TABLE codes (
    phone TEXT PRIMARY KEY,
    code TEXT NOT NULL,
    sent_at_ms INTEGER NOT NULL,
    tries_left INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a device: where it stands as a sender (mark, floor) and as a recipient (epoch, head, acked, sent).
CREATE TABLE positions (
    device INTEGER PRIMARY KEY REFERENCES devices (device),
    connection_no INTEGER NOT NULL DEFAULT 0,
    mark INTEGER NOT NULL DEFAULT 0,
    mark_hash BLOB NOT NULL DEFAULT x'',
    floor INTEGER NOT NULL DEFAULT 0,
    notes_bytes INTEGER NOT NULL DEFAULT 0,
    epoch INTEGER NOT NULL DEFAULT 1,
    head INTEGER NOT NULL DEFAULT 0,
    acked INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0,
    mailbox_bytes INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Verdicts that are not plainly accepted, kept until the client has settled them (R3).
CREATE TABLE notes (
    device INTEGER NOT NULL,
    out_no INTEGER NOT NULL,
    note BLOB NOT NULL,
    PRIMARY KEY (device, out_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE entries (
    device INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    peer_account INTEGER NOT NULL,
    peer_device INTEGER NOT NULL,
    out_no INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (device, seq)
) STRICT, WITHOUT ROWID;
-- To coalesce ticks (R12), and to find what is too old: a DROPPED entry (4) never expires.
CREATE INDEX entries_ticks ON entries (device, peer_device, seq) WHERE kind = 2;
CREATE INDEX entries_by_age ON entries (at_ms) WHERE kind < 4;
