-- One device's database, schema version 4. Times are milliseconds since 1970; docs/protocol.md names the rules.

-- This device: the one row of core.records.Device. Seeds and secrets are wrapped; so is all that is called so below.
CREATE TABLE device (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    status TEXT NOT NULL, phone TEXT NOT NULL, account INTEGER NOT NULL, device INTEGER NOT NULL,
    identity_seed BLOB NOT NULL, box_secret BLOB NOT NULL,
    next_identity_seed BLOB NOT NULL, next_box_secret BLOB NOT NULL,
    connection_no INTEGER NOT NULL, epoch INTEGER NOT NULL, cursor INTEGER NOT NULL,
    floor INTEGER NOT NULL, floor_hash BLOB NOT NULL, out_no INTEGER NOT NULL, clock_offset_ms INTEGER NOT NULL,
    account_seed BLOB NOT NULL DEFAULT x'', read_receipts INTEGER NOT NULL DEFAULT 1,
    networks BLOB NOT NULL DEFAULT x'',
    push_kind TEXT NOT NULL DEFAULT '', push_token TEXT NOT NULL DEFAULT '', push_due INTEGER NOT NULL DEFAULT 0,
    shows TEXT NOT NULL DEFAULT ''
) STRICT;

-- Who is who, as accounts have signed it; without an account key: as the server said before accounts signed anything.
CREATE TABLE contact (
    account INTEGER PRIMARY KEY, phone TEXT UNIQUE,
    account_key BLOB NOT NULL DEFAULT x'', devices BLOB NOT NULL DEFAULT x'', trust TEXT NOT NULL DEFAULT 'unverified'
) STRICT;
CREATE TABLE peer_device (
    account INTEGER NOT NULL, device INTEGER NOT NULL,
    identity_key BLOB NOT NULL, box_key BLOB NOT NULL, key_signature BLOB NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0,
    shows TEXT NOT NULL DEFAULT '',        -- what it has announced that it can show, media types with spaces between
    shows_out_no INTEGER NOT NULL DEFAULT 0,  -- by which number
    PRIMARY KEY (account, device)
) STRICT, WITHOUT ROWID;

