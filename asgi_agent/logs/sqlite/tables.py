"""The tables of the file, and the pragmas and the clock that they need."""

import sqlite3
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from ...errors import UsageError

Clock: TypeAlias = Callable[[], float]

APPLICATION = 0x6167_6C67  # `pragma application_id`: whose file it is
VERSION = 1  # `pragma user_version`: of the tables
TABLES = """
create table runs (
    id integer primary key autoincrement,  -- never used twice, as `watch` goes by it
    name blob unique,        -- null: to be freed
    meta blob not null,
    first integer not null,  -- the number of the oldest entry that is kept
    last integer not null,   -- the number of the newest entry
    size integer not null,   -- bytes that are kept, with what entries cost
    epoch integer not null,
    lease real,              -- until when, on the clock of the machine
    end text,
    touched real not null    -- when, on the same clock
);
create table entries (       -- in the order of their coming: many runs share a page of the file
    run integer not null, number integer not null, content blob not null, unique (run, number)
);
create table commits (       -- which runs were changed, for the other workers
    number integer primary key autoincrement,
    runs blob not null
)"""
CHECKPOINT = 4000  # pages, of 4 KiB, in the -wal: an index page is then moved once for many runs


def machine_clock() -> float:
    """Seconds, the same for all processes of the machine; while it sleeps too, where it can be."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def prepare(db: sqlite3.Connection, synchronous: str, clock: Clock) -> None:
    """Make the file an event log, or see that it is one. Raises `UsageError`."""
    tables = value(db, "select count(*) from sqlite_schema")
    kind = (value(db, "pragma application_id"), value(db, "pragma user_version"))
    if tables and kind != (APPLICATION, VERSION):
        raise UsageError(f"it is a database, but no event log of version {VERSION}")
    db.execute("pragma journal_mode = wal")
    db.execute(f"pragma synchronous = {synchronous}")
    db.execute(f"pragma wal_autocheckpoint = {CHECKPOINT}")
    db.execute(f"pragma cache_size = {CHECKPOINT}")
    db.execute("begin immediate")
    if not tables:
        for statement in TABLES.split(";"):
            db.execute(statement)
        db.execute(f"pragma application_id = {APPLICATION}")
        db.execute(f"pragma user_version = {VERSION}")
    now = clock()  # inside the transaction: another worker may have written just before it
    if (value(db, "select max(touched) from runs") or now) > now:
        # The clock began anew, so the machine did, and no owner has survived that.
        db.execute("update runs set touched = ?, lease = iif(lease is null, null, -1)", (now,))
    db.execute("commit")


def key(name: str) -> bytes:
    """The name of a run as SQLite takes it, lone surrogates and all."""
    return name.encode("utf-8", "surrogatepass")


def value(db: sqlite3.Connection, query: str, *arguments: Any) -> Any:
    """The first column of the first row; None if there is none."""
    row = db.execute(query, arguments).fetchone()
    return row and row[0]
