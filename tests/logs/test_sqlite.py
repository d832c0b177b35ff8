"""The event log in a file: what it keeps, what it lets go, and which file it takes."""

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.errors import Missing, Unavailable, UsageError
from asgi_agent.logs import DELETED, SQLiteLog
from asgi_agent.logs.memory import OVERHEAD
from asgi_agent.logs.sqlite import file, workers
from asgi_agent.logs.sqlite.reading import Reading
from asgi_agent.logs.sqlite.tables import machine_clock, prepare
from asgi_agent.logs.sqlite.workers import Workers
from asgi_agent.logs.sqlite.writing import CHUNK
from tests.logs.keeping import check_that_the_end_is_kept
from tests.logs.sqlite_files import Clock, count, query, until, using


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


# What is kept


@given(
    st.lists(st.lists(st.integers(0, 40), max_size=6), max_size=30),
    st.integers(1, 400),
)
@example([[0]] * 30, 1)
@example([[40] * 6] * 5, 300)
@example([[]], 1)
def test_what_is_kept_is_the_end_of_what_was_said(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]], keep: int
) -> None:
    log = SQLiteLog(tmp_path_factory.mktemp("kept") / "log.db", keep_bytes=keep)
    using(log, test=partial(check_that_the_end_is_kept, log, keep, batches))


def test_followers_that_are_woken_together_cost_one_query(path: Path) -> None:
    log = SQLiteLog(path)

    async def test() -> None:
        await log.create("run")
        await log.append("run", [b"a", b"b"])

    using(log, test=test)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        queries: list[str] = []
        db.set_trace_callback(queries.append)
        reading = Reading(db, machine_clock, 60)
        for _ in range(2):
            with reading.transaction():
                pages = [reading.page("run", after, 9) for after in (0, 1, 0, 1)]
        assert [page.entries for page in pages] == [[b"a", b"b"], [b"b"]] * 2
        assert sum("from entries" in each for each in queries) == 4


def test_what_is_no_longer_kept_leaves_the_file(path: Path) -> None:
    log = SQLiteLog(path, keep_bytes=3 * (OVERHEAD + 1))

    async def test() -> None:
        await log.create("run")
        for _ in range(20):
            await log.append("run", [b"x"] * 10)

    using(log, test=test)
    assert count(path, "entries") == 3


def test_a_run_is_freed_some_time_after_its_last_change(path: Path) -> None:
    clock = Clock()
    log = SQLiteLog(path, retain=0.5, clock=clock)

    async def test() -> None:
        for run in ("old", "new"):
            await log.create(run, b"first")
            await log.append(run, [b"a"] * 2 * CHUNK)
        clock.now += 0.4
        await log.append("new", [b"b"])
        clock.now += 0.1
        for attempt in (log.read("old", 0), log.append("old", [b"b"]), log.claim("old", 1)):
            with pytest.raises(Missing):
                await attempt
        assert (await log.read("new", 0)).last == 2 * CHUNK + 1
        await until(lambda: count(path, "entries") == 2 * CHUNK + 1)
        await until(lambda: count(path, "runs") == 1)
        assert await log.create("old", b"second")
        assert (await log.read("old", 0)).meta == b"second"

    using(log, test=test)


def test_the_name_of_a_run_that_has_expired_is_free_at_once(path: Path) -> None:
    clock = Clock()
    log = SQLiteLog(path, retain=1000, clock=clock)

    async def test() -> None:
        await log.create("run")
        await log.append("run", [b"a"])
        clock.now += 1000
        assert await log.create("run")
        page = await log.read("run", 0)
        assert (page.entries, page.last) == ([], 0)

    using(log, test=test)


def test_a_deleted_run_leaves_nothing_behind(path: Path) -> None:
    log = SQLiteLog(path, retain=0.1)

    async def test() -> None:
        await log.create("run")
        await asyncio.gather(
            log.append("run", [b"a"] * 3), log.append("run", [], end=DELETED), log.create("run")
        )
        assert (await log.read("run", 0)).last == 0
        await until(lambda: count(path, "entries") == 0)

    using(log, test=test)


def test_little_is_freed_at_a_time(path: Path) -> None:
    log = SQLiteLog(path)

    async def test() -> None:
        for run in ("one", "two", "three"):
            await log.create(run)
            await log.append(run, [b"a"] * CHUNK)
            await log.append(run, [], end=DELETED)
        desk = log._here()
        left = []
        while count(path, "runs"):
            left.append(count(path, "entries"))
            await desk.writer.call(lambda writing: writing.free())
        assert all(before - after <= CHUNK for before, after in pairwise(left))
        assert 3 <= len(left) <= 6

    using(log, test=test)


# Time


def test_the_lease_is_judged_by_the_clock_of_the_machine(path: Path) -> None:
    one, two = SQLiteLog(path), SQLiteLog(path)

    async def test() -> None:
        await one.create("run")
        assert await one.claim("run", 3600) == 1
        lease = (await two.read("run", 0)).lease
        assert lease is not None
        assert 3590 < lease <= 3600
        assert await two.claim("run", 3600) is None

    using(one, two, test=test)


