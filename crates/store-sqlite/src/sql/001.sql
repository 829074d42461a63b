-- Whose file this is, as SQLite itself keeps it: `lbst`.
PRAGMA application_id = 1818391412;

-- The last number that was given away, to an answer or to a lease: none is given away twice.
CREATE TABLE counter (last INTEGER NOT NULL) STRICT;
INSERT INTO counter (last) VALUES (0);

-- Times and durations are milliseconds; times since 1970.
CREATE TABLE answers (
    number INTEGER PRIMARY KEY,
    slot BLOB NOT NULL UNIQUE,
    generation INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    -- Of one that runs, what it was before its first event: `streaming` follows from `events`.
    state TEXT NOT NULL,
    fence INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    ttl INTEGER NOT NULL,
    max_bytes INTEGER NOT NULL,
    created INTEGER NOT NULL,
    -- Of one that runs, the last event may be later.
    changed INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    head BLOB,
    -- From here on null while it runs.
    detail BLOB,
    events INTEGER,
    bytes INTEGER,
    expires INTEGER
) STRICT;
CREATE INDEX answers_running ON answers (number) WHERE expires IS NULL;
CREATE INDEX answers_by_expiry ON answers (expires, number) WHERE expires IS NOT NULL;

-- Apart from the answers, which are written anew at every change.
CREATE TABLE requests (number INTEGER PRIMARY KEY, request BLOB NOT NULL) STRICT;

-- One row for each batch: its id is the answer's number, shifted by 27 bits, and the number of its last event.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    written INTEGER NOT NULL,
    -- The bytes of all of the answer's events up to here.
    total INTEGER NOT NULL,
    -- Each event behind its length, which is 32 bits, little end first.
    data BLOB NOT NULL
) STRICT;

-- Answers that are gone, for as long as that is remembered.
CREATE TABLE gone (
    slot BLOB NOT NULL,
    generation INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    forgotten INTEGER NOT NULL,
    UNIQUE (slot, generation)
) STRICT;
CREATE INDEX gone_by_time ON gone (forgotten);

-- Answers whose events are still to be removed, a portion at a time.
CREATE TABLE trash (number INTEGER PRIMARY KEY) STRICT;
