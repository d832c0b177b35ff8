"""The event log in a file: what is its own, with one process, and two logs where two are needed."""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count as count_from
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.errors import Fenced, Missing, Unavailable, UsageError
from asgi_agent.logs import DELETED, SQLiteLog
from asgi_agent.logs.memory import OVERHEAD
from asgi_agent.logs.sqlite import file, workers
from asgi_agent.logs.sqlite.workers import LONGEST, Workers
from asgi_agent.logs.sqlite.writing import CHUNK, COMMITS

T = TypeVar("T")
PATIENCE = 5.0  # seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


class Clock:
    """One that the test sets."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def using(*logs: SQLiteLog, test: Callable[[], Awaitable[T]]) -> T:
    """Run the test on an event loop, and close the logs on it."""

    async def main() -> T:
        try:
            return await test()
        finally:
            for log in logs:
                await log.close()

    return asyncio.run(main())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


def count(path: Path, table: str) -> int:
    [number] = query(path, f"select count(*) from {table}")
    return number


def query(path: Path, statement: str) -> Any:
    db = sqlite3.connect(path, 5, isolation_level=None)
    try:
        return db.execute(statement).fetchone()
    finally:
        db.close()


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

    async def test() -> None:
        await log.create("run")
        said: list[bytes] = []
        for batch in batches:
            entries = [bytes([index % 256]) * size for index, size in enumerate(batch, len(said))]
            said += entries
            assert await log.append("run", entries) == len(said)
            for after in (0, len(said) // 2, len(said)):
                page = await log.read("run", after, 1000)
                assert page.start > after
                assert list(page.entries) == said[page.start - 1 :]
                assert page.last == len(said)
        page = await log.read("run", 0, 1000)
        kept = [len(each) + OVERHEAD for each in page.entries]
        assert sum(kept) <= keep or len(kept) == 1
        if page.start > 1:  # and no more was let go than had to
            assert sum(kept) + len(said[page.start - 2]) + OVERHEAD > keep
        assert bool(kept) == bool(said)

    using(log, test=test)


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


# Several logs


def test_what_one_remembers_of_a_run_is_forgotten_when_another_one_writes(path: Path) -> None:
    clock = Clock()
    one, two = SQLiteLog(path, clock=clock), SQLiteLog(path, clock=clock)

    async def test() -> None:
        await one.create("run")
        epoch = await one.claim("run", 1)
        assert await one.append("run", [b"a"], at=0, epoch=epoch, ttl=1) == 1
        clock.now += 1
        second = await two.claim("run", 60)
        assert await two.append("run", [b"b"], at=1, epoch=second, ttl=60) == 2
        with pytest.raises(Fenced):
            await one.append("run", [b"b"], at=1, epoch=epoch, ttl=1)
        assert await one.claim("run", 60) is None
        assert await one.append("run", [b"c"], at=2) == 3
        await two.append("run", [], end=DELETED)
        with pytest.raises(Missing):
            await one.append("run", [b"d"])

    using(one, two, test=test)


@pytest.mark.parametrize("end", [None, "done", DELETED])
def test_one_log_wakes_those_who_watch_at_another_one(path: Path, end: str | None) -> None:
    one, two = SQLiteLog(path), SQLiteLog(path)

    async def test() -> None:
        await one.create("run")
        for writer, other in ((one, two), (two, one)):
            woken = asyncio.Event()
            unwatch = await other.watch("run", woken.set)
            await writer.append("run", [b"a"])
            async with asyncio.timeout(PATIENCE):
                await woken.wait()
            await unwatch()
        woken = asyncio.Event()
        await two.watch("run", woken.set)
        await one.append("run", [], end=end)
        async with asyncio.timeout(PATIENCE):
            await woken.wait()

    using(one, two, test=test)


def follow_slowly(path: Path, appends: int, *, breaks: bool = False) -> int:
    """Watch on an event loop that stands still, while another one appends; how many woke."""
    writer, follower = SQLiteLog(path), SQLiteLog(path)
    watching, appended = threading.Event(), threading.Event()
    woken: set[str] = set()

    async def follow() -> None:
        for run in ("first", "last"):
            await follower.create(run)
            await follower.watch(run, partial(woken.add, run))
        if breaks:
            desk: Any = follower._here()
            desk._file.reading._db.close()
        watching.set()
        assert appended.wait(PATIENCE)  # the event loop stands still
        await until(lambda: woken == {"first", "last"})

    async def append() -> None:
        await writer.create("other")
        assert watching.wait(PATIENCE)
        for run in ("first", *["other"] * appends, "last"):
            await writer.append(run, [b"a"])
        appended.set()

    thread = threading.Thread(target=using, args=(follower,), kwargs={"test": follow})
    thread.start()
    using(writer, test=append)
    thread.join()
    return len(woken)


def test_the_file_tells_what_a_full_socket_could_not(path: Path) -> None:
    assert follow_slowly(path, 100) == 2


def test_who_is_very_far_behind_looks_at_everything(path: Path) -> None:
    assert follow_slowly(path, COMMITS + 1) == 2
    assert count(path, "commits") == COMMITS


def test_who_cannot_read_what_has_changed_looks_at_everything(path: Path) -> None:
    assert follow_slowly(path, 100, breaks=True) == 2


def test_the_sockets_of_a_log_with_a_very_long_path_work_too(path: Path) -> None:
    long = path.parent / ("x" * LONGEST) / "log.db"
    long.parent.mkdir()
    test_one_log_wakes_those_who_watch_at_another_one(long, "done")


def test_a_log_reached_by_two_names_is_one(path: Path) -> None:
    path.touch()
    other = path.with_name("other.db")
    other.symlink_to(path)
    one, two = SQLiteLog(path), SQLiteLog(other)

    async def test() -> None:
        woken = asyncio.Event()
        await one.create("run")
        await two.watch("run", woken.set)
        await one.append("run", [b"a"])
        async with asyncio.timeout(PATIENCE):
            await woken.wait()

    using(one, two, test=test)


def test_who_leaves_is_forgotten_and_who_comes_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "workers"
    one, two = Workers(str(folder), 1), Workers(str(folder), 1)
    with one.turn():
        one.join()
        assert not one.meet()
    with two.turn():
        two.join()
        assert two.meet()
    with one.turn():
        assert one.meet()
    one.hint(b"1")
    one.hint(b"2")
    assert two.hints() == [b"1", b"2"]
    two.close()
    one.hint(b"3")  # finds nobody there
    with one.turn():
        assert not one.meet()
    one.close()
    assert [each.name for each in folder.iterdir()] == ["lock"]


def test_who_leaves_is_noticed_without_a_hint_too(tmp_path: Path) -> None:
    folder = tmp_path / "workers"
    one, two = Workers(str(folder), 1), Workers(str(folder), 1)
    two.join()
    one.join()
    assert one.meet()
    two.close()
    assert not one.meet()
    one.close()


def test_what_is_no_socket_of_a_live_worker_is_removed_or_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "workers"
    worker = Workers(str(folder), 1)
    (folder / "notes").touch()
    (folder / "1-0").touch()  # nobody is behind it
    (folder / "1-1").symlink_to(tmp_path / "nowhere")  # as if it left between two looks
    worker.join()
    assert not worker.meet()
    assert {each.name for each in folder.iterdir()} == {"lock", "notes", "1-1", worker._name}
    worker.close()


def test_a_folder_that_cannot_have_a_socket_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "workers"
    worker = Workers(str(folder), 1)
    worker._address = lambda name: str(tmp_path / "nowhere" / name)  # type: ignore[method-assign]
    with pytest.raises(FileNotFoundError):
        worker.join()
    worker.close()


def test_the_name_of_a_live_worker_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where two containers, with a numbering of processes each, share the file."""
    one, two = Workers(str(tmp_path), 1), Workers(str(tmp_path), 1)
    for worker in (one, two):
        monkeypatch.setattr(workers, "numbers", count_from())
        worker.join()
    assert one.meet()
    one.hint(b"1")
    assert two.hints() == [b"1"]
    one.close()
    two.close()