@pytest.mark.parametrize("ttl", [10.0, float("inf")])
def test_no_lease_survives_the_machine(path: Path, ttl: float) -> None:
    async def before(log: SQLiteLog) -> None:
        await log.create("run")
        await log.create("nobody's")
        assert await log.claim("run", ttl) == 1

    async def after(log: SQLiteLog, clock: Clock) -> None:
        lease = (await log.read("run", 0)).lease
        assert lease is not None
        assert lease < 0
        assert (await log.read("nobody's", 0)).lease is None
        assert await log.claim("run", ttl) == 2
        clock.now += 99
        assert await log.claim("nobody's", ttl) == 1  # it is retained as long as ever
        clock.now += 2
        with pytest.raises(Missing):
            await log.read("run", 102)

    old = SQLiteLog(path, retain=100, clock=Clock(1000.0))
    using(old, test=partial(before, old))
    clock = Clock(10.0)  # the machine was started again
    new = SQLiteLog(path, retain=100, clock=clock)
    using(new, test=partial(after, new, clock))


def test_who_opens_the_file_while_others_write_does_not_take_that_for_a_new_start(
    path: Path,
) -> None:
    """What another worker has written just before is newer than a time that was read earlier."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        was_in_transaction: list[bool] = []

        def clock() -> float:
            was_in_transaction.append(db.in_transaction)
            return 1000.0

        prepare(db, "NORMAL", clock)
    assert was_in_transaction == [True]


# Hostile names and numbers


def test_a_name_may_be_what_is_no_text(path: Path) -> None:
    log = SQLiteLog(path)

    async def test() -> None:
        for name in ("\ud800", "\0", "a\0b", "a"):
            assert await log.create(name)
            await log.append(name, [repr(name).encode()])
        for name in ("\ud800", "\0", "a\0b", "a"):
            assert (await log.read(name, 0)).entries == [repr(name).encode()]

    using(log, test=test)


# What can be wrong with a file


def refused(log: SQLiteLog, kind: type[Exception], words: str) -> None:
    async def test() -> None:
        for attempt in (log.create("run"), log.read("run", 0)):
            with pytest.raises(kind, match=words):
                await attempt

    using(log, test=test)


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path) -> None:
    path.write_bytes(b"Dear diary, " * 1000)
    refused(SQLiteLog(path), UsageError, r"log\.db is damaged, or no event log")
    assert path.read_bytes() == b"Dear diary, " * 1000


@pytest.mark.parametrize(
    "statement", ["create table diary (day text)", "pragma application_id = 7", ""]
)
def test_the_database_of_somebody_else_is_refused_and_left_as_it_is(
    path: Path, statement: str
) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("create table one (x)")
    db.execute(statement or f"pragma application_id = {0x6167_6C67}")
    db.close()
    before = path.read_bytes()
    refused(SQLiteLog(path), UsageError, r"log\.db: .* no event log of version 1")
    assert path.read_bytes() == before


def test_a_file_that_is_damaged_later_is_a_clear_error(path: Path) -> None:
    async def fill(log: SQLiteLog) -> None:
        await log.create("run")
        await log.append("run", [b"x" * 1000] * 100)

    async def read(log: SQLiteLog) -> None:
        with pytest.raises(UsageError, match="damaged"):
            await log.read("run", 0)

    log = SQLiteLog(path)
    using(log, test=partial(fill, log))
    with path.open("r+b") as damaged:
        damaged.seek(4096)
        damaged.write(b"\xff" * (path.stat().st_size - 4096))
    using(log, test=partial(read, log))


def test_a_directory_that_is_not_there_is_unavailable_until_it_is(tmp_path: Path) -> None:
    log = SQLiteLog(tmp_path / "nowhere" / "log.db")

    async def test() -> None:
        with pytest.raises(Unavailable, match=r"nowhere/log\.db"):
            await log.create("run")
        (tmp_path / "nowhere").mkdir()
        assert await log.create("run")

    using(log, test=test)


def test_a_file_that_somebody_else_has_locked_is_unavailable_until_it_is_not(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "PATIENCE", 0.05)
    log = SQLiteLog(path)

    async def test() -> None:
        await log.create("run")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("begin immediate")
        with pytest.raises(Unavailable, match="locked"):
            await log.append("run", [b"a"])
        other.execute("rollback")
        other.close()
        assert await log.append("run", [b"a"], at=0) == 1

    using(log, test=test)


def test_to_close_does_not_wait_for_a_turn_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "PATIENCE", 0.05)
    log = SQLiteLog(path)
    holder = Workers(f"{path.resolve()}-workers", 1)

    async def test() -> None:
        await log.create("run")
        with holder.turn():
            await log.close()
        assert await log.append("run", [b"a"]) == 1

    using(log, test=test)
    holder.close()


def test_what_cannot_be_freed_now_is_freed_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "PATIENCE", 0.05)
    log = SQLiteLog(path, retain=0.1)
    holder = Workers(f"{path.resolve()}-workers", 1)

    async def test() -> None:
        await log.create("run")
        with holder.turn():
            desk: Any = log._here()
            before = desk._look_at
            await until(lambda: desk._look_at > before + 0.1)  # it has tried, twice
            assert count(path, "runs") == 1
        await until(lambda: count(path, "runs") == 0)

    using(log, test=test)
    holder.close()


def test_there_are_two_ways_to_be_synchronous(path: Path) -> None:
    wrong: Any = "off"
    with pytest.raises(UsageError, match="NORMAL or FULL, not 'off'"):
        SQLiteLog(path, synchronous=wrong)
    log = SQLiteLog(path, synchronous="FULL")

    async def test() -> None:
        await log.create("run")
        desk: Any = log._here()
        db: sqlite3.Connection = desk._file.writing._db
        assert db.execute("pragma synchronous").fetchone() == (2,)
        assert query(path, "pragma journal_mode") == ("wal",)

    using(log, test=test)


def test_a_system_without_locks_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "fcntl", None)
    refused(SQLiteLog(path), UsageError, r"log\.db: processes share a file by a lock")
