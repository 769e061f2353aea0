-- What drills have measured: a feed failed over on purpose. report: JSON.
CREATE TABLE drill (
    id INTEGER PRIMARY KEY,
    feed INTEGER NOT NULL,
    at INTEGER NOT NULL,
    report TEXT NOT NULL
);
CREATE INDEX drill_of_feed ON drill (feed, at);