def test_a_worker_that_does_not_read_stays_known(tmp_path: Path) -> None:
    one, two = Workers(str(tmp_path), 1), Workers(str(tmp_path), 1)
    two.join()
    one.join()
    for _ in range(10_000):
        one.hint(b"1")
    assert [*one._others] == [two._name]
    assert 1 < len(two.hints()) < 10_000
    one.close()
    two.close()


def test_a_worker_that_has_died_is_removed_after_the_next_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "SETTLED", -(10**18))  # the folder is listed once
    one, two = Workers(str(tmp_path), 1), Workers(str(tmp_path), 1)
    two.join()
    one.join()
    assert one.meet()
    two._socket.close()
    assert one.meet()
    one.hint(b"1")
    assert not one.meet()
    assert {each.name for each in tmp_path.iterdir()} == {"lock", one._name}
    one.close()
    two.close()


def test_two_who_come_within_a_tick_of_the_file_system_are_both_found(tmp_path: Path) -> None:
    one, two = Workers(str(tmp_path), 1), Workers(str(tmp_path), 1)
    one.join()
    assert not one.meet()
    tick = tmp_path.stat().st_mtime_ns
    two.join()
    os.utime(tmp_path, ns=(tick, tick))
    assert one.meet()
    one.close()
    two.close()


