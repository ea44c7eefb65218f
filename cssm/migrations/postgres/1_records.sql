-- Counts changes; whoever changes a record locks this row first, so that processes change records one after the other.
CREATE TABLE slpsim_head (
    one BOOLEAN PRIMARY KEY DEFAULT true CHECK (one),
    seq BIGINT NOT NULL,
    -- Records that were gone before this are not in the table any more.
    floor BIGINT NOT NULL
);
INSERT INTO slpsim_head (seq, floor) VALUES (0, 0);

-- Everything that the mocks know: one JSON line a record, as `slpsim cssm export` writes it.
CREATE TABLE slpsim_records (
    -- Where its kind comes among all: what others refer to comes first.
    rank SMALLINT NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    -- Its last change.
    seq BIGINT NOT NULL,
    -- Order in which the records of a kind came.
    born BIGINT NOT NULL,
    -- It is no more; kept for a while, so that every process learns it.
    gone BOOLEAN NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (kind, key)
);
CREATE INDEX slpsim_records_by_change ON slpsim_records (seq);

-- Keys, certificates and the id token of the start, by file name: the same for all processes.
CREATE TABLE slpsim_vault (
    name TEXT PRIMARY KEY,
    text TEXT NOT NULL
);

-- For people: SELECT * FROM slpsim_devices.
CREATE VIEW slpsim_devices AS
SELECT line::json #>> '{device,pid}' AS pid,
       line::json #>> '{device,serial}' AS serial,
       line::json #>> '{device,hostname}' AS hostname,
       to_timestamp((line::json #>> '{device,last_seen}')::bigint / 1000) AS last_seen,
       line::json #>> '{device,trust,trust_id}' AS trust_id
FROM slpsim_records WHERE kind = 'device' AND NOT gone;

CREATE VIEW slpsim_reports AS
SELECT line::json #>> '{report,pid}' AS pid,
       line::json #>> '{report,serial}' AS serial,
       line::json #>> '{report,id}' AS report_id,
       line::json #>> '{report,tag}' AS tag,
       line::json #>> '{report,peak}' AS peak,
       line::json #>> '{report,times}' AS times,
       line::json #>> '{report,answered}' AS answered,
       line::json #>> '{report,broken}' AS broken
FROM slpsim_records WHERE kind = 'report' AND NOT gone;
