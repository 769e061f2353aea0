-- Times are nanoseconds since 1970-01-01T00:00:00Z. Unsigned numbers beyond 2^63 wrap to negative ones.

-- Numbers of the history itself: 'arrivals', 'samples', 'written_by'.
CREATE TABLE state (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;

CREATE TABLE feed (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    protocol TEXT NOT NULL,
    address TEXT NOT NULL
);

-- key: JSON, the (path, text) pairs that tell the entity.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    feed INTEGER NOT NULL,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    unit TEXT,
    kind TEXT NOT NULL
);

-- Samples of small commits, that are not put in order yet: see src/pending.rs. They came after all others.
CREATE TABLE pending (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);

-- Samples that are not sealed yet. delay: receive time minus time. kind: 0 finite real, 1 integer, 2 integer of 64 bits without sign (its bits),
-- 3 boolean, 4 real that is not finite (its bits). quality: 0 good, 1 uncertain, 2 bad.
-- arrival orders samples of equal time.
CREATE TABLE sample (
    series INTEGER NOT NULL,
    at INTEGER NOT NULL,
    arrival INTEGER NOT NULL,
    delay INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    value NOT NULL,
    quality INTEGER NOT NULL,
    PRIMARY KEY (series, at, arrival)
) WITHOUT ROWID;

-- Samples sealed together: what they are (crate codec) in data, and what a chart needs of them in chunk. They lie apart,
-- so that chunk stays narrow. tier: 0 spans at most a minute, 1 an hour, 2 a day. rolled: in the rollups of 0 no level,
-- 1 hours, 2 hours and minutes. Of equal times those in a chunk of lower id came first, and those not sealed came last.
-- least, most, first, last and total are over finite values only, and null where there is none.
CREATE TABLE data (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE chunk (
    series INTEGER NOT NULL,
    tier INTEGER NOT NULL,
    from_at INTEGER NOT NULL,
    id INTEGER NOT NULL,
    to_at INTEGER NOT NULL,
    rolled INTEGER NOT NULL,
    count INTEGER NOT NULL,
    least REAL,
    most REAL,
    total REAL NOT NULL,
    first REAL,
    first_at INTEGER,
    last REAL,
    last_at INTEGER,
    PRIMARY KEY (series, tier, from_at, id)
) WITHOUT ROWID;

-- The same over sealed samples of each slot of a level (0 minutes, 1 hours; slot: number of the minute or hour since
-- 1970); first_chunk and last_chunk say which chunk first and last are from.
CREATE TABLE rollup (
    series INTEGER NOT NULL,
    level INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    count INTEGER NOT NULL,
    least REAL,
    most REAL,
    total REAL NOT NULL,
    first REAL,
    first_at INTEGER,
    last REAL,
    last_at INTEGER,
    first_chunk INTEGER,
    last_chunk INTEGER,
    PRIMARY KEY (series, level, slot)
) WITHOUT ROWID;

-- How many samples of a feed fall into each minute.
CREATE TABLE density (
    feed INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    PRIMARY KEY (feed, minute)
) WITHOUT ROWID;

-- Raw messages as evidence, bounded by bytes for each feed (table evidence).
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    feed INTEGER NOT NULL,
    number INTEGER NOT NULL,
    received INTEGER NOT NULL,
    topic TEXT,
    outcome TEXT NOT NULL,
    fault_offset INTEGER,
    reason TEXT,
    cost INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE INDEX message_of_feed ON message (feed, received, id, cost);
CREATE TABLE evidence (feed INTEGER PRIMARY KEY, bytes INTEGER NOT NULL);

CREATE TABLE gap (
    feed INTEGER NOT NULL,
    from_at INTEGER NOT NULL,
    cause TEXT NOT NULL,
    to_at INTEGER,
    missing INTEGER,
    detail TEXT NOT NULL,
    PRIMARY KEY (feed, from_at, cause)
) WITHOUT ROWID;

-- per: JSON, the (path, text) pairs of the sequence's scope. What was expected stands in the columns value to score.
CREATE TABLE finding (
    id INTEGER PRIMARY KEY,
    feed INTEGER NOT NULL,
    series INTEGER,
    at INTEGER NOT NULL,
    check_word TEXT NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    per TEXT NOT NULL,
    message INTEGER,
    first INTEGER,
    last INTEGER,
    missing INTEGER,
    value REAL,
    low REAL,
    high REAL,
    surprise REAL,
    score REAL,
    text TEXT NOT NULL
);
CREATE INDEX finding_at ON finding (at);
CREATE INDEX finding_of_feed ON finding (feed, at);

CREATE TABLE alarm (
    id INTEGER PRIMARY KEY,
    feed INTEGER NOT NULL,
    series INTEGER,
    check_word TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    severity TEXT NOT NULL,
    raised INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    cleared INTEGER,
    acknowledged INTEGER,
    findings INTEGER NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX alarm_raised ON alarm (raised);
CREATE INDEX alarm_open ON alarm (id) WHERE state <> 'normal';

CREATE TABLE alarm_transition (
    id INTEGER PRIMARY KEY,
    alarm INTEGER NOT NULL,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    state TEXT NOT NULL,
    note TEXT
);
CREATE INDEX transition_of_alarm ON alarm_transition (alarm);

-- position: JSON.
CREATE TABLE resume (feed INTEGER PRIMARY KEY, position TEXT NOT NULL);
CREATE TABLE watched (feed INTEGER PRIMARY KEY, at INTEGER NOT NULL);
