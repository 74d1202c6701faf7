"""The ledger's tables as a new ledger has them. What an older ledger lacks is added in `migrations`."""

import re

from sensor_platform.landing.ledger.triggers import TRIGGERS

SCHEMA = 2
"""Version of the ledger, and of the home: a newer one is refused."""

STATEMENTS = """
create table if not exists meta (key text primary key, value text not null) without rowid;
create table if not exists segments (
    segment text primary key, position integer not null unique, committed_at integer not null,
    contract_version text not null, messages integer not null, landed integer not null, quarantined integer not null,
    duplicate integer not null, readings integer not null, rejected_readings integer not null,
    newest_event_at integer, forgotten integer not null default 0, arrived_hour integer
) without rowid;
create index if not exists segments_by_commit on segments (committed_at);
create table if not exists commit_days (
    day integer primary key, segments integer not null, messages integer not null, landed integer not null,
    quarantined integer not null, duplicate integer not null, forgotten integer not null, readings integer not null,
    rejected_readings integer not null, newest_event_at integer
);
create table if not exists summed_days (day integer primary key);
create table if not exists segment_ranges (
    stem text not null, first integer not null, last integer not null, day integer not null, primary key (stem, first)
) without rowid;
create table if not exists count_hours (
    hour integer not null, day integer not null, primary key (hour, day)
) without rowid;
create table if not exists compactions (name text primary key, made_at integer not null) without rowid;
create table if not exists day_marks (
    name text not null, day integer not null, mark integer not null, rows integer not null, primary key (name, day)
) without rowid;
create table if not exists files (
    file text primary key, segment text not null, kind text not null, rows integer not null, bytes integer not null,
    sha256 text not null, first_event_at integer, last_event_at integer, replaced_at integer, deleting_at integer,
    messages integer
) without rowid;
create index if not exists files_of_segment on files (segment);
create index if not exists quarantine_files on files (file, rows, messages)
    where kind = 'quarantine' and replaced_at is null;
create table if not exists file_slots (
    slot_start integer not null, file text not null, rows integer not null, primary key (slot_start, file)
) without rowid;
create index if not exists slots_of_file on file_slots (file);
create table if not exists slots (slot_start integer primary key, position integer not null);
create index if not exists slots_by_position on slots (position);
create table if not exists counts (
    hour integer not null, device_id text not null, received integer not null, landed integer not null,
    quarantined integer not null, duplicate integer not null, rejected_readings integer not null,
    forgotten integer not null default 0, primary key (hour, device_id)
) without rowid;
create table if not exists arrivals (
    hour integer primary key, received integer not null, landed integer not null default 0,
    quarantined integer not null default 0, duplicate integer not null default 0,
    forgotten integer not null default 0, rejected_readings integer not null default 0
);
create table if not exists heard (
    device_id text primary key, heard_at integer not null, event_at integer not null, ahead integer not null,
    pause integer not null
) without rowid;
create table if not exists damage (
    segment text not null, start integer not null, bytes integer not null, primary key (segment, start)
) without rowid;
create table if not exists imports (
    source text primary key, segment text not null, name text not null, rows integer not null,
    first_position integer not null, mapping text not null default ''
) without rowid;
create table if not exists drift (
    segment text not null, position integer not null, received_at integer not null, device_id text not null,
    metric text, what text not null, was text not null, now text not null
);
create index if not exists drift_of_segment on drift (segment);
create table if not exists births (node text primary key, content blob not null) without rowid;
create table if not exists kinds (
    device_id text not null, metric text not null, kinds integer not null, primary key (device_id, metric)
) without rowid;
create table if not exists warehouse_state (
    model text not null, window_start integer not null, generation text not null, position integer not null,
    primary key (model, window_start)
) without rowid;
create table if not exists sequences (
    hour integer not null, device_id text not null, first integer not null, last integer not null,
    primary key (hour, device_id, first)
) without rowid;
create table if not exists damaged_files (
    file text primary key, segment text not null, kind text not null, rows integer not null, found_at integer not null,
    what text not null, aside text not null, entry text not null
) without rowid;
create table if not exists held_slots (
    slot_start integer not null, file text not null, primary key (slot_start, file)
) without rowid;
create table if not exists late_frozen (
    segment text not null, slot_start integer not null, rows integer not null, committed_at integer,
    primary key (segment, slot_start)
) without rowid;
create table if not exists verified (file text primary key, mtime integer not null, at integer not null) without rowid;
"""
TABLES = frozenset(re.findall(r"create table if not exists (\w+)", STATEMENTS))
"""Names of the tables. Only room `landing` names them in SQL; a test checks it."""
NAMES = TABLES.union(re.findall(r"create index if not exists (\w+)", STATEMENTS), TRIGGERS)
"""Names of tables, indices and triggers."""
