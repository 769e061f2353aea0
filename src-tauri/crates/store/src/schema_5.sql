-- The ledger: counts of a feed in each slot of a level (0 minutes, 1 hours, 2 days of UTC; slot: its number since 1970).
-- All are sums, so that a delta is added to each level. findings: JSON, the count of each check. open: 1 as long as no
-- mark covers the row as it is.
CREATE TABLE ledger (
    feed INTEGER NOT NULL,
    level INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    open INTEGER NOT NULL,
    received INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    filled INTEGER NOT NULL,
    duplicate INTEGER NOT NULL,
    reordered INTEGER NOT NULL,
    late INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    invalid INTEGER NOT NULL,
    numbered INTEGER NOT NULL,
    timed INTEGER NOT NULL,
    checked INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    watched_ms INTEGER NOT NULL,
    silent_ms INTEGER NOT NULL,
    findings TEXT NOT NULL,
    PRIMARY KEY (feed, level, slot)
) WITHOUT ROWID;
CREATE INDEX ledger_open ON ledger (level, slot) WHERE open = 1;

-- What the chain runs over: SHA-256 of each thing as it was written, in order; the last one of a thing counts. kind,
-- owner and item say which: see src/chain/kind.rs. digest: NULL: it is gone, or is covered no more; empty: it is there, and
-- was written before there was a chain.
CREATE TABLE mark (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    item INTEGER NOT NULL,
    digest BLOB
);

-- The chain: a block covers the marks first to last, and all messages up to number `messages`. kind: begin, minute, end.
-- digest is over the marks, hash over the hash of the block before, and all of this; signature: HMAC-SHA-256 of hash,
-- where there is a key.
CREATE TABLE chain (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    digest BLOB NOT NULL,
    hash BLOB NOT NULL,
    signature BLOB
);

-- Messages of a feed that came one behind the other, and go together: a chain for each feed, whose first links are pruned.
-- from_at and to_at: the earliest and the latest receipt. digest: NULL for those written before there was a chain.
CREATE TABLE segment (
    feed INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    from_at INTEGER NOT NULL,
    to_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    digest BLOB,
    hash BLOB,
    PRIMARY KEY (feed, seq)
) WITHOUT ROWID;

-- The last segment of each feed, and the last one that was pruned.
CREATE TABLE lane (
    feed INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    pruned_seq INTEGER NOT NULL,
    pruned_hash BLOB NOT NULL
);

-- What is there already is not covered; the numbers are those of src/chain/kind.rs.
INSERT INTO mark (kind, owner, item, digest) SELECT 1, 0, id, x'' FROM feed;
INSERT INTO mark (kind, owner, item, digest) SELECT 2, 0, id, x'' FROM series;
INSERT INTO mark (kind, owner, item, digest) SELECT 3, 0, id, x'' FROM finding;
INSERT INTO mark (kind, owner, item, digest) SELECT DISTINCT 4, feed, from_at, x'' FROM gap;
INSERT INTO mark (kind, owner, item, digest) SELECT 5, 0, id, x'' FROM alarm;
INSERT INTO mark (kind, owner, item, digest) SELECT 6, 0, id, x'' FROM alarm_transition;
INSERT INTO mark (kind, owner, item, digest) SELECT 7, 0, id, x'' FROM drill;
INSERT INTO mark (kind, owner, item, digest) SELECT DISTINCT 8, feed, 0, x'' FROM certificate;
INSERT INTO mark (kind, owner, item, digest) SELECT 9, series, id, x'' FROM chunk;
INSERT INTO segment (feed, seq, at, first, last, from_at, to_at, count, bytes)
    SELECT feed, 0, 0, min(id), max(id), min(received), max(received), count(*), sum(cost) FROM message GROUP BY feed;
