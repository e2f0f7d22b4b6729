-- Version 2: how often an account has replaced its device on its last such day, counted from 1970.

ALTER TABLE accounts ADD COLUMN replaced_day INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN replaced_count INTEGER NOT NULL DEFAULT 0;
