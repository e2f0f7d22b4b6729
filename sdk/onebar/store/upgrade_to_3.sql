-- From schema version 2 to 3: what is unread is kept with each message, and what the user has set for each chat.

ALTER TABLE message ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;
UPDATE message SET unread = 1 WHERE message_no IN (
    SELECT m.message_no FROM chat c CROSS JOIN message m
    WHERE m.chat_id = c.chat_id AND (m.place, m.chat_no) > (c.read_place, c.read_chat_no) AND m.account <> 0
);
CREATE INDEX message_unread ON message (chat_id, account, device, chat_no) WHERE unread;

ALTER TABLE chat DROP COLUMN read_place;
ALTER TABLE chat DROP COLUMN read_chat_no;
ALTER TABLE chat ADD COLUMN seen_chat_no INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN muted_until_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat ADD COLUMN draft TEXT NOT NULL DEFAULT '';

-- Messages up to `up_to` are still to be taken into the index of words (index.sql): some in each turn.
CREATE TABLE search_gap (one INTEGER PRIMARY KEY CHECK (one = 1), up_to INTEGER NOT NULL) STRICT;
INSERT INTO search_gap SELECT 1, COALESCE(max(message_no), 0) FROM message;

-- What people say of themselves, 0: ourselves; and which devices were told of us, up to which counter and by which number.
CREATE TABLE profile (
    account INTEGER PRIMARY KEY, counter INTEGER NOT NULL, name TEXT NOT NULL, about TEXT NOT NULL, photo BLOB NOT NULL
) STRICT;
CREATE TABLE profile_told (
    account INTEGER NOT NULL, device INTEGER NOT NULL,
    counter INTEGER NOT NULL DEFAULT 0, out_no INTEGER NOT NULL DEFAULT 0, told_ms INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL,
    PRIMARY KEY (account, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX profile_due ON profile_told (account, device) WHERE due;
CREATE INDEX profile_number ON profile_told (out_no);
