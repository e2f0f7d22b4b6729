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