def test_a_folder_that_has_not_changed_for_long_is_not_listed_again(tmp_path: Path) -> None:
    worker = Workers(str(tmp_path), 1)
    worker.join()
    os.utime(tmp_path, ns=(0, 0))
    worker.meet()
    assert worker._listed == 0
    worker.close()


# Event loops and threads


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "asgi_agent log"]


def test_a_closed_log_has_no_threads_and_opens_itself_again(path: Path) -> None:
    log = SQLiteLog(path)

    async def test() -> None:
        await log.close()  # it was never opened
        for last in (1, 2, 3):
            await log.create("run")
            assert await log.append("run", [b"a"]) == last
            assert threads()
            await log.close()
            await log.close()
            await until(lambda: not threads())
            assert {each.name for each in path.parent.iterdir()} == {"log.db", "log.db-workers"}

    asyncio.run(test())


def test_what_was_asked_before_the_close_is_answered(path: Path) -> None:
    log = SQLiteLog(path)

    async def test() -> None:
        await log.create("run")
        appends = [asyncio.ensure_future(log.append("run", [b"a"])) for _ in range(1200)]
        await asyncio.sleep(0)
        await log.close()
        assert await asyncio.gather(*appends) == [*range(1, 1201)]

    asyncio.run(test())


@pytest.mark.parametrize("closes", [True, False])
def test_a_second_event_loop_may_follow_the_first(path: Path, closes: bool) -> None:
    log = SQLiteLog(path)

    async def test(last: int) -> None:
        await log.create("run")
        woken = asyncio.Event()
        await log.watch("run", woken.set)
        assert await log.append("run", [b"a"]) == last
        async with asyncio.timeout(PATIENCE):
            await woken.wait()
        if closes:
            await log.close()

    for last in (1, 2, 3):
        asyncio.run(test(last))
    asyncio.run(log.close())  # of a log that serves no event loop, or one that is gone
    deadline = time.monotonic() + PATIENCE
    while threads() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not threads()


def test_to_close_before_it_has_opened_is_no_error(path: Path) -> None:
    log = SQLiteLog(path)

    async def test() -> None:
        loop: Any = asyncio.get_running_loop()
        before = set(loop._selector.get_map())
        create = asyncio.ensure_future(log.create("run"))
        await asyncio.sleep(0)
        await log.close()
        assert await create
        assert set(loop._selector.get_map()) == before

    asyncio.run(test())


def test_who_is_cancelled_takes_nobody_along(path: Path) -> None:
    log = SQLiteLog(path)

    async def test() -> None:
        await log.create("run")
        appends = [asyncio.ensure_future(log.append("run", [b"a"])) for _ in range(10)]
        await asyncio.sleep(0)
        appends[3].cancel()
        results = await asyncio.gather(*appends, return_exceptions=True)
        assert [type(each) for each in results].count(asyncio.CancelledError) == 1
        assert results[-1] in {9, 10}
        closing = asyncio.ensure_future(log.close())
        await asyncio.sleep(0)
        closing.cancel()
        await until(lambda: not threads())

    asyncio.run(test())


def test_what_is_refused_is_refused_alone(path: Path) -> None:
    log = SQLiteLog(path)

    async def test() -> None:
        await asyncio.gather(log.create("run"), log.create("run"), log.create("other"))
        results = await asyncio.gather(
            log.append("run", [b"a"]),
            log.append("nowhere", [b"a"]),
            log.append("run", [b"b"], epoch=7),
            log.append("run", [b"c"]),
            return_exceptions=True,
        )
        assert [each if isinstance(each, int) else type(each) for each in results] == [
            *(1, Missing, Fenced, 2)
        ]

    using(log, test=test)


def test_a_mistake_fails_the_calls_beside_it_and_nothing_else(path: Path) -> None:
    log = SQLiteLog(path)
    wrong: Any = [object()]

    async def test() -> None:
        await log.create("run")
        results = await asyncio.gather(
            log.append("run", [b"a"]), log.append("run", wrong), return_exceptions=True
        )
        assert all(isinstance(each, Exception) for each in results)
        assert results[0] is not results[1]
        assert await log.append("run", [b"a"], at=0) == 1

    using(log, test=test)


def test_more_runs_than_are_remembered_are_no_problem(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asgi_agent.logs.sqlite.writing.KNOWN", 3)
    log = SQLiteLog(path)

    async def test() -> None:
        for number in range(10):
            await log.create(f"{number}")
        for last in (1, 2):
            for number in range(10):
                assert await log.append(f"{number}", [b"a"], at=last - 1) == last

    using(log, test=test)


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


def test_a_number_may_be_larger_than_any_of_sqlite(path: Path) -> None:
    log = SQLiteLog(path)

    async def test() -> None:
        await log.create("run")
        page = await log.read("run", 10**30)
        assert (page.entries, page.last, page.start) == ([], 0, 10**30 + 1)

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
