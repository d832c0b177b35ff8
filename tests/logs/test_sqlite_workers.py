"""The event log in a file, where several share it: who is woken, and whose turn it is."""

import asyncio
import os
import threading
from functools import partial
from itertools import count as count_from
from pathlib import Path
from typing import Any

import pytest

from asgi_agent.errors import Fenced, Missing
from asgi_agent.logs import DELETED, SQLiteLog
from asgi_agent.logs.sqlite import workers
from asgi_agent.logs.sqlite.workers import LONGEST, Workers
from asgi_agent.logs.sqlite.writing import COMMITS
from tests.logs.sqlite_files import PATIENCE, Clock, count, until, using


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


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
