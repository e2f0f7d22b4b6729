-- Version 4: what devices have published: signed device lists, certificates, prekeys; hedged links; what protects
-- accounts; push tokens.

-- The lowest connection number that is still heard: a link that speaks after its Welcome fences the older ones (R16).
ALTER TABLE positions ADD COLUMN fence_no INTEGER NOT NULL DEFAULT 0;

-- Since when a device has a number only, and no certificate that makes it one; 0: it is in use, or was.
ALTER TABLE devices ADD COLUMN pending_since_ms INTEGER NOT NULL DEFAULT 0;
-- The last one that was published, kept for ever: it tells who wrote an old message.
ALTER TABLE devices ADD COLUMN certificate BLOB NOT NULL DEFAULT x'';
-- What its user calls it; for the devices of its account only.
ALTER TABLE devices ADD COLUMN name TEXT NOT NULL DEFAULT '';

CREATE TABLE device_lists (
    account INTEGER PRIMARY KEY REFERENCES accounts (account),
    counter INTEGER NOT NULL,
    signed BLOB NOT NULL
) STRICT;

CREATE TABLE bundles (
    device INTEGER PRIMARY KEY REFERENCES devices (device),
    made_ms INTEGER NOT NULL,
    signed BLOB NOT NULL
) STRICT;

-- One-time prekeys; kind 1 is X25519, 2 is ML-KEM-768. The index alone counts a stock: the bodies are long.
CREATE TABLE prekeys (
    device INTEGER NOT NULL REFERENCES devices (device),
    kind INTEGER NOT NULL,
    no INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX prekeys_by_number ON prekeys (device, kind, no);

-- The highest number of each kind that was handed out. Those up to it are not taken again: a device that missed the
-- answer to its Publish repeats it, and somebody may have been given one of these prekeys meanwhile.
CREATE TABLE handed_out (
    device INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    upto INTEGER NOT NULL,
    PRIMARY KEY (device, kind)
) STRICT, WITHOUT ROWID;

-- Devices that were removed, until the sweep has told the senders of what waited for them.
CREATE TABLE orphans (device INTEGER PRIMARY KEY REFERENCES devices (device)) STRICT;
INSERT INTO orphans SELECT device FROM devices JOIN positions USING (device) WHERE removed = 1 AND mailbox_bytes > 0;
-- The few holes in a mailbox, so that the sweep need not look at everything before them.
CREATE INDEX entries_holes ON entries (device, seq) WHERE kind = 4;

-- What a stranger's envelopes take of a mailbox, as far as they count (R25). Those from before this version do not.
CREATE TABLE shares (
    device INTEGER NOT NULL,
    account INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (device, account)
) STRICT, WITHOUT ROWID;

-- How often a code went out to a number, and from when on the next one may: waits grow, and outlive the code.
ALTER TABLE codes ADD COLUMN sends INTEGER NOT NULL DEFAULT 1;
ALTER TABLE codes ADD COLUMN next_ms INTEGER NOT NULL DEFAULT 0;
-- Codes are not written down any more: codes.py says what is. Those of before had minutes to live.
DELETE FROM codes;
ALTER TABLE codes DROP COLUMN code;
ALTER TABLE codes ADD COLUMN seed BLOB NOT NULL DEFAULT x'';

-- When a device was last heard of, to the hour: the registration lock lapses some days later.
ALTER TABLE positions ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0;

-- Two-step verification: a hash of the stretched PIN, the secret of one-time passwords with the step of the last one
-- that was used (RFC 6238), each empty if there is none; and the wrong tries since the first one of them.
CREATE TABLE pins (
    account INTEGER PRIMARY KEY REFERENCES accounts (account),
    hash BLOB NOT NULL DEFAULT x'',
    totp BLOB NOT NULL DEFAULT x'',
    totp_step INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    tries_since_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Whose messages an account does not want: by number, so that a new account under it is blocked as well.
CREATE TABLE blocks (
    account INTEGER NOT NULL,
    phone TEXT NOT NULL,
    PRIMARY KEY (account, phone)
) STRICT, WITHOUT ROWID;

-- Envelopes that were accepted from a blocked sender and thrown away: the sender hears that they expired, when mail
-- of their age does (R5).
CREATE TABLE withheld (
    reader INTEGER NOT NULL,
    account INTEGER NOT NULL,
    device INTEGER NOT NULL,
    out_no INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX withheld_by_pair ON withheld (reader, account);
CREATE INDEX withheld_by_age ON withheld (at_ms);

-- Who has reported whom, how often, and when last.
CREATE TABLE reports (
    account INTEGER NOT NULL,
    reporter INTEGER NOT NULL,
    times INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (account, reporter)
) STRICT, WITHOUT ROWID;

-- Both ways, so that who deletes an account finds its rows.
CREATE INDEX written_to_by_peer ON written_to (peer);
CREATE INDEX reports_by_reporter ON reports (reporter);

-- By what a device is woken while it is away (docs/push.md), and since when; of devices in use only.
CREATE TABLE push_tokens (
    device INTEGER PRIMARY KEY REFERENCES devices (device),
    kind TEXT NOT NULL,
    token TEXT NOT NULL,
    since_ms INTEGER NOT NULL
) STRICT;
