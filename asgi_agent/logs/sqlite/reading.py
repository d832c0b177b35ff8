"""What is read, within one transaction."""

import sqlite3
from array import array
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any

from ...errors import Missing
from ..base import Page
from .tables import Clock, key, value


class Reading:
    """What is read within one transaction, each page once: followers are woken together."""

    def __init__(self, db: sqlite3.Connection, clock: Clock, retain: float) -> None:
        self._db = db
        self._clock = clock
        self._retain = retain
        self._pages: dict[tuple[str, int, int], Page] = {}

    @contextmanager
    def transaction(self) -> Generator["Reading", None, None]:
        """See the file as it is at one moment."""
        self._db.execute("begin")
        try:
            yield self
        finally:
            self._pages.clear()
            self._db.rollback()

    def id_of(self, name: str) -> int:
        run: int = self._row(name, self._clock())[0]
        return run

    def page(self, name: str, after: int, limit: int) -> Page:
        asked = (name, after, limit)
        if asked not in self._pages:
            self._pages[asked] = self._read(name, after, limit)
        return self._pages[asked]

    def _read(self, name: str, after: int, limit: int) -> Page:
        now = self._clock()
        run, first, last, end, lease, meta = self._row(name, now)
        start = max(after + 1, first)
        rows: list[tuple[bytes]] = []
        if start <= last:  # `after` may be more than fits into an integer of SQLite
            rows = self._db.execute(
                "select content from entries where run = ? and number >= ? order by number limit ?",
                (run, start, limit),
            ).fetchall()
        left = None if lease is None else lease - now
        return Page(start, [content for (content,) in rows], last, end, left, meta)

    def last_commit(self) -> int:
        number: int | None = value(self._db, "select max(number) from commits")
        return number or 0

    def commits_after(self, known: int) -> tuple[int, Iterable[int] | None]:
        """The newest commit, and which runs were changed since `known`; None: any."""
        rows = self._db.execute(
            "select number, runs from commits where number > ? order by number", (known,)
        ).fetchall()
        newest = rows[-1][0] if rows else known
        if newest - known != len(rows):
            return newest, None
        return newest, {run for _, runs in rows for run in array("q", runs)}

    def _row(self, name: str, now: float) -> Any:
        row = self._db.execute(
            "select id, first, last, end, lease, meta from runs where name = ? and touched > ?",
            (key(name), now - self._retain),
        ).fetchone()
        if row is None:
            raise Missing(f"no run {name} is kept")
        return row
