-- What the protocol said of a message beside topic and payload (key, headers, partition, offset, flags): JSON.
ALTER TABLE message ADD COLUMN meta TEXT;

-- A broker numbers each of its partitions by itself: a position for each of these lanes. position: JSON.
CREATE TABLE resume_of_lane (
    feed INTEGER NOT NULL,
    lane TEXT NOT NULL,
    position TEXT NOT NULL,
    PRIMARY KEY (feed, lane)
) WITHOUT ROWID;
INSERT INTO resume_of_lane (feed, lane, position) SELECT feed, '', position FROM resume;
DROP TABLE resume;
ALTER TABLE resume_of_lane RENAME TO resume;
