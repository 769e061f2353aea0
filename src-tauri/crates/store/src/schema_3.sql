-- What drills have measured: a feed failed over on purpose. report: JSON.
CREATE TABLE drill (
    id INTEGER PRIMARY KEY,
    feed INTEGER NOT NULL,
    at INTEGER NOT NULL,
    report TEXT NOT NULL
);
-- The certificate that each endpoint of a feed has shown last. certificate: JSON.
CREATE TABLE certificate (
    feed INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    certificate TEXT NOT NULL,
    PRIMARY KEY (feed, endpoint)
) WITHOUT ROWID;
CREATE INDEX drill_of_feed ON drill (feed, at);
