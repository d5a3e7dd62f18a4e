"""The tables of the sandbox's own database, and what a file of an earlier version gets."""

from __future__ import annotations

__all__ = ["ADDED", "INDEX_BY_KEY", "SCHEMA", "VERSION"]

VERSION = 1
#: Columns of events that older files lack: whose it is, and whether it contradicts another.
ADDED = {
    "contradicts": "ALTER TABLE event ADD COLUMN contradicts INTEGER NOT NULL DEFAULT 0",
    "partner": "ALTER TABLE event ADD COLUMN partner TEXT NOT NULL DEFAULT 'truepill'",
}
#: An index that older files lack: the events of one thing by its key.
INDEX_BY_KEY = "CREATE INDEX IF NOT EXISTS event_of_key ON event (key, customer, timestamp, id)"
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE record (
    number INTEGER PRIMARY KEY,
    environment TEXT NOT NULL, kind TEXT NOT NULL, token TEXT NOT NULL, customer TEXT NOT NULL,
    owner TEXT NOT NULL, look TEXT NOT NULL, created REAL NOT NULL, document BLOB NOT NULL,
    UNIQUE (environment, kind, token)
);
CREATE INDEX record_by_owner ON record (environment, kind, owner) WHERE owner <> '';
CREATE INDEX record_by_look ON record (environment, kind, look) WHERE look <> '';
CREATE INDEX record_by_customer ON record (customer, kind);
CREATE TABLE step (
    id INTEGER PRIMARY KEY, due REAL NOT NULL, name TEXT NOT NULL, customer TEXT NOT NULL,
    kind TEXT NOT NULL, token TEXT NOT NULL, data BLOB NOT NULL
);
CREATE INDEX step_by_due ON step (due, id);
CREATE INDEX step_by_record ON step (customer, kind, token);
CREATE TABLE event (
    id INTEGER PRIMARY KEY, environment TEXT NOT NULL, customer TEXT NOT NULL, kind TEXT NOT NULL,
    key TEXT NOT NULL, type TEXT NOT NULL, timestamp INTEGER NOT NULL, body BLOB NOT NULL, pulled BLOB,
    status TEXT NOT NULL DEFAULT 'pending', status_code INTEGER, surprise TEXT
);
CREATE INDEX event_by_type ON event (customer, type, timestamp, id);
CREATE INDEX event_by_time ON event (customer, timestamp, id);
CREATE TABLE attempt (
    id INTEGER PRIMARY KEY, event INTEGER NOT NULL, due REAL NOT NULL, how TEXT NOT NULL, body BLOB,
    state TEXT NOT NULL DEFAULT 'waiting', status_code INTEGER, error TEXT
);
CREATE INDEX attempt_waiting ON attempt (due, id) WHERE state = 'waiting';
CREATE INDEX attempt_by_event ON attempt (event);
CREATE TABLE page (
    token TEXT PRIMARY KEY, customer TEXT NOT NULL, query BLOB NOT NULL, made INTEGER NOT NULL
) WITHOUT ROWID;
"""
