-- From schema version 3 to 4: where nothing comes, what each device can show, what protects our number.

ALTER TABLE message ADD COLUMN gap INTEGER NOT NULL DEFAULT 0;
CREATE INDEX message_gap ON message (chat_id, chat_no) WHERE gap;
CREATE TABLE empty_place (
    chat_id INTEGER NOT NULL, account INTEGER NOT NULL, device INTEGER NOT NULL, chat_no INTEGER NOT NULL,
    PRIMARY KEY (chat_id, account, device, chat_no)
) STRICT, WITHOUT ROWID;

ALTER TABLE device ADD COLUMN shows TEXT NOT NULL DEFAULT '';
ALTER TABLE peer_device ADD COLUMN shows TEXT NOT NULL DEFAULT '';
ALTER TABLE peer_device ADD COLUMN shows_out_no INTEGER NOT NULL DEFAULT 0;

CREATE TABLE protection (account INTEGER PRIMARY KEY, pin INTEGER NOT NULL, totp INTEGER NOT NULL) STRICT;
