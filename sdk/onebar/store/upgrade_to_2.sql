-- From schema version 1 to 2; migrations.py wraps the device's secrets in the same transaction.

ALTER TABLE device ADD COLUMN account_seed BLOB NOT NULL DEFAULT x'';
ALTER TABLE device ADD COLUMN read_receipts INTEGER NOT NULL DEFAULT 1;
ALTER TABLE device ADD COLUMN networks BLOB NOT NULL DEFAULT x'';
ALTER TABLE device ADD COLUMN push_kind TEXT NOT NULL DEFAULT '';
ALTER TABLE device ADD COLUMN push_token TEXT NOT NULL DEFAULT '';
ALTER TABLE device ADD COLUMN push_due INTEGER NOT NULL DEFAULT 0;

-- The server said who has which device; from now on the account does, and is asked anew.
DELETE FROM peer_device;
ALTER TABLE contact ADD COLUMN account_key BLOB NOT NULL DEFAULT x'';
ALTER TABLE contact ADD COLUMN devices BLOB NOT NULL DEFAULT x'';
ALTER TABLE contact ADD COLUMN trust TEXT NOT NULL DEFAULT 'unverified';

CREATE TABLE session (
    account INTEGER NOT NULL, device INTEGER NOT NULL,
    sessions BLOB NOT NULL, since_out_no INTEGER NOT NULL, must_be_pq INTEGER NOT NULL,
    PRIMARY KEY (account, device)
) STRICT;
CREATE TABLE prekey (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, public BLOB NOT NULL, secret BLOB NOT NULL,
    created_ms INTEGER NOT NULL, withdrawn_ms INTEGER, published INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX prekey_kind ON prekey (kind, id);
CREATE INDEX prekey_unpublished ON prekey (kind, id) WHERE published = 0;
CREATE TABLE prekey_counter (one INTEGER PRIMARY KEY CHECK (one = 1), last_id INTEGER NOT NULL) STRICT;
INSERT INTO prekey_counter VALUES (1, 0);

-- Nobody wants to see years of messages as unread after an upgrade.
ALTER TABLE chat ADD COLUMN read_place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN read_chat_no INTEGER NOT NULL DEFAULT 0;
UPDATE chat SET (read_place, read_chat_no) = (
    SELECT place, chat_no FROM message m WHERE m.chat_id = chat.chat_id ORDER BY place DESC, chat_no DESC LIMIT 1
) WHERE EXISTS (SELECT 1 FROM message m WHERE m.chat_id = chat.chat_id);

ALTER TABLE chat ADD COLUMN standing TEXT NOT NULL DEFAULT 'accepted';
ALTER TABLE chat ADD COLUMN untold INTEGER NOT NULL DEFAULT 0;
CREATE INDEX chat_untold ON chat (chat_id) WHERE untold;

ALTER TABLE message ADD COLUMN audience BLOB NOT NULL DEFAULT x'';
ALTER TABLE message ADD COLUMN content BLOB NOT NULL DEFAULT x'';
CREATE INDEX message_unsupported ON message (message_no) WHERE state = 'unsupported';

CREATE TABLE receipt (
    account INTEGER NOT NULL, device INTEGER NOT NULL,
    told INTEGER NOT NULL, due INTEGER NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (account, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX receipt_due ON receipt (since) WHERE due > told;

CREATE TABLE more_devices (
    out_no INTEGER NOT NULL, own INTEGER NOT NULL, device INTEGER NOT NULL, PRIMARY KEY (out_no, own, device)
) STRICT, WITHOUT ROWID;
INSERT INTO more_devices SELECT out_no, 0, device FROM envelope_device;
DROP TABLE envelope_device;
ALTER TABLE more_devices RENAME TO envelope_device;

CREATE TABLE attachment (
    message_no INTEGER PRIMARY KEY, digest TEXT NOT NULL, about BLOB NOT NULL,
    bytes INTEGER NOT NULL, outgoing INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
    done INTEGER NOT NULL DEFAULT 0, rate INTEGER NOT NULL DEFAULT 0, tapped INTEGER NOT NULL DEFAULT 0,
    begun INTEGER NOT NULL DEFAULT 0, granted INTEGER NOT NULL DEFAULT 0, used INTEGER NOT NULL DEFAULT 0,
    wanted INTEGER NOT NULL DEFAULT 0, notice TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX attachment_active ON attachment (message_no) WHERE state = 'waiting' OR wanted > 0 OR notice <> '';

CREATE TABLE device_name (device INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
