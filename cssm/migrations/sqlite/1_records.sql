-- Everything that a mock knows: one JSON line a record, as `slpsim cssm export` writes it.
CREATE TABLE records (
    -- Where its kind comes among all: what others refer to comes first.
    rank INTEGER NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    -- Order in which the records of a kind came.
    born INTEGER NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX records_in_order ON records (rank, born);

-- Keys, certificates and the id token of the start, by file name. Used where the store is a file of its own.
CREATE TABLE vault (
    name TEXT PRIMARY KEY,
    text TEXT NOT NULL
);

-- For people: SELECT * FROM devices.
CREATE VIEW devices AS
SELECT line ->> '$.device.pid' AS pid,
       line ->> '$.device.serial' AS serial,
       line ->> '$.device.hostname' AS hostname,
       (line ->> '$.device.last_seen') / 1000 AS last_seen,
       line ->> '$.device.trust.trust_id' AS trust_id
FROM records WHERE kind = 'device';

CREATE VIEW reports AS
SELECT line ->> '$.report.pid' AS pid,
       line ->> '$.report.serial' AS serial,
       line ->> '$.report.id' AS report_id,
       line ->> '$.report.tag' AS tag,
       line ->> '$.report.peak' AS peak,
       line ->> '$.report.times' AS times,
       line ->> '$.report.answered' AS answered,
       line ->> '$.report.broken' AS broken
FROM records WHERE kind = 'report';
