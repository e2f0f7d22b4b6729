-- Version 3: whom an account has ever written to; anybody else is a stranger to it (R25).

CREATE TABLE written_to (
    account INTEGER NOT NULL,
    peer INTEGER NOT NULL,
    PRIMARY KEY (account, peer)
) STRICT, WITHOUT ROWID;
-- What still waits shows some of those before this version: envelopes to their readers, ticks to their writers.
INSERT OR IGNORE INTO written_to
    SELECT e.peer_account, d.account FROM entries e JOIN devices d USING (device) WHERE e.kind = 1;
INSERT OR IGNORE INTO written_to
    SELECT d.account, e.peer_account FROM entries e JOIN devices d USING (device) WHERE e.kind = 2;
