"""What is written, within one transaction."""

import sqlite3
from array import array
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from ...errors import Closed, Diverged, Fenced, Missing
from ..base import DELETED
from ..memory import OVERHEAD
from .tables import Clock, key, value

COMMITS = 1000  # are kept; who is further behind looks at all its runs
CHUNK = 500  # rows that are freed in one transaction
KNOWN = 10_000  # runs that are remembered from one transaction to the next


@dataclass(slots=True)
class _Run:
    """A row of `runs`, as the transaction leaves it."""

    id: int
    first: int
    last: int
    size: int
    epoch: int
    lease: float | None
    end: str | None
    touched: float


class Writing:
    """What is changed within one transaction: collected first, then written with few statements.

    A run is remembered from one transaction to the next while no other connection has written.
    """

    def __init__(
        self, db: sqlite3.Connection, clock: Clock, keep_bytes: int, retain: float
    ) -> None:
        self._db = db
        self._clock = clock
        self._keep_bytes = keep_bytes
        self._retain = retain
        self._now = 0.0
        self._version = 0
        self._known: dict[str, _Run] = {}
        self._touched: dict[int, _Run] = {}
        self._entries: list[tuple[int, int, bytes]] = []
        self.changed: set[int] = set()  # the runs whose watchers are to be woken
        self.commit: int | None = None  # the number under which the others find them

    @contextmanager
    def transaction(self, has_others: bool) -> Generator["Writing", None, None]:
        """Do all of what is done inside, or nothing of it."""
        try:
            self._begin()
            yield self
            self._write(has_others)
            self._db.execute("commit")
        except BaseException:
            self._known.clear()
            self._db.rollback()  # if SQLite has not done so by itself
            raise

    def create(self, name: str, meta: bytes) -> bool:
        if self._find(name):
            return False
        there = key(name)
        self._db.execute("update runs set name = null where name = ?", (there,))  # it has expired
        self._db.execute(
            "insert into runs (name, meta, first, last, size, epoch, touched)"
            " values (?, ?, 1, 0, 0, 0, ?)",
            (there, meta, self._now),
        )
        self._known.pop(name, None)
        return True

    def claim(self, name: str, ttl: float) -> int | None:
        run = self._get(name)
        if run.end is not None or (run.lease is not None and run.lease > self._now):
            return None
        run.epoch += 1
        run.lease = self._now + ttl
        self._touch(run)
        return run.epoch

    def append(
        self,
        name: str,
        entries: Sequence[bytes],
        *,
        at: int | None,
        epoch: int | None,
        ttl: float,
        end: str | None,
    ) -> int:
        run = self._get(name)
        if epoch is not None and epoch != run.epoch:
            raise Fenced(f"run {name} is owned under epoch {run.epoch}, not {epoch}")
        if end == DELETED:
            return self._delete(name, run)
        if run.end is not None or (at is not None and at != run.last):
            return _repeated(name, run, at, len(entries), end)
        for number, content in enumerate(entries, run.last + 1):
            self._entries.append((run.id, number, content))
            run.size += len(content) + OVERHEAD
        run.last += len(entries)
        run.end = end
        if epoch is not None:
            run.lease = self._now + ttl if ttl and end is None else None
        self._touch(run)
        self.changed.add(run.id)
        return run.last

    def has_expired(self) -> bool:
        """Whether there is something to free; outside of a transaction."""
        query = "select exists (select 1 from runs where name is null or touched <= ?)"
        return bool(value(self._db, query, self._clock() - self._retain))

    def free(self) -> None:
        """Free some of what is not kept any more."""
        self._db.execute(
            "update runs set name = null where id in"
            " (select id from runs where name is not null and touched <= ? limit ?)",
            (self._now - self._retain, CHUNK),
        )
        left = CHUNK
        while left > 0 and (run := value(self._db, "select id from runs where name is null")):
            rows = self._db.execute(
                "delete from entries where run = ?1 and number <"
                " (select min(number) + ?2 from entries where run = ?1)",
                (run, left),
            ).rowcount
            if rows < left:
                self._db.execute("delete from runs where id = ?", (run,))
            left -= rows + 1

    def _begin(self) -> None:
        self.changed, self.commit, self._touched, self._entries = set(), None, {}, []
        self._db.execute("begin immediate")
        version = value(self._db, "pragma data_version")
        if version != self._version or len(self._known) > KNOWN:
            self._known.clear()
            self._version = version
        self._now = self._clock()

    def _write(self, has_others: bool) -> None:
        if self._entries:
            self._db.executemany("insert into entries values (?, ?, ?)", self._entries)
        for run in self._touched.values():
            if run.size > self._keep_bytes:
                self._trim(run)
        self._db.executemany(
            "update runs set first = ?, last = ?, size = ?, epoch = ?, lease = ?, end = ?,"
            " touched = ? where id = ?",
            [
                (run.first, run.last, run.size, run.epoch, run.lease, run.end, run.touched, run.id)
                for run in self._touched.values()
            ],
        )
        if has_others and self.changed:
            runs = array("q", self.changed).tobytes()
            self.commit = self._db.execute(
                "insert into commits (runs) values (?)", (runs,)
            ).lastrowid
            self._db.execute("delete from commits where number <= ? - ?", (self.commit, COMMITS))

    def _trim(self, run: _Run) -> None:
        lengths = self._db.execute(
            "select length(content) from entries where run = ? order by number", (run.id,)
        )
        with closing(lengths):  # it is not read to its end
            while run.size > self._keep_bytes and run.first < run.last:
                run.size -= lengths.fetchone()[0] + OVERHEAD
                run.first += 1
        self._db.execute("delete from entries where run = ? and number < ?", (run.id, run.first))

    def _delete(self, name: str, run: _Run) -> int:
        del self._known[name]
        self._db.execute("update runs set name = null where id = ?", (run.id,))
        self.changed.add(run.id)
        return run.last

    def _find(self, name: str) -> _Run | None:
        run = self._known.get(name)
        if run is None:
            row = self._db.execute(
                "select id, first, last, size, epoch, lease, end, touched from runs where name = ?",
                (key(name),),
            ).fetchone()
            if row is None:
                return None
            run = self._known[name] = _Run(*row)
        return run if run.touched > self._now - self._retain else None

    def _get(self, name: str) -> _Run:
        run = self._find(name)
        if run is None:
            raise Missing(f"no run {name} is kept")
        return run

    def _touch(self, run: _Run) -> None:
        run.touched = self._now
        self._touched[run.id] = run


def _repeated(name: str, run: _Run, at: int | None, count: int, end: str | None) -> int:
    """The answer to what cannot be appended, unless it was before, and only its answer was lost."""
    if at is not None:
        is_end = end is not None and end == run.end
        is_kept = at + count <= run.last and (end is None or is_end)
        if is_kept if count else is_end and at == run.last:
            return run.last
        if at != run.last:
            raise Diverged(f"run {name} has {run.last} entries, not {at}")
    raise Closed(f"run {name} has ended: {run.end}")