-- What our own devices are called, as the server said last.
CREATE TABLE device_name (device INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;

-- What the server asks of whoever registers our number anew, as it said last.
CREATE TABLE protection (account INTEGER PRIMARY KEY, pin INTEGER NOT NULL, totp INTEGER NOT NULL) STRICT;

-- The sessions with each device, wrapped.
CREATE TABLE session (
    account INTEGER NOT NULL, device INTEGER NOT NULL,
    sessions BLOB NOT NULL, since_out_no INTEGER NOT NULL, must_be_pq INTEGER NOT NULL,
    PRIMARY KEY (account, device)
) STRICT;

-- Our own prekeys with their secrets, wrapped. An id is one prekey's for ever, of whatever kind.
CREATE TABLE prekey (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, public BLOB NOT NULL, secret BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    withdrawn_ms INTEGER,                  -- since when the server has a newer one of its kind
    published INTEGER NOT NULL DEFAULT 0   -- whether the server was seen to have it; of one-time prekeys
) STRICT;
CREATE INDEX prekey_kind ON prekey (kind, id);
CREATE INDEX prekey_unpublished ON prekey (kind, id) WHERE published = 0;
CREATE TABLE prekey_counter (one INTEGER PRIMARY KEY CHECK (one = 1), last_id INTEGER NOT NULL) STRICT;
INSERT INTO prekey_counter VALUES (1, 0);

-- chat_no is the number of this device's last message in the chat (R6).
CREATE TABLE chat (
    chat_id INTEGER PRIMARY KEY, phone TEXT NOT NULL UNIQUE,
    chat_no INTEGER NOT NULL DEFAULT 0, messages INTEGER NOT NULL DEFAULT 0,
    standing TEXT NOT NULL DEFAULT 'accepted',
    untold INTEGER NOT NULL DEFAULT 0,     -- whether the server has to be told that it is blocked, or not any more
    seen_chat_no INTEGER NOT NULL DEFAULT 0,  -- up to which of this device's messages the other side has read
    muted_until_ms INTEGER NOT NULL DEFAULT 0, pinned INTEGER NOT NULL DEFAULT 0, archived INTEGER NOT NULL DEFAULT 0,
    draft TEXT NOT NULL DEFAULT ''         -- what the user has typed and not sent
) STRICT;
CREATE INDEX chat_untold ON chat (chat_id) WHERE untold;

-- account 0 is this account, with device 0 this device (and its forerunners); another one is the author of a copy.
-- A message's place in its chat is (place, chat_no): R9.
CREATE TABLE message (
    message_no INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id INTEGER NOT NULL REFERENCES chat, place INTEGER NOT NULL DEFAULT 0,
    account INTEGER NOT NULL, device INTEGER NOT NULL, chat_no INTEGER NOT NULL, message_id INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', text TEXT NOT NULL, sent_at_ms INTEGER NOT NULL,
    missing_before INTEGER NOT NULL DEFAULT 0,
    out_no INTEGER,                        -- of its first envelope; NULL while it is a draft; of what came: of the one that opened
    born_ms INTEGER,                       -- by the server's clock, once that is known: the outbox's horizon (R5)
    key TEXT,                              -- the app's own, for an idempotent send (R6)
    audience BLOB NOT NULL DEFAULT x'',    -- the account key that it was first sealed for (R11)
    content BLOB NOT NULL DEFAULT x'',     -- what a later version may be able to show; empty once it has
    unread INTEGER NOT NULL DEFAULT 0,     -- whether it came from the other side and the user has not seen it
    gap INTEGER NOT NULL DEFAULT 0         -- whether nothing comes in its place, of which its readers are still to be told (R9)
) STRICT;
CREATE INDEX message_place ON message (chat_id, place, chat_no);
CREATE INDEX message_author ON message (chat_id, account, device, chat_no);
CREATE INDEX message_queued ON message (message_no) WHERE state = 'queued';
CREATE INDEX message_unsupported ON message (message_no) WHERE state = 'unsupported';
CREATE INDEX message_unread ON message (chat_id, account, device, chat_no) WHERE unread;
CREATE INDEX message_gap ON message (chat_id, chat_no) WHERE gap;
CREATE UNIQUE INDEX message_key ON message (key) WHERE key IS NOT NULL;

-- The files that messages bring, and how far each is on its way. `about` is core.files.File, wrapped; `digest`, the
-- sealed file's SHA-256, is its name on this disk.
CREATE TABLE attachment (
    message_no INTEGER PRIMARY KEY, digest TEXT NOT NULL, about BLOB NOT NULL,
    bytes INTEGER NOT NULL,                -- of the sealed file
    outgoing INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
    done INTEGER NOT NULL DEFAULT 0,       -- bytes that have arrived: at the server, or here
    rate INTEGER NOT NULL DEFAULT 0,       -- bytes a second, of late
    tapped INTEGER NOT NULL DEFAULT 0,     -- whether the user asked for it, so that it comes on any network
    begun INTEGER NOT NULL DEFAULT 0,      -- whether the server was asked to make room for it
    granted INTEGER NOT NULL DEFAULT 0,    -- devices that the server lets fetch it
    used INTEGER NOT NULL DEFAULT 0,       -- devices that it was sealed for
    wanted INTEGER NOT NULL DEFAULT 0,     -- devices that the server is to let fetch it beside those
    notice TEXT NOT NULL DEFAULT ''        -- what the server has to be told: downloaded, ended
) STRICT;
CREATE INDEX attachment_active ON attachment (message_no) WHERE state = 'waiting' OR wanted > 0 OR notice <> '';

-- From where to where each author's numbering has been seen in a chat, duplicates included (R9).
CREATE TABLE author (
    chat_id INTEGER NOT NULL, account INTEGER NOT NULL, device INTEGER NOT NULL,
    low INTEGER NOT NULL, high INTEGER NOT NULL,
    PRIMARY KEY (chat_id, account, device)
) STRICT, WITHOUT ROWID;

-- At which places of an author nothing comes, as the author said (R9).
CREATE TABLE empty_place (
    chat_id INTEGER NOT NULL, account INTEGER NOT NULL, device INTEGER NOT NULL, chat_no INTEGER NOT NULL,
    PRIMARY KEY (chat_id, account, device, chat_no)
) STRICT, WITHOUT ROWID;

-- Messages that have had their effect, remembered longer than retention and beyond deletion (R8).
CREATE TABLE seen (
    account INTEGER NOT NULL, message_id INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    PRIMARY KEY (account, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at_ms);

-- Envelopes that opened, by their sender's number (R8). A mark would not do: those below it need not have come.
CREATE TABLE opened (
    account INTEGER NOT NULL, device INTEGER NOT NULL, out_no INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    PRIMARY KEY (account, device, out_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX opened_at ON opened (at_ms);

-- What each device has to be told, and was told, as read here (its author's chat_no). Lower `since` is longer due.
CREATE TABLE receipt (
    account INTEGER NOT NULL, device INTEGER NOT NULL,
    told INTEGER NOT NULL, due INTEGER NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (account, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX receipt_due ON receipt (since) WHERE due > told;

-- Numbered, sealed envelopes: kept until they have a verdict and every device opened them (R1, R21).
CREATE TABLE envelope (
    out_no INTEGER PRIMARY KEY, flags INTEGER NOT NULL, sealed BLOB NOT NULL, hash BLOB NOT NULL,
    verdict INTEGER NOT NULL DEFAULT 0,    -- 0 none yet, 1 accepted, 2 rejected
    message_no INTEGER NOT NULL,           -- 0: control content, or a Void
    account INTEGER NOT NULL,
    answers INTEGER,                       -- NULL: a message's first envelope; else the top-up that it settles
    resealed INTEGER NOT NULL DEFAULT 0    -- how often it was sealed again for someone who could not open it (R11)
) STRICT;
CREATE INDEX envelope_open ON envelope (out_no) WHERE verdict = 0;
CREATE INDEX envelope_message ON envelope (message_no);
-- The devices that may still open it: the recipient's, or our own others, which get a copy.
CREATE TABLE envelope_device (
    out_no INTEGER NOT NULL, own INTEGER NOT NULL, device INTEGER NOT NULL, PRIMARY KEY (out_no, own, device)
) STRICT, WITHOUT ROWID;

-- Messages that are due for one more device (R4, answers = 0), or once more for one (R11, the number it asked about).
CREATE TABLE top_up (
    message_no INTEGER NOT NULL, device INTEGER NOT NULL, answers INTEGER NOT NULL, account INTEGER NOT NULL,
    PRIMARY KEY (message_no, device, answers)
) STRICT, WITHOUT ROWID;

-- Envelopes that do not open (R11), and their places in the mailbox that acks must still name.
CREATE TABLE quarantine (
    account INTEGER NOT NULL, device INTEGER NOT NULL, out_no INTEGER NOT NULL,
    ciphertext BLOB NOT NULL, reason TEXT NOT NULL, asked INTEGER NOT NULL, asked_at_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    shown INTEGER,                         -- the message that stands for it, once it is given up; 0: sender unknown
    PRIMARY KEY (account, device, out_no)
) STRICT;
CREATE TABLE unopened (seq INTEGER PRIMARY KEY) STRICT;

-- What happened, for the app (R13).
CREATE TABLE event (
    event_no INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, message_no INTEGER, detail TEXT NOT NULL
) STRICT;
CREATE TABLE consumer (name TEXT PRIMARY KEY, confirmed INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO consumer VALUES ('app', 0);

-- Messages up to `up_to` are still to be taken into the index of words (index.sql).
CREATE TABLE search_gap (one INTEGER PRIMARY KEY CHECK (one = 1), up_to INTEGER NOT NULL) STRICT;
INSERT INTO search_gap VALUES (1, 0);

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
