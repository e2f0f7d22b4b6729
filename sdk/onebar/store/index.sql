-- The words of all messages (store/search.py), kept in step by triggers. Where SQLite has no FTS5, none of this is there.
CREATE VIRTUAL TABLE search USING fts5 (
    text, chat, content = '', columnsize = 0, tokenize = "unicode61 remove_diacritics 2 categories 'L* N* Co So'"
);
CREATE TRIGGER search_add AFTER INSERT ON message WHEN new.text <> '' BEGIN
    INSERT INTO search (rowid, text, chat) VALUES (new.message_no, onebar_indexed(new.text), new.chat_id);
END;
CREATE TRIGGER search_remove AFTER DELETE ON message
WHEN old.text <> '' AND old.message_no > (SELECT up_to FROM search_gap) BEGIN
    INSERT INTO search (search, rowid, text, chat)
    VALUES ('delete', old.message_no, onebar_indexed(old.text), old.chat_id);
END;
CREATE TRIGGER search_change AFTER UPDATE OF text ON message
WHEN old.text <> new.text AND old.message_no > (SELECT up_to FROM search_gap) BEGIN
    INSERT INTO search (search, rowid, text, chat)
    SELECT 'delete', old.message_no, onebar_indexed(old.text), old.chat_id WHERE old.text <> '';
    INSERT INTO search (rowid, text, chat)
    SELECT new.message_no, onebar_indexed(new.text), new.chat_id WHERE new.text <> '';
END;
